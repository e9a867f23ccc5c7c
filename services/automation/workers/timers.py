"""Wake what is due: one look at the earliest due time, one statement for all that have come.

Timers are rows of `waits`. They cost nothing until they are due, however many and however far.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

import psycopg
import structlog

from kit import crash
from kit.db import Database
from kit.errors import ServiceError
from services.automation.operations.figures import TIMER_LAG
from services.automation.store import queue, waits

log = structlog.get_logger()


T = TypeVar("T")


async def undisturbed(work: Coroutine[None, None, T]) -> T:
    """A transaction comes to its end before a process leaves: cut in the middle, its connection
    would be waited for."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Timers:
    """Runs until cancelled; several may."""

    def __init__(
        self, worker_db: Database, wake: Callable[[], None], *, poll: float, batch: int
    ) -> None:
        self._worker_db = worker_db
        self._wake = wake
        self._poll = poll
        self._batch = batch

    async def run(self) -> None:
        while True:
            try:
                fired = await undisturbed(self.fire())
            except (ServiceError, psycopg.Error) as exc:
                log.warning("timers wait", error=str(exc))
                await asyncio.sleep(0.5)
                continue
            if fired < self._batch:
                await asyncio.sleep(self._poll)

    async def fire(self) -> int:
        """Settle what is due; how many timers."""
        async with self._worker_db.across_workspaces() as tx:
            late = await waits.fire_across_workspaces(tx, self._batch, queue.HEAD_START)
            if late:
                crash.point("automation.timer_fire")
        for seconds in late:
            TIMER_LAG.observe(seconds)
        if late:
            self._wake()
        return len(late)
