"""Claim runs and have them carried out, a bounded number at once, with a turn for each workspace.

The queue in Postgres is the truth. A worker is woken after a commit in its own process and looks
by itself a few times a second; what it holds it renews, and what it leaves behind is due again when
the lease ends.
"""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog

from kit import crash, ids
from kit.db import Database
from kit.errors import ServiceError
from services.automation.model import Claim, Job
from services.automation.store import queue
from services.automation.workers.timers import undisturbed

log = structlog.get_logger()

_FIRST = UUID(int=0)
_LEAVE_SECONDS = 5.0  # for runs to come to an end when the process is asked to stop


@dataclass(frozen=True, slots=True)
class Pace:
    concurrency: int = 64
    per_workspace: int = 48  # of them, so that the slow steps of one leave room for others
    lease: float = 30.0
    heartbeat: float = 10.0
    poll: float = 0.2


_GATHER_SECONDS = 0.02  # for places to become free together: fewer claims, of more runs

Load = Callable[[UUID, Sequence[Claim]], Awaitable[list[tuple[Claim, Job]]]]
Execute = Callable[[Claim, Job], Awaitable[None]]


class Engine:
    """Runs until cancelled. Several may run; each run has one holder at a time."""

    def __init__(self, worker_db: Database, load: Load, execute: Execute, pace: Pace) -> None:
        self._worker_db = worker_db
        self._load = load
        self._execute = execute
        self._pace = pace
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{ids.new_id().hex[-8:]}"
        self._active: dict[UUID, Claim] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._claimed_at = 0.0
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
                    more = await undisturbed(self._claim_and_start())
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
        if free < self._pace.concurrency // 4:
            early = self._claimed_at + _GATHER_SECONDS - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
                free = self._pace.concurrency - len(self._active)
        self._claimed_at = time.monotonic()
        claims = await self._claim(free)
        if claims:
            crash.point("automation.after_claim")
        by_workspace: dict[UUID, list[Claim]] = {}
        for claim in claims:
            self._active[claim.run_id] = claim
            by_workspace.setdefault(claim.workspace_id, []).append(claim)
        for workspace_id, theirs in by_workspace.items():
            self._begin(self._take_up(workspace_id, theirs))
        return len(claims) == free

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _claim(self, free: int) -> list[Claim]:
        """Due runs, beginning with the workspace after the one whose turn was last."""
        found: list[Claim] = []
        held = Counter(claim.workspace_id for claim in self._active.values())
        full = [one for one, count in held.items() if count >= self._pace.per_workspace]
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
                    full=full,
                )
        if found:
            self._spread = len({claim.workspace_id for claim in found})
            self._after = found[-1].workspace_id
        else:
            self._spread = 1
        return found

    async def _take_up(self, workspace_id: UUID, claims: Sequence[Claim]) -> None:
        """Load the runs of a workspace together, and carry each out by itself."""
        begun: set[UUID] = set()
        try:
            for claim, job in await self._load(workspace_id, claims):
                begun.add(claim.run_id)
                self._begin(self._carry_out(claim, job))
        except (ServiceError, psycopg.Error) as exc:
            log.warning("runs wait", workspace_id=str(workspace_id), error=str(exc))
        finally:
            for claim in claims:
                if claim.run_id not in begun:
                    self._active.pop(claim.run_id, None)

    async def _carry_out(self, claim: Claim, job: Job) -> None:
        try:
            await self._execute(claim, job)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("run waits", run_id=str(claim.run_id), error=str(exc))
        finally:
            if self._active.get(claim.run_id) is claim:
                del self._active[claim.run_id]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
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
        if not self._tasks:
            return
        await asyncio.wait(list(self._tasks), timeout=_LEAVE_SECONDS)
        tasks, left = list(self._tasks), list(self._active.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not left:
            return
        try:
            async with self._worker_db.across_workspaces() as tx:
                await queue.give_back_across_workspaces(tx, left)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("leases run out by themselves", error=str(exc))
