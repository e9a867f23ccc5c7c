"""Fold what changed in view entries into buckets, and keep these of a size that is quick to walk.

For any stretch of a set, its entries are its buckets' counts and its open deltas: in every
snapshot. So a bucket is cut, in one statement, by counting the entries of each part and taking off
the deltas that are still open.
"""

from typing import NamedTuple
from uuid import UUID

from kit.db import Tx
from services.records.logic import sort_bytes

SIZE = 1000
MOST = 2 * SIZE  # a bucket with more is cut
LEAST = SIZE // 4  # one with less goes with the one before it

_DUE = """
SELECT s.workspace_id, s.object_id, s.set_id FROM view_states AS s
JOIN (SELECT workspace_id, set_id FROM view_deltas GROUP BY 1, 2 HAVING count(*) > %s) AS d
  ON d.workspace_id = s.workspace_id AND d.set_id = s.set_id
WHERE s.state IN ('building', 'ready') LIMIT 20"""
_FOLD = """
WITH gone AS (
  DELETE FROM view_deltas WHERE workspace_id = %(workspace)s AND set_id = %(set)s
  RETURNING group_key, sort_key, change
), placed AS (
  SELECT g.group_key, coalesce(b.low, ''::bytea) AS low, g.change
  FROM gone AS g LEFT JOIN LATERAL (
    SELECT b.low FROM view_buckets AS b
    WHERE b.workspace_id = %(workspace)s AND b.set_id = %(set)s AND b.group_key = g.group_key
      AND b.low <= g.sort_key
    ORDER BY b.low DESC LIMIT 1
  ) AS b ON true
)
INSERT INTO view_buckets AS b (workspace_id, set_id, group_key, low, count)
SELECT %(workspace)s::uuid, %(set)s::uuid, group_key, low, sum(change) FROM placed GROUP BY 3, 4
ON CONFLICT (workspace_id, set_id, group_key, low) DO UPDATE SET count = b.count + excluded.count"""
_SIZES = """
SELECT group_key, low, count FROM view_buckets
WHERE workspace_id = %s AND set_id = %s ORDER BY group_key, low"""
_CUT = """
WITH e AS MATERIALIZED (
  SELECT sort_key, row_number() OVER (ORDER BY sort_key) - 1 AS n FROM view_entries
  WHERE workspace_id = %(workspace)s AND set_id = %(set)s AND group_key = %(group)s
    AND sort_key >= %(low)s::bytea AND sort_key < %(high)s::bytea
), parts AS MATERIALIZED (
  SELECT CASE WHEN n = 0 THEN %(low)s::bytea ELSE sort_key END AS low FROM e
  WHERE n %% %(size)s = 0
), d AS MATERIALIZED (
  SELECT p.low, sum(d.change) AS change FROM view_deltas AS d CROSS JOIN LATERAL (
    SELECT p.low FROM parts AS p WHERE p.low <= d.sort_key ORDER BY p.low DESC LIMIT 1
  ) AS p
  WHERE d.workspace_id = %(workspace)s AND d.set_id = %(set)s AND d.group_key = %(group)s
    AND d.sort_key >= %(low)s::bytea AND d.sort_key < %(high)s::bytea
  GROUP BY p.low
), counted AS (
  SELECT p.low, row_number() OVER (ORDER BY p.low) AS place FROM parts AS p
), sized AS (
  SELECT c.low, least(%(size)s, (SELECT count(*) FROM e) - (c.place - 1) * %(size)s) AS n
  FROM counted AS c
)
INSERT INTO view_buckets AS b (workspace_id, set_id, group_key, low, count)
SELECT %(workspace)s::uuid, %(set)s::uuid, %(group)s, s.low,
       s.n - coalesce((SELECT d.change FROM d WHERE d.low = s.low), 0)
FROM sized AS s
ON CONFLICT (workspace_id, set_id, group_key, low) DO UPDATE SET count = excluded.count"""
_JOIN = """
WITH gone AS (
  DELETE FROM view_buckets WHERE workspace_id = %(workspace)s AND set_id = %(set)s
    AND group_key = %(group)s AND low = %(low)s::bytea
  RETURNING count
)
UPDATE view_buckets AS b SET count = b.count + gone.count FROM gone
WHERE b.workspace_id = %(workspace)s AND b.set_id = %(set)s AND b.group_key = %(group)s
  AND b.low = %(into)s::bytea"""


class Bucket(NamedTuple):
    """How many entries were counted in from `low` to the next bucket of its group."""

    group_key: str
    low: bytes
    entries: int


async def due(tx: Tx, *, least: int) -> list[tuple[UUID, UUID, UUID]]:
    """(workspace, object, set) of those with more open deltas than that, in all workspaces."""
    rows = await tx.tuples(_DUE, [least])
    return [(workspace_id, object_id, set_id) for workspace_id, object_id, set_id in rows]


async def fold(tx: Tx, workspace_id: UUID, set_id: UUID) -> int:
    """Count all deltas in; returns how many buckets that changed."""
    return await tx.run(_FOLD, {"workspace": workspace_id, "set": set_id})


async def sizes(tx: Tx, workspace_id: UUID, set_id: UUID) -> list[Bucket]:
    """All buckets of a set, in order."""
    rows = await tx.tuples(_SIZES, [workspace_id, set_id])
    return [Bucket(group, bytes(low), count) for group, low, count in rows]


async def cut(tx: Tx, workspace_id: UUID, set_id: UUID, bucket: Bucket, high: bytes | None) -> None:
    """Make buckets of SIZE entries of one that ends before `high` (None: with its group)."""
    params = {"workspace": workspace_id, "set": set_id, "group": bucket.group_key}
    end = sort_bytes.BEHIND_ALL if high is None else high
    await tx.run(_CUT, params | {"low": bucket.low, "high": end, "size": SIZE})


async def join(tx: Tx, workspace_id: UUID, set_id: UUID, bucket: Bucket, into: bytes) -> None:
    """Count a bucket in with the one before it."""
    params = {"workspace": workspace_id, "set": set_id, "group": bucket.group_key}
    await tx.run(_JOIN, params | {"low": bucket.low, "into": into})
