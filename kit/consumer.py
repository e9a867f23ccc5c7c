"""Take events from the stream, each with its effect in one transaction, and ack after the commit.

Repeats are expected: the inbox row `(consumer, event_id)` is written in the transaction of the
effect, so an event that comes again finds it and does nothing. Failures of the infrastructure are
waited out; an event whose own processing fails is retried with growing delays and then becomes a
dead letter, announced through the outbox, and is acknowledged only once that is committed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import nats.errors
import psycopg
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from opentelemetry.trace import SpanKind

from kit import crash, envelope, outbox, telemetry
from kit.bus import STREAM, Bus
from kit.caller import Caller
from kit.clock import now
from kit.db import Database, Tx
from kit.envelope import Envelope
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError, Unavailable

log = structlog.get_logger()

Handler = Callable[[Tx, Envelope], Awaitable[None]]

ACK_WAIT = 30.0
_MAX_FAILURES = 8
_TRANSIENT = (Unavailable, DeadlineExceeded, ResourceExhausted, psycopg.OperationalError)
_OLD_SECONDS = 60.0  # later than this, processing starts a linked trace of its own
_SEEN = """
INSERT INTO inbox (workspace_id, consumer, event_id)
SELECT %s, %s, unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"""


@dataclass(frozen=True, slots=True)
class Options:
    """How a consumer works. `subjects` are those of planes: armature.evt.records.>"""

    name: str
    subjects: tuple[str, ...] = ("armature.evt.>",)
    batch: int = 200
    concurrency: int = 8  # aggregates whose events are handled at the same time


class Consumer:
    """Runs until cancelled. Several processes may share one consumer's name and its work."""

    def __init__(self, options: Options, db: Database, bus: Bus, handler: Handler) -> None:
        self._options = options
        self._db = db
        self._bus = bus
        self._handler = handler
        self._gate = asyncio.Semaphore(options.concurrency)

    async def run(self) -> None:
        """Consume for ever; a missing stream or consumer is made again."""
        while True:
            try:
                await self._bus.ensure_streams()
                subscription = await self._subscribe()
                while True:
                    try:
                        messages = await subscription.fetch(
                            self._options.batch, timeout=5, heartbeat=1
                        )
                    except TimeoutError:  # nothing came
                        continue
                    await self.handle(messages)
            except (nats.errors.Error, TimeoutError, OSError) as exc:
                log.warning("consumer waits", consumer=self._options.name, error=str(exc))
                await asyncio.sleep(0.5)

    async def _subscribe(self) -> "nats.js.JetStreamContext.PullSubscription":
        name = self._options.name
        config = ConsumerConfig(
            durable_name=name,
            filter_subjects=[*self._options.subjects, f"armature.replay.{name}"],
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            deliver_policy=DeliverPolicy.ALL,
            max_deliver=1000,
            max_ack_pending=2000,
        )
        try:
            await self._bus.js.consumer_info(STREAM, name)
        except NotFoundError:
            await self._bus.js.add_consumer(STREAM, config)
        return await self._bus.js.pull_subscribe_bind(durable=name, stream=STREAM)

    async def handle(self, messages: Sequence[Msg]) -> None:
        """Work through a batch: one aggregate's events in order, different ones side by side."""
        lanes: dict[object, list[tuple[Msg, Envelope]]] = {}
        for message in messages:
            try:
                event = envelope.decode(message.data)
            except (msgspec.ValidationError, msgspec.DecodeError):
                log.exception("no event", consumer=self._options.name)
                await message.term()
                continue
            lanes.setdefault(event.aggregate_id, []).append((message, event))
        async with asyncio.TaskGroup() as group:
            for lane in lanes.values():
                group.create_task(self._work_through(lane))

    async def _work_through(self, lane: list[tuple[Msg, Envelope]]) -> None:
        async with self._gate:
            for message, event in lane:
                await self._handle_one(message, event)

    async def _handle_one(self, message: Msg, event: Envelope) -> None:
        delivered = message.metadata.num_delivered
        try:
            with self._span(event):
                await self._process_or_bury(event, delivered)
        except _TRANSIENT as exc:
            log.warning("try again", consumer=self._options.name, error=str(exc))
            await self._settle(message.nak(delay=min(5.0, 0.25 * 2 ** min(5, delivered))))
        except Exception:
            log.exception("failed", consumer=self._options.name, event_id=str(event.id))
            await self._settle(message.nak(delay=min(30.0, 0.2 * 2 ** min(8, delivered))))
        else:
            crash.point(f"{self._options.name}.before_ack")
            await self._settle(message.ack())

    async def _process_or_bury(self, event: Envelope, delivered: int) -> None:
        try:
            await self._process(event)
        except _TRANSIENT:
            raise
        except Exception as exc:
            if delivered < _MAX_FAILURES:
                raise
            log.exception("dead letter", consumer=self._options.name, event_id=str(event.id))
            await self._bury(event, exc, delivered)

    async def _settle(self, answer: Awaitable[None]) -> None:
        """Ack or nak; when that can't be sent, the message simply comes again."""
        try:
            await answer
        except (nats.errors.Error, OSError, TimeoutError) as exc:
            log.warning("unsettled", consumer=self._options.name, error=str(exc))

    async def _process(self, event: Envelope) -> None:
        async with self._db.transaction(event.workspace_id) as tx:
            new = await tx.all(_SEEN, [event.workspace_id, self._options.name, [event.id]])
            if new:
                await self._handler(tx, event)
                crash.point(f"{self._options.name}.before_commit")

    async def _bury(self, event: Envelope, error: Exception, attempts: int) -> None:
        """Announce a dead letter; the events plane keeps it with the others."""
        caller = Caller(event.workspace_id, "system", "system", "Armature")
        reason = str(error) if isinstance(error, ServiceError) else type(error).__name__
        async with self._db.transaction(event.workspace_id) as tx:
            letter = outbox.Event(
                "dead_letter.created",
                "event",
                event.id,
                event.aggregate_version,
                {
                    "consumer": self._options.name,
                    "event_id": str(event.id),
                    "event_type": event.type,
                    "reason": reason,
                    "attempts": attempts,
                    "trace_id": telemetry.trace_id(),
                },
            )
            await outbox.add(tx, caller, letter)

    def _span(self, event: Envelope) -> "telemetry.AbstractSpan":
        late = (now() - event.occurred_at).total_seconds() > _OLD_SECONDS
        return telemetry.span(
            f"process {event.type}",
            kind=SpanKind.CONSUMER,
            parent=None if late else telemetry.remote(event.traceparent),
            root=late,
            links=telemetry.link_to(event.traceparent),
            messaging__system="nats",
            messaging__consumer__group__name=self._options.name,
            armature__event_id=str(event.id),
            armature__event_type=event.type,
            armature__workspace_id=str(event.workspace_id),
        )


async def forget(tx: Tx, *, hours: int = 24 * 8, limit: int = 5000) -> int:
    """Drop inbox rows older than any message of the stream can be."""
    return await tx.run(
        "DELETE FROM inbox WHERE ctid IN (SELECT ctid FROM inbox"
        " WHERE create_time < now() - make_interval(hours => %s) LIMIT %s)",
        [hours, limit],
    )
