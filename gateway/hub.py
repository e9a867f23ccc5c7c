"""Hold what all routes share: the planes, the settings, and what credentials have changed."""

import asyncio
from typing import Any

from armature.metadata.v1 import workspace_service_pb2
from google.protobuf.message import Message

from gateway.auth import RateLimiter, SeenVersions
from gateway.clients import Planes
from gateway.exchange import Exchange
from gateway.gathering import GET, Gets
from gateway.metrics import Metrics
from gateway.planes import WORKSPACES, Rpc
from gateway.settings import GatewaySettings
from gateway.versions import KnownVersions
from kit import clients, deadlines

_REPLAYED = "x-idempotency-replayed"
_VERSION_SECONDS = 2.0


class Hub:
    """One for the process."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.planes = Planes(settings)
        self._gets = Gets(self.planes, settings.read_timeout_seconds)
        self.versions = SeenVersions()
        self._known = KnownVersions()
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

    async def version(self, exchange: Exchange) -> int:
        """The metadata version of the caller's workspace, no more than a second old; 0 where it
        can't be told."""

        async def ask() -> int:
            request = workspace_service_pb2.GetWorkspaceRequest()
            rpc = WORKSPACES["GetWorkspace"]
            answer = await self.planes.call(
                rpc, request, self.headers(exchange), timeout=_VERSION_SECONDS
            )
            return int(answer.workspace.metadata_version)

        return await self._known.of(exchange.credential, ask)

    async def call(self, exchange: Exchange, rpc: Rpc, request: Message) -> Any:
        """The plane's response to the caller's own credential, or the ServiceError it raised."""
        headers = self.headers(exchange)
        if not rpc.mutates:
            limit = self.settings.read_timeout_seconds
            deadlines.set_remaining(limit)
            if rpc is GET:
                return await self._gets.get(headers, request)
            return await self.planes.call(rpc, request, headers, timeout=limit)
        limit = self.settings.write_timeout_seconds
        deadlines.set_remaining(limit)

        def note(trailers: dict[str, str]) -> None:
            if trailers.get(_REPLAYED) == "true":
                exchange.reply_headers.append((b"idempotency-replayed", b"true"))

        return await self.planes.call(rpc, request, headers, timeout=limit, on_trailers=note)
