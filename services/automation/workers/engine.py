"""Claim runs and have them carried out, a bounded number at once, with a turn for each workspace.

The queue in Postgres is the truth. A worker is woken after a commit in its own process and looks
by itself a few times a second; what it holds it renews, and what it leaves behind is due again when
the lease ends.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog

from kit import crash, ids
from kit.db import Database
from kit.errors import ServiceError
from services.automation.model import Claim
from services.automation.store import queue

log = structlog.get_logger()

_FIRST = UUID(int=0)
_LEAVE_SECONDS = 5.0  # for runs to come to an end when the process is asked to stop


@dataclass(frozen=True, slots=True)
class Pace:
    concurrency: int = 8
    lease: float = 30.0
    heartbeat: float = 10.0
    poll: float = 0.2


class Engine:
    """Runs until cancelled. Several may run; each run has one holder at a time."""

    def __init__(
        self, worker_db: Database, execute: Callable[[Claim], Awaitable[None]], pace: Pace
    ) -> None:
        self._worker_db = worker_db
        self._execute = execute
        self._pace = pace
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{ids.new_id().hex[-8:]}"
        self._active: dict[asyncio.Task[None], Claim] = {}
        self._changed = asyncio.Event()
        self._after = _FIRST  # the workspace whose turn was last
        self._spread = 1  # workspaces that shared the last claims

    def wake(self) -> None:
        """Look at the queue now; called after a commit in this process."""
        self._changed.set()

    async def run(self) -> None:
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                try:
                    more = await self._claim_and_start()
                except (ServiceError, psycopg.Error) as exc:
                    log.warning("engine waits", error=str(exc))
                    await asyncio.sleep(0.5)
                    continue
                await self._wait(None if more else self._pace.poll)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await self._leave()

    async def _claim_and_start(self) -> bool:
        """Fill the free places; whether more may be due than there were places for."""
        self._changed.clear()  # before we look: also when full, or the wait would never yield
        free = self._pace.concurrency - len(self._active)
        if free <= 0:
            return True
        claims = await self._claim(free)
        if claims:
            crash.point("automation.after_claim")
        for claim in claims:
            task = asyncio.create_task(self._carry_out(claim))
            self._active[task] = claim
            task.add_done_callback(self._ended)
        return len(claims) == free

    async def _claim(self, free: int) -> list[Claim]:
        """Due runs, beginning with the workspace after the one whose turn was last."""
        found: list[Claim] = []
        async with self._worker_db.across_workspaces() as tx:
            for after in (self._after, _FIRST):
                wanted = free - len(found)
                if wanted == 0:
                    break
                found += await queue.claim_across_workspaces(
                    tx,
                    after,
                    share=max(1, wanted // self._spread),
                    limit=wanted,
                    owner=self._owner,
                    lease=self._pace.lease,
                )
        if found:
            self._spread = len({claim.workspace_id for claim in found})
            self._after = found[-1].workspace_id
        else:
            self._spread = 1
        return found

    async def _carry_out(self, claim: Claim) -> None:
        try:
            await self._execute(claim)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("run waits", run_id=str(claim.run_id), error=str(exc))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._active.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run", exc_info=error)
        self._changed.set()

    async def _wait(self, seconds: float | None) -> None:
        """Until there is reason to look again: a wake-up, an ended run, or the time."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    async def _beat(self) -> None:
        """Keep what we hold ours."""
        while True:
            await asyncio.sleep(self._pace.heartbeat)
            claims = list(self._active.values())
            if not claims:
                continue
            try:
                async with self._worker_db.across_workspaces() as tx:
                    kept = await queue.renew_across_workspaces(tx, claims, self._pace.lease)
            except (ServiceError, psycopg.Error) as exc:
                log.warning("leases not renewed", error=str(exc))
                continue
            lost = [c for c in self._active.values() if c in claims and c.token not in kept]
            if lost:
                log.info("leases lost", runs=[str(claim.run_id) for claim in lost])

    async def _leave(self) -> None:
        """Let runs come to an end for a moment; give back those that do not."""
        if not self._active:
            return
        await asyncio.wait(list(self._active), timeout=_LEAVE_SECONDS)
        left = dict(self._active)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if not left:
            return
        try:
            async with self._worker_db.across_workspaces() as tx:
                await queue.give_back_across_workspaces(tx, list(left.values()))
        except (ServiceError, psycopg.Error) as exc:
            log.warning("leases run out by themselves", error=str(exc))
