"""Serve what operators and tools ask: health, metrics, the API's own description."""

from collections.abc import Sequence

import orjson

from gateway.auth import bearer
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.openapi.document import document
from gateway.openapi.page import page
from gateway.replies import Reply, json_reply
from gateway.routing import Route
from gateway.snapshots import Snapshots

_NO_STORE = (b"cache-control", b"no-store")
_INLINE = b"style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_POLICY = (b"content-security-policy", b"default-src 'none'; connect-src 'self'; " + _INLINE)


def routes(hub: Hub, others: Sequence[Route]) -> list[Route]:
    snapshots = Snapshots(hub)
    described = list(others)
    general: list[bytes] = []

    async def healthz(_exchange: Exchange) -> Reply:
        return json_reply(200, {"status": "ok"}, [_NO_STORE])

    async def readyz(_exchange: Exchange) -> Reply:
        planes = await hub.planes.health()
        missing = [name for name in hub.settings.ready_planes if planes.get(name) != "serving"]
        ready = not missing and not hub.draining
        state = "draining" if hub.draining else "ready" if ready else "not_ready"
        found = {"status": state, "not_ready": missing, "planes": planes}
        return json_reply(200 if ready else 503, found, [_NO_STORE])

    async def metrics(_exchange: Exchange) -> Reply:
        kind = b"text/plain; version=0.0.4; charset=utf-8"
        return Reply(200, hub.metrics.text(), kind, [_NO_STORE])

    async def openapi(exchange: Exchange) -> Reply:
        if b"authorization" not in exchange.headers:
            if not general:
                general.append(orjson.dumps(document(described)))
            return Reply(200, general[0])
        exchange.credential = bearer(exchange)
        hub.limiter.take(exchange)
        held = await snapshots.of(exchange)
        headers = [(b"cache-control", b"private, no-cache"), (b"etag", held.etag)]
        if exchange.none_match(held.etag):
            return Reply(304, b"", b"", headers)
        return json_reply(200, document(described, held.workspace), headers)

    async def docs(_exchange: Exchange) -> Reply:
        return Reply(200, page(described), b"text/html; charset=utf-8", [_POLICY])

    def service(path: str, handler: object, name: str, summary: str, kind: str) -> Route:
        return Route(
            method="GET",
            path=path,
            handler=handler,  # type: ignore[arg-type] # one of the handlers above
            operation=name,
            summary=summary,
            tag="service",
            reply={"type": "object"} if kind == "application/json" else {"type": "string"},
            reply_type=kind,
            needs_credentials=False,
        )

    own = [
        service("/healthz", healthz, "healthz", "Say that the process answers.",
                "application/json"),
        service("/readyz", readyz, "readyz", "Say whether every plane answers, and which not.",
                "application/json"),
        service("/metrics", metrics, "metrics", "Figures for Prometheus.", "text/plain"),
        service("/v1/openapi.json", openapi, "openapi",
                "This document; with credentials, with the workspace's own objects.",
                "application/json"),
        service("/docs", docs, "docs", "A page that lists the API.", "text/html"),
    ]  # fmt: skip
    described.extend(own)
    return own
