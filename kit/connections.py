"""Keep connections to servers that users chose: a pool for each server, while it is in use.

httpcore looks at every connection of a pool when a request begins and when it ends, and asks the
kernel about those that idle. In one pool for all servers that was more than a third of what a
webhook cost, and grew with the number of servers.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

import httpcore

_SWEEP_SECONDS = 1.0


class _Held:
    __slots__ = ("active", "pool", "used")

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self.pool = pool
        self.active = 0
        self.used = 0.0


class Connections:
    """Pools by server, each as `make` makes it. One that has had nothing to do for `idle` seconds
    is closed, at the next request to any server."""

    def __init__(
        self,
        make: Callable[[], httpcore.AsyncConnectionPool],
        idle: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._idle = idle
        self._now = now
        self._held: OrderedDict[str, _Held] = OrderedDict()  # those used last come last
        self._closing: set[asyncio.Task[None]] = set()
        self._swept = 0.0

    def __len__(self) -> int:
        return len(self._held)

    @contextlib.asynccontextmanager
    async def of(self, server: str) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """The server's pool, for one request."""
        held = self._held.get(server)
        if held is None:
            held = self._held[server] = _Held(self._make())
        held.active += 1
        try:
            yield held.pool
        finally:
            held.active -= 1
            held.used = self._now()
            if server in self._held:
                self._held.move_to_end(server)
            self._sweep(held.used)

    async def aclose(self) -> None:
        """Close everything, also what is under way."""
        left, self._held = list(self._held.values()), OrderedDict()
        for held in left:
            await held.pool.aclose()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _sweep(self, now: float) -> None:
        if now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        over = []
        for server, held in self._held.items():
            if not held.active and now - held.used < self._idle:
                break
            if not held.active:
                over.append(server)
        for server in over:
            task = asyncio.create_task(self._held.pop(server).pool.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
