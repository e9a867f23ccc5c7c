"""Bring back exactly the edges that one deletion took."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Tx
from planes.nodes import Node
from services.links.model import Link
from services.links.store.projections import SUPERSEDED
from services.links.store.rows import PREFIXED, link

_TAKEN = """
SELECT source_kind, source_id, target_kind, target_id FROM links
WHERE workspace_id = %s AND delete_operation_id = %s AND delete_time IS NOT NULL"""
# The other end is deleted as well: the edge comes back with that one.
_HAND_OVER = """
UPDATE links AS l SET delete_operation_id = s.operation_id FROM node_states AS s
WHERE l.workspace_id = %(workspace_id)s AND l.delete_operation_id = %(operation_id)s
  AND l.delete_time IS NOT NULL AND s.workspace_id = l.workspace_id AND s.deleted
  AND s.operation_id IS NOT NULL AND s.operation_id <> %(operation_id)s
  AND ((s.node_id = l.source_id AND s.node_kind = l.source_kind)
    OR (s.node_id = l.target_id AND s.node_kind = l.target_kind))"""
# Something newer has taken its place meanwhile: the newer stays.
_CLASH = """
  EXISTS (SELECT FROM links AS n WHERE n.workspace_id = l.workspace_id
    AND n.link_type_id = l.link_type_id AND n.delete_time IS NULL
    AND n.source_id = l.source_id AND n.source_kind = l.source_kind
    AND (l.one_target OR (n.target_id = l.target_id AND n.target_kind = l.target_kind)))
  OR EXISTS (SELECT FROM links AS n WHERE n.workspace_id = l.workspace_id
    AND n.link_type_id = l.link_type_id AND n.delete_time IS NULL AND l.one_source
    AND n.target_id = l.target_id AND n.target_kind = l.target_kind)"""
_CLAIM = """
INSERT INTO symmetric_ends (workspace_id, link_type_id, node_id, node_kind, link_id)
SELECT l.workspace_id, l.link_type_id, e.id, e.kind, l.link_id FROM links AS l
CROSS JOIN LATERAL (VALUES (l.source_id, l.source_kind), (l.target_id, l.target_kind))
  AS e (id, kind)
WHERE l.workspace_id = %(workspace_id)s AND l.delete_operation_id = %(operation_id)s
  AND l.delete_time IS NOT NULL AND l.link_type_id = ANY(%(claiming)s)
ON CONFLICT DO NOTHING"""
# A link of a claiming type that did not get both its ends gives up the one it got.
_UNCLAIM = """
DELETE FROM symmetric_ends AS c WHERE c.workspace_id = %(workspace_id)s AND c.link_id IN (
  SELECT o.link_id FROM symmetric_ends AS o JOIN links AS l ON l.workspace_id = o.workspace_id
    AND l.link_id = o.link_id WHERE l.workspace_id = %(workspace_id)s
    AND l.delete_operation_id = %(operation_id)s AND l.delete_time IS NOT NULL
  GROUP BY o.link_id HAVING count(*) < 2)"""
_RESTORE = f"""
UPDATE links AS l SET delete_time = NULL, delete_operation_id = NULL, version = version + 1,
       update_time = now()
WHERE l.workspace_id = %(workspace_id)s AND l.delete_operation_id = %(operation_id)s
  AND l.delete_time IS NOT NULL AND NOT ({_CLASH})
  AND (NOT l.link_type_id = ANY(%(claiming)s) OR EXISTS (SELECT FROM symmetric_ends AS c
       WHERE c.workspace_id = l.workspace_id AND c.link_id = l.link_id))
RETURNING {PREFIXED}"""
_GIVE_UP = """
UPDATE links SET delete_operation_id = %(superseded)s
WHERE workspace_id = %(workspace_id)s AND delete_operation_id = %(operation_id)s
  AND delete_time IS NOT NULL"""


async def ends_taken(tx: Tx, workspace_id: UUID, operation_id: UUID) -> set[Node]:
    """Both ends of every edge that the operation took."""
    rows = await tx.all(_TAKEN, [workspace_id, operation_id])
    return {
        node
        for r in rows
        for node in (Node(r["source_kind"], r["source_id"]), Node(r["target_kind"], r["target_id"]))
    }


async def restore(
    tx: Tx, workspace_id: UUID, operation_id: UUID, claiming: Sequence[UUID]
) -> list[Link]:
    """Bring back what `operation_id` took, but what has lost its other end or its place.

    `claiming` are the symmetric types that allow a node one link.
    """
    params = {
        "workspace_id": workspace_id,
        "operation_id": operation_id,
        "claiming": list(claiming),
        "superseded": SUPERSEDED,
    }
    await tx.send(_HAND_OVER, params)
    if claiming:
        await tx.send(_CLAIM, params)
        await tx.send(_UNCLAIM, params)
    rows = await tx.all(_RESTORE, params)
    await tx.send(_GIVE_UP, params)
    return [link(row) for row in rows]
