"""Turn errors into gRPC statuses and back, by google.rpc details and nothing of our own."""

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from kit.errors import BY_CODE, DOMAIN, Internal, ServiceError, Unavailable, Violation

_MAX_VIOLATIONS = 100  # more would not fit a response's metadata; the last one says how many


def to_proto(error: ServiceError) -> status_pb2.Status:
    """The status with ErrorInfo, and BadRequest and RetryInfo where they apply."""
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
                    for v in _bounded(error.violations)
                ]
            )
        )
    if error.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(int(error.retry_after * 1000))
        pack(error_details_pb2.RetryInfo(retry_delay=delay))
    code = code_pb2.Code.Value(error.code)
    return status_pb2.Status(code=code, message=error.message[:2000], details=details)


def _bounded(violations: tuple[Violation, ...]) -> tuple[Violation, ...]:
    if len(violations) <= _MAX_VIOLATIONS:
        return violations
    rest = len(violations) - _MAX_VIOLATIONS + 1
    more = Violation("", "MORE", f"and {rest} more problems of the same request")
    return (*violations[: _MAX_VIOLATIONS - 1], more)


def to_grpc(error: ServiceError) -> grpc.Status:
    return rpc_status.to_status(to_proto(error))


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
