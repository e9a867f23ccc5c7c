"""Publish what the outbox holds, in order per aggregate, and mark it only after a durable ack.

Each relay leases partitions of hash(aggregate) with a fencing token, reads their unpublished rows
(never a cursor: late commits can't be skipped), and publishes up to 500 of them in one atomic
batch. An ambiguous failure is followed by single publishes, which the stream dedupes by event id.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import msgspec
import nats.errors
import psycopg
import structlog
from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from kit import crash, ids, metrics, telemetry
from kit.bus import (
    MAX_BATCH,
    STREAM,
    BatchHasDuplicates,
    Bus,
    Message,
    PublishUnknown,
    StreamFull,
)
from kit.db import Database, Row, Tx
from kit.errors import ServiceError
from kit.outbox import PARTITIONS
from kit.precedence import requests

log = structlog.get_logger()

LEASE_SECONDS = 10.0
_OBSERVE_SECONDS = 5.0
_POLL_SECONDS = 0.2
# After few rows, company for the next is waited for: an event by itself goes out at once, and under
# load publishing, which costs the same for one as for ten, takes less from requests.
_FEW = 100
REST_SECONDS = 0.04
_TRACES = 50  # followed at a time
_DEPTH = 4 * MAX_BATCH // PARTITIONS
_BATCH_BYTES = 8 * 1024 * 1024
_READ_BYTES = 4 * 1024 * 1024  # of each partition
RESEND = "armature.relay.resend"  # a request: {"hours": n}; each plane answers how many rows

# A relay without a partition is known by a row of its own, under a number below zero.
_PRESENT = """
INSERT INTO outbox_leases AS l (partition, owner, expires_at)
VALUES (%(presence)s, %(owner)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (partition) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE l.owner = excluded.owner OR l.expires_at <= now()"""
_GONE = "DELETE FROM outbox_leases WHERE partition < 0 AND expires_at < now() - interval '1 hour'"
_LEASE = """
WITH live AS (
  SELECT count(DISTINCT owner) AS others FROM outbox_leases
  WHERE expires_at > now() AND owner <> %(owner)s AND owner <> ''
), fair AS (
  SELECT ceil(%(partitions)s::numeric / (others + 1))::int AS share FROM live
), mine AS (
  SELECT partition FROM outbox_leases
  WHERE owner = %(owner)s AND expires_at > now() AND partition >= 0
  ORDER BY partition LIMIT (SELECT share FROM fair)
), free AS (
  SELECT partition FROM outbox_leases WHERE expires_at <= now() AND partition >= 0
  ORDER BY partition LIMIT greatest(0, (SELECT share FROM fair) - (SELECT count(*) FROM mine))
  FOR UPDATE SKIP LOCKED
), dropped AS (
  UPDATE outbox_leases SET owner = '', expires_at = '-infinity'
  WHERE owner = %(owner)s AND expires_at > now() AND partition >= 0
    AND partition NOT IN (SELECT partition FROM mine)
)
UPDATE outbox_leases AS l
SET owner = %(owner)s, expires_at = now() + make_interval(secs => %(seconds)s),
    token = token + (l.owner <> %(owner)s)::int
WHERE l.partition IN (SELECT partition FROM mine UNION ALL SELECT partition FROM free)
  AND (l.owner = %(owner)s OR l.expires_at <= now())
RETURNING l.partition"""
_RELEASE = "UPDATE outbox_leases SET owner = '', expires_at = '-infinity' WHERE owner = %s"
# Partitions of days after the stream was made are not even looked at.
_REFILL = """
UPDATE outbox SET published_at = NULL
WHERE occurred_at < %s AND published_at < %s AND partition = ANY(%s)"""
_RESEND = """
UPDATE outbox SET published_at = NULL
WHERE published_at IS NOT NULL AND occurred_at >= now() - make_interval(hours => %s)"""
_BACKLOG = """
SELECT count(*) AS rows, coalesce(extract(epoch FROM clock_timestamp() - min(occurred_at)), 0)
  AS oldest FROM outbox WHERE published_at IS NULL AND partition = ANY(%s)"""
# Order matters within an aggregate, so within a partition: each is read along its own index range.
# Few large ones at a time: a partition's rows end with the one that exceeds the bytes.
_READ = f"""
SELECT o.* FROM unnest(%s::int2[]) AS held (number) CROSS JOIN LATERAL (
  SELECT * FROM (
    SELECT seq, partition, occurred_at, event_id, workspace_id, aggregate_type, aggregate_id,
           aggregate_version, type, schema_version, object, payload, traceparent, root_id,
           causation_id, depth, chain, actor,
           sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS before
    FROM outbox WHERE published_at IS NULL AND partition = held.number ORDER BY seq LIMIT %s
  ) AS r WHERE before < {_READ_BYTES}
) AS o"""
# Published when its publishing began, or earlier: a stream that was made since then lacks it. Only
# while the partition is ours: whoever took it may have looked already for what a new stream lacks.
_MARK = """
UPDATE outbox AS o SET published_at = now() - make_interval(secs => %s)
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS d (workspace_id, event_id, occurred_at)
WHERE o.workspace_id = d.workspace_id AND o.event_id = d.event_id
  AND o.occurred_at = d.occurred_at
  AND o.partition IN (
    SELECT partition FROM outbox_leases WHERE owner = %s AND expires_at > now())"""


class Relay:
    """Runs until cancelled. Several may run; each partition has one holder at a time."""

    def __init__(
        self,
        plane: str,
        db: Database,
        bus: Bus,
        *,
        lease_seconds: float = LEASE_SECONDS,
        rest: float = REST_SECONDS,
    ) -> None:
        """`rest`: seconds between few rows and the next ones."""
        self._lease = lease_seconds
        self._rest = rest
        self._plane = plane
        self._db = db
        self._bus = bus
        self._owner = f"{plane}-{os.getpid()}-{ids.new_id().hex[-8:]}"
        self._presence = -random.randint(1, 32_767)  # noqa: S311
        self._depth = _DEPTH  # rows read of each partition
        self._held: list[int] = []
        self._stream_known = False  # asked again with each renewal of the leases
        self._refilled: tuple[datetime, list[int]] | None = None  # a stream, and what it has got
        self._held_until = 0.0  # monotonic; we publish nothing after it
        self._changed = asyncio.Event()
        self._published: tuple[list[Row], float] | None = None  # still to be marked, and since when

    def wake(self) -> None:
        """Look at the outbox now; called after a commit in this process."""
        self._changed.set()

    async def run(self) -> None:
        """Publish for ever; a failure of Postgres or NATS is waited out."""
        pause = _POLL_SECONDS
        beside = [asyncio.create_task(work()) for work in (self._observe, self._answer)]
        try:
            while True:
                began = time.monotonic()
                try:
                    published = await self.publish_once()
                    pause = _POLL_SECONDS
                    took = time.monotonic() - began
                    if 0 < published < _FEW:
                        await asyncio.sleep(self._rest)
                    elif published:
                        await requests.before(took, f"{self._plane}-relay")
                except StreamFull as exc:
                    published = 0
                    pause = min(pause * 2, 3.0)
                    self._stream_known = False
                    metrics.STREAM_FULL.labels(self._plane).inc()
                    log.error(  # noqa: TRY400 -- the alarm is of the server, not of our code
                        "the stream is full: the outbox holds", plane=self._plane, error=str(exc)
                    )
                except (ServiceError, psycopg.Error, PublishUnknown) as exc:
                    published = 0
                    pause = min(pause * 2, 3.0)
                    self._stream_known = False
                    log.warning("relay waits", plane=self._plane, error=str(exc))
                if not published:
                    await self._wait(pause)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self.release()

    async def _observe(self) -> None:
        """Keep the gauges of what waits here; a holder of partitions speaks for those alone."""
        while True:
            try:
                async with self._db.across_workspaces() as tx:
                    found = await tx.one(_BACKLOG, [self._held])
            except (ServiceError, psycopg.Error) as exc:
                log.info("the backlog is unknown", plane=self._plane, error=str(exc))
            else:
                metrics.OUTBOX_BACKLOG.labels(self._plane).set(found["rows"])
                metrics.OUTBOX_OLDEST.labels(self._plane).set(float(found["oldest"]))
            await asyncio.sleep(_OBSERVE_SECONDS)

    async def _answer(self) -> None:
        """Have everything published again when an operator asks for it."""
        client = self._bus.client
        asked = await client.subscribe(RESEND, queue=f"relay-{self._plane}", cb=self._resend)
        try:
            await asyncio.Event().wait()
        finally:
            if not client.is_closed and not client.is_draining:
                await asked.unsubscribe()

    async def _resend(self, message: Msg) -> None:
        answer: dict[str, object] = {"plane": self._plane}
        try:
            hours = int(msgspec.json.decode(message.data, type=dict[str, int])["hours"])
            await self.settle()  # what is published and not marked yet is published again as well
            async with self._db.across_workspaces() as tx:
                answer["rows"] = await tx.run(_RESEND, [hours])
        except (ServiceError, psycopg.Error, msgspec.MsgspecError, KeyError) as exc:
            log.warning("not published again", plane=self._plane, error=str(exc))
            answer["error"] = "the outbox can't be read now; ask again"
        else:
            log.warning("publishing again, as asked", plane=self._plane, rows=answer["rows"])
            self.wake()
        await message.respond(msgspec.json.encode(answer))

    async def publish_once(self) -> int:
        """Publish what is there, up to a few batches; returns how many rows it took. The last of
        them are marked with the next look."""
        if not self._stream_known or self._is_due():
            await self.settle()  # before anybody looks for what a new stream, or holder, lacks
        await self.renew()
        if not self._held:
            return 0
        if not self._stream_known:
            await self._refill()
        rows = await self.read()
        if not rows:
            return 0
        crash.point("relay.before_publish")
        marking: list[asyncio.Task[None]] = []
        try:
            for batch in _batches([(row, message_of(self._plane, row)) for row in rows]):
                if time.monotonic() > self._held_until:
                    return 0  # stopped for longer than the lease: it may be another's by now
                began = time.monotonic()
                with self._spans([row for row, _ in batch]):
                    if not await self._publish([message for _, message in batch]):
                        return 0
                crash.point("relay.after_publish")
                metrics.OUTBOX_PUBLISHED.labels(self._plane).inc(len(batch))
                await asyncio.gather(*marking)
                if self._published:  # the batch before: while the next one is on its way
                    marking = [asyncio.create_task(self._settle(*self._published))]
                self._published = [row for row, _ in batch], began
        finally:
            await asyncio.gather(*marking)
        return len(rows)

    async def _refill(self) -> None:
        """Publish again what went to a stream that is no more: its volume was lost, or wiped."""
        try:
            await self._bus.ensure_streams()
            made = await self._bus.stream_made()
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise PublishUnknown(str(exc)) from exc
        self._stream_known = True
        if self._refilled == (made, self._held):
            return
        async with self._db.across_workspaces() as tx:
            again = await tx.run(_REFILL, [made, made, self._held])
        if again:
            log.warning("the stream is new: publishing again", plane=self._plane, rows=again)
        self._refilled = (made, self._held)

    async def read(self) -> list[Row]:
        """Unpublished rows of the partitions we hold, each partition's oldest, in order."""
        published = self._published
        async with self._db.across_workspaces(durable=published is None) as tx:
            if published:
                await self._mark(tx, *published)
            rows = await tx.all(_READ, [self._held, self._depth])
        self._published = None
        rows.sort(key=lambda row: row["seq"])  # nobody relies on it, everybody likes it
        if len(rows) > 4 * MAX_BATCH:
            self._depth = max(_DEPTH, self._depth // 2)
        elif len(rows) < 2 * MAX_BATCH:
            counts = Counter(row["partition"] for row in rows)
            if any(count == self._depth for count in counts.values()):
                self._depth = min(MAX_BATCH, self._depth * 2)  # few partitions hold much
        return rows

    async def settle(self) -> None:
        """Mark what is published and not marked yet. A mark that a crash forgets is a repeat, no
        loss."""
        published, self._published = self._published, None
        if published:
            await self._settle(*published)

    async def _settle(self, rows: list[Row], began: float) -> None:
        async with self._db.across_workspaces(durable=False) as tx:
            await self._mark(tx, rows, began)

    async def _mark(self, tx: Tx, rows: list[Row], began: float) -> None:
        await tx.time()  # the transaction's now() is behind us: what we subtract is enough
        await tx.send(
            _MARK,
            [
                time.monotonic() - began,
                [r["workspace_id"] for r in rows],
                [r["event_id"] for r in rows],
                [r["occurred_at"] for r in rows],
                self._owner,
            ],
        )

    async def _publish(self, messages: list[Message]) -> bool:
        """False when our lease may have ended meanwhile: the rest is another's to publish."""
        try:
            await self._bus.publish_batch(messages)
        except StreamFull:
            raise
        except (BatchHasDuplicates, PublishUnknown):
            # Stored in part by an earlier try, or nobody knows: one by one, in order, each deduped.
            for message in messages:
                if time.monotonic() > self._held_until:
                    return False
                await self._bus.publish(message)
        return True

    async def renew(self) -> None:
        """Keep our partitions, and take our share of those that nobody holds."""
        if not self._is_due():
            return
        asked = time.monotonic()
        me = {
            "owner": self._owner,
            "presence": self._presence,
            "partitions": PARTITIONS,
            "seconds": self._lease,
        }
        async with self._db.across_workspaces() as tx:
            await tx.run(_PRESENT, me)
            await tx.run(_GONE)
            held = await tx.all(_LEASE, me)
        self._held = sorted(row["partition"] for row in held)
        self._stream_known = False
        self._held_until = asked + 0.9 * self._lease

    def _is_due(self) -> bool:
        return not self._held or time.monotonic() >= self._held_until - 0.7 * self._lease

    async def release(self) -> None:
        """Let another relay go on at once."""
        for what, leaving in (("repeats may come", self.settle), ("leases run out", self._release)):
            try:
                await leaving()
            except (ServiceError, psycopg.Error) as exc:
                log.warning(what, plane=self._plane, error=str(exc))

    async def _release(self) -> None:
        async with self._db.across_workspaces() as tx:
            await tx.run(_RELEASE, [self._owner])

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return
        self._changed.clear()

    @contextmanager
    def _spans(self, rows: list[Row]) -> Iterator[None]:
        """One span in each trace that is followed."""
        watched = {row["traceparent"]: row["type"] for row in rows if _is_sampled(row)}
        with ExitStack() as stack:
            for traceparent, kind in list(watched.items())[:_TRACES]:
                publishing = telemetry.span(
                    f"publish {kind}",
                    kind=SpanKind.PRODUCER,
                    parent=telemetry.remote(traceparent),
                    links=telemetry.link_to(traceparent),
                    messaging__system="nats",
                    messaging__destination__name=STREAM,
                    messaging__batch__message_count=len(rows),
                )
                stack.enter_context(publishing)
            yield


def _is_sampled(row: Row) -> bool:
    return bool(row["traceparent"].endswith("01"))


def _batches(all_of_them: "list[tuple[Row, Message]]") -> "Iterator[list[tuple[Row, Message]]]":
    """Parts that the server takes as one, by number and by bytes."""
    batch: list[tuple[Row, Message]] = []
    size = 0
    for item in all_of_them:
        length = len(item[1].payload)
        if batch and (len(batch) == MAX_BATCH or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    yield batch


def message_of(plane: str, row: Row) -> Message:
    """One row as a message: CloudEvents attributes in its headers, the envelope as its payload."""
    event_id = str(row["event_id"])
    occurred = row["occurred_at"].isoformat().replace("+00:00", "Z")
    workspace = str(row["workspace_id"])
    envelope = {
        "id": event_id,
        "type": row["type"],
        "source": plane,
        "workspace_id": workspace,
        "aggregate_type": row["aggregate_type"],
        "aggregate_id": str(row["aggregate_id"]),
        "aggregate_version": row["aggregate_version"],
        "object": row["object"],
        "schema_version": row["schema_version"],
        "actor": msgspec.Raw(row["actor"].encode()),
        "occurred_at": occurred,
        "traceparent": row["traceparent"],
        "root_id": row["root_id"],
        "causation_id": row["causation_id"],
        "depth": row["depth"],
        "chain": msgspec.Raw(row["chain"].encode()),
        "data": msgspec.Raw(row["payload"].encode()),
    }
    headers = {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": row["type"],
        "ce-source": f"/armature/{plane}",
        "ce-subject": str(row["aggregate_id"]),
        "ce-time": occurred,
    }
    if row["traceparent"]:
        headers["traceparent"] = row["traceparent"]
    subject = f"armature.evt.{plane}.{row['type'].replace('.', '_')}.{workspace}"
    return Message(subject, event_id, msgspec.json.encode(envelope), headers)
