"""Move edges from one end to another, where nothing stands in the way."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Tx
from planes.nodes import Node
from services.links.model import Link
from services.links.store.rows import PREFIXED, link

# An edge stays where it is, and goes with its end, where the other end has its like already, where
# it would join a node to itself, or where the one edge that the type allows is there.
_MOVE = f"""
UPDATE links AS l SET {{near}}_id = %(winner)s, version = l.version + 1, update_time = now()
WHERE l.workspace_id = %(workspace_id)s AND l.{{near}}_id = %(loser)s AND l.{{near}}_kind = %(kind)s
  AND l.delete_time IS NULL AND l.origin = 'link'
  AND NOT (l.{{far}}_id = %(winner)s AND l.{{far}}_kind = %(kind)s)
  AND NOT EXISTS (SELECT 1 FROM symmetric_ends AS e
    WHERE e.workspace_id = l.workspace_id AND e.link_id = l.link_id)
  AND NOT EXISTS (SELECT 1 FROM links AS o
    WHERE o.workspace_id = l.workspace_id AND o.link_type_id = l.link_type_id
      AND o.delete_time IS NULL AND o.{{near}}_id = %(winner)s AND o.{{near}}_kind = %(kind)s
      AND (l.{{one}} OR (o.{{far}}_id = l.{{far}}_id AND o.{{far}}_kind = l.{{far}}_kind)))
  AND NOT (l.link_type_id = ANY(%(symmetric)s) AND EXISTS (SELECT 1 FROM links AS o
    WHERE o.workspace_id = l.workspace_id AND o.link_type_id = l.link_type_id
      AND o.delete_time IS NULL AND o.{{far}}_id = %(winner)s AND o.{{far}}_kind = %(kind)s
      AND o.{{near}}_id = l.{{far}}_id AND o.{{near}}_kind = l.{{far}}_kind))
RETURNING {PREFIXED}"""
_MOVES = (
    _MOVE.format(near="source", far="target", one="one_target"),
    _MOVE.format(near="target", far="source", one="one_source"),
)


async def move(
    tx: Tx, workspace_id: UUID, loser: Node, winner: Node, symmetric: Sequence[UUID]
) -> list[Link]:
    """Have the live edges of one node at another of its kind instead; those that moved."""
    params = {
        "workspace_id": workspace_id,
        "loser": loser.id,
        "winner": winner.id,
        "kind": loser.kind,
        "symmetric": list(symmetric),
    }
    return [link(row) for sql in _MOVES for row in await tx.all(sql, params)]
