"""Hold what all routes share: the planes, the settings, and what credentials have changed."""

import asyncio
from typing import Any

from google.protobuf.message import Message

from gateway.auth import RateLimiter, SeenVersions
from gateway.clients import Planes
from gateway.exchange import Exchange
from gateway.metrics import Metrics
from gateway.planes import Rpc
from gateway.settings import GatewaySettings
from kit import clients, deadlines

_REPLAYED = "x-idempotency-replayed"


class Hub:
    """One for the process."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.planes = Planes(settings)
        self.versions = SeenVersions()
        self.limiter = RateLimiter(settings.rate_limit_per_second)
        self.metrics = Metrics()
        self.draining_event = asyncio.Event()

    @property
    def draining(self) -> bool:
        return self.draining_event.is_set()

    def drain(self) -> None:
        """Say that we are leaving: not ready any more, and streams end."""
        self.draining_event.set()

    def headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        """Who calls, and from where."""
        found = clients.metadata(exchange.credential)
        return found + exchange.origin(self.settings.trusted_proxies)

    async def call(self, exchange: Exchange, rpc: Rpc, request: Message) -> Any:
        """The plane's response to the caller's own credential, or the ServiceError it raised."""
        headers = self.headers(exchange)
        if not rpc.mutates:
            limit = self.settings.read_timeout_seconds
            deadlines.set_remaining(limit)
            return await self.planes.call(rpc, request, headers, timeout=limit)
        limit = self.settings.write_timeout_seconds
        deadlines.set_remaining(limit)

        def note(trailers: dict[str, str]) -> None:
            if trailers.get(_REPLAYED) == "true":
                exchange.reply_headers.append((b"idempotency-replayed", b"true"))

        return await self.planes.call(rpc, request, headers, timeout=limit, on_trailers=note)
