"""Turn errors into gRPC statuses and back, by google.rpc details and nothing of our own.

A status travels in the metadata of an answer, of which clients take 8 kB unless set otherwise: ours
take more and say so (`ERROR_BYTES_HEADER`), to hear of all problems. What does not fit is counted.
"""

from urllib.parse import quote

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from kit.errors import BY_CODE, DOMAIN, Internal, ServiceError, Unavailable, Violation

ERROR_BYTES_HEADER = "armature-error-bytes"  # how much a client takes of what is wrong
ERROR_BYTES = 96 * 1024  # what ours take
METADATA_BYTES = 4 * ERROR_BYTES  # and of metadata altogether
_LEAST_BYTES = 4_000  # leaves room for the rest within 8 kB, spelled in base 64
_MAX_VIOLATIONS = 1_000
_MAX_MESSAGE_BYTES = 900  # as it is spelled in a header


def error_bytes(header: str | None) -> int:
    """How much a client takes, by what it says of it."""
    asked = int(header) if header and header.isascii() and header.isdigit() else 0
    return max(_LEAST_BYTES, min(asked, ERROR_BYTES))


def to_proto(error: ServiceError, limit: int = ERROR_BYTES) -> status_pb2.Status:
    """The status with ErrorInfo, and BadRequest and RetryInfo where they apply; of the violations
    as many as fit in that many bytes, the last one saying how many there are besides."""
    details: list[any_pb2.Any] = []

    def pack(message: object) -> None:
        detail = any_pb2.Any()
        detail.Pack(message)  # type: ignore[arg-type]
        details.append(detail)

    pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))
    if error.violations:
        pack(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=v.path, description=v.message[:500], reason=v.code
                    )
                    for v in _bounded(error.violations, limit)
                ]
            )
        )
    if error.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(int(error.retry_after * 1000))
        pack(error_details_pb2.RetryInfo(retry_delay=delay))
    code = code_pb2.Code.Value(error.code)
    return status_pb2.Status(code=code, message=_short(error.message), details=details)


def _short(message: str) -> str:
    """As much of a message as a header takes, which spells most bytes with three characters."""
    message = message[:_MAX_MESSAGE_BYTES]
    while len(quote(message)) > _MAX_MESSAGE_BYTES:
        message = message[: len(message) * 3 // 4]
    return message


def _bounded(violations: tuple[Violation, ...], limit: int) -> tuple[Violation, ...]:
    size = fit = 0
    for one in violations[:_MAX_VIOLATIONS]:
        size += len(one.path.encode()) + len(one.message[:500].encode()) + len(one.code) + 12
        if size > limit:
            break
        fit += 1
    if fit == len(violations):
        return violations
    kept = violations[: max(1, fit - 1)]
    rest = len(violations) - len(kept)
    return (*kept, Violation("", "MORE", f"and {rest} more problems of the same request"))


def to_grpc(error: ServiceError, limit: int = _LEAST_BYTES) -> grpc.Status:
    """For a client that takes that many bytes of violations."""
    return rpc_status.to_status(to_proto(error, limit))


def from_rpc_error(error: grpc.aio.AioRpcError) -> ServiceError:
    """The error that the other side raised, or the nearest one for what gRPC itself says."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return from_proto(status_pb2.Status.FromString(value))
    kind = BY_CODE.get(error.code().name, Internal)
    if kind is Unavailable:
        return Unavailable("UNREACHABLE", "a service of the platform does not answer; try again")
    reason = {
        "DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED": "MESSAGE_TOO_LARGE",
    }.get(error.code().name, "INTERNAL")
    return kind(reason, error.details() or error.code().name)


def from_proto(status: status_pb2.Status) -> ServiceError:
    reason, metadata = "INTERNAL", {}
    violations: list[Violation] = []
    retry_after: float | None = None
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations = [Violation(v.field, v.reason, v.description) for v in bad.field_violations]
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
    kind = BY_CODE.get(code_pb2.Code.Name(status.code), Internal)
    found = kind(reason, status.message, violations=violations, retry_after=retry_after)
    found.metadata = metadata
    return found
