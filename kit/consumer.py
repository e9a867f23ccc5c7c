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
from collections.abc import Awaitable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from kit import crash, envelope, metrics, payloads
from kit.bus import STREAM, Bus
from kit.db import Database, Tx
from kit.lanes import BatchHandler, Handler, Lane, Options, Taken
from kit.precedence import requests
from kit.processing import Processing
from kit.pull import Pull, PullLost

log = structlog.get_logger()

__all__ = ["ACK_WAIT", "BatchHandler", "Consumer", "Handler", "Options", "forget"]

ACK_WAIT = 15.0
_SUSPECT = 3  # deliveries: from here on one at a time, so that only the culprit dies
_CAREFUL_SECONDS = 3.0  # that others wait for it: what kills does so sooner
_OBSERVE_SECONDS = 10.0
_TURN_PAUSE = 0.03  # between looks whether it is an event's turn


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
        self._bus = bus
        self._processing = Processing(options, db, bus, handler)
        self._gate = asyncio.Semaphore(options.concurrency)
        self._alone = asyncio.Lock()
        self._lanes: dict[UUID, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsettled: dict[int, Msg] = {}
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
            taken = Taken(
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
                self._lanes[key] = Lane(taken)
                self._start(self._work_through(key))

    def _start(self, work: "Any") -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_through(self, key: UUID) -> None:
        lane = self._lanes[key]
        group: list[Taken] = []
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
                self._processing.forget(taken.event.id)
            self._settled.set()
        finally:
            del self._lanes[key]

    def _is_behind(self) -> bool:
        """Whether more is held than is taken at once."""
        return self._in_work() >= self._options.batch

    def _may_get_company(self, lane: Lane) -> bool:
        """Not where a batch is full, or of what is done by itself."""
        fresh = lane.fresh
        return len(fresh) < self._options.batch and not (fresh and fresh[0].delivered >= _SUSPECT)

    def _next_group(self, lane: deque[Taken]) -> list[Taken]:
        group = [lane.popleft()]
        if self._options.batched and group[0].delivered < _SUSPECT:
            while lane and len(group) < self._options.batch and (lane[0].delivered < _SUSPECT):
                group.append(lane.popleft())
        return group

    async def _handle(self, group: list[Taken]) -> list[Taken]:
        """Process and settle them; those that have to wait for their turn are returned."""
        with self._processing.spans([taken.event for taken in group]):
            if group[0].delivered >= _SUSPECT:
                if self._in_work() > 1:
                    # Shuffled, so that each death of the process spares others among the suspects.
                    await asyncio.sleep(random.random() * 0.2)  # noqa: S311
                async with self._alone:
                    early = await self._processing.attempt(group)
            else:
                early = await self._processing.attempt(group)
        crash.point(f"{self._options.name}.before_ack")
        for taken in group:
            if taken in early:
                self._apart.add(id(taken.message))
            else:
                await self._settle(taken.message, taken.message.ack())
        self._settled.set()
        return early

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


async def forget(tx: Tx, *, hours: int = 24 * 8, limit: int = 5000) -> int:
    """Drop inbox rows older than any message of the stream can be."""
    return await tx.run(
        "DELETE FROM inbox WHERE ctid IN (SELECT ctid FROM inbox"
        " WHERE create_time < now() - make_interval(hours => %s) LIMIT %s)",
        [hours, limit],
    )
