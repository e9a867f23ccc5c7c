"""Keep group statistics: deltas appended by writes, folded into base rows by a compactor."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from kit.db import Row, Tx
from services.records.logic.stats import Delta, Statistic

_ADD = """
INSERT INTO group_stat_deltas (workspace_id, stat_id, group_key, measure, count, total)
SELECT %s, * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::int8[], %s::numeric[])"""
_READ = """
SELECT group_key, measure, sum(count)::int8 AS count, sum(total) AS total FROM (
  SELECT group_key, measure, count, total FROM group_stats
  WHERE workspace_id = %(workspace)s AND stat_id = %(stat)s
  UNION ALL
  SELECT group_key, measure, count, total FROM group_stat_deltas
  WHERE workspace_id = %(workspace)s AND stat_id = %(stat)s
  UNION ALL
  SELECT NULL, NULL, 0, 0 FROM stat_states
  WHERE workspace_id = %(workspace)s AND stat_id = %(stat)s AND ready
) AS all_parts GROUP BY group_key, measure"""
_STATE = "SELECT ready FROM stat_states WHERE workspace_id = %s AND stat_id = %s"
_KEPT = """
SELECT stat_id AS id, measures, NULL::uuid AS view_id FROM stat_states
WHERE workspace_id = %(workspace)s AND object_id = %(object)s
UNION ALL
SELECT set_id, '', view_id FROM view_states
WHERE workspace_id = %(workspace)s AND object_id = %(object)s AND state IN ('building', 'ready')"""
_BEGIN_BUILD = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_SHARE = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))"
_CLEAR = (
    "DELETE FROM group_stats WHERE workspace_id = %s AND stat_id = %s",
    "DELETE FROM group_stat_deltas WHERE workspace_id = %s AND stat_id = %s",
)
_LEAVE = "DELETE FROM stat_states WHERE workspace_id = %s AND stat_id = ANY(%s)"
_EVERYTHING = """
SELECT workspace_id, object_id, stat_id, measures, now() - use_time AS idle FROM stat_states"""
_SWEEP = """
DELETE FROM {table} AS g WHERE NOT EXISTS (
  SELECT FROM stat_states AS s WHERE s.workspace_id = g.workspace_id AND s.stat_id = g.stat_id)"""
_ADD_BASE = """
INSERT INTO group_stats AS s (workspace_id, stat_id, group_key, measure, count, total)
SELECT %s, %s, * FROM unnest(%s::text[], %s::text[], %s::int8[], %s::numeric[])
ON CONFLICT (workspace_id, stat_id, group_key, measure)
DO UPDATE SET count = s.count + excluded.count, total = s.total + excluded.total"""
_BEGIN = """
INSERT INTO stat_states (workspace_id, stat_id, object_id, measures, ready)
VALUES (%s, %s, %s, %s, false)"""
_READY = "UPDATE stat_states SET ready = true WHERE workspace_id = %s AND stat_id = %s"
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_COMPACT = """
WITH picked AS (
  SELECT workspace_id, stat_id FROM group_stat_deltas GROUP BY 1, 2
  HAVING count(*) > %(least)s LIMIT 20
), gone AS (
  DELETE FROM group_stat_deltas AS d USING picked AS p
  WHERE d.workspace_id = p.workspace_id AND d.stat_id = p.stat_id
  RETURNING d.workspace_id, d.stat_id, d.group_key, d.measure, d.count, d.total
), summed AS (
  SELECT workspace_id, stat_id, group_key, measure, sum(count)::int8 AS count, sum(total) AS total
  FROM gone GROUP BY 1, 2, 3, 4
)
INSERT INTO group_stats AS s (workspace_id, stat_id, group_key, measure, count, total)
SELECT * FROM summed ORDER BY 1, 2, 3, 4
ON CONFLICT (workspace_id, stat_id, group_key, measure)
DO UPDATE SET count = s.count + excluded.count, total = s.total + excluded.total"""


async def add_deltas(tx: Tx, workspace_id: UUID, deltas: Sequence[Delta]) -> None:
    if deltas:
        columns = [list(column) for column in zip(*deltas, strict=True)]
        await tx.collect(_ADD, [workspace_id, *columns])


async def read(
    tx: Tx, workspace_id: UUID, stat_id: UUID
) -> dict[tuple[str, str], tuple[int, Decimal]] | None:
    """(count, total) by (group, measure): base and open deltas of one snapshot, so exact. None
    where the statistic is not kept yet."""
    rows = await tx.all(_READ, {"workspace": workspace_id, "stat": stat_id})
    sums = {(r["group_key"], r["measure"]): (r["count"], r["total"]) for r in rows}
    kept = sums.pop((None, None), None)
    return None if kept is None else sums


async def is_ready(tx: Tx, workspace_id: UUID, stat_id: UUID) -> bool | None:
    """Whether the statistic can be read; None where nobody keeps it."""
    row = await tx.maybe(_STATE, [workspace_id, stat_id])
    return None if row is None else bool(row["ready"])


class Kept(NamedTuple):
    """What a writer of an object has to keep."""

    statistics: list[tuple[UUID, str]]  # (id, definition)
    sets: list[tuple[UUID, UUID]]  # (set, view) of view entries


async def share_object(tx: Tx, workspace_id: UUID, object_id: UUID) -> None:
    """Be one of the object's writers until commit."""
    await tx.send(_SHARE, [f"stats:{workspace_id}:{object_id}"])


async def kept(tx: Tx, workspace_id: UUID, object_id: UUID) -> Kept:
    """The statistics and view entries that a writer has to keep. Holds builds of new ones off
    until commit, so that a build sees all of a write or leaves it to the write."""
    await share_object(tx, workspace_id, object_id)
    rows = await tx.all(_KEPT, {"workspace": workspace_id, "object": object_id})
    return Kept(
        [(row["id"], row["measures"]) for row in rows if row["view_id"] is None],
        [(row["id"], row["view_id"]) for row in rows if row["view_id"] is not None],
    )


async def lock_object(tx: Tx, workspace_id: UUID, object_id: UUID) -> None:
    """Wait for the object's writers and hold new ones off until commit."""
    await tx.run(_BEGIN_BUILD, [f"stats:{workspace_id}:{object_id}"])


async def begin(tx: Tx, workspace_id: UUID, statistic: Statistic) -> None:
    """Have writers keep the statistic from here on; under the object's lock."""
    for statement in _CLEAR:
        await tx.run(statement, [workspace_id, statistic.id])
    params = [workspace_id, statistic.id, statistic.object_id, statistic.definition]
    await tx.run(_BEGIN, params)


async def take_turn(tx: Tx, stat_id: UUID) -> None:
    """Wait until nobody else builds the statistic."""
    await tx.run(_TURN, [f"statistic:{stat_id}"])


async def add_base(
    tx: Tx, workspace_id: UUID, stat_id: UUID, sums: Mapping[tuple[str, str], tuple[int, Decimal]]
) -> None:
    """Add what a recount says is missing, and call the statistic ready."""
    if sums:
        rows = [(*key, *value) for key, value in sorted(sums.items())]
        columns = [list(column) for column in zip(*rows, strict=True)]
        await tx.run(_ADD_BASE, [workspace_id, stat_id, *columns])
    await tx.run(_READY, [workspace_id, stat_id])


async def leave(tx: Tx, workspace_id: UUID, stat_ids: Sequence[UUID]) -> None:
    """Stop keeping statistics; what is left of them a sweep takes away."""
    await tx.send(_LEAVE, [workspace_id, list(stat_ids)])


async def everything(tx: Tx) -> list[Row]:
    """What is kept in all workspaces: workspace_id, object_id, stat_id, measures, and for how long
    nobody has asked, as `idle`."""
    return await tx.all(_EVERYTHING)


async def sweep(tx: Tx) -> int:
    """Take away what is left of statistics that are not kept. A base comes in the transaction of
    its state, and deltas come after it, so whatever stands without a state is a remainder."""
    return sum([await tx.run(_SWEEP.format(table=t)) for t in ("group_stats", "group_stat_deltas")])


async def compact(tx: Tx, *, least: int = 500) -> int:
    """Fold deltas into their base rows where there are many; returns how many rows changed. The
    sum that a read gives is the same before, during and after."""
    return await tx.run(_COMPACT, {"least": least})
