"""Claim runs and have them carried out, a bounded number at once, with a turn for each workspace.

The queue in Postgres is the truth. A worker is woken after a commit in its own process and looks
by itself a few times a second; what it holds it renews, and what it leaves behind is due again when
the lease ends.
"""

import asyncio
import contextvars
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import psycopg
import structlog

from kit import crash, ids
from kit.db import Database, Tx
from kit.errors import ServiceError
from services.automation.model import Claim, Job
from services.automation.operations.figures import ACTIVE
from services.automation.store import queue
from services.automation.store.runs import Loaded
from services.automation.workers.places import Pace, Places
from services.automation.workers.timers import undisturbed

log = structlog.get_logger()

_FIRST = UUID(int=0)
_LEAVE_SECONDS = 5.0  # for runs to come to an end when the process is asked to stop
_GATHER_SECONDS = 0.02  # for places to become free together: fewer claims, of more runs

_NONE: Mapping[UUID, Loaded] = {}
Load = Callable[[UUID, Sequence[Claim], Mapping[UUID, Loaded]], Awaitable[list[tuple[Claim, Job]]]]
Execute = Callable[[Claim, Job], Awaitable[bool]]  # whether something else may be due by it


@dataclass(slots=True)
class _Found:
    """What a look at the queue brought, and whether more may be due."""

    claims: list[Claim]
    is_behind: bool
    left_by_share: bool  # of a workspace, while there were places and it had room


class Engine:
    """Runs until cancelled. Several may run; each run has one holder at a time."""

    def __init__(self, worker_db: Database, load: Load, execute: Execute, pace: Pace) -> None:
        self._worker_db = worker_db
        self._load = load
        self._execute = execute
        self._pace = pace
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{ids.new_id().hex[-8:]}"
        self._places = Places(pace)
        ACTIVE.set_function(lambda: len(self._places.active))
        self._tasks: set[asyncio.Task[None]] = set()
        self._claimed_at = 0.0
        self._changed = asyncio.Event()
        self._after = _FIRST  # the workspace whose turn was last
        self._spread = 1  # workspaces that shared the last claims
        self._unsure: list[Claim] = []  # of transactions that failed, in their commit perhaps
        self._is_behind = True  # until a look has found less than there are places
        self._looks = False
        self._works = False

    @property
    def lease(self) -> float:
        return self._pace.lease

    def wake(self) -> None:
        """Look at the queue now; called after a commit in this process."""
        self._changed.set()

    def take(self, tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> list[Claim]:
        """Claims of the first of them, as far as there are places and nothing that is queued comes
        before them. Kept for them until `begin`, or until the transaction fails."""
        is_open = self._works and not self._is_behind and not self._looks
        free = self._places.open_to(workspace_id) if is_open else 0
        taken = run_ids[:free]
        self._is_behind |= len(taken) < len(run_ids)
        claims = [Claim(workspace_id, one, -1 - secrets.randbits(62), "") for one in taken]
        if claims:
            self._places.promise(claims)
            tx.after_failure(partial(self._drop, claims))
        return claims

    def begin(
        self, workspace_id: UUID, claims: Sequence[Claim], loaded: Mapping[UUID, Loaded] = _NONE
    ) -> None:
        """Carry out what is ours. What is `loaded` was just made, and nobody has touched it."""
        crash.point("automation.after_claim")
        if not self._works:  # what we hold is about to be given back
            self._places.withdraw(claims)
            return
        self._places.occupy(claims)
        self._begin(self._take_up(workspace_id, claims, loaded))

    def _drop(self, claims: Sequence[Claim]) -> None:
        """Nobody knows whether they are there: what is, others may have with the next look."""
        self._places.withdraw(claims)
        self._unsure += claims
        self._changed.set()

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
        free = self._places.free
        if free <= 0:
            self._is_behind = True
            return True
        if free < self._pace.concurrency // 4:
            early = self._claimed_at + _GATHER_SECONDS - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
                free = self._places.free
                if free <= 0:
                    self._is_behind = True
                    return True
        self._claimed_at = time.monotonic()
        self._looks = True  # whoever ends meanwhile has us look again: it may not have been seen
        try:
            found = await self._claim(free)
        finally:
            self._looks = False
        by_workspace: dict[UUID, list[Claim]] = {}
        for claim in found.claims:
            by_workspace.setdefault(claim.workspace_id, []).append(claim)
        for workspace_id, theirs in by_workspace.items():
            self.begin(workspace_id, theirs)
        self._is_behind = found.is_behind
        if found.left_by_share:
            self._changed.set()
        return len(found.claims) == free

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        # In a context of its own: what begins it may be a consumer, with a trace of other events.
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _claim(self, free: int) -> "_Found":
        """Due runs, beginning with the workspace after the one whose turn was last."""
        found = _Found([], is_behind=False, left_by_share=False)
        unsure, self._unsure = self._unsure, []
        try:
            async with self._worker_db.across_workspaces() as tx:
                if unsure:
                    await queue.give_back_across_workspaces(tx, unsure)
                for after in (self._after, _FIRST):
                    if len(found.claims) < free:
                        await self._claim_after(tx, after, free, found)
        except BaseException:
            self._unsure += unsure
            raise
        found.is_behind |= len(found.claims) == free
        if found.claims:
            self._spread = len({claim.workspace_id for claim in found.claims})
            self._after = found.claims[-1].workspace_id
        else:
            self._spread = 1
        return found

    async def _claim_after(self, tx: Tx, after: UUID, free: int, found: "_Found") -> None:
        wanted, rooms = free - len(found.claims), self._places.rooms(found.claims)
        share, room = max(1, wanted // self._spread), self._pace.per_workspace
        claims = await queue.claim_across_workspaces(
            tx,
            after,
            share=share,
            limit=wanted,
            owner=self.owner,
            lease=self._pace.lease,
            room=room,
            rooms=rooms,
        )
        found.claims += claims
        got = Counter(claim.workspace_id for claim in claims)
        # Of a workspace that got all it may have, nobody has seen what else is due.
        found.left_by_share = any(share <= n < rooms.get(one, room) for one, n in got.items())
        found.is_behind = (
            found.left_by_share
            or 0 in rooms.values()
            or any(n >= rooms.get(one, room) for one, n in got.items())
        )

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
                        self._places.leave(claim)
                self._changed.set()

    async def _carry_out(self, claim: Claim, job: Job) -> None:
        leads_on = True
        try:
            leads_on = await self._execute(claim, job)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("run waits", run_id=str(claim.run_id), error=str(exc))
        finally:
            self._places.leave(claim)
            if leads_on or self._is_behind or self._looks:
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
            claims = list(self._places.active.values())
            if not claims:
                continue
            try:
                async with self._worker_db.across_workspaces() as tx:
                    kept = await queue.renew_across_workspaces(tx, claims, self._pace.lease)
            except (ServiceError, psycopg.Error) as exc:
                log.warning("leases not renewed", error=str(exc))
                continue
            lost = [c for c in self._places.active.values() if c in claims and c.token not in kept]
            if lost:
                log.info("leases lost", runs=[str(claim.run_id) for claim in lost])

    async def _leave(self) -> None:
        """Let runs come to an end for a moment; give back those that do not, and what was taken for
        runs that have not begun."""
        until = time.monotonic() + _LEAVE_SECONDS
        # Transactions that are about to end.
        while self._places.promised and time.monotonic() < until:  # noqa: ASYNC110 -- once, and short
            await asyncio.sleep(0.01)
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=max(0.0, until - time.monotonic()))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with self._worker_db.across_workspaces() as tx:
                await queue.leave_across_workspaces(tx, self.owner)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("leases run out by themselves", error=str(exc))
