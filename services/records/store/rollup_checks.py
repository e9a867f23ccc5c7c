"""Find the rollup that is due for a recount, and figure over a stretch of the records that have it.

What is compared comes from one snapshot, and records for which something waits to be folded in are
no part of it: so what writers do meanwhile is no difference.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from kit.db import Tx
from schema import jsonio
from schema.compiled import Workspace
from schema.filters.columns import Params
from schema.rollups import Rollup
from services.records.store.rollups import Figures, figures_of, figures_sql

# One that was left half way waits for no more than its keeper can be at one stretch.
_CLAIM = """
WITH due AS (
  SELECT workspace_id, object_id, rollup_id FROM rollups
  WHERE check_time < now() - %s
    OR (after_id IS NOT NULL AND check_time < now() - interval '10 minutes')
  ORDER BY check_time LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE rollups AS r SET check_time = now() FROM due
WHERE r.workspace_id = due.workspace_id AND r.object_id = due.object_id
  AND r.rollup_id = due.rollup_id
RETURNING r.workspace_id, r.rollup_id, r.after_id"""
_ADVANCE = """
UPDATE rollups SET after_id = %s, check_time = now()
WHERE workspace_id = %s AND object_id = %s AND rollup_id = %s
  AND after_id IS NOT DISTINCT FROM %s"""


class Due(NamedTuple):
    """A rollup to be recounted, and behind which record."""

    workspace_id: UUID
    rollup_id: UUID
    after: UUID | None


class Compared(NamedTuple):
    """What a record has of a rollup, and what a recount gives."""

    record_id: UUID
    value: Any
    kept: tuple[int, Decimal] | None  # the sums that it is worked out from, once there are any
    figures: Figures


async def claim(tx: Tx, every: timedelta) -> Due | None:
    """Of all workspaces, the rollup that was recounted the longest ago, if that is long, or whose
    recount nobody goes on with; no longer due then."""
    row = await tx.maybe(_CLAIM, [every])
    return Due(row["workspace_id"], row["rollup_id"], row["after_id"]) if row else None


async def advance(
    tx: Tx, workspace_id: UUID, rollup: Rollup, after: UUID | None, to: UUID | None
) -> bool:
    """Move the recount on, None: to its end; not where somebody else has meanwhile."""
    own = [workspace_id, UUID(rollup.other_id), UUID(rollup.id)]
    return bool(await tx.run(_ADVANCE, [to, *own, after]))


async def stretch(
    tx: Tx, workspace_id: UUID, rollup: Rollup, after: UUID | None, limit: int
) -> list[UUID]:
    """The next live records that have the rollup, in the order of their ids."""
    rows = await tx.all(
        "SELECT record_id FROM records WHERE workspace_id = %s AND object_id = %s"
        " AND delete_time IS NULL AND record_id > %s ORDER BY record_id LIMIT %s",
        [workspace_id, UUID(rollup.object_id), after or UUID(int=0), limit],
    )
    return [row["record_id"] for row in rows]


async def compared(
    tx: Tx, workspace: Workspace, workspace_id: UUID, rollup: Rollup, record_ids: Sequence[UUID]
) -> list[Compared]:
    """Of these records, those that are live and for which nothing waits."""
    params = Params()
    space, own = params.add(workspace_id, "uuid"), params.add(UUID(rollup.id), "uuid")
    wanted = params.add(list(record_ids), "uuid[]")
    key = params.text(rollup.key)
    figures = figures_sql(workspace, workspace_id, rollup, params)
    rows = await tx.all(
        f"SELECT p.record_id, (p.doc->{key})::text AS value, s.count AS kept_count,"
        " s.total AS kept_total, f.* FROM records AS p"
        f" LEFT JOIN rollup_sums AS s ON s.workspace_id = {space} AND s.rollup_id = {own}"
        " AND s.parent_id = p.record_id"
        f" CROSS JOIN LATERAL (SELECT {figures} AND v.value = p.record_id) AS f"
        f" WHERE p.workspace_id = {space} AND p.record_id = ANY({wanted})"
        " AND p.delete_time IS NULL AND NOT EXISTS (SELECT 1 FROM rollup_deltas AS d"
        f" WHERE d.workspace_id = {space} AND d.rollup_id = {own} AND d.parent_id = p.record_id)",
        params.values,
    )
    found = []
    for row in rows:
        value = jsonio.loads_stored(row["value"].encode()) if row["value"] is not None else None
        kept = None
        if row["kept_count"] is not None:
            kept = (int(row["kept_count"]), Decimal(row["kept_total"]))
        found.append(Compared(row["record_id"], value, kept, figures_of(rollup, row)))
    return found
