"""Make the edges of relation fields what their documents say, many fields in four statements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit import ids
from kit.db import Tx
from planes.nodes import Node
from services.links.model import Projection
from services.links.store.rows import jsonb

SUPERSEDED = UUID(int=0)  # the operation of edges that no undeletion brings back

_NEWER = """
INSERT INTO field_projections AS p (workspace_id, record_id, field_id, version)
SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::int8[])
ON CONFLICT (workspace_id, record_id, field_id) DO UPDATE SET version = excluded.version
WHERE p.version < excluded.version RETURNING record_id, field_id"""
_WANTED = """unnest(%(types)s::uuid[], %(kinds)s::text[], %(ids)s::uuid[], %(target_kinds)s::text[],
  %(target_ids)s::uuid[]) AS w (type_id, kind, id, target_kind, target_id)"""
# What a deletion took must not come back with its record: the field holds something else by now.
_SUPERSEDE = f"""
UPDATE links AS l SET delete_operation_id = '{SUPERSEDED}' FROM {_WANTED}
WHERE l.workspace_id = %(workspace_id)s AND l.source_id = w.id AND l.source_kind = w.kind
  AND l.link_type_id = w.type_id AND l.delete_time IS NOT NULL
  AND l.delete_operation_id <> '{SUPERSEDED}'"""
_REMOVE = f"""
UPDATE links AS l SET delete_time = now(), delete_operation_id = '{SUPERSEDED}',
       version = l.version + 1, update_time = now() FROM {_WANTED}
WHERE l.workspace_id = %(workspace_id)s AND l.source_id = w.id AND l.source_kind = w.kind
  AND l.link_type_id = w.type_id AND l.delete_time IS NULL
  AND (l.target_id, l.target_kind) IS DISTINCT FROM (w.target_id, w.target_kind)"""
# An edge to or from a deleted node is stored as that deletion took it.
_ADD = """
INSERT INTO links (workspace_id, link_id, link_type_id, source_kind, source_id, target_kind,
  target_id, attributes, position, origin, one_target, one_source, version, created_by,
  delete_time, delete_operation_id)
SELECT %(workspace_id)s, w.link_id, w.type_id, w.kind, w.id, w.target_kind, w.target_id, '{}',
  extract(epoch FROM clock_timestamp()) * 1000, 'field', true, false, 1, w.actor,
  CASE WHEN s.deleted OR t.deleted THEN now() END,
  CASE WHEN s.deleted THEN coalesce(s.operation_id, %(superseded)s)
       WHEN t.deleted THEN coalesce(t.operation_id, %(superseded)s) END
FROM unnest(%(link_ids)s::uuid[], %(types)s::uuid[], %(kinds)s::text[], %(ids)s::uuid[],
     %(target_kinds)s::text[], %(target_ids)s::uuid[], %(actors)s::jsonb[])
     AS w (link_id, type_id, kind, id, target_kind, target_id, actor)
LEFT JOIN node_states AS s ON s.workspace_id = %(workspace_id)s AND s.node_id = w.id
  AND s.node_kind = w.kind
LEFT JOIN node_states AS t ON t.workspace_id = %(workspace_id)s AND t.node_id = w.target_id
  AND t.node_kind = w.target_kind
WHERE w.target_id IS NOT NULL
ON CONFLICT DO NOTHING"""
_FORGET = "DELETE FROM field_projections WHERE workspace_id = %s AND record_id = %s"


async def newer(tx: Tx, workspace_id: UUID, projections: Sequence[Projection]) -> list[Projection]:
    """Those that are newer than what was projected; from now on they are what was."""
    rows = await tx.all(
        _NEWER,
        [
            workspace_id,
            [p.record.id for p in projections],
            [p.field_id for p in projections],
            [p.version for p in projections],
        ],
    )
    fresh = {(row["record_id"], row["field_id"]) for row in rows}
    return [p for p in projections if (p.record.id, p.field_id) in fresh]


async def apply(tx: Tx, workspace_id: UUID, projections: Sequence[Projection]) -> None:
    """One edge for each that has a target, none for the others."""
    if not projections:
        return
    targets = [p.target or Node("", UUID(int=0)) for p in projections]
    params: dict[str, Any] = {
        "workspace_id": workspace_id,
        "superseded": SUPERSEDED,
        "link_ids": [ids.new_id() for _ in projections],
        "types": [p.type_id for p in projections],
        "kinds": [p.record.kind for p in projections],
        "ids": [p.record.id for p in projections],
        "target_kinds": [t.kind or None for t in targets],
        "target_ids": [t.id if t.kind else None for t in targets],
        "actors": [jsonb(dict(p.actor)) for p in projections],
    }
    async with tx.pipeline():
        await tx.send(_SUPERSEDE, params)
        await tx.send(_REMOVE, params)
        await tx.send(_ADD, params)


async def forget(tx: Tx, workspace_id: UUID, record: Node) -> None:
    await tx.send(_FORGET, [workspace_id, record.id])
