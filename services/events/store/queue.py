"""The queue of deliveries: claim what is due under a lease, pace each subscription, give back.

A lane is locked while its deliveries are claimed, so its limits hold over all workers. `next_due`
is when a lane is worth looking at; what makes it earlier (a new delivery, an attempt that ended)
sets it, and each claim works it out anew.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from kit.db import Tx
from services.events.logic.retries import BREAKER_FAILURES
from services.events.model import Claim

LEASE_SECONDS = 12.0

_LANES = """
SELECT workspace_id, subscription_id FROM delivery_lanes
WHERE enabled AND next_due <= now() ORDER BY last_served LIMIT %s FOR UPDATE SKIP LOCKED"""
_TAKE = f"""
WITH asked (workspace_id, subscription_id) AS (
  SELECT * FROM unnest(%(workspaces)s::uuid[], %(subscriptions)s::uuid[])
), lanes AS (
  SELECT l.*, least(l.rate, l.tokens + l.rate * extract(epoch FROM now() - l.tokens_time))
           AS tokens_now,
         CASE WHEN l.failures >= {BREAKER_FAILURES} THEN 1 ELSE %(width)s END
           - (SELECT count(*) FROM delivery_queue AS q WHERE q.workspace_id = l.workspace_id
              AND q.subscription_id = l.subscription_id AND q.lease_time > now()) AS room
  FROM delivery_lanes AS l JOIN asked AS a
    ON l.workspace_id = a.workspace_id AND l.subscription_id = a.subscription_id
), picked AS (
  SELECT q.workspace_id, q.delivery_id, l.acts_as FROM lanes AS l CROSS JOIN LATERAL (
    SELECT q.workspace_id, q.delivery_id FROM delivery_queue AS q
    WHERE q.workspace_id = l.workspace_id AND q.subscription_id = l.subscription_id
      AND q.due_time <= now() AND q.lease_time <= now()
      AND NOT (l.ordered AND EXISTS (
        SELECT FROM delivery_queue AS e WHERE e.workspace_id = q.workspace_id
          AND e.subscription_id = q.subscription_id AND e.aggregate_id = q.aggregate_id
          AND e.aggregate_version < q.aggregate_version))
    ORDER BY q.due_time, q.delivery_id
    LIMIT greatest(0, least(l.room,
      CASE WHEN l.rate > 0 THEN floor(l.tokens_now) ELSE l.room END))::int
  ) AS q WHERE l.open_until IS NULL OR l.open_until <= now()
), leased AS (
  UPDATE delivery_queue AS q
  SET lease_time = now() + make_interval(secs => %(lease)s), token = q.token + 1
  FROM picked AS p WHERE q.workspace_id = p.workspace_id AND q.delivery_id = p.delivery_id
  RETURNING q.workspace_id, q.delivery_id, q.subscription_id, q.token, p.acts_as
), served AS (
  UPDATE delivery_lanes AS l
  SET last_served = now(), tokens_time = now(),
      tokens = CASE WHEN n.rate > 0 THEN n.tokens_now - (SELECT count(*) FROM leased AS t WHERE
        t.workspace_id = n.workspace_id AND t.subscription_id = n.subscription_id) ELSE 0 END
  FROM lanes AS n
  WHERE l.workspace_id = n.workspace_id AND l.subscription_id = n.subscription_id
)
SELECT workspace_id, delivery_id, subscription_id, token, acts_as FROM leased"""
_NEXT = f"""
WITH asked (workspace_id, subscription_id) AS (
  SELECT * FROM unnest(%(workspaces)s::uuid[], %(subscriptions)s::uuid[])
), found AS (
  SELECT l.workspace_id, l.subscription_id, w.leased, w.first_lease, w.first_due,
         CASE WHEN l.failures >= {BREAKER_FAILURES} THEN 1 ELSE %(width)s END AS width
  FROM delivery_lanes AS l JOIN asked AS a
    ON l.workspace_id = a.workspace_id AND l.subscription_id = a.subscription_id
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE q.lease_time > now()) AS leased,
           min(q.lease_time) FILTER (WHERE q.lease_time > now()) AS first_lease,
           (SELECT min(d.due_time) FROM delivery_queue AS d WHERE d.workspace_id = l.workspace_id
              AND d.subscription_id = l.subscription_id AND d.lease_time <= now()
              AND NOT (l.ordered AND EXISTS (
                SELECT FROM delivery_queue AS e WHERE e.workspace_id = d.workspace_id
                  AND e.subscription_id = d.subscription_id AND e.aggregate_id = d.aggregate_id
                  AND e.aggregate_version < d.aggregate_version))) AS first_due
    FROM delivery_queue AS q
    WHERE q.workspace_id = l.workspace_id AND q.subscription_id = l.subscription_id
      AND q.lease_time > now()
  ) AS w
)
UPDATE delivery_lanes AS l
SET next_due = CASE
  WHEN f.leased >= f.width THEN f.first_lease
  WHEN f.first_due IS NULL THEN f.first_lease
  ELSE least(greatest(f.first_due, l.open_until,
    CASE WHEN l.rate > 0 AND l.tokens < 1
      THEN now() + make_interval(secs => (1 - l.tokens) / l.rate) END), f.first_lease) END
FROM found AS f
WHERE l.workspace_id = f.workspace_id AND l.subscription_id = f.subscription_id"""


async def claim(tx: Tx, *, lanes: int, width: int) -> list[Claim]:
    """Lease what is due: lanes that waited longest first, at most `width` under way in each."""
    found = await tx.all(_LANES, [lanes])
    if not found:
        return []
    params = {
        "workspaces": [row["workspace_id"] for row in found],
        "subscriptions": [row["subscription_id"] for row in found],
        "width": width,
        "lease": LEASE_SECONDS,
    }
    rows = await tx.all(_TAKE, params)
    await tx.run(_NEXT, params)
    return [Claim(**row) for row in rows]


async def renew(tx: Tx, claims: Sequence[Claim]) -> None:
    """Keep what is under way ours; a lease that was lost stays lost. What somebody has locked is
    passed over: it is being settled."""
    await tx.run(
        "WITH ours AS (SELECT q.workspace_id, q.delivery_id FROM delivery_queue AS q"
        " JOIN unnest(%s::uuid[], %s::uuid[], %s::int8[]) AS h (workspace_id, delivery_id, token)"
        " ON q.workspace_id = h.workspace_id AND q.delivery_id = h.delivery_id"
        " AND q.token = h.token AND q.lease_time > now() FOR UPDATE OF q SKIP LOCKED)"
        " UPDATE delivery_queue AS q SET lease_time = now() + make_interval(secs => %s)"
        " FROM ours WHERE q.workspace_id = ours.workspace_id AND q.delivery_id = ours.delivery_id",
        [
            [claim.workspace_id for claim in claims],
            [claim.delivery_id for claim in claims],
            [claim.token for claim in claims],
            LEASE_SECONDS,
        ],
    )


async def lock_lane(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> int | None:
    """How often the endpoint has failed in a row; None when the lane is gone."""
    value = await tx.value(
        "SELECT failures FROM delivery_lanes"
        " WHERE workspace_id = %s AND subscription_id = %s FOR UPDATE",
        [workspace_id, subscription_id],
    )
    return None if value is None else int(value)


async def settle_lanes(tx: Tx, workspace_id: UUID, paces: Mapping[UUID, tuple[int, float]]) -> None:
    """Note how endpoints do, as failures in a row and a pause, and have each looked at again: at
    once, or after its pause."""
    await tx.send(
        "UPDATE delivery_lanes AS l SET failures = n.failures, open_until = CASE WHEN n.pause > 0"
        " THEN now() + make_interval(secs => n.pause) END, next_due = now()"
        " + make_interval(secs => n.pause)"
        " FROM unnest(%s::uuid[], %s::int[], %s::float8[]) AS n (subscription_id, failures, pause)"
        " WHERE l.workspace_id = %s AND l.subscription_id = n.subscription_id",
        [
            list(paces),
            [failures for failures, _ in paces.values()],
            [pause for _, pause in paces.values()],
            workspace_id,
        ],
    )


async def wake_lane(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> None:
    await tx.send(
        "UPDATE delivery_lanes SET next_due = now()"
        " WHERE workspace_id = %s AND subscription_id = %s",
        [workspace_id, subscription_id],
    )


async def lock_many(
    tx: Tx, workspace_id: UUID, claims: Sequence[Claim]
) -> tuple[dict[UUID, int], set[tuple[UUID, int]]]:
    """How often each lane's endpoint has failed in a row, of the lanes that are there; and the
    deliveries whose leases are ours yet, with their tokens: a stale one may settle nothing, nor may
    one that was given back. Both stay locked; lanes first, each kind in the order of its ids, as
    everybody locks them."""
    lanes = await tx.ask(
        "SELECT subscription_id, failures FROM delivery_lanes"
        " WHERE workspace_id = %s AND subscription_id = ANY(%s)"
        " ORDER BY subscription_id FOR UPDATE",
        [workspace_id, sorted({claim.subscription_id for claim in claims})],
    )
    held = await tx.all(
        "SELECT q.delivery_id, q.token FROM delivery_queue AS q"
        " JOIN unnest(%s::uuid[], %s::int8[]) AS h (delivery_id, token)"
        " ON q.delivery_id = h.delivery_id AND q.token = h.token"
        " WHERE q.workspace_id = %s AND q.lease_time > '-infinity'"
        " ORDER BY q.delivery_id FOR UPDATE OF q",
        [
            [claim.delivery_id for claim in claims],
            [claim.token for claim in claims],
            workspace_id,
        ],
    )
    found = {row["subscription_id"]: int(row["failures"]) for row in await lanes.fetchall()}
    return found, {(row["delivery_id"], int(row["token"])) for row in held}


async def requeue_many(tx: Tx, workspace_id: UUID, again: Sequence[tuple[Claim, float]]) -> None:
    """Give leases back; due again after that time."""
    if again:
        await tx.send(
            "UPDATE delivery_queue AS q SET lease_time = '-infinity',"
            " due_time = now() + make_interval(secs => n.seconds)"
            " FROM unnest(%s::uuid[], %s::int8[], %s::float8[]) AS n (delivery_id, token, seconds)"
            " WHERE q.workspace_id = %s AND q.delivery_id = n.delivery_id AND q.token = n.token",
            [
                [claim.delivery_id for claim, _ in again],
                [claim.token for claim, _ in again],
                [seconds for _, seconds in again],
                workspace_id,
            ],
        )


async def remove(tx: Tx, workspace_id: UUID, delivery_ids: Sequence[UUID]) -> None:
    if delivery_ids:
        await tx.send(
            "DELETE FROM delivery_queue WHERE workspace_id = %s AND delivery_id = ANY(%s)",
            [workspace_id, list(delivery_ids)],
        )


async def workspaces(tx: Tx) -> list[UUID]:
    """Those that have subscriptions."""
    rows = await tx.all("SELECT DISTINCT workspace_id FROM delivery_lanes")
    return [row["workspace_id"] for row in rows]
