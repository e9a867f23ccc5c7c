"""Publish what the outbox holds, in order per aggregate, and mark it only after a durable ack.

Each relay leases partitions of hash(aggregate) with a fencing token, reads their unpublished rows
(never a cursor: late commits can't be skipped), and publishes up to 500 of them in one atomic
batch. An ambiguous failure is followed by single publishes, which the stream dedupes by event id.
"""

import asyncio
import os
import time
from typing import Any

import msgspec
import psycopg
import structlog
from opentelemetry.trace import Link, SpanKind

from kit import crash, ids, telemetry
from kit.bus import MAX_BATCH, BatchHasDuplicates, Bus, Message, PublishUnknown
from kit.db import Database, Row
from kit.errors import ServiceError
from kit.outbox import PARTITIONS

log = structlog.get_logger()

LEASE_SECONDS = 10.0
_RENEW_SECONDS = 3.0
_POLL_SECONDS = 0.2
_ROWS_LINKED = 50  # a span's links are bounded

_LEASE = """
WITH live AS (
  SELECT count(DISTINCT owner) AS others FROM outbox_leases
  WHERE expires_at > now() AND owner <> %(owner)s AND owner <> ''
), fair AS (
  SELECT ceil(%(partitions)s::numeric / (others + 1))::int AS share FROM live
), mine AS (
  SELECT partition FROM outbox_leases WHERE owner = %(owner)s AND expires_at > now()
  ORDER BY partition LIMIT (SELECT share FROM fair)
), free AS (
  SELECT partition FROM outbox_leases WHERE expires_at <= now()
  ORDER BY partition LIMIT greatest(0, (SELECT share FROM fair) - (SELECT count(*) FROM mine))
  FOR UPDATE SKIP LOCKED
), dropped AS (
  UPDATE outbox_leases SET owner = '', expires_at = '-infinity'
  WHERE owner = %(owner)s AND expires_at > now() AND partition NOT IN (SELECT partition FROM mine)
)
UPDATE outbox_leases AS l
SET owner = %(owner)s, expires_at = now() + make_interval(secs => %(seconds)s),
    token = token + (l.owner <> %(owner)s)::int
WHERE l.partition IN (SELECT partition FROM mine UNION ALL SELECT partition FROM free)
RETURNING l.partition"""
_RELEASE = "UPDATE outbox_leases SET owner = '', expires_at = '-infinity' WHERE owner = %s"
_READ = """
SELECT seq, occurred_at, event_id, workspace_id, aggregate_type, aggregate_id, aggregate_version,
       type, schema_version, object, payload, traceparent, root_id, causation_id, depth, chain,
       actor
FROM outbox WHERE published_at IS NULL AND partition = ANY(%s) ORDER BY seq LIMIT %s"""
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
        self._held: list[int] = []
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
                    log.warning("relay waits", plane=self._plane, error=str(exc))
                if published < MAX_BATCH:
                    await self._wait(pause)
        finally:
            await self._release()

    async def publish_once(self) -> int:
        """Publish one batch; returns how many rows it took."""
        await self._renew()
        if not self._held:
            return 0
        async with self._db.across_workspaces() as tx:
            rows = await tx.all(_READ, [self._held, MAX_BATCH])
        if not rows:
            return 0
        crash.point("relay.before_publish")
        if time.monotonic() > self._held_until:
            return 0  # we were stopped for longer than the lease: it may be another's by now
        with self._span(rows):
            await self._publish([_message(self._plane, row) for row in rows])
        crash.point("relay.after_publish")
        async with self._db.across_workspaces() as tx:
            await tx.run(
                _MARK,
                [
                    [r["workspace_id"] for r in rows],
                    [r["event_id"] for r in rows],
                    [r["occurred_at"] for r in rows],
                ],
            )
        return len(rows)

    async def _publish(self, messages: list[Message]) -> None:
        try:
            await self._bus.publish_batch(messages)
        except (BatchHasDuplicates, PublishUnknown):
            # Stored in part by an earlier try, or nobody knows: one by one, in order, each deduped.
            for message in messages:
                await self._bus.publish(message)

    async def _renew(self) -> None:
        if self._held and time.monotonic() < self._held_until - LEASE_SECONDS + _RENEW_SECONDS:
            return
        asked = time.monotonic()
        async with self._db.across_workspaces() as tx:
            held = await tx.all(
                _LEASE,
                {"owner": self._owner, "partitions": PARTITIONS, "seconds": LEASE_SECONDS},
            )
        self._held = [row["partition"] for row in held]
        self._held_until = asked + LEASE_SECONDS - 1.0

    async def _release(self) -> None:
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

    def _span(self, rows: list[Row]) -> Any:
        links: list[Link] = []
        first = ""
        for row in rows[:_ROWS_LINKED]:
            context = telemetry.span_context(row["traceparent"])
            if context and context.trace_flags.sampled:
                first = first or row["traceparent"]
                links.append(Link(context))
        return telemetry.span(
            "publish ARMATURE_EVENTS",
            kind=SpanKind.PRODUCER,
            parent=telemetry.remote(first),
            links=links,
            messaging__system="nats",
            messaging__batch__message_count=len(rows),
        )


def _message(plane: str, row: Row) -> Message:
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
