"""Name the errors that may cross a process boundary.

Raise one of these where the problem is found. `kit.calls` turns it into a status with a
google.rpc.ErrorInfo (and BadRequest, RetryInfo), `kit.clients` turns such a status back into the
same class, and the gateway turns it into a problem document. Anything else that escapes a servicer
becomes INTERNAL and its text stays in our logs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

DOMAIN = "armature.dev"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request: a dotted path, a stable code and a sentence."""

    path: str
    code: str
    message: str


class ServiceError(Exception):
    """Base class: `reason` is what client code branches on, the message is prose."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        **metadata: str,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.retry_after = retry_after  # seconds
        self.metadata = metadata

    def copy(self) -> Self:
        """The same error, for somebody else to hear."""
        return type(self)(
            self.reason,
            self.message,
            violations=self.violations,
            retry_after=self.retry_after,
            **self.metadata,
        )


class InvalidArgument(ServiceError):
    code = "INVALID_ARGUMENT"

    @classmethod
    def at(cls, reason: str, path: str, code: str, message: str) -> Self:
        """One problem at one path."""
        return cls(reason, message, violations=[Violation(path, code, message)])


class Unauthenticated(ServiceError):
    code = "UNAUTHENTICATED"


class PermissionDenied(ServiceError):
    code = "PERMISSION_DENIED"


class NotFound(ServiceError):
    code = "NOT_FOUND"


class AlreadyExists(ServiceError):
    code = "ALREADY_EXISTS"


class FailedPrecondition(ServiceError):
    code = "FAILED_PRECONDITION"


class Aborted(ServiceError):
    code = "ABORTED"
    retryable = True


class ResourceExhausted(ServiceError):
    code = "RESOURCE_EXHAUSTED"


class Unavailable(ServiceError):
    code = "UNAVAILABLE"
    retryable = True


class DeadlineExceeded(ServiceError):
    code = "DEADLINE_EXCEEDED"
    retryable = True


class Internal(ServiceError):
    code = "INTERNAL"


BY_CODE: dict[str, type[ServiceError]] = {
    error.code: error
    for error in (
        InvalidArgument,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        Aborted,
        ResourceExhausted,
        Unavailable,
        DeadlineExceeded,
        Internal,
    )
}
