"""Send what is due: claim it, check that its owner may still see it, send it, settle it.

What is claimed of one owner in one workspace begins together, so that who may not see it, or of
whom nobody can say, holds nobody else; then each is sent by itself, so that a slow endpoint holds
nobody either; and what ends while something of the workspace is being settled is settled together
after it.
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
from kit.errors import ServiceError, Unauthenticated
from kit.webhooks import Sealer
from services.events.model import Attempted, Claim, Sending
from services.events.operations import deliveries, subscriptions
from services.events.store import deliveries as store
from services.events.store import queue
from services.events.workers.attempts import Attempts
from services.events.workers.sending import Sender

log = structlog.get_logger()

_POLL_SECONDS = 0.25
_GATHER_SECONDS = 0.01
_RENEW_SECONDS = queue.LEASE_SECONDS / 3
_GRACE_SECONDS = 3.0
_CLAIM_LANES = 32
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
        self._attempts = Attempts(
            db,
            breaker_seconds=policy.breaker_seconds,
            disable_after=policy.disable_after,
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
        by_owner: dict[tuple[UUID, str], list[Claim]] = {}
        for claim in claims:
            self._held[claim.delivery_id] = claim
            by_owner.setdefault((claim.workspace_id, claim.acts_as), []).append(claim)
        for (workspace_id, owner), theirs in by_owner.items():
            self._start(self._begin(workspace_id, owner, theirs))
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

    async def _begin(self, workspace_id: UUID, owner: str, claims: Sequence[Claim]) -> None:
        """Note that attempts begin, if the subscriptions' creator may read yet, which is asked each
        time; and make each. Where we fail, the leases run out and others take them."""
        begun: dict[UUID, Sending] = {}
        try:
            may = await self._may_read(workspace_id, owner)
            if may:
                begun = await self._attempts.begin(workspace_id, claims)
            else:
                await self._hold_back(workspace_id, claims, unknown=may is None)
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
            if await self._attempts.settle(attempted) is None:
                log.warning("lease lost", delivery_id=str(claim.delivery_id))
        except (ServiceError, psycopg.Error) as exc:
            log.warning("delivery interrupted", error=str(exc), id=str(claim.delivery_id))
        except Exception:
            log.exception("delivery", id=str(claim.delivery_id))
        finally:
            self._let_go([claim])

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

    async def _hold_back(
        self, workspace_id: UUID, claims: Sequence[Claim], *, unknown: bool
    ) -> None:
        """Later, where nobody could say; else the subscriptions end, and what waits stays."""
        reason = "its creator may no longer read this workspace"
        async with self._db.transaction(workspace_id) as tx:
            again = _AUTH_RETRY_SECONDS if unknown else 0
            await deliveries.postpone(tx, workspace_id, claims, again)
            for subscription_id in () if unknown else _lanes(claims):
                await subscriptions.fail(tx, workspace_id, subscription_id, reason)


def _lanes(claims: Iterable[Claim]) -> list[UUID]:
    return sorted({claim.subscription_id for claim in claims})


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
