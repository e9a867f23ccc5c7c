"""Take events from the stream, each with its effect in one transaction, and ack after the commit.

Repeats are expected: the inbox row `(consumer, event_id)` is written in the transaction of the
effect, so an event that comes again finds it and does nothing. Events of one aggregate go through
one lane, in order; an event whose processing fails is tried again in its lane with growing delays
and then becomes a dead letter, announced through the outbox. While Postgres or another plane does
not answer, a lane waits. With several processes, or after the death of one, an event can arrive
before one that came before it: a consumer whose effect depends on the order names those in `turn`,
and they wait for their turn. Held messages are kept ours by in-progress signs, so the number of
deliveries grows only when a process goes away: an event delivered MAX_DELIVERIES times is one that
kills, and is not delivered again; the server's advisory of it leads to a dead letter, which the
events plane writes.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid5

import msgspec
import nats.errors
import psycopg
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from opentelemetry.trace import SpanKind

from kit import crash, envelope, metrics, outbox, payloads, telemetry
from kit.bus import STREAM, Bus
from kit.caller import Caller
from kit.clock import now
from kit.db import Database, Tx
from kit.envelope import Envelope
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError, Unavailable
from kit.precedence import requests
from kit.pull import Pull, PullLost

log = structlog.get_logger()

Handler = Callable[[Tx, Envelope], Awaitable[None]]
BatchHandler = Callable[[Tx, list[Envelope]], Awaitable[None]]
Prepare = Callable[[list[Envelope]], Awaitable[None]]
Turn = Callable[[Tx, list[Envelope]], Awaitable[set[UUID]]]

ACK_WAIT = 15.0
_FIRST_DELAY = 0.2
_SUSPECT = 3  # deliveries: from here on one at a time, so that only the culprit dies
_CAREFUL_SECONDS = 3.0  # that others wait for it: what kills does so sooner
MAX_DELIVERIES = 16  # then it is not delivered again
_MAX_LETTERS_OF_LETTERS = 3


class _Unanswered(Exception):
    """A plane that is asked before the transaction does not answer in time."""


_TRANSIENT = (Unavailable, ResourceExhausted, psycopg.OperationalError, _Unanswered)
_OLD_SECONDS = 60.0  # later than this, processing starts a linked trace of its own
_OBSERVE_SECONDS = 10.0
_TURN_PAUSE = 0.03  # between looks whether it is an event's turn
_TURN_SECONDS = 180.0  # longer than a dead process, then a connection, hold what came before
_REST = 3.0  # times as long as its last work took does a lane wait for company
_SPANS = 50  # of a batch; the rest is processed without being watched
_LETTERS = UUID("6f1d7b1c-6f0e-4d7b-9a51-0b6f4f6f2a11")
_SEEN = """
INSERT INTO inbox (workspace_id, consumer, event_id)
SELECT %s, %s, unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"""


@dataclass(frozen=True, slots=True)
class Options:
    """How a consumer works. `subjects` are those of planes: armature.evt.records.>"""

    name: str
    subjects: tuple[str, ...] = ("armature.evt.>",)
    batch: int = 200
    concurrency: int = 8  # lanes at work at the same time
    # The handler takes a list of events of one workspace; their effects share one transaction.
    batched: bool = False
    # Seconds a lane waits for company before it begins: fewer transactions, for a little latency.
    # Where a transaction takes long, because there is much to do, it waits for a few times as long
    # as that, at most `longest_linger`: so what is done behind a request leaves room for requests.
    linger: float = 0.0
    longest_linger: float = 0.12
    max_deliveries: int = MAX_DELIVERIES
    max_failures: int = 7  # with 0.2 s to 12.8 s between: 25 s in all
    # Called before each transaction, for what needs the network. May be called more than once.
    prepare: Prepare | None = None
    # Which of these must wait, by event id, because something before them is not done here yet;
    # asked in the transaction of the effect. None waits longer than _TURN_SECONDS: what came before
    # may be in a dead letter, or have been lost with a log.
    turn: Turn | None = None

    def rest(self, took: float) -> float:
        """Seconds that a lane waits for company when the last work took so many."""
        return max(self.linger, min(self.longest_linger, _REST * took))


@dataclass(frozen=True, slots=True)
class _Taken:
    message: Msg
    event: Envelope
    delivered: int
    sequence: int
    payload: str  # key of the data that lies beside the stream; empty: it is here


class _Lane:
    """What is worked off one after the other. What came too early waits apart, and takes turns with
    what comes: the one that all of them wait for must not have to wait behind them."""

    def __init__(self, first: _Taken) -> None:
        self.fresh = deque([first])
        self.early: deque[_Taken] = deque()
        self._fresh_last = False

    def __bool__(self) -> bool:
        return bool(self.fresh or self.early)

    def next(self) -> deque[_Taken]:
        """The one of the two to take from; not empty where the lane is not."""
        if not self.early:
            return self.fresh
        if not self.fresh:
            return self.early
        self._fresh_last = not self._fresh_last
        return self.fresh if self._fresh_last else self.early


class Consumer:
    """Runs until cancelled. Several processes may share one consumer's name and its work."""

    def __init__(
        self,
        options: Options,
        db: Database,
        bus: Bus,
        handler: Handler | BatchHandler,
        *,
        ack_wait: float = ACK_WAIT,
    ) -> None:
        self._options = options
        self._ack_wait = ack_wait
        self._db = db
        self._bus = bus
        self._handler = handler
        self._gate = asyncio.Semaphore(options.concurrency)
        self._alone = asyncio.Lock()
        self._lanes: dict[UUID, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsettled: dict[int, Msg] = {}
        self._early: dict[UUID, float] = {}  # events that wait for their turn, and until when
        self._apart: set[int] = set()  # messages that do: one event can be here more than once
        self._settled = asyncio.Event()
        self._took = 0.0  # seconds that the last group took

    async def run(self) -> None:
        """Consume for ever; a missing stream or consumer is made again."""
        beside = [asyncio.create_task(work()) for work in (self._beat, self._observe)]
        try:
            while True:
                try:
                    await self._consume()
                except (PullLost, nats.errors.Error, TimeoutError, OSError) as exc:
                    log.warning("consumer waits", consumer=self._options.name, error=str(exc))
                    await asyncio.sleep(0.3)
        finally:
            for task in (*beside, *self._tasks):
                task.cancel()
            await asyncio.gather(*beside, *self._tasks, return_exceptions=True)
            for message in list(self._unsettled.values()):
                await self._settle(message, message.nak())

    async def _consume(self) -> None:
        await self._bus.ensure_streams()
        await self._ensure_consumer()
        careful = True  # until it is seen that what comes is not what killed us before
        while True:
            batch = 1 if careful else self._options.batch
            async with Pull(self._bus.client, STREAM, self._options.name, batch) as pull:
                now_careful = careful
                while now_careful == careful:
                    taken = await pull.take()
                    self.accept(taken)
                    # One that kills is held alone: the deliveries of others are not counted with
                    # its own.
                    now_careful = any(m.metadata.num_delivered >= _SUSPECT for m in taken)
                    if now_careful:
                        await self._below(1, _CAREFUL_SECONDS)
                    await self._below(2 * self._options.batch, None)
                careful = now_careful

    async def _below(self, most: int, seconds: float | None) -> None:
        """Wait until fewer are held, for so long at most. Those that wait for their turn do not
        count: it may be for something that is still to be taken."""
        try:
            async with asyncio.timeout(seconds):
                while self._in_work() >= most:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            return

    def _in_work(self) -> int:
        """Messages that are held and do not wait for others."""
        return len(self._unsettled) - len(self._apart)

    async def _ensure_consumer(self) -> None:
        name = self._options.name
        config = ConsumerConfig(
            durable_name=name,
            filter_subjects=[*self._options.subjects, f"armature.replay.{name}"],
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait,
            deliver_policy=DeliverPolicy.ALL,
            max_deliver=self._options.max_deliveries,
            max_ack_pending=5000,
        )
        try:
            found = await self._bus.js.consumer_info(STREAM, name)
        except NotFoundError:
            await self._bus.js.add_consumer(STREAM, config)
            return
        # What an older release made, or other settings; its place in the stream stays.
        known = (found.config.max_deliver, found.config.ack_wait, found.config.filter_subjects)
        if known != (config.max_deliver, config.ack_wait, config.filter_subjects):
            await self._bus.js.add_consumer(STREAM, config)

    def accept(self, messages: Sequence[Msg]) -> None:
        """Put messages into their lanes, and see that each lane is worked through."""
        for message in messages:
            meta = message.metadata
            self._unsettled[id(message)] = message
            try:
                event = envelope.decode(message.data)
            except (msgspec.ValidationError, msgspec.DecodeError):
                log.exception("no event", consumer=self._options.name, subject=message.subject)
                self._start(self._settle(message, message.term()))
                continue
            taken = _Taken(
                message,
                event,
                meta.num_delivered,
                meta.sequence.stream,
                (message.headers or {}).get(payloads.HEADER, ""),
            )
            key = event.workspace_id if self._options.batched else event.aggregate_id
            if key in self._lanes:
                self._lanes[key].fresh.append(taken)
            else:
                self._lanes[key] = _Lane(taken)
                self._start(self._work_through(key))

    def _start(self, work: "Any") -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_through(self, key: UUID) -> None:
        lane = self._lanes[key]
        group: list[_Taken] = []
        try:
            while lane:
                if self._options.linger and self._may_get_company(lane):
                    await asyncio.sleep(self._options.rest(self._took))
                async with self._gate:
                    if self._is_behind():
                        await requests.before(self._took, self._options.name)
                    group = self._next_group(lane.next())
                    began = time.monotonic()
                    early = await self._handle(group)
                    self._took = time.monotonic() - began
                group = []
                if early:
                    lane.early.extend(early)
                if early and not lane.fresh:
                    await asyncio.sleep(_TURN_PAUSE)
        except Exception:
            log.exception("lane", consumer=self._options.name)
            for taken in (
                *group,
                *lane.fresh,
                *lane.early,
            ):  # they come again when their time is up
                self._unsettled.pop(id(taken.message), None)
                self._apart.discard(id(taken.message))
                self._early.pop(taken.event.id, None)
            self._settled.set()
        finally:
            del self._lanes[key]

    def _is_behind(self) -> bool:
        """Whether more is held than is taken at once."""
        return self._in_work() >= self._options.batch

    def _may_get_company(self, lane: _Lane) -> bool:
        """Not where a batch is full, or of what is done by itself."""
        fresh = lane.fresh
        return len(fresh) < self._options.batch and not (fresh and fresh[0].delivered >= _SUSPECT)

    def _next_group(self, lane: deque[_Taken]) -> list[_Taken]:
        group = [lane.popleft()]
        if self._options.batched and group[0].delivered < _SUSPECT:
            while lane and len(group) < self._options.batch and (lane[0].delivered < _SUSPECT):
                group.append(lane.popleft())
        return group

    async def _handle(self, group: list[_Taken]) -> list[_Taken]:
        """Process and settle them; those that have to wait for their turn are returned."""
        with self._spans([taken.event for taken in group]):
            if group[0].delivered >= _SUSPECT:
                if self._in_work() > 1:
                    # Shuffled, so that each death of the process spares others among the suspects.
                    await asyncio.sleep(random.random() * 0.2)  # noqa: S311
                async with self._alone:
                    early = await self._attempt(group)
            else:
                early = await self._attempt(group)
        crash.point(f"{self._options.name}.before_ack")
        for taken in group:
            if taken in early:
                self._apart.add(id(taken.message))
            else:
                await self._settle(taken.message, taken.message.ack())
        self._settled.set()
        return early

    async def _attempt(self, group: list[_Taken]) -> list[_Taken]:
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
                    return [early for taken in group for early in await self._attempt([taken])]
                failures += 1
                taken = group[0]
                log.exception("failed", consumer=self._options.name, event_id=str(taken.event.id))
                if failures > self._options.max_failures:
                    await self._bury_patiently(taken, exc, failures)
                    return []
                await asyncio.sleep(_FIRST_DELAY * 2 ** (failures - 1))

    async def _process(self, group: list[_Taken]) -> list[_Taken]:
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
            elif self._early.setdefault(event.id, over + _TURN_SECONDS) <= over:
                log.warning("out of turn", consumer=self._options.name, event_id=str(event.id))
                early.discard(event.id)
                del self._early[event.id]
        return early

    async def _readable(self, taken: _Taken) -> Envelope:
        """The event whole, and in the form that today's code reads: the one place for both."""
        event = taken.event
        if taken.payload:
            event = await payloads.whole(self._bus.js, event, taken.payload)
        return envelope.current(event)

    async def _settle(self, message: Msg, answer: Awaitable[None]) -> None:
        """Ack or nak; when that can't be sent, the message simply comes again."""
        try:
            await answer
        except (nats.errors.Error, OSError, TimeoutError) as exc:
            log.warning("unsettled", consumer=self._options.name, error=str(exc))
        self._unsettled.pop(id(message), None)
        self._apart.discard(id(message))
        self._settled.set()

    async def _beat(self) -> None:
        """Keep what we hold ours."""
        while True:
            await asyncio.sleep(self._ack_wait / 4)
            for message in list(self._unsettled.values()):
                try:
                    await message.in_progress()
                except (nats.errors.Error, OSError) as exc:
                    log.warning("no sign of life", consumer=self._options.name, error=str(exc))
                    break

    async def _observe(self) -> None:
        """Keep the gauges of what waits for this consumer, whoever takes it."""
        name = self._options.name
        while True:
            await asyncio.sleep(_OBSERVE_SECONDS)
            try:
                found = await self._bus.js.consumer_info(STREAM, name)
            except (nats.errors.Error, TimeoutError, OSError) as exc:
                log.info("the lag is unknown", consumer=name, error=str(exc))
                continue
            metrics.CONSUMER_LAG.labels(name).set(found.num_pending or 0)
            metrics.CONSUMER_HELD.labels(name).set(found.num_ack_pending or 0)
            metrics.CONSUMER_REDELIVERED.labels(name).set(found.num_redelivered or 0)

    async def _bury_patiently(self, taken: _Taken, error: Exception, attempts: int) -> None:
        while True:
            try:
                await self._bury(taken, error, attempts)
                return
            except _TRANSIENT as exc:
                log.warning("waiting", consumer=self._options.name, error=str(exc))
                await asyncio.sleep(1.0)

    async def _bury(self, taken: _Taken, error: Exception, attempts: int) -> None:
        """Announce a dead letter, envelope included; the events plane keeps it with the others."""
        event, name = taken.event, self._options.name
        log.error("dead letter", consumer=name, event_id=str(event.id), error=repr(error))
        reason = error.message if isinstance(error, ServiceError) else repr(error)[:500]
        made = letter(event, name, taken.sequence, reason, attempts, embed=not taken.payload)
        metrics.CONSUMER_PROCESSED.labels(name, "buried").inc()
        if made is not None:
            async with self._db.transaction(event.workspace_id) as tx:
                await outbox.add(tx, made.caller, made.event)

    @contextmanager
    def _spans(self, events: list[Envelope]) -> Iterator[None]:
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


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter to announce, and in whose name."""

    caller: Caller
    event: outbox.Event


def letter(
    event: Envelope, consumer: str, sequence: int, reason: str, attempts: int, *, embed: bool
) -> Letter | None:
    """What says that a consumer could not process an event; None when the event is itself a letter
    of a letter of a letter. The same id for a repeat of the same delivery, another for each replay.
    Without `embed`, as for one whose data is large, its replay reads the event from the log.
    """
    cause = event.cause_of_next()
    if event.type == "dead_letter.created":
        cause = event.cause_of_next("dead_letter")
        if cause.chain.count("dead_letter") > _MAX_LETTERS_OF_LETTERS:
            return None
    context = telemetry.span_context(event.traceparent)
    data = {
        "consumer": consumer,
        "event_id": str(event.id),
        "event_type": event.type,
        "reason": reason,
        "attempts": attempts,
        "trace_id": telemetry.trace_id() or (f"{context.trace_id:032x}" if context else ""),
        "envelope": msgspec.json.encode(event).decode() if embed else "",
    }
    made = outbox.Event(
        "dead_letter.created",
        "event",
        event.id,
        event.aggregate_version,
        data,
        event_id=uuid5(_LETTERS, f"{consumer}/{event.id}/{sequence}"),
    )
    caller = Caller(event.workspace_id, "system", "system", "Armature", cause=cause)
    return Letter(caller, made)


def _is_sampled(event: Envelope) -> bool:
    return event.traceparent.endswith("01")


async def forget(tx: Tx, *, hours: int = 24 * 8, limit: int = 5000) -> int:
    """Drop inbox rows older than any message of the stream can be."""
    return await tx.run(
        "DELETE FROM inbox WHERE ctid IN (SELECT ctid FROM inbox"
        " WHERE create_time < now() - make_interval(hours => %s) LIMIT %s)",
        [hours, limit],
    )
