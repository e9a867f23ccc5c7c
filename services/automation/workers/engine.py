"""Claim runs and have them carried out, a bounded number at once, with a turn for each workspace.

The queue in Postgres is the truth. A worker is woken after a commit in its own process and looks
by itself a few times a second; what it holds it renews, and what it leaves behind is due again when
the lease ends.
"""

import asyncio
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog

from kit import crash, ids
from kit.db import Database
from kit.errors import ServiceError
from services.automation.model import Claim, Job
from services.automation.operations.figures import ACTIVE
from services.automation.store import queue
from services.automation.store.runs import Loaded
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

_NONE: Mapping[UUID, Loaded] = {}
Load = Callable[[UUID, Sequence[Claim], Mapping[UUID, Loaded]], Awaitable[list[tuple[Claim, Job]]]]
Execute = Callable[[Claim, Job], Awaitable[bool]]  # whether something else may be due by it


class Engine:
    """Runs until cancelled. Several may run; each run has one holder at a time."""

    def __init__(self, worker_db: Database, load: Load, execute: Execute, pace: Pace) -> None:
        self._worker_db = worker_db
        self._load = load
        self._execute = execute
        self._pace = pace
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{ids.new_id().hex[-8:]}"
        self._active: dict[UUID, Claim] = {}
        ACTIVE.set_function(lambda: len(self._active))
        self._tasks: set[asyncio.Task[None]] = set()
        self._claimed_at = 0.0
        self._changed = asyncio.Event()
        self._after = _FIRST  # the workspace whose turn was last
        self._spread = 1  # workspaces that shared the last claims

        self._is_behind = True  # until a look has found less than there are places
        self._works = False

    @property
    def lease(self) -> float:
        return self._pace.lease

    def wake(self) -> None:
        """Look at the queue now; called after a commit in this process."""
        self._changed.set()

    def take(self, workspace_id: UUID, run_ids: Sequence[UUID]) -> list[Claim]:
        """Claims of those for which there is a place, as far as nothing that is queued comes before
        them. Two transactions may take the same places: then there are more at work for a moment.
        """
        if self._is_behind or not self._works:
            return []
        room = self._rooms().get(workspace_id, self._pace.per_workspace)
        free = min(self._pace.concurrency - len(self._active), room)
        taken = run_ids[: max(0, free)]
        self._is_behind = len(taken) < len(run_ids)
        return [Claim(workspace_id, one, -1 - secrets.randbits(62), "") for one in taken]

    def begin(
        self, workspace_id: UUID, claims: Sequence[Claim], loaded: Mapping[UUID, Loaded] = _NONE
    ) -> None:
        """Carry out what is ours. What is `loaded` was just made, and nobody has touched it."""
        crash.point("automation.after_claim")
        self._active |= {claim.run_id: claim for claim in claims}
        self._begin(self._take_up(workspace_id, claims, loaded))

    async def run(self) -> None:
        beating = asyncio.create_task(self._beat())
        self._works = self._pace.concurrency > 0
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
            self._works = False
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await self._leave()

    async def _claim_and_start(self) -> bool:
        """Fill the free places; whether more may be due than there were places for."""
        self._changed.clear()  # before we look: also when full, or the wait would never yield
        free = self._pace.concurrency - len(self._active)
        if free <= 0:
            self._is_behind = True
            return True
        if free < self._pace.concurrency // 4:
            early = self._claimed_at + _GATHER_SECONDS - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
                free = self._pace.concurrency - len(self._active)
        self._claimed_at = time.monotonic()
        claims = await self._claim(free)
        by_workspace: dict[UUID, list[Claim]] = {}
        for claim in claims:
            by_workspace.setdefault(claim.workspace_id, []).append(claim)
        for workspace_id, theirs in by_workspace.items():
            self.begin(workspace_id, theirs)
        # Of a workspace that has all its places, nobody has looked what else is due.
        self._is_behind = len(claims) == free or 0 in self._rooms().values()
        return len(claims) == free

    def _rooms(self, more: Sequence[Claim] = ()) -> dict[UUID, int]:
        """How many more each workspace may have, of those that have some, and `more` of them."""
        held = Counter(claim.workspace_id for claim in (*self._active.values(), *more))
        return {one: max(0, self._pace.per_workspace - count) for one, count in held.items()}

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

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
                    owner=self.owner,
                    lease=self._pace.lease,
                    room=self._pace.per_workspace,
                    rooms=self._rooms(found),
                )
        if found:
            self._spread = len({claim.workspace_id for claim in found})
            self._after = found[-1].workspace_id
        else:
            self._spread = 1
        return found

    async def _take_up(
        self, workspace_id: UUID, claims: Sequence[Claim], loaded: Mapping[UUID, Loaded]
    ) -> None:
        """Load the runs of a workspace together, and carry each out by itself."""
        begun: set[UUID] = set()
        try:
            for claim, job in await self._load(workspace_id, claims, loaded):
                begun.add(claim.run_id)
                self._begin(self._carry_out(claim, job))
        except (ServiceError, psycopg.Error) as exc:
            log.warning("runs wait", workspace_id=str(workspace_id), error=str(exc))
        finally:
            if len(begun) < len(claims):
                for claim in claims:
                    if claim.run_id not in begun:
                        self._active.pop(claim.run_id, None)
                self._changed.set()

    async def _carry_out(self, claim: Claim, job: Job) -> None:
        leads_on = True
        try:
            leads_on = await self._execute(claim, job)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("run waits", run_id=str(claim.run_id), error=str(exc))
        finally:
            if self._active.get(claim.run_id) is claim:
                del self._active[claim.run_id]
            if leads_on or self._is_behind:
                self._changed.set()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run", exc_info=error)

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
