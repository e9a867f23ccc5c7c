"""Answer HTTP: one ASGI function that finds the route, follows the trace, and explains errors.

There is no stack of middleware, because each layer of one costs as much as this whole function.
"""

import asyncio
import os
import time
import zlib
from typing import Any

import structlog
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.types import Receive, Scope, Send

from gateway import errors
from gateway.auth import bearer
from gateway.cors import Origins
from gateway.exchange import ClientGone, Exchange
from gateway.hub import Hub
from gateway.replies import Reply, Stream
from gateway.routes import routes
from gateway.routing import Route, Routes
from gateway.settings import GatewaySettings
from kit import telemetry
from kit.errors import Internal, ServiceError

log = structlog.get_logger()

_GZIP_BYTES = 1024
_CLIENT_GONE = 499  # for metrics alone: nobody is there to read it
_VERSION = b"x-metadata-version"
_NOT_SAID = {401, 429, 503, 504}  # nobody known, or nobody to be asked
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_TEXT = (b"application/json", b"application/problem+json", b"text/")


class Gateway:
    """The application."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.hub = Hub(settings)
        self.routes = Routes(routes(self.hub))
        self._limit = settings.max_body_bytes
        self._gzip = settings.gzip_level
        self._origins = Origins(settings.allowed_origins)
        self._traced = bool(settings.otlp_endpoint)
        self._open: set[asyncio.Task[Any]] = set()

    async def drain(self, seconds: float) -> None:
        """End streams, let requests under way finish, and close the channels."""
        self.hub.drain()
        if waiting := {task for task in self._open if task is not asyncio.current_task()}:
            await asyncio.wait(waiting, timeout=seconds)
        await self.hub.planes.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._http(Exchange(scope, receive, self._limit), send)
        finally:
            self._open.discard(task)

    async def _http(self, exchange: Exchange, send: Send) -> None:
        started = time.perf_counter()
        self.hub.metrics.begin()
        route: Route | None = None
        status = _CLIENT_GONE
        refused: errors.Refused | None = None
        try:
            try:
                route, exchange.values = self.routes.find(exchange.method, exchange.raw_path)
            except errors.Refused as exc:
                refused = exc
            exchange.route = route
            method = exchange.method if route else "HTTP"
            template = route.path if route else "unmatched"
            with telemetry.span(
                f"{method} {template}",
                kind=SpanKind.SERVER,
                parent=self._parent(exchange),
                http__request__method=exchange.method,
                http__route=template,
            ) as span:
                exchange.trace_id = telemetry.trace_id()
                try:
                    reply = await self._answer(exchange, route, refused)
                    status = reply.status
                    self._finish(exchange, reply, span)
                    await _send(exchange, reply, send, self.hub.draining_event)
                except ClientGone:
                    status = _CLIENT_GONE
        finally:
            self.hub.metrics.end(route, status, time.perf_counter() - started)

    def _parent(self, exchange: Exchange) -> Any:
        """The client's trace, when it sent a valid one. Without a tracer, one of our own making, so
        that logs of all planes and the client's report have something in common."""
        given = exchange.headers.get(b"traceparent")
        if given is not None and telemetry.span_context(text := given.decode("latin-1")):
            return telemetry.remote(text)
        if self._traced:
            return telemetry.remote(None)
        made = os.urandom(24).hex()
        return telemetry.remote(f"00-{made[:32]}-{made[32:]}-00")

    async def _answer(
        self, exchange: Exchange, route: Route | None, refused: errors.Refused | None
    ) -> Reply | Stream:
        """The reply, or the problem document of whatever came in its way."""
        try:
            if route is None:
                return self._unrouted(exchange, refused)
            if route.needs_credentials:
                exchange.credential = bearer(exchange)
                self.hub.limiter.take(exchange)
            reply = await route.handler(exchange)
            await self._say_version(exchange, reply)
            return reply
        except ServiceError as exc:
            places = route.places if route else errors.NOWHERE
            if errors.status_of(exc, places) == 500:
                log.warning("a plane failed", route=route.path if route else "", error=exc.reason)
            problem = errors.reply(exc, exchange.trace_id, places)
            if not isinstance(exc, errors.Refused):  # what we refuse ourselves asks nobody
                await self._say_version(exchange, problem)
            return problem
        except ClientGone:
            raise
        except Exception:
            log.exception("unexpected", route=route.path if route else "")
            return errors.reply(Internal("INTERNAL", errors.GENERIC), exchange.trace_id)

    async def _say_version(self, exchange: Exchange, reply: Reply | Stream) -> None:
        """Every answer to somebody we know says which definitions there are; a stream goes on
        while they change."""
        unknown = not exchange.credential or reply.status in _NOT_SAID
        if (
            unknown
            or isinstance(reply, Stream)
            or any(name == _VERSION for name, _ in reply.headers)
        ):
            return
        if version := await self.hub.version(exchange):
            reply.headers.append((_VERSION, b"%d" % version))

    def _unrouted(self, exchange: Exchange, refused: errors.Refused | None) -> Reply:
        """OPTIONS answers what an address takes: the Allow of the refusal it would get itself."""
        assert refused is not None
        if exchange.method != "OPTIONS" or refused.status != 405:
            raise refused
        return Reply(204, b"", b"", [*refused.headers, *self._origins.preflight(exchange)])

    def _finish(self, exchange: Exchange, reply: Reply | Stream, span: Span) -> None:
        """Add the headers that every reply carries, and squeeze what is worth it."""
        headers = reply.headers
        headers += exchange.reply_headers
        if reply.content_type:
            headers.append((b"content-type", reply.content_type))
        headers.append(_NOSNIFF)
        if exchange.trace_id:
            headers.append((b"x-trace-id", exchange.trace_id.encode()))
        if self._origins.any:
            headers += self._origins.headers(exchange)
        if isinstance(reply, Reply):
            self._squeeze(exchange, reply)
            if reply.status not in {204, 304}:
                headers.append((b"content-length", b"%d" % len(reply.body)))
        span.set_attribute("http.response.status_code", reply.status)
        if reply.status >= 500:
            span.set_status(StatusCode.ERROR)

    def _squeeze(self, exchange: Exchange, reply: Reply) -> None:
        if not self._gzip or len(reply.body) < _GZIP_BYTES:
            return
        if not reply.content_type.startswith(_TEXT):
            return
        reply.headers.append((b"vary", b"accept-encoding"))
        if accepts_gzip(exchange.headers.get(b"accept-encoding", b"")):
            squeezer = zlib.compressobj(self._gzip, zlib.DEFLATED, 31)
            reply.body = squeezer.compress(reply.body) + squeezer.flush()
            reply.headers.append((b"content-encoding", b"gzip"))


def accepts_gzip(header: bytes) -> bool:
    """Whether the client takes gzip, and did not give it the weight zero."""
    if b"gzip" not in header:
        return False
    for one in header.split(b","):
        coding, _, weight = one.partition(b";")
        if coding.strip() == b"gzip":
            return weight.replace(b" ", b"") not in {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}
    return False


async def _send(
    exchange: Exchange, reply: Reply | Stream, send: Send, draining: asyncio.Event
) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    if isinstance(reply, Reply):
        body = b"" if exchange.method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})
        return
    sending = asyncio.ensure_future(_send_pieces(reply, send, exchange.method != "HEAD"))
    gone = asyncio.ensure_future(exchange.gone())
    stopping = asyncio.ensure_future(draining.wait())
    awaited = [sending, gone] if reply.whole else [sending, gone, stopping]
    try:
        done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (sending, gone, stopping):
            one.cancel()
        await asyncio.gather(sending, gone, stopping, return_exceptions=True)
    if sending in done and (error := sending.exception()) is not None:
        raise error  # the server closes the connection: what came is not all
    if done == {stopping}:  # an end, and not a break: the client comes back to another of us
        await send({"type": "http.response.body", "body": b""})


async def _send_pieces(reply: Stream, send: Send, wanted: bool) -> None:
    try:
        if wanted:
            async for piece in reply.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await reply.pieces.aclose()  # type: ignore[attr-defined] # it is a generator


async def _other(scope: Scope, receive: Receive, send: Send) -> None:
    """The life of the server, for servers that ask; websockets are refused."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1003})
        return
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
