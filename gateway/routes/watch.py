"""Stream events, and records as they change, as Server-Sent Events for as long as a client stays.

An event's id is its cursor in the log, or what a watch of records calls its position, so that a
client that comes back with Last-Event-ID goes on right behind the last event it saw. When a plane's
connection ends (its age is bounded), the watch goes on from the last cursor: unseen by the client,
or with what it missed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import structlog

from gateway import errors, json_out
from gateway.binding import Query, places_of
from gateway.errors import Places
from gateway.exchange import Exchange, bad_header
from gateway.hub import Hub
from gateway.json_in import kind_of
from gateway.planes import EVENTS, RECORD_WATCHES, Rpc
from gateway.replies import Stream
from gateway.routes.events import FILTER
from gateway.routes.queries import set_filter
from gateway.routing import Route
from kit.errors import DeadlineExceeded, ServiceError, Unavailable

log = structlog.get_logger()

_SIGN_OF_LIFE = b": still here\n\n"
_FIRST_SECONDS = 0.3  # a refusal comes within this; then the reply begins
_QUIET_SECONDS = 15.0
_RETRY_SECONDS = 1.0
_MAX_CURSOR = 1000
_MAX_POSITION = 8192
_CHANGES = {1: "added", 2: "updated", 3: "removed", 4: "moved"}
_HEADERS = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


def routes(hub: Hub) -> list[Route]:
    rpc = EVENTS["WatchEvents"]
    where = {"after": "after", "after_position": "after_position", "from_start": "from_start"}
    query = Query(rpc, FILTER | where)
    places = places_of(query, {})

    async def watch(exchange: Exchange) -> Stream:
        request = rpc.request()
        query.fill(request, exchange.query)
        if last := exchange.headers.get(b"last-event-id"):
            request.after, request.from_start = _cursor(last), False
        source = _Source(hub, hub.headers(exchange), rpc, request, _behind_event)
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
            places=places,
            query=tuple(query.parameters),
            reply={"type": "string"},
            reply_type="text/event-stream",
            rpc=rpc.name,
            timeout="none",
        ),
        _records(hub),
    ]


def _records(hub: Hub) -> Route:
    rpc = RECORD_WATCHES["WatchView"]
    query = Query(
        rpc,
        {
            "view": "view", "sort": "sort", "fields": "fields", "page_size": "page_size",
            "position": "position", "time_zone": "selection.time_zone",
            "week_start": "selection.week_start",
        },
    )  # fmt: skip
    query.add("filter", set_filter, {"type": "string", "description": "JSON or text form"})

    async def watch(exchange: Exchange) -> Stream:
        request = rpc.request(object=exchange.values[0])
        query.fill(request, exchange.query)
        if last := exchange.headers.get(b"last-event-id"):
            request.position = _cursor(last, _MAX_POSITION)
        request.at_version = max(exchange.at_version(), hub.versions.of(exchange.credential))
        source = _Source(hub, hub.headers(exchange), rpc, request, _behind_frame)
        await source.begin()
        pieces = _frames(source, exchange.trace_id)
        return Stream(pieces, b"text/event-stream", list(_HEADERS))

    names = {p.name: p.name for p in query.parameters}
    return Route(
        method="GET",
        path="/v1/objects/{object}/records:watch",
        handler=watch,
        operation="watchRecords",
        summary="Stream a view's first records and what changes among them (SSE): snapshot, diff, "
        "reset; Last-Event-ID goes on where one stopped, with resumed or reset.",
        tag="records",
        places=Places(frozenset({"selection"}), names, {"object": "object"}),
        query=tuple(query.parameters),
        reply={"type": "string"},
        reply_type="text/event-stream",
        rpc=rpc.name,
        timeout="none",
    )


def _behind_event(request: Any, response: Any) -> None:
    if response.cursor:
        request.after, request.from_start = response.cursor, False


def _behind_frame(request: Any, response: Any) -> None:
    if response.position:
        request.position = response.position


def _cursor(raw: bytes, longest: int = _MAX_CURSOR) -> str:
    text = raw.decode("latin-1")
    if len(text) > longest or not (text.isascii() and text.isprintable()):
        raise bad_header("HEADER_INVALID", "Last-Event-ID", "Last-Event-ID is not one of ours")
    return text


class _Source:
    """The plane's stream, begun again behind the last response when its connection ends: `behind`
    has the request ask for what follows a response."""

    def __init__(
        self,
        hub: Hub,
        headers: list[tuple[str, str]],
        rpc: Rpc,
        request: Any,
        behind: Callable[[Any, Any], None],
    ) -> None:
        self._hub = hub
        self._rpc = rpc
        self._behind = behind
        self._headers = headers
        self._request = request
        self._stream: AsyncIterator[Any] = self._open()
        self._next: asyncio.Task[Any] | None = None

    def _open(self) -> AsyncIterator[Any]:
        return self._hub.planes.stream(self._rpc, self._request, self._headers)

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
        self._behind(self._request, response)
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


async def _frames(source: _Source, trace_id: str) -> AsyncIterator[bytes]:
    try:
        yield _SIGN_OF_LIFE
        while True:
            try:
                response = await source.next()
            except ServiceError as exc:
                problem = orjson.dumps(errors.document(exc, trace_id))
                yield b"event: error\ndata: " + problem + b"\n\n"
                return
            if response is None:
                yield _SIGN_OF_LIFE
                continue
            position = f"id: {response.position}\n".encode() if response.position else b""
            kind = response.WhichOneof("frame")
            if kind is None:
                yield position + _SIGN_OF_LIFE
                continue
            frame = orjson.dumps(_SHOWN[kind](getattr(response, kind)))
            yield b"%sevent: %s\ndata: %s\n\n" % (position, kind.encode(), frame)
    finally:
        await source.close()


def _snapshot(frame: Any) -> dict[str, Any]:
    return _grouped(frame, {"data": [json_out.record(r) for r in frame.records]})


def _diff(frame: Any) -> dict[str, Any]:
    return _grouped(frame, {"changes": [_change(c) for c in frame.changes]})


def _resumed(frame: Any) -> dict[str, Any]:
    records = [json_out.record(r) for r in frame.records]
    return _grouped(frame, {"ids": list(frame.ids), "data": records})


def _reset(frame: Any) -> dict[str, Any]:
    return {"reason": frame.reason}


_SHOWN = {"snapshot": _snapshot, "diff": _diff, "resumed": _resumed, "reset": _reset}


def _change(change: Any) -> dict[str, Any]:
    found = {"type": _CHANGES[change.type], "id": change.id, "index": change.index}
    if change.HasField("record"):
        found["record"] = json_out.record(change.record)
    return found


def _grouped(frame: Any, found: dict[str, Any]) -> dict[str, Any]:
    found["more"] = frame.more
    if frame.groups:
        found["groups"] = [
            {
                "key": json_out.document(group.key_json),
                "label": group.label,
                "color": group.color,
                "count": group.count,
                "values": json_out.document(group.values_json) or {},
            }
            for group in frame.groups
        ]
    return found


def _cursor_line(response: Any) -> bytes:
    if response is None or not response.cursor:
        return b""
    cursor: str = response.cursor
    return f"id: {cursor}\n".encode()
