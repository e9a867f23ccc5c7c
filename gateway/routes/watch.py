"""Stream events to a client as Server-Sent Events, for as long as it stays.

An event's id is its cursor in the log, so that a client that comes back with Last-Event-ID goes on
right behind the last event it saw. When a plane's connection ends (its age is bounded), the watch
goes on from the last cursor, unseen by the client.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog

from gateway import errors, json_out
from gateway.binding import Query
from gateway.exchange import Exchange, bad_header
from gateway.hub import Hub
from gateway.json_in import kind_of
from gateway.planes import EVENTS
from gateway.replies import Stream
from gateway.routes.events import FILTER
from gateway.routing import Route
from kit import clients
from kit.errors import DeadlineExceeded, ServiceError, Unavailable

log = structlog.get_logger()

_SIGN_OF_LIFE = b": still here\n\n"
_FIRST_SECONDS = 0.3  # a refusal comes within this; then the reply begins
_QUIET_SECONDS = 15.0
_RETRY_SECONDS = 1.0
_MAX_CURSOR = 1000
_HEADERS = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


def routes(hub: Hub) -> list[Route]:
    rpc = EVENTS["WatchEvents"]
    query = Query(rpc, FILTER | {"after": "after", "from_start": "from_start"})

    async def watch(exchange: Exchange) -> Stream:
        request = rpc.request()
        query.fill(request, exchange.query)
        if last := exchange.headers.get(b"last-event-id"):
            request.after, request.from_start = _cursor(last), False
        source = _Source(hub, exchange.credential, request)
        await source.begin()
        return Stream(_pieces(source, exchange.trace_id), b"text/event-stream", list(_HEADERS))

    return [
        Route(
            method="GET",
            path="/v1/events:watch",
            handler=watch,
            operation="watchEvents",
            summary="Stream events as they happen (SSE); Last-Event-ID goes on where one stopped.",
            tag="events",
            query=tuple(query.parameters),
            reply={"type": "string"},
            reply_type="text/event-stream",
            rpc=rpc.name,
            timeout="none",
        )
    ]


def _cursor(raw: bytes) -> str:
    text = raw.decode("latin-1")
    if len(text) > _MAX_CURSOR or not (text.isascii() and text.isprintable()):
        raise bad_header("HEADER_INVALID", "Last-Event-ID", "Last-Event-ID is not one of ours")
    return text


class _Source:
    """The plane's stream, begun again behind the last cursor when its connection ends."""

    def __init__(self, hub: Hub, credential: str, request: Any) -> None:
        self._hub = hub
        self._headers = clients.metadata(credential)
        self._request = request
        self._stream: AsyncIterator[Any] = self._open()
        self._next: asyncio.Task[Any] | None = None

    def _open(self) -> AsyncIterator[Any]:
        return self._hub.planes.stream(EVENTS["WatchEvents"], self._request, self._headers)

    async def begin(self) -> None:
        """Raise the plane's refusal, if it refuses; the client then gets it as a problem."""
        self._next = asyncio.ensure_future(anext(self._stream))
        await asyncio.wait([self._next], timeout=_FIRST_SECONDS)
        if self._next.done() and (error := self._next.exception()):
            await self.close()
            raise error

    async def next(self) -> Any:
        """The next response; None when nothing came for a while."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._stream))
        await asyncio.wait([self._next], timeout=_QUIET_SECONDS)
        if not self._next.done():
            return None
        done, self._next = self._next, None
        try:
            response = done.result()
        except (StopAsyncIteration, Unavailable, DeadlineExceeded) as exc:
            log.info("a watch begins again", error=str(exc))
            await asyncio.sleep(_RETRY_SECONDS)
            self._stream = self._open()
            return None
        if response.cursor:
            self._request.after, self._request.from_start = response.cursor, False
        return response

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
            self._next = None
        await self._stream.aclose()  # type: ignore[attr-defined] # it is a generator


async def _pieces(source: _Source, trace_id: str) -> AsyncIterator[bytes]:
    encode = json_out.encoder(kind_of(EVENTS["GetEvent"].output.fields_by_name["event"]))
    try:
        yield _SIGN_OF_LIFE
        while True:
            try:
                response = await source.next()
            except ServiceError as exc:
                problem = orjson.dumps(errors.document(exc, trace_id))
                yield b"event: error\ndata: " + problem + b"\n\n"
                return
            if response is None or not response.HasField("event"):
                yield _cursor_line(response) + _SIGN_OF_LIFE
                continue
            event = response.event
            yield b"%sevent: %s\ndata: %s\n\n" % (
                _cursor_line(response),
                event.type.encode(),
                orjson.dumps(encode(event)),
            )
    finally:
        await source.close()


def _cursor_line(response: Any) -> bytes:
    if response is None or not response.cursor:
        return b""
    cursor: str = response.cursor
    return f"id: {cursor}\n".encode()
