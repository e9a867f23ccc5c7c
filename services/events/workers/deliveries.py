"""Send what is due: claim it, check that its owner may still see it, send it, settle it.

What is claimed of one workspace together begins together, then each is sent by itself, so that a
slow endpoint holds nobody; and what ends while something of the workspace is being settled is
settled together after it.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog

from kit import crash, credentials
from kit.calls import Authenticate
from kit.db import Database
from kit.egress import Egress
from kit.errors import ServiceError, Unauthenticated, Unavailable
from kit.together import Together
from kit.webhooks import Sealer
from services.events.model import Attempted, Claim, DeliveryState, Sending
from services.events.operations import deliveries, subscriptions
from services.events.store import deliveries as store
from services.events.store import queue
from services.events.workers.sending import Sender

log = structlog.get_logger()

_POLL_SECONDS = 0.25
_GATHER_SECONDS = 0.01
_RENEW_SECONDS = queue.LEASE_SECONDS / 3
_GRACE_SECONDS = 3.0
_CLAIM_LANES = 32
_SETTLED = 100  # attempts of one transaction
_TRIES = 5  # of a settlement that collided with another
_AUTH_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How deliveries are sent."""

    internal_secret: str
    schedule: tuple[float, ...]
    width: int
    slots: int
    breaker_seconds: float
    disable_after: timedelta


class DeliveryWorker:
    """Runs until cancelled. Several may run; each delivery has one holder at a time."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        egress: Egress,
        authenticate: Authenticate,
        policy: Policy,
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._sender = Sender(egress, Sealer(policy.internal_secret), policy.schedule)
        self._authenticate = authenticate
        self._policy = policy
        self._held: dict[UUID, Claim] = {}  # by delivery
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._settling: Together[UUID, Attempted, DeliveryState] = Together(
            self._settle, most=_SETTLED, again=lambda exc, _: _is_undone(exc)
        )

    def wake(self) -> None:
        """Look at the queue now; called after a commit in this process."""
        self._changed.set()

    async def run(self) -> None:
        """Send for ever; a failure of Postgres or of another plane is waited out."""
        renewing = asyncio.create_task(self._renew())
        try:
            while True:
                self._changed.clear()
                try:
                    claimed = await self._claim()
                except (ServiceError, psycopg.Error) as exc:
                    log.warning("deliveries wait", error=str(exc))
                    claimed = 0
                if not claimed:
                    await self._wait()
        finally:
            await self._leave()
            left = [*self._tasks, renewing]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _leave(self) -> None:
        """Finish what is nearly done; what is not, another worker takes up."""
        end = time.monotonic() + _GRACE_SECONDS
        while self._tasks and (left := end - time.monotonic()) > 0:
            await asyncio.wait(set(self._tasks), timeout=left)

    async def _renew(self) -> None:
        """Keep the leases of what is under way."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            if not self._held:
                continue
            try:
                async with self._worker_db.across_workspaces(durable=False) as tx:
                    await queue.renew(tx, list(self._held.values()))
            except (ServiceError, psycopg.Error) as exc:
                log.warning("leases run out", error=str(exc))

    async def _claim(self) -> int:
        free = self._policy.slots - len(self._held)
        lanes = min(_CLAIM_LANES, free // self._policy.width)
        if lanes < 1:
            return 0
        async with self._worker_db.across_workspaces(durable=False) as tx:
            claims = await queue.claim(tx, lanes=lanes, width=self._policy.width)
        by_workspace: dict[UUID, list[Claim]] = {}
        for claim in claims:
            self._held[claim.delivery_id] = claim
            by_workspace.setdefault(claim.workspace_id, []).append(claim)
        for workspace_id, theirs in by_workspace.items():
            self._start(self._begin(workspace_id, theirs))
        return len(claims)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _let_go(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            if self._held.get(claim.delivery_id) is claim:
                del self._held[claim.delivery_id]
                self._changed.set()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), _POLL_SECONDS)
        except TimeoutError:
            return
        if self._held:  # many end at about the same time: one look for all of them
            await asyncio.sleep(_GATHER_SECONDS)

    async def _begin(self, workspace_id: UUID, claims: Sequence[Claim]) -> None:
        """Note that attempts begin, and make each. Where we fail, the leases run out and others
        take them."""
        begun: dict[UUID, Sending] = {}
        try:
            allowed = await self._allowed(workspace_id, claims)
            if allowed:
                # A crash of the server that forgets this forgets the leases too: sent again.
                async with self._db.transaction(workspace_id, durable=False) as tx:
                    begun = await store.begin_attempts(tx, workspace_id, allowed)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("deliveries interrupted", error=str(exc), count=len(claims))
        except Exception:
            log.exception("deliveries", count=len(claims))
        finally:
            self._let_go(one for one in claims if one.delivery_id not in begun)
        for claim in claims:
            if (sending := begun.get(claim.delivery_id)) is not None:
                self._start(self._deliver(claim, sending))

    async def _deliver(self, claim: Claim, sending: Sending) -> None:
        """One attempt, to its end."""
        try:
            crash.point("delivery.before_send")
            outcome = await self._sender.attempt(claim, sending)
            crash.point("delivery.before_settle")
            attempted = Attempted(claim, sending, outcome)
            if await self._settled(attempted) is None:
                log.warning("lease lost", delivery_id=str(claim.delivery_id))
        except (ServiceError, psycopg.Error) as exc:
            log.warning("delivery interrupted", error=str(exc), id=str(claim.delivery_id))
        except Exception:
            log.exception("delivery", id=str(claim.delivery_id))
        finally:
            self._let_go([claim])

    async def _settled(self, attempted: Attempted) -> DeliveryState | None:
        """What became of it; None when its lease was lost."""
        for tries in range(_TRIES, 0, -1):
            try:
                return await self._settling.ask(attempted.claim.workspace_id, attempted)
            except ServiceError as exc:
                if tries == 1 or not _is_undone(exc):
                    raise
        raise AssertionError

    async def _settle(
        self, workspace_id: UUID, attempted: Sequence[Attempted]
    ) -> dict[Attempted, DeliveryState]:
        async with self._db.transaction(workspace_id) as tx:
            return await deliveries.settle(
                tx,
                workspace_id,
                attempted,
                breaker_seconds=self._policy.breaker_seconds,
                disable_after=self._policy.disable_after,
            )

    async def _allowed(self, workspace_id: UUID, claims: Sequence[Claim]) -> list[Claim]:
        """Those whose subscription's creator may read yet: asked for each of them, at each
        attempt."""
        people = sorted({claim.acts_as for claim in claims})
        answers = await asyncio.gather(*(self._may_read(workspace_id, one) for one in people))
        may = dict(zip(people, answers, strict=True))
        for claim in claims:
            if not may[claim.acts_as]:
                await self._hold_back(claim, unknown=may[claim.acts_as] is None)
        return [claim for claim in claims if may[claim.acts_as]]

    async def _may_read(self, workspace_id: UUID, person: str) -> bool | None:
        """None without an answer."""
        acts_as = credentials.Internal("events", str(workspace_id), person)
        try:
            who = await self._authenticate(credentials.issue(self._policy.internal_secret, acts_as))
        except Unauthenticated:
            return False
        except ServiceError as exc:
            log.warning("who may read is unknown", error=str(exc))
            return None
        return "read" in who.permissions

    async def _hold_back(self, claim: Claim, *, unknown: bool) -> None:
        """Later, where nobody could say; else the subscription ends, and what waits stays."""
        async with self._db.transaction(claim.workspace_id) as tx:
            await deliveries.postpone(tx, claim, _AUTH_RETRY_SECONDS if unknown else 0)
            if not unknown:
                reason = "its creator may no longer read this workspace"
                await subscriptions.fail(tx, claim.workspace_id, claim.subscription_id, reason)


def _is_undone(failure: BaseException) -> bool:
    """Whether certainly nothing is stored of what failed so."""
    return isinstance(failure, Unavailable) and failure.reason == "CONFLICT"


async def forget_old(db: Database, worker_db: Database, days: int, pause: float = 600.0) -> None:
    """Drop deliveries that finished long ago, for ever."""
    while True:
        try:
            async with worker_db.across_workspaces() as tx:
                found = await queue.workspaces(tx)
            for workspace_id in found:
                while True:
                    async with db.transaction(workspace_id) as tx:
                        if await store.forget(tx, workspace_id, days=days) < 1000:
                            break
        except (ServiceError, psycopg.Error) as exc:
            log.warning("old deliveries wait", error=str(exc))
        await asyncio.sleep(pause)
