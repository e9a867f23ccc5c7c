"""Keep rollups: their definitions, the deltas that writes append, the sums that these become."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from kit.db import Row, Tx
from schema import jsonio, rollups
from schema.compiled import Workspace
from schema.filters.columns import Params
from schema.filters.sql import compile_sql
from schema.rollups import Rollup
from services.records.logic.rollups import Cause, Delta
from services.records.store.dialect import DIALECT
from services.records.store.stats import lock_object

_BEGIN = """
INSERT INTO rollups (workspace_id, object_id, rollup_id, definition) VALUES (%s, %s, %s, %s)
ON CONFLICT (workspace_id, object_id, rollup_id) DO UPDATE SET definition = excluded.definition"""
_OVER = "SELECT object_id FROM rollups WHERE workspace_id = %s AND rollup_id = %s"
_STOP = "DELETE FROM rollups WHERE workspace_id = %s AND object_id = %s AND rollup_id = %s"
_ADD = """
INSERT INTO rollup_deltas
  (workspace_id, rollup_id, parent_id, count, total, added, removed, cause)
SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::int8[], %s::numeric[], %s::jsonb[],
  %s::jsonb[], %s::jsonb[])"""
_PENDING = """
SELECT DISTINCT rollup_id::text AS rollup_id, parent_id FROM rollup_deltas
WHERE workspace_id = %s AND rollup_id = ANY(%s) AND parent_id = ANY(%s)"""
# From one record to the next, however much is appended for either.
_SOME_PENDING = """
SELECT k.id::text AS rollup_id, p.parent_id
FROM unnest(%(rollups)s::uuid[]) AS k (id) CROSS JOIN LATERAL (
  WITH RECURSIVE found AS (
    (SELECT parent_id FROM rollup_deltas
     WHERE workspace_id = %(workspace)s AND rollup_id = k.id ORDER BY parent_id LIMIT 1)
    UNION ALL
    SELECT d.parent_id FROM found AS f CROSS JOIN LATERAL (
      SELECT parent_id FROM rollup_deltas
      WHERE workspace_id = %(workspace)s AND rollup_id = k.id AND parent_id > f.parent_id
      ORDER BY parent_id LIMIT 1) AS d
  )
  SELECT parent_id FROM found LIMIT %(limit)s) AS p"""
# From one rollup to the next, whatever stands in between.
_WAITING = """
WITH RECURSIVE found AS (
  (SELECT workspace_id, rollup_id FROM rollup_deltas ORDER BY workspace_id, rollup_id LIMIT 1)
  UNION ALL
  SELECT d.workspace_id, d.rollup_id FROM found AS f CROSS JOIN LATERAL (
    SELECT workspace_id, rollup_id FROM rollup_deltas AS n
    WHERE (n.workspace_id, n.rollup_id) > (f.workspace_id, f.rollup_id)
    ORDER BY workspace_id, rollup_id LIMIT 1) AS d
)
SELECT workspace_id, rollup_id FROM found LIMIT 1000"""
_TAKE = """
DELETE FROM rollup_deltas
WHERE workspace_id = %s AND rollup_id = ANY(%s) AND parent_id = ANY(%s)
RETURNING rollup_id::text AS rollup_id, parent_id, count, total, added, removed,
  cause::text AS cause"""
_SUM = """
INSERT INTO rollup_sums AS s (workspace_id, rollup_id, parent_id, count, total)
SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::int8[], %s::numeric[])
ON CONFLICT (workspace_id, rollup_id, parent_id)
DO UPDATE SET count = s.count + excluded.count, total = s.total + excluded.total
RETURNING rollup_id::text AS rollup_id, parent_id, count, total, xmax = 0 AS first"""
_SET = """
INSERT INTO rollup_sums AS s (workspace_id, rollup_id, parent_id, count, total)
SELECT %s, %s, * FROM unnest(%s::uuid[], %s::int8[], %s::numeric[])
ON CONFLICT (workspace_id, rollup_id, parent_id)
DO UPDATE SET count = excluded.count, total = excluded.total"""
_FREE = """
DELETE FROM {table} WHERE workspace_id = %(workspace)s AND rollup_id = %(rollup)s
  AND ctid = ANY(ARRAY(SELECT ctid FROM {table}
    WHERE workspace_id = %(workspace)s AND rollup_id = %(rollup)s LIMIT %(limit)s))"""
# Of a record's rollups, those that are being built included.
_FORGET = """
DELETE FROM {table} WHERE workspace_id = %(workspace)s AND parent_id = %(parent)s
  AND rollup_id = ANY(ARRAY(SELECT rollup_id FROM rollups
    WHERE workspace_id = %(workspace)s AND definition->>'object_id' = %(object)s))"""
_PIECE = 5000
_CASTS = {"date": "date", "date_time": "timestamptz"}

Figures = tuple[int, Decimal, Any]  # how many, their total, and the extreme as `amount` gives it


async def begin(tx: Tx, workspace_id: UUID, rollup: Rollup) -> None:
    """Have writers of the other object keep it from here on; under that object's lock."""
    definition = jsonio.dumps(msgspec.to_builtins(rollup)).decode()
    await tx.run(_BEGIN, [workspace_id, UUID(rollup.other_id), UUID(rollup.id), definition])


async def stop(tx: Tx, workspace_id: UUID, rollup_id: UUID) -> None:
    """Have nobody keep it any more: once those who do have committed."""
    over = await tx.value(_OVER, [workspace_id, rollup_id])
    if over is not None:
        await lock_object(tx, workspace_id, over)
        await tx.run(_STOP, [workspace_id, over, rollup_id])


async def free(tx: Tx, workspace_id: UUID, rollup_id: UUID) -> bool:
    """Take away some thousand of the figures of a rollup that nobody keeps; whether there may be
    more."""
    params = {"workspace": workspace_id, "rollup": rollup_id, "limit": _PIECE}
    gone = 0
    for table in ("rollup_deltas", "rollup_sums"):
        gone += await tx.run(_FREE.format(table=table), params)
    return gone > 0


async def forget(tx: Tx, workspace_id: UUID, object_id: UUID, parent_id: UUID) -> None:
    """Take away the figures of a record of the object that is no more."""
    params = {"workspace": workspace_id, "parent": parent_id, "object": str(object_id)}
    for table in ("rollup_deltas", "rollup_sums"):
        await tx.run(_FORGET.format(table=table), params)


async def add(tx: Tx, workspace_id: UUID, deltas: Sequence[tuple[Delta, Cause]]) -> None:
    """Note what a write changes; nobody waits for anybody else here."""
    if not deltas:
        return
    rows = [
        (
            one.rollup_id,
            one.parent_id,
            one.count,
            one.total,
            jsonio.dumps(one.added).decode() if one.added else None,
            jsonio.dumps(one.removed).decode() if one.removed else None,
            msgspec.json.encode(cause).decode(),
        )
        for one, cause in deltas
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    await tx.collect(_ADD, [workspace_id, *columns])


async def pending(
    tx: Tx,
    workspace_id: UUID,
    rollup_ids: Sequence[UUID],
    parent_ids: Sequence[UUID] | None,
    limit: int,
) -> list[tuple[str, UUID]]:
    """(rollup, record) of figures that are not folded in: all of the records given, or as many of
    each rollup."""
    own = list(rollup_ids)
    if parent_ids is not None:
        rows = await tx.all(_PENDING, [workspace_id, own, list(parent_ids)])
    else:
        some = {"workspace": workspace_id, "rollups": own, "limit": limit}
        rows = await tx.all(_SOME_PENDING, some)
    return [(row["rollup_id"], row["parent_id"]) for row in rows]


async def waiting(tx: Tx) -> list[tuple[UUID, UUID]]:
    """(workspace, rollup) of what has deltas, of all workspaces."""
    rows = await tx.all(_WAITING)
    return [(row["workspace_id"], row["rollup_id"]) for row in rows]


async def take(
    tx: Tx, workspace_id: UUID, rollup_ids: Sequence[UUID], parent_ids: Sequence[UUID]
) -> list[Row]:
    """The deltas of these records, taken away; under the records' locks."""
    return await tx.all(_TAKE, [workspace_id, list(rollup_ids), list(parent_ids)])


async def add_sums(
    tx: Tx, workspace_id: UUID, added: Mapping[tuple[str, UUID], tuple[int, Decimal]]
) -> dict[tuple[str, UUID], tuple[int, Decimal, bool]]:
    """Fold deltas into the sums, by (rollup, record); what these are now, and whether they are the
    first of their record."""
    if not added:
        return {}
    rows = [(UUID(key[0]), key[1], *value) for key, value in sorted(added.items())]
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await tx.all(_SUM, [workspace_id, *columns])
    return {(r["rollup_id"], r["parent_id"]): (r["count"], r["total"], r["first"]) for r in found}


async def recount(
    tx: Tx,
    workspace: Workspace,
    workspace_id: UUID,
    rollup: Rollup,
    parent_ids: Sequence[UUID],
) -> dict[UUID, Figures]:
    """Figure anew over all that points to these records, and let their deltas go with it: both of
    one snapshot, so that it is right whatever writers add meanwhile. Under the records' locks."""
    params = Params()
    space, parents = params.add(workspace_id, "uuid"), params.add(list(parent_ids), "uuid[]")
    rollup_id = params.add(UUID(rollup.id), "uuid")
    figures = figures_sql(workspace, workspace_id, rollup, params)
    rows = await tx.all(
        f"WITH gone AS (DELETE FROM rollup_deltas WHERE workspace_id = {space}"
        f" AND rollup_id = {rollup_id} AND parent_id = ANY({parents}))"
        f" SELECT v.value AS parent_id, {figures} AND v.value = ANY({parents}) GROUP BY v.value",
        params.values,
    )
    found = {row["parent_id"]: figures_of(rollup, row) for row in rows}
    return {i: found.get(i, (0, Decimal(0), None)) for i in parent_ids}


def figures_sql(workspace: Workspace, workspace_id: UUID, rollup: Rollup, params: Params) -> str:
    """`count, total, extreme FROM ... WHERE ...` over all that points to `v.value`."""
    where = [
        f"r.workspace_id = {params.add(workspace_id, 'uuid')}",
        "r.record_id = v.record_id",
        "r.delete_time IS NULL",
        f"r.object_id = {params.add(UUID(rollup.other_id), 'uuid')}",
    ]
    if rollup.filter:
        known = workspace.full.objects_by_id[rollup.other_id]
        tree = rollups.tree_of(workspace.full, known, rollup.filter)
        where.append(compile_sql(tree, rollups.ANYTIME, DIALECT, params).text)
    measure = _measure(rollup, params)
    figures = f"count({measure}) AS count, " + (
        f"coalesce(sum({measure}), 0) AS total, NULL AS extreme"
        if rollup.adds
        else f"0 AS total, {rollup.function}({measure}) AS extreme"
    )
    return (
        f"{figures} FROM value_ref AS v"
        f" CROSS JOIN LATERAL (SELECT r.* FROM records AS r WHERE {' AND '.join(where)} OFFSET 0)"
        f" AS r WHERE v.workspace_id = {params.add(workspace_id, 'uuid')}"
        f" AND v.slot = {params.add(UUID(rollup.relation_slot), 'uuid')}"
    )


def figures_of(rollup: Rollup, row: Row) -> Figures:
    """Those of a row that `figures_sql` gave."""
    return int(row["count"]), Decimal(row["total"]), _extreme(rollup, row)


def _measure(rollup: Rollup, params: Params) -> str:
    """What a record brings in, as SQL; null where it is nothing."""
    if rollup.function == "count":
        return "0"
    key = params.text(rollup.measure_key)
    if rollup.measure == "currency":
        code = params.text(rollup.currency_code)
        return (
            f"CASE WHEN r.doc->{key}->>'currency_code' = {code}"
            f" THEN (r.doc->{key}->>'amount_micros')::numeric END"
        )
    return f"(r.doc->>{key})::{_CASTS.get(rollup.measure, 'numeric')}"


def _extreme(rollup: Rollup, row: Row) -> Any:
    value = row["extreme"]
    if value is None or rollup.measure not in _CASTS:
        return None if value is None else Decimal(value)
    return rollups.instant(value) if rollup.measure == "date_time" else value.isoformat()


async def set_sums(
    tx: Tx, workspace_id: UUID, rollup_id: UUID, figures: Mapping[UUID, Figures]
) -> None:
    """Keep what a recount found."""
    rows = [(parent, count, total) for parent, (count, total, _) in sorted(figures.items())]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await tx.run(_SET, [workspace_id, rollup_id, *columns])
