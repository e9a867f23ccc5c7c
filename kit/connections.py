"""Keep connections to servers that users chose: a pool for each server, while it is in use.

httpcore looks at every connection of a pool when a request begins and when it ends, and asks the
kernel about those that idle. In one pool for all servers that was more than a third of what a
webhook cost, and grew with the number of servers. What idles is bounded over all of them: what was
used longest ago is closed first, and what one server may have is bounded by its pool, far below
that.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

import httpcore

_SWEEP_SECONDS = 1.0


class _Held:
    __slots__ = ("active", "idle", "pool", "used")

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self.pool = pool
        self.active = 0
        self.idle = 0  # connections, when a request last ended
        self.used = 0.0


class Connections:
    """Pools by server, each as `make` makes it. One that has had nothing to do for `idle` seconds
    is closed, at the next request to any server; and earlier, where more than `most_idle`
    connections idle in all."""

    def __init__(
        self,
        make: Callable[[], httpcore.AsyncConnectionPool],
        idle: float,
        most_idle: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._idle = idle
        self._most_idle = most_idle
        self._idling = 0  # connections over all
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
            if self._held.get(server) is held:
                self._held.move_to_end(server)
                self._count(held)
            self._sweep(held.used)
            self._make_room()

    async def aclose(self) -> None:
        """Close everything, also what is under way."""
        left, self._held, self._idling = list(self._held.values()), OrderedDict(), 0
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
            self._close(server)

    def _count(self, held: _Held) -> None:
        idle = max(0, len(held.pool.connections) - held.active)
        self._idling += idle - held.idle
        held.idle = idle

    def _make_room(self) -> None:
        """Close what was used longest ago until few enough idle; nothing that is at work."""
        if self._idling <= self._most_idle:
            return
        for server, held in list(self._held.items()):
            if not held.active and held.idle:
                self._close(server)
                if self._idling <= self._most_idle:
                    return

    def _close(self, server: str) -> None:
        held = self._held.pop(server)
        self._idling -= held.idle
        task = asyncio.create_task(held.pool.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
