"""Read one HTTP request as routes need it: strictly, lazily, and never twice."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote_to_bytes

from starlette.types import Receive, Scope

from gateway.errors import Refused
from gateway.routing import Route
from kit import ids, origin
from kit.errors import Violation

_MAX_PARAMETERS = 100
_MAX_KEY = 255
_MAX_VERSION = 2**63 - 1
_JSON_TYPES = (b"application/json", b"application/merge-patch+json")


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Exchange:
    """One request under way."""

    __slots__ = (
        "_query",
        "_receive",
        "client",
        "credential",
        "headers",
        "limit",
        "method",
        "raw_path",
        "raw_query",
        "reply_headers",
        "route",
        "trace_id",
        "values",
    )

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self.method: str = scope["method"]
        self.raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.raw_query: bytes = scope["query_string"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.limit = limit
        self.client: str = (scope.get("client") or ("",))[0] or ""
        self.values: list[str] = []
        self.credential = ""
        self.trace_id = ""
        self.route: Route | None = None
        self.reply_headers: list[tuple[bytes, bytes]] = []
        self._receive = receive
        self._query: list[tuple[str, str]] | None = None

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query's parameters in order; 400 / QUERY_INVALID when they can't be read."""
        if self._query is None:
            self._query = _pairs(self.raw_query) if self.raw_query else []
        return self._query

    async def body(self) -> bytes:
        """The whole body; 413 as soon as it is over the limit, whatever was announced."""
        announced = self.headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > self.limit:
            raise _too_large(self.limit)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.limit:
                raise _too_large(self.limit)
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def pieces(self, size: int) -> AsyncIterator[tuple[bytes, bool]]:
        """The body, however long, in pieces of at least `size` bytes but for the last, each with
        whether it is the last."""
        if (coding := self.headers.get(b"content-encoding", b"identity").lower()) != b"identity":
            raise _encoded(coding)
        held = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            held += message.get("body", b"")
            if not message.get("more_body"):
                yield bytes(held), True
                return
            if len(held) >= size:
                yield bytes(held), False
                held.clear()

    async def json_body(self) -> bytes:
        """The body of a request that says it is JSON, or does not say; 415 for others."""
        given = self.headers.get(b"content-type", b"")
        if given and given not in _JSON_TYPES:
            kind = given.partition(b";")[0].strip().lower()
            if kind not in _JSON_TYPES and not (
                kind.startswith(b"application/") and kind.endswith(b"+json")
            ):
                raise Refused(
                    415,
                    "CONTENT_TYPE_UNSUPPORTED",
                    "send JSON, with Content-Type: application/json",
                    headers=[(b"accept", b"application/json")],
                )
        if (coding := self.headers.get(b"content-encoding", b"identity").lower()) != b"identity":
            raise _encoded(coding)
        return await self.body()

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def origin(self, proxies: int) -> list[tuple[str, str]]:
        """What planes are told of the client. Behind that many proxies of our own, its address is
        what the outermost of them has seen."""
        address = self.client
        if proxies and (through := self.headers.get(b"x-forwarded-for")):
            hops = through.decode("latin-1").split(",")
            address = hops[-min(proxies, len(hops))].strip()
        agent = self.headers.get(b"user-agent", b"").decode("latin-1")
        return origin.headers(address, agent)

    def request_id(self) -> str:
        """The client's idempotency key, or one of our own, by which our retries are safe."""
        given = self.headers.get(b"idempotency-key")
        if given is None:
            return str(ids.new_id())
        text = given.decode("latin-1")
        if not text or len(text) > _MAX_KEY or not (text.isascii() and text.isprintable()):
            raise bad_header(
                "REQUEST_ID_INVALID",
                "Idempotency-Key",
                f"an idempotency key is 1 to {_MAX_KEY} printable ASCII characters",
            )
        return text

    def if_match(self) -> str:
        """The version that the change is based on, as RPCs take it; empty for any."""
        given = self.headers.get(b"if-match")
        if given is None:
            return ""
        bare = given.removeprefix(b"W/").strip(b'"')
        if bare == b"*":
            return ""
        if not bare.isdigit() or len(bare) > 18:
            raise bad_header(
                "ETAG_INVALID", "If-Match", 'an etag is the version that was read: If-Match: "3"'
            )
        return bare.decode()

    def none_match(self, etag: bytes) -> bool:
        """Whether the client has this version already."""
        given = self.headers.get(b"if-none-match")
        if given is None:
            return False
        return given == etag or any(
            one.strip().removeprefix(b"W/") in {etag, b"*"} for one in given.split(b",")
        )

    def at_version(self) -> int:
        """The metadata version that the client has seen, by its header; 0 without one."""
        given = self.headers.get(b"x-at-version")
        if given is None:
            return 0
        if not given.isdigit() or len(given) > 19 or int(given) > _MAX_VERSION:
            raise bad_header("HEADER_INVALID", "X-At-Version", "X-At-Version is a whole number")
        return int(given)


def bad_header(reason: str, name: str, message: str) -> Refused:
    return Refused(400, reason, message, violations=[Violation(name, "INVALID", message)])


def bad_parameter(name: str, code: str, message: str) -> Refused:
    return Refused(400, "QUERY_INVALID", message, violations=[Violation(f"?{name}", code, message)])


def _encoded(coding: bytes) -> Refused:
    return Refused(
        415,
        "CONTENT_TYPE_UNSUPPORTED",
        f"send the body as it is, not as {coding.decode('latin-1')[:20]!r}",
        headers=[(b"accept-encoding", b"identity")],
    )


def _too_large(limit: int) -> Refused:
    return Refused(
        413,
        "BODY_TOO_LARGE",
        f"the body is larger than {limit} bytes (max_body_bytes)",
        headers=[(b"connection", b"close")],
    )


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    parts = raw.split(b"&")
    if len(parts) > _MAX_PARAMETERS:
        raise Refused(400, "QUERY_INVALID", f"more than {_MAX_PARAMETERS} query parameters")
    found = []
    for part in parts:
        if not part:
            continue
        name, _, value = part.partition(b"=")
        found.append((_text(name), _text(value)))
    return found


def _text(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Refused(400, "QUERY_INVALID", "the query must be UTF-8") from None
    if "\0" in text:
        raise Refused(400, "QUERY_INVALID", "the query must not hold NUL")
    return text
