"""Turn errors into problem documents (RFC 9457): the one door out for what went wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from gateway.replies import PROBLEM, Headers, Reply
from kit.errors import ServiceError, Violation

TYPE_BASE = "https://armature.dev/errors/"
GENERIC = "an error on our side, which we have logged"

STATUS = {
    "INVALID_ARGUMENT": 422,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "FAILED_PRECONDITION": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
}
STATUS_BY_REASON = {
    "ETAG_MISMATCH": 412,
    "ETAG_INVALID": 400,
    "PAGE_TOKEN_INVALID": 400,
    "PAGE_SIZE_INVALID": 400,
    "WATCH_POSITION_INVALID": 400,
    "REQUEST_ID_INVALID": 400,
    "MESSAGE_TOO_LARGE": 413,
    "BATCH_TOO_LARGE": 413,
    "FILE_TOO_LARGE": 413,
}
_MALFORMED = {"MALFORMED_JSON", "DUPLICATE_KEY", "NOT_FINITE", "TOO_DEEP"}
_HEADERS = {"request_id": "Idempotency-Key", "etag": "If-Match", "at_version": "X-At-Version"}
_DOCUMENTS = {"fields", "filter"}
_PART = re.compile(r"[^.\[\]]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Refused(ServiceError):
    """A request that the gateway itself refuses. Its violations are where the client sees them."""

    code = "INVALID_ARGUMENT"

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(reason, message, violations=violations, retry_after=retry_after)
        self.status = status
        self.headers = tuple(headers)


class Unimplemented(ServiceError):
    """The plane behind the route does not offer the call (yet)."""

    code = "UNIMPLEMENTED"


@dataclass(frozen=True, slots=True)
class Places:
    """Where in the HTTP request the fields of the RPC's request stand."""

    wrappers: frozenset[str] = frozenset()  # messages whose members stand at the body's top
    query: Mapping[str, str] = field(default_factory=dict)  # request field -> query parameter
    path: Mapping[str, str] = field(default_factory=dict)  # request field -> path parameter

    def pointer(self, path: str) -> str:
        """`fields.amount` is /fields/amount, a query parameter is ?name, a header its name."""
        parts = _members(path)
        while len(parts) > 1 and parts[0] in self.wrappers:
            parts.pop(0)
        if not parts:
            return ""
        head = parts[0]
        if head == "update_mask":
            return ""
        dotted = ".".join(parts)
        if name := self.query.get(dotted) or self.query.get(head):
            return f"?{name}"
        if name := self.path.get(dotted):
            return f"{{{name}}}"
        if (name := _HEADERS.get(head)) and len(parts) == 1:
            return name
        return json_pointer(parts)


def _members(path: str) -> list[str]:
    """The parts of a path by the names that the body has for them: a document loses the suffix of
    its request field; what stands inside of it is the client's own, suffix and all."""
    parts: list[str] = []
    inside = False
    for part in _PART.findall(path):
        parts.append(part if inside else part.removesuffix("_json"))
        inside = inside or part in _DOCUMENTS or part.endswith("_json")
    return parts


NOWHERE = Places()


def json_pointer(parts: Sequence[str]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def status_of(error: ServiceError, places: Places = NOWHERE) -> int:
    if isinstance(error, Refused):
        return error.status
    if found := STATUS_BY_REASON.get(error.reason):
        return found
    if error.code == "INVALID_ARGUMENT":
        if any(v.code in _MALFORMED and not _is_value(v) for v in error.violations):
            return 400
        if error.reason == "ID_INVALID" and _in_the_address(error.violations, places):
            return 400
    return STATUS.get(error.code, 500)


def _is_value(violation: Violation) -> bool:
    """Whether well-formed JSON is too deep for the field that it is the value of."""
    return violation.code == "TOO_DEEP" and "fields." in violation.path


def _in_the_address(violations: Sequence[Violation], places: Places) -> bool:
    return any(places.pointer(v.path)[:1] in {"?", "{"} for v in violations)


def document(error: ServiceError, trace_id: str, places: Places = NOWHERE) -> dict[str, object]:
    """The problem as JSON values."""
    status = status_of(error, places)
    hidden = status == 500  # the text of a failure of ours stays with us
    own = isinstance(error, Refused)
    return {
        "type": type_of(error.reason),
        "title": title_of(error.reason),
        "status": status,
        "detail": GENERIC if hidden else printable(error.message),
        "code": error.reason,
        "errors": [
            {
                "pointer": printable(v.path if own else places.pointer(v.path)),
                "code": v.code,
                "message": printable(v.message),
            }
            for v in (() if hidden else error.violations)
        ],
        "trace_id": trace_id,
        "retryable": is_retryable(error),
    }


def reply(error: ServiceError, trace_id: str, places: Places = NOWHERE) -> Reply:
    """The problem document, with the headers that its status calls for."""
    found = document(error, trace_id, places)
    status = int(str(found["status"]))
    headers: Headers = [(b"cache-control", b"no-store")]
    if isinstance(error, Refused):
        headers += error.headers
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="armature"'))
    pause = error.retry_after
    if pause is None and status in {429, 503} and error.reason != "LIMIT_REACHED":
        pause = 1.0
    if pause is not None:
        headers.append((b"retry-after", str(max(1, round(pause + 0.49))).encode()))
    return Reply(status, orjson.dumps(found), PROBLEM, headers)


def type_of(reason: str) -> str:
    return TYPE_BASE + reason.lower().replace("_", "-")


def title_of(reason: str) -> str:
    return reason.replace("_", " ").capitalize()


def is_retryable(error: ServiceError) -> bool:
    """Whether the same request may succeed a little later."""
    if error.reason == "ETAG_MISMATCH":
        return False
    return error.retryable or error.retry_after is not None


def printable(text: str) -> str:
    """Text that any JSON encoder takes: no control characters, no lone surrogates."""
    clean = text.encode("utf-8", "replace").decode()
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", clean)
