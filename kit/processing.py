"""Process what a consumer holds: the effect of an event and the sign of it in one transaction.

What fails is tried again with growing delays, and then announced as a dead letter. While Postgres
or another plane does not answer, it is waited for. What comes too early is told, to come again.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast
from uuid import UUID

import psycopg
import structlog
from opentelemetry.trace import SpanKind

from kit import crash, envelope, letters, metrics, outbox, payloads, telemetry
from kit.bus import Bus
from kit.clock import now
from kit.db import Database, Tx
from kit.envelope import Envelope
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError, Unavailable
from kit.lanes import TURN_SECONDS, BatchHandler, Handler, Options, Taken

log = structlog.get_logger()

_FIRST_DELAY = 0.2
_OLD_SECONDS = 60.0  # later than this, processing starts a linked trace of its own
_SPANS = 50  # of a batch; the rest is processed without being watched
_SEEN = """
INSERT INTO inbox (workspace_id, consumer, event_id)
SELECT %s, %s, unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"""


class _Unanswered(Exception):
    """A plane that is asked before the transaction does not answer in time."""


_TRANSIENT = (Unavailable, ResourceExhausted, psycopg.OperationalError, _Unanswered)


class Processing:
    """The work of one consumer on what it has taken."""

    def __init__(
        self, options: Options, db: Database, bus: Bus, handler: Handler | BatchHandler
    ) -> None:
        self._options = options
        self._db = db
        self._bus = bus
        self._handler = handler
        self._early: dict[UUID, float] = {}  # events that wait for their turn, and until when

    def forget(self, event_id: UUID) -> None:
        """It is not held any more: when it comes again, its wait begins anew."""
        self._early.pop(event_id, None)

    async def attempt(self, group: list[Taken]) -> list[Taken]:
        """Until it is done, or buried; or, for those that are returned, not its turn yet."""
        failures, pause = 0, 0.1
        while True:
            try:
                return await self._process(group)
            except _TRANSIENT as exc:
                log.warning("waiting", consumer=self._options.name, error=str(exc))
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)
            except Exception as exc:
                if len(group) > 1:  # find the one that fails
                    log.warning("one by one", consumer=self._options.name, error=repr(exc))
                    return [early for taken in group for early in await self.attempt([taken])]
                failures += 1
                taken = group[0]
                log.exception("failed", consumer=self._options.name, event_id=str(taken.event.id))
                if failures > self._options.max_failures:
                    await self._bury_patiently(taken, exc, failures)
                    return []
                await asyncio.sleep(_FIRST_DELAY * 2 ** (failures - 1))

    async def _process(self, group: list[Taken]) -> list[Taken]:
        if self._options.turn is not None:  # what came again stands behind what came after it
            group = sorted(group, key=lambda taken: taken.sequence)
        events = [await self._readable(taken) for taken in group]
        began = time.monotonic()
        if self._options.prepare is not None:
            try:
                await self._options.prepare(events)
            except DeadlineExceeded as exc:  # of a statement it would be the event's own fault
                raise _Unanswered(str(exc)) from exc
        workspace_id = events[0].workspace_id
        async with self._db.transaction(workspace_id) as tx:
            waiting = await self._waiting(tx, events)
            early = [taken for taken in group if taken.event.id in waiting]
            events = [event for event in events if event.id not in waiting]
            if not events:
                return early
            ids = [event.id for event in events]
            rows = await tx.all(_SEEN, [workspace_id, self._options.name, ids])
            new = {row["event_id"] for row in rows}
            fresh = []
            for event in events:
                if event.id in new:
                    new.discard(event.id)  # the same event twice in one batch
                    fresh.append(event)
            if not fresh:
                return early
            if self._options.batched:
                await cast("BatchHandler", self._handler)(tx, fresh)
            else:
                await cast("Handler", self._handler)(tx, fresh[0])
            crash.point(f"{self._options.name}.before_commit")
        metrics.CONSUMER_SECONDS.labels(self._options.name).observe(time.monotonic() - began)
        metrics.CONSUMER_PROCESSED.labels(self._options.name, "done").inc(len(fresh))
        return early

    async def _waiting(self, tx: Tx, events: list[Envelope]) -> set[UUID]:
        """Those whose turn it is not, and who have not waited for too long."""
        if self._options.turn is None:
            return set()
        early = await self._options.turn(tx, events)
        over = time.monotonic()
        for event in events:
            if event.id not in early:
                self._early.pop(event.id, None)
            elif self._early.setdefault(event.id, over + TURN_SECONDS) <= over:
                log.warning("out of turn", consumer=self._options.name, event_id=str(event.id))
                early.discard(event.id)
                del self._early[event.id]
        return early

    async def _readable(self, taken: Taken) -> Envelope:
        """The event whole, and in the form that today's code reads: the one place for both."""
        event = taken.event
        if taken.payload:
            event = await payloads.whole(self._bus.js, event, taken.payload)
        return envelope.current(event)

    async def _bury_patiently(self, taken: Taken, error: Exception, attempts: int) -> None:
        while True:
            try:
                await self._bury(taken, error, attempts)
                return
            except _TRANSIENT as exc:
                log.warning("waiting", consumer=self._options.name, error=str(exc))
                await asyncio.sleep(1.0)

    async def _bury(self, taken: Taken, error: Exception, attempts: int) -> None:
        """Announce a dead letter, envelope included; the events plane keeps it with the others."""
        event, name = taken.event, self._options.name
        log.error("dead letter", consumer=name, event_id=str(event.id), error=repr(error))
        reason = error.message if isinstance(error, ServiceError) else repr(error)[:500]
        made = letters.letter(
            event, name, taken.sequence, reason, attempts, embed=not taken.payload
        )
        metrics.CONSUMER_PROCESSED.labels(name, "buried").inc()
        if made is not None:
            async with self._db.transaction(event.workspace_id) as tx:
                await outbox.add(tx, made.caller, made.event)

    @contextmanager
    def spans(self, events: list[Envelope]) -> Iterator[None]:
        """One span for each event that is followed, and at least one for the batch."""
        with ExitStack() as stack:
            watched = [e for e in events if _is_sampled(e)][:_SPANS] or events[:1]
            for event in reversed(watched):
                stack.enter_context(self._span(event, len(events)))
            yield

    def _span(self, event: Envelope, count: int) -> "telemetry.AbstractSpan":
        late = (now() - event.occurred_at).total_seconds() > _OLD_SECONDS
        return telemetry.span(
            f"process {event.type}",
            kind=SpanKind.CONSUMER,
            parent=None if late else telemetry.remote(event.traceparent),
            root=late,
            links=telemetry.link_to(event.traceparent),
            messaging__system="nats",
            messaging__consumer__group__name=self._options.name,
            messaging__batch__message_count=count,
            armature__event_id=str(event.id),
            armature__event_type=event.type,
            armature__workspace_id=str(event.workspace_id),
        )


def _is_sampled(event: Envelope) -> bool:
    return event.traceparent.endswith("01")
