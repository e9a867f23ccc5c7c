"""Keep and read view entries: moved in the transaction of a write, read by one range scan.

For every change of an entry there is a delta, so that buckets and open deltas together count what
there is, in any snapshot.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from kit.db import Tx
from schema.filters.columns import Params
from services.records.model import Query
from services.records.store.queries import page_columns

_REMOVE = """
DELETE FROM view_entries AS e USING unnest(%(gone_sets)s::uuid[], %(gone_groups)s::text[],
  %(gone_keys)s::bytea[]) AS n (set_id, group_key, sort_key)
WHERE e.workspace_id = %(workspace)s::uuid AND e.set_id = n.set_id AND e.group_key = n.group_key
  AND e.sort_key = n.sort_key
RETURNING e.set_id, e.group_key, e.sort_key, -1 AS change"""
_ADD = """
INSERT INTO view_entries (workspace_id, set_id, group_key, sort_key, record_id)
SELECT %(workspace)s::uuid, n.* FROM unnest(%(sets)s::uuid[], %(groups)s::text[],
  %(keys)s::bytea[], %(ids)s::uuid[]) AS n (set_id, group_key, sort_key, record_id)
ON CONFLICT DO NOTHING
RETURNING set_id, group_key, sort_key, 1 AS change"""
_NOTE = """
INSERT INTO view_deltas (workspace_id, set_id, group_key, sort_key, change)
SELECT %(workspace)s::uuid, set_id, group_key, sort_key, change FROM """
_BUILD = f"""
WITH made AS ({_ADD})
INSERT INTO view_buckets AS b (workspace_id, set_id, group_key, low, count)
SELECT %(workspace)s::uuid, set_id, group_key, ''::bytea, count(*) FROM made GROUP BY 2, 3
ON CONFLICT (workspace_id, set_id, group_key, low) DO UPDATE SET count = b.count + excluded.count"""
_COUNTS = """
SELECT group_key, sum(count)::int8 AS count FROM (
  SELECT group_key, count FROM view_buckets WHERE workspace_id = %(workspace)s AND set_id = %(set)s
  UNION ALL
  SELECT group_key, change FROM view_deltas WHERE workspace_id = %(workspace)s AND set_id = %(set)s
  UNION ALL
  SELECT NULL, 0 FROM view_states
  WHERE workspace_id = %(workspace)s AND object_id = %(object)s AND set_id = %(set)s
    AND state = 'ready'
) AS parts GROUP BY group_key"""
_MEASURES = """
SELECT 1 AS kind, low, count FROM view_buckets
WHERE workspace_id = %(workspace)s AND set_id = %(set)s AND group_key = %(group)s
UNION ALL
SELECT 2, sort_key, change FROM view_deltas
WHERE workspace_id = %(workspace)s AND set_id = %(set)s AND group_key = %(group)s
ORDER BY 1, 2"""

_OWN = "FROM view_entries WHERE workspace_id = %(workspace)s AND set_id = %(set)s"
# Bounds from subqueries alone drive the index: COALESCE counts as what may leak.
_DROP_ENTRIES = f"""
WITH g AS MATERIALIZED (SELECT group_key {_OWN} ORDER BY group_key LIMIT 1),
picked AS MATERIALIZED (
  SELECT sort_key {_OWN} AND group_key = (SELECT group_key FROM g) ORDER BY sort_key
  LIMIT %(limit)s
), last AS MATERIALIZED (SELECT sort_key FROM picked ORDER BY sort_key DESC LIMIT 1)
DELETE {_OWN} AND group_key = (SELECT group_key FROM g)
  AND sort_key <= (SELECT sort_key FROM last)"""


class Placed(NamedTuple):
    """One entry: of which set, where, and which record."""

    set_id: UUID
    group_key: str
    sort_key: bytes
    record_id: UUID


async def move(tx: Tx, workspace_id: UUID, gone: Sequence[Placed], made: Sequence[Placed]) -> None:
    """Take entries out where they are there, put others in where they are not, and note what that
    changed: a build may not have come to a record yet."""
    params: dict[str, Any] = {"workspace": workspace_id}
    parts, notes = [], []
    if gone:
        sets, groups, keys, _ = zip(*sorted(gone), strict=True)
        params |= {"gone_sets": list(sets), "gone_groups": list(groups), "gone_keys": list(keys)}
        parts.append(f"gone AS ({_REMOVE})")
        notes.append("SELECT * FROM gone")
    if made:
        params |= _columns(made)
        parts.append(f"made AS ({_ADD})")
        notes.append("SELECT * FROM made")
    if parts:
        noted = " UNION ALL ".join(notes)
        await tx.send(f"WITH {', '.join(parts)} {_NOTE} ({noted}) AS changes", params)


async def build(tx: Tx, workspace_id: UUID, made: Sequence[Placed]) -> None:
    """Put entries in where they are not, straight into each group's first bucket: while a set is
    built it has no other."""
    if made:
        await tx.send(_BUILD, {"workspace": workspace_id} | _columns(made))


def _columns(made: Sequence[Placed]) -> dict[str, Any]:
    sets, groups, keys, ids = zip(*sorted(made), strict=True)
    return {"sets": list(sets), "groups": list(groups), "keys": list(keys), "ids": list(ids)}


async def counts(
    tx: Tx, workspace_id: UUID, object_id: UUID, set_id: UUID
) -> dict[str, int] | None:
    """How many entries there are by group; None where the set is not ready."""
    params = {"workspace": workspace_id, "object": object_id, "set": set_id}
    found = {row["group_key"]: row["count"] for row in await tx.all(_COUNTS, params)}
    if None not in found:
        return None
    del found[None]
    return found


Measured = list[tuple[bytes, int]]


async def measures(
    tx: Tx, workspace_id: UUID, set_id: UUID, group: str
) -> tuple[Measured, Measured]:
    """Of one group, in order: how many entries from where on, by bucket; and the open deltas."""
    params = {"workspace": workspace_id, "set": set_id, "group": group}
    rows = await tx.tuples(_MEASURES, params)
    found: tuple[Measured, Measured] = ([], [])
    for kind, key, count in rows:
        found[kind - 1].append((bytes(key), count))
    return found


async def page(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    set_id: UUID,
    groups: Sequence[str] | None,
    after: bytes,
    limit: int,
    *,
    skip: int = 0,
    inclusive: bool = False,
) -> list[tuple[Any, ...]] | None:
    """Rows as `queries` gives them, of some groups (None: all) merged in the view's order, from
    behind a place on; None where the set is not ready."""
    params = Params()
    workspace = params.add(workspace_id, "uuid")
    own = f"e.workspace_id = {workspace} AND e.set_id = {params.add(set_id, 'uuid')}"
    bound = f"e.sort_key {'>=' if inclusive else '>'} {params.add(after, 'bytea')}"
    entries = "SELECT e.sort_key, e.record_id FROM view_entries AS e"
    if groups is not None and len(groups) == 1:
        picked = (
            f"{entries} WHERE {own} AND e.group_key = {params.text(groups[0])} AND {bound}"
            f" ORDER BY e.sort_key LIMIT {int(limit)} OFFSET {int(skip)}"
        )
    else:
        picked = (
            f"SELECT p.sort_key, p.record_id FROM ({_groups(own)}) AS g CROSS JOIN LATERAL"
            f" ({entries} WHERE {own} AND e.group_key = g.group_key AND {bound}"
            f" ORDER BY e.sort_key LIMIT {int(limit) + int(skip)}) AS p"
            f" ORDER BY p.sort_key LIMIT {int(limit)} OFFSET {int(skip)}"
        )
    columns = page_columns(query, params)
    sql = (
        f"SELECT {columns} FROM (SELECT r.*, e.sort_key FROM view_states AS s"
        f" LEFT JOIN LATERAL ({picked}) AS e ON true"
        f" LEFT JOIN LATERAL (SELECT r.* FROM records AS r WHERE r.workspace_id = {workspace}"
        f" AND r.record_id = e.record_id OFFSET 0) AS r ON true"
        f" WHERE s.workspace_id = {workspace}"
        f" AND s.object_id = {params.add(UUID(query.object.id), 'uuid')}"
        f" AND s.set_id = {params.add(set_id, 'uuid')} AND s.state = 'ready'"
        f" ORDER BY e.sort_key) AS r"
    )
    rows = await tx.tuples(sql, params.values)
    if not rows:
        return None
    return [row for row in rows if row[0] is not None]  # an empty page is one row of nothing


def _groups(own: str) -> str:
    """The groups that have entries, one look into the index for each."""
    entries = f"SELECT e.group_key FROM view_entries AS e WHERE {own}"
    return (
        f"WITH RECURSIVE g AS (({entries} ORDER BY e.group_key LIMIT 1) UNION ALL"
        f" SELECT ({entries} AND e.group_key > g.group_key ORDER BY e.group_key LIMIT 1)"
        f" FROM g WHERE g.group_key IS NOT NULL)"
        f" SELECT g.group_key FROM g WHERE g.group_key IS NOT NULL"
    )


async def drop_some(tx: Tx, workspace_id: UUID, set_id: UUID, limit: int) -> bool:
    """Whether there may be more entries to drop."""
    params = {"workspace": workspace_id, "set": set_id, "limit": limit}
    return await tx.run(_DROP_ENTRIES, params) > 0
