"""Deliveries and their attempts."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Row, Tx
from kit.errors import NotFound
from services.events.model import (
    Attempt,
    Attempted,
    Claim,
    Delivery,
    DeliveryState,
    Joinable,
    NewDelivery,
)
from services.events.model import Sending as SendingNow

_COLUMNS = (
    "id, subscription_id, event_id, event_type, state, attempts, next_attempt_time, create_time,"
    " finish_time, last_error, trace_id, merged_into"
)
# One row for each subscription and event, whatever is repeated; only new ones enter the queue.
_INSERT = """
WITH new AS (
  SELECT * FROM unnest(%(ids)s::uuid[], %(subscriptions)s::uuid[], %(events)s::uuid[],
    %(types)s::text[], %(aggregates)s::uuid[], %(versions)s::int8[], %(bodies)s::text[],
    %(parents)s::text[], %(traces)s::text[], %(windows)s::int4[])
    AS n (id, subscription_id, event_id, event_type, aggregate_id, aggregate_version, body,
          traceparent, trace_id, wait)
  WHERE EXISTS (SELECT FROM subscriptions AS s WHERE s.workspace_id = %(workspace_id)s
                AND s.id = n.subscription_id AND (s.state = 'enabled' OR %(always)s))
), made AS (
  INSERT INTO deliveries (workspace_id, id, subscription_id, event_id, event_type, aggregate_id,
    aggregate_version, state, next_attempt_time, body, traceparent, trace_id)
  SELECT %(workspace_id)s, id, subscription_id, event_id, event_type, aggregate_id,
    aggregate_version, 'pending', now() + make_interval(secs => wait), body, traceparent, trace_id
  FROM new
  ON CONFLICT (workspace_id, subscription_id, event_id) DO NOTHING
  RETURNING id, event_id, subscription_id, aggregate_id, aggregate_version, next_attempt_time
), queued AS (
  INSERT INTO delivery_queue (workspace_id, delivery_id, subscription_id, aggregate_id,
    aggregate_version, due_time)
  SELECT %(workspace_id)s, id, subscription_id, aggregate_id, aggregate_version, next_attempt_time
  FROM made
)
SELECT subscription_id, event_id FROM made"""
# The newest of the queue for that thing, if nobody has begun to send it and its window is open.
_JOINABLE = """
SELECT d.id, d.event_id, d.event_type, d.aggregate_version, d.body FROM (
  SELECT q.delivery_id, q.due_time, q.lease_time FROM delivery_queue AS q
  WHERE q.workspace_id = %(workspace_id)s AND q.subscription_id = %(subscription_id)s
    AND q.aggregate_id = %(aggregate_id)s
  ORDER BY q.aggregate_version DESC LIMIT 1
) AS w JOIN deliveries AS d ON d.workspace_id = %(workspace_id)s AND d.id = w.delivery_id
WHERE w.due_time > now() AND w.lease_time <= now() AND d.attempts = 0
  AND d.event_type = %(event_type)s"""
_JOIN = """
INSERT INTO deliveries (workspace_id, id, subscription_id, event_id, event_type, aggregate_id,
  aggregate_version, state, finish_time, body, traceparent, trace_id, merged_into)
VALUES (%(workspace_id)s, %(id)s, %(subscription_id)s, %(event_id)s, %(event_type)s,
  %(aggregate_id)s, %(aggregate_version)s, 'merged', now(), %(body)s, %(traceparent)s,
  %(trace_id)s, %(into)s)
ON CONFLICT (workspace_id, subscription_id, event_id) DO NOTHING"""
_CLOSE_WINDOWS = """
UPDATE delivery_queue AS q SET due_time = now() FROM deliveries AS d
WHERE q.workspace_id = %s AND q.subscription_id = %s AND q.aggregate_id = %s
  AND q.due_time > now() AND q.lease_time <= now()
  AND d.workspace_id = q.workspace_id AND d.id = q.delivery_id AND d.attempts = 0"""
_BEGIN = """
UPDATE deliveries AS d SET state = 'delivering', attempts = attempts + 1
FROM unnest(%(ids)s::uuid[], %(tokens)s::int8[]) AS h (delivery_id, token), delivery_queue AS q,
  subscriptions AS s
WHERE q.workspace_id = %(workspace_id)s AND q.delivery_id = h.delivery_id AND q.token = h.token
  AND d.workspace_id = %(workspace_id)s AND d.id = h.delivery_id
  AND s.workspace_id = %(workspace_id)s AND s.id = d.subscription_id
RETURNING d.id, d.attempts AS number, d.attempts - d.attempts_before AS budget_used, d.event_id,
  d.event_type, d.body, d.traceparent, d.create_time, s.url, s.headers,
  ARRAY(SELECT x.sealed FROM subscription_secrets AS x
        WHERE x.workspace_id = s.workspace_id AND x.subscription_id = s.id
          AND (x.expire_time IS NULL OR x.expire_time > now()) ORDER BY x.id DESC)
    AS sealed_secrets"""
_PEND_MANY = """
WITH again AS (
  UPDATE deliveries SET state = 'pending', attempts_before = attempts, finish_time = NULL,
    next_attempt_time = now()
  WHERE workspace_id = %(workspace_id)s AND subscription_id = %(subscription_id)s
    AND event_id = ANY(%(events)s) AND state = ANY(%(states)s)
  RETURNING id, aggregate_id, aggregate_version
), queued AS (
  INSERT INTO delivery_queue (workspace_id, delivery_id, subscription_id, aggregate_id,
    aggregate_version)
  SELECT %(workspace_id)s, id, %(subscription_id)s, aggregate_id, aggregate_version FROM again
  ON CONFLICT (workspace_id, delivery_id) DO UPDATE SET due_time = now(),
    lease_time = '-infinity', token = delivery_queue.token + 1
)
SELECT count(*) AS n FROM again"""


def unknown(delivery_id: UUID) -> NotFound:
    return NotFound("DELIVERY_NOT_FOUND", f"there is no delivery {delivery_id}")


def _delivery(row: Row) -> Delivery:
    return Delivery(**{**row, "state": DeliveryState(row["state"])})


async def insert(
    tx: Tx, workspace_id: UUID, new: Sequence[NewDelivery], *, always: bool = False
) -> list[tuple[UUID, UUID]]:
    """Store and queue them; returns subscription and event of those that were not there. Only of
    subscriptions that are enabled, unless `always`."""
    rows = await tx.all(
        _INSERT,
        {
            "workspace_id": workspace_id,
            "always": always,
            "ids": [n.id for n in new],
            "subscriptions": [n.subscription_id for n in new],
            "events": [n.event_id for n in new],
            "types": [n.event_type for n in new],
            "aggregates": [n.aggregate_id for n in new],
            "versions": [n.aggregate_version for n in new],
            "bodies": [n.body for n in new],
            "parents": [n.traceparent for n in new],
            "traces": [n.trace_id for n in new],
            "windows": [n.window for n in new],
        },
    )
    return [(row["subscription_id"], row["event_id"]) for row in rows]


async def joinable(tx: Tx, workspace_id: UUID, new: NewDelivery) -> Joinable | None:
    """What an update may still join; the lane is locked, so nobody claims it meanwhile."""
    row = await tx.maybe(
        _JOINABLE,
        {
            "workspace_id": workspace_id,
            "subscription_id": new.subscription_id,
            "aggregate_id": new.aggregate_id,
            "event_type": new.event_type,
        },
    )
    return Joinable(**row) if row else None


async def join(tx: Tx, workspace_id: UUID, new: NewDelivery, into: UUID, body: str) -> None:
    """Have another delivery carry this event too; nothing changes for one that is known."""
    joined = await tx.run(
        _JOIN,
        {
            "workspace_id": workspace_id,
            "id": new.id,
            "subscription_id": new.subscription_id,
            "event_id": new.event_id,
            "event_type": new.event_type,
            "aggregate_id": new.aggregate_id,
            "aggregate_version": new.aggregate_version,
            "body": new.body,
            "traceparent": new.traceparent,
            "trace_id": new.trace_id,
            "into": into,
        },
    )
    if joined:
        await tx.run(
            "UPDATE deliveries SET body = %s WHERE workspace_id = %s AND id = %s",
            [body, workspace_id, into],
        )


async def close_windows(
    tx: Tx, workspace_id: UUID, subscription_id: UUID, aggregate_id: UUID
) -> None:
    """Updates of that thing that wait for company wait no longer."""
    await tx.run(_CLOSE_WINDOWS, [workspace_id, subscription_id, aggregate_id])


async def pend_many(
    tx: Tx,
    workspace_id: UUID,
    subscription_id: UUID,
    events: Sequence[UUID],
    states: Sequence[DeliveryState],
) -> int:
    """Those of them that are in one of the states: pending again. Returns how many."""
    found = await tx.value(
        _PEND_MANY,
        {
            "workspace_id": workspace_id,
            "subscription_id": subscription_id,
            "events": list(events),
            "states": [str(state) for state in states],
        },
    )
    return int(found)


async def of_events(tx: Tx, workspace_id: UUID, events: Sequence[UUID]) -> list[Delivery]:
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM deliveries WHERE workspace_id = %s AND event_id = ANY(%s)"
        " ORDER BY id",
        [workspace_id, list(events)],
    )
    return [_delivery(row) for row in rows]


async def get(tx: Tx, workspace_id: UUID, delivery_id: UUID) -> Delivery:
    """NOT_FOUND / DELIVERY_NOT_FOUND where there is none."""
    sql = f"SELECT {_COLUMNS} FROM deliveries WHERE workspace_id = %s AND id = %s"
    row = await tx.maybe(sql, [workspace_id, delivery_id])
    if row is None:
        raise unknown(delivery_id)
    return _delivery(row)


async def attempts(tx: Tx, workspace_id: UUID, delivery_id: UUID) -> list[Attempt]:
    rows = await tx.all(
        "SELECT number, start_time, latency_ms, status, error, response_body, trace_id"
        " FROM delivery_attempts WHERE workspace_id = %s AND delivery_id = %s ORDER BY number",
        [workspace_id, delivery_id],
    )
    return [Attempt(**row) for row in rows]


async def page(
    tx: Tx,
    workspace_id: UUID,
    *,
    subscription_id: UUID | None,
    event_id: UUID | None,
    state: str | None,
    before: UUID | None,
    limit: int,
) -> list[Delivery]:
    """Newest first."""
    parts = ["workspace_id = %(workspace_id)s"]
    params: dict[str, Any] = {"workspace_id": workspace_id, "limit": limit}
    for condition, name, value in (
        ("subscription_id = %(subscription_id)s", "subscription_id", subscription_id),
        ("event_id = %(event_id)s", "event_id", event_id),
        ("state = %(state)s", "state", state),
        ("id < %(before)s", "before", before),
    ):
        if value is not None:
            parts.append(condition)
            params[name] = value
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM deliveries WHERE {' AND '.join(parts)}"
        " ORDER BY id DESC LIMIT %(limit)s",
        params,
    )
    return [_delivery(row) for row in rows]


async def begin_attempts(
    tx: Tx, workspace_id: UUID, claims: Sequence[Claim]
) -> dict[UUID, SendingNow]:
    """Note that attempts begin, by delivery; they count from now on, whatever happens to us. None
    of a delivery that is gone, or whose subscription is, or whose lease is another's."""
    rows = await tx.all(
        _BEGIN,
        {
            "workspace_id": workspace_id,
            "ids": [claim.delivery_id for claim in claims],
            "tokens": [claim.token for claim in claims],
        },
    )
    if not rows:
        return {}
    await tx.send(
        "INSERT INTO delivery_attempts (workspace_id, delivery_id, number, error)"
        " SELECT %s, n.delivery_id, n.number, 'interrupted: the outcome is unknown'"
        " FROM unnest(%s::uuid[], %s::int[]) AS n (delivery_id, number)",
        [workspace_id, [row["id"] for row in rows], [row["number"] for row in rows]],
    )
    return {row.pop("id"): _sending(row) for row in rows}


def _sending(row: Row) -> SendingNow:
    secrets = tuple(bytes(one) for one in row["sealed_secrets"])
    return SendingNow(**{**row, "headers": json.loads(row["headers"]), "sealed_secrets": secrets})


async def end_attempts(
    tx: Tx, workspace_id: UUID, ended: Sequence[tuple[Attempted, DeliveryState]]
) -> None:
    outcomes = [one.outcome for one, _ in ended]
    found = [one.claim.delivery_id for one, _ in ended]
    await tx.send(
        "UPDATE delivery_attempts AS a SET latency_ms = n.latency_ms, status = n.status,"
        " error = n.error, response_body = n.response_body, trace_id = n.trace_id"
        " FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::int[], %s::text[], %s::text[],"
        " %s::text[])"
        " AS n (delivery_id, number, latency_ms, status, error, response_body, trace_id)"
        " WHERE a.workspace_id = %s AND a.delivery_id = n.delivery_id AND a.number = n.number",
        [
            found,
            [one.number for one in outcomes],
            [one.latency_ms for one in outcomes],
            [one.status for one in outcomes],
            [one.error for one in outcomes],
            [one.response_body for one in outcomes],
            [one.trace_id for one in outcomes],
            workspace_id,
        ],
    )
    await tx.send(
        "UPDATE deliveries AS d SET state = n.state, last_error = n.error, next_attempt_time = CASE"
        " WHEN n.retry_in IS NOT NULL THEN now() + make_interval(secs => n.retry_in) END,"
        " finish_time = CASE WHEN n.state <> 'pending' THEN now() END,"
        " trace_id = CASE WHEN d.trace_id = '' THEN n.trace_id ELSE d.trace_id END"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::float8[], %s::text[])"
        " AS n (delivery_id, state, error, retry_in, trace_id)"
        " WHERE d.workspace_id = %s AND d.id = n.delivery_id",
        [
            found,
            [state for _, state in ended],
            [one.error for one in outcomes],
            [one.retry_in for one in outcomes],
            [one.trace_id for one in outcomes],
            workspace_id,
        ],
    )


async def pend_again(tx: Tx, workspace_id: UUID, delivery_id: UUID) -> Delivery:
    """Whatever its state, with the whole schedule before it; NOT_FOUND where there is none."""
    row = await tx.maybe(
        "UPDATE deliveries SET state = 'pending', attempts_before = attempts, finish_time = NULL,"
        " merged_into = NULL, next_attempt_time = now() WHERE workspace_id = %s AND id = %s"
        f" RETURNING {_COLUMNS}",
        [workspace_id, delivery_id],
    )
    if row is None:
        raise unknown(delivery_id)
    await tx.run(
        "INSERT INTO delivery_queue (workspace_id, delivery_id, subscription_id, aggregate_id,"
        " aggregate_version) SELECT d.workspace_id, d.id, d.subscription_id, d.aggregate_id,"
        " d.aggregate_version FROM deliveries AS d JOIN delivery_lanes AS l"
        " ON l.workspace_id = d.workspace_id AND l.subscription_id = d.subscription_id"
        " WHERE d.workspace_id = %s AND d.id = %s"
        " ON CONFLICT (workspace_id, delivery_id) DO UPDATE SET due_time = now(),"
        " lease_time = '-infinity', token = delivery_queue.token + 1",
        [workspace_id, delivery_id],
    )
    return _delivery(row)


async def failing_since(
    tx: Tx, workspace_id: UUID, subscription_id: UUID
) -> tuple[datetime, datetime, int] | None:
    """Mark the subscription as failing; since when, what time it is, and notices given."""
    row = await tx.maybe(
        "UPDATE subscriptions SET failing_since = coalesce(failing_since, now())"
        " WHERE workspace_id = %s AND id = %s RETURNING failing_since, now() AS now, notices",
        [workspace_id, subscription_id],
    )
    return (row["failing_since"], row["now"], row["notices"]) if row else None


async def work(tx: Tx, workspace_id: UUID, subscription_ids: Sequence[UUID]) -> None:
    """Forget that they were failing."""
    if subscription_ids:
        await tx.send(
            "UPDATE subscriptions SET failing_since = NULL, notices = 0"
            " WHERE workspace_id = %s AND id = ANY(%s) AND failing_since IS NOT NULL",
            [workspace_id, list(subscription_ids)],
        )


async def noticed(tx: Tx, workspace_id: UUID, subscription_id: UUID, notices: int) -> None:
    await tx.run(
        "UPDATE subscriptions SET notices = %s WHERE workspace_id = %s AND id = %s",
        [notices, workspace_id, subscription_id],
    )


async def forget(tx: Tx, workspace_id: UUID, *, days: int, limit: int = 1000) -> int:
    """Drop finished deliveries older than that, with their attempts."""
    rows = await tx.all(
        "DELETE FROM deliveries WHERE workspace_id = %s AND id IN (SELECT id FROM deliveries"
        " WHERE workspace_id = %s AND finish_time < now() - make_interval(days => %s) LIMIT %s)"
        " RETURNING id",
        [workspace_id, workspace_id, days, limit],
    )
    await tx.run(
        "DELETE FROM delivery_attempts WHERE workspace_id = %s AND delivery_id = ANY(%s)",
        [workspace_id, [row["id"] for row in rows]],
    )
    return len(rows)
