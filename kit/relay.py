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
from opentelemetry.trace import SpanKind

from kit import crash, ids, telemetry
from kit.bus import MAX_BATCH, STREAM, BatchHasDuplicates, Bus, Message, PublishUnknown
from kit.db import Database, Row
from kit.errors import ServiceError
from kit.outbox import PARTITIONS

log = structlog.get_logger()

LEASE_SECONDS = 10.0
_RENEW_SECONDS = 3.0
_POLL_SECONDS = 0.2
_TRACES = 50  # followed at a time
_DEPTH = 4 * MAX_BATCH // PARTITIONS
_BATCH_BYTES = 8 * 1024 * 1024

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
# Order matters within an aggregate, so within a partition: each is read along its own index range.
_READ = """
SELECT o.* FROM unnest(%s::int2[]) AS held (number) CROSS JOIN LATERAL (
  SELECT seq, partition, occurred_at, event_id, workspace_id, aggregate_type, aggregate_id,
         aggregate_version, type, schema_version, object, payload, traceparent, root_id,
         causation_id, depth, chain, actor
  FROM outbox WHERE published_at IS NULL AND partition = held.number ORDER BY seq LIMIT %s
) AS o"""
_MARK = """
UPDATE outbox AS o SET published_at = now()
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS d (workspace_id, event_id, occurred_at)
WHERE o.workspace_id = d.workspace_id AND o.event_id = d.event_id
  AND o.occurred_at = d.occurred_at"""


class Relay:
    """Runs until cancelled. Several may run; each partition has one holder at a time."""

    def __init__(self, plane: str, db: Database, bus: Bus) -> None:
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

    def wake(self) -> None:
        """Look at the outbox now; called after a commit in this process."""
        self._changed.set()

    async def run(self) -> None:
        """Publish for ever; a failure of Postgres or NATS is waited out."""
        pause = _POLL_SECONDS
        try:
            while True:
                try:
                    published = await self.publish_once()
                    pause = _POLL_SECONDS
                except (ServiceError, psycopg.Error, PublishUnknown) as exc:
                    published = 0
                    pause = min(pause * 2, 3.0)
                    self._stream_known = False
                    log.warning("relay waits", plane=self._plane, error=str(exc))
                if not published:
                    await self._wait(pause)
        finally:
            await self.release()

    async def publish_once(self) -> int:
        """Publish what is there, up to a few batches; returns how many rows it took."""
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
                with self._spans([row for row, _ in batch]):
                    await self._publish([message for _, message in batch])
                crash.point("relay.after_publish")
                await asyncio.gather(*marking)
                marking = [asyncio.create_task(self._mark([row for row, _ in batch]))]
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
        async with self._db.across_workspaces() as tx:
            rows = await tx.all(_READ, [self._held, self._depth])
        rows.sort(key=lambda row: row["seq"])  # nobody relies on it, everybody likes it
        if len(rows) > 4 * MAX_BATCH:
            self._depth = max(_DEPTH, self._depth // 2)
        elif len(rows) < 2 * MAX_BATCH:
            counts = Counter(row["partition"] for row in rows)
            if any(count == self._depth for count in counts.values()):
                self._depth = min(MAX_BATCH, self._depth * 2)  # few partitions hold much
        return rows

    async def _mark(self, rows: list[Row]) -> None:
        """While the next batch is on its way. A mark that a crash forgets is a repeat, no loss."""
        async with self._db.across_workspaces(durable=False) as tx:
            await tx.run(
                _MARK,
                [
                    [r["workspace_id"] for r in rows],
                    [r["event_id"] for r in rows],
                    [r["occurred_at"] for r in rows],
                ],
            )

    async def _publish(self, messages: list[Message]) -> None:
        try:
            await self._bus.publish_batch(messages)
        except (BatchHasDuplicates, PublishUnknown):
            # Stored in part by an earlier try, or nobody knows: one by one, in order, each deduped.
            for message in messages:
                await self._bus.publish(message)

    async def renew(self) -> None:
        """Keep our partitions, and take our share of those that nobody holds."""
        if self._held and time.monotonic() < self._held_until - LEASE_SECONDS + _RENEW_SECONDS:
            return
        asked = time.monotonic()
        me = {
            "owner": self._owner,
            "presence": self._presence,
            "partitions": PARTITIONS,
            "seconds": LEASE_SECONDS,
        }
        async with self._db.across_workspaces() as tx:
            await tx.run(_PRESENT, me)
            await tx.run(_GONE)
            held = await tx.all(_LEASE, me)
        self._held = sorted(row["partition"] for row in held)
        self._stream_known = False
        self._held_until = asked + LEASE_SECONDS - 1.0

    async def release(self) -> None:
        """Let another relay go on at once."""
        try:
            async with self._db.across_workspaces() as tx:
                await tx.run(_RELEASE, [self._owner])
        except (ServiceError, psycopg.Error) as exc:
            log.warning("leases run out by themselves", plane=self._plane, error=str(exc))

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
