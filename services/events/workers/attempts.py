"""Store that attempts begin and how they ended: together, where several do at the same time.

One that can't be stored fails by itself: those that it came with are stored without it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import psycopg
import structlog

from kit.db import Database
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError, Unavailable
from kit.together import Together
from services.events.model import Attempted, Claim, DeliveryState, Sending
from services.events.operations import deliveries
from services.events.store import deliveries as store
from services.events.store import queue

log = structlog.get_logger()

_MOST = 100  # attempts of one transaction
_PATIENCE_SECONDS = 5 * queue.LEASE_SECONDS  # by then, others have taken it up
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_UNTELLABLE = "what came of it can't be kept"
R = TypeVar("R")


class Attempts:
    """Of deliveries that this worker has claimed. Whatever is done twice, or after the lease has
    gone to somebody else, changes nothing: the fencing token sees to it."""

    def __init__(self, db: Database, *, breaker_seconds: float, disable_after: timedelta) -> None:
        self._db = db
        self._breaker_seconds = breaker_seconds
        self._disable_after = disable_after
        self._settling: Together[UUID, Attempted, DeliveryState] = Together(
            self._store, most=_MOST, again=lambda exc, _: not _is_away(exc)
        )

    async def begin(self, workspace_id: UUID, claims: Sequence[Claim]) -> dict[UUID, Sending]:
        """By delivery, what each attempt needs. None of what has gone to somebody else, nor of what
        can't be begun, which is due again with its lease."""
        try:
            return await _patiently(lambda: self._begin(workspace_id, claims))
        except (ServiceError, psycopg.OperationalError):
            raise
        except Exception:
            if len(claims) == 1:
                log.exception("attempt not begun", delivery_id=str(claims[0].delivery_id))
                return {}
        half = len(claims) // 2
        first = await self.begin(workspace_id, claims[:half])
        return first | await self.begin(workspace_id, claims[half:])

    async def settle(self, attempted: Attempted) -> DeliveryState | None:
        """What becomes of its delivery; None when its lease was lost."""
        try:
            return await self._settled(attempted)
        except (ServiceError, psycopg.OperationalError):
            raise
        except Exception:
            log.exception("outcome not kept", delivery_id=str(attempted.claim.delivery_id))
        plain = replace(attempted.outcome, error=_UNTELLABLE, response_body="", trace_id="")
        return await self._settled(replace(attempted, outcome=plain))

    async def _settled(self, attempted: Attempted) -> DeliveryState | None:
        workspace_id = attempted.claim.workspace_id
        return await _patiently(lambda: self._settling.ask(workspace_id, attempted))

    async def _begin(self, workspace_id: UUID, claims: Sequence[Claim]) -> dict[UUID, Sending]:
        # A crash of the server that forgets this forgets the leases too: sent again.
        async with self._db.transaction(workspace_id, durable=False) as tx:
            return await store.begin_attempts(tx, workspace_id, claims)

    async def _store(
        self, workspace_id: UUID, attempted: Sequence[Attempted]
    ) -> dict[Attempted, DeliveryState]:
        async with self._db.transaction(workspace_id) as tx:
            return await deliveries.settle(
                tx,
                workspace_id,
                attempted,
                breaker_seconds=self._breaker_seconds,
                disable_after=self._disable_after,
            )


async def _patiently(work: Callable[[], Awaitable[R]]) -> R:
    """Again and again while the database is busy, away, or has others collide with us."""
    until, pause = time.monotonic() + _PATIENCE_SECONDS, _FIRST_PAUSE
    while True:
        try:
            return await work()
        except (Unavailable, ResourceExhausted, DeadlineExceeded) as exc:
            if time.monotonic() + pause > until:
                raise
            log.info("attempts wait", error=str(exc))
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, 2 * pause)


def _is_away(failure: BaseException) -> bool:
    """Whether the database is, or has no time: fewer at once would not help."""
    reasons = ("DATABASE_BUSY", "DATABASE_UNAVAILABLE")
    return isinstance(failure, ServiceError) and failure.reason in reasons
