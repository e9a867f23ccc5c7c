"""Read edges by their ends: one index scan for each type and direction."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from planes.nodes import Node
from services.links.model import Direction, Link, Listing, Place, Seen
from services.links.store.rows import COLUMNS, PREFIXED, link

_GET = f"""
SELECT {COLUMNS} FROM links WHERE workspace_id = %s AND link_id = %s AND delete_time IS NULL"""
_OWN = {Direction.OUT: "source", Direction.IN: "target"}
_FIRST = Place(float("-inf"), UUID(int=0), Direction.IN)


def _branch(direction: Direction, node_id: str, kind: str, after: str) -> str:
    """The links of a node in one direction, of each type the first few, by one index scan each."""
    own = _OWN[direction]
    return f"""(
  SELECT '{direction}' AS direction, f.* FROM unnest(%({direction}_types)s::uuid[]) AS t (id)
  CROSS JOIN LATERAL (
    SELECT {PREFIXED} FROM links AS l
    WHERE l.workspace_id = %(workspace_id)s AND l.{own}_id = {node_id} AND l.{own}_kind = {kind}
      AND l.link_type_id = t.id AND l.delete_time IS NULL {after}
    ORDER BY l.position, l.link_id LIMIT %(limit)s
  ) AS f
  ORDER BY f.position, f.link_id LIMIT %(limit)s)"""


async def get(tx: Tx, workspace_id: UUID, link_id: UUID, *, lock: bool = False) -> Link | None:
    row = await tx.maybe(_GET + (" FOR UPDATE" if lock else ""), [workspace_id, link_id])
    return link(row) if row else None


async def page(tx: Tx, workspace_id: UUID, node: Node, listing: Listing) -> list[Seen]:
    """Up to `limit` links of a node, by position, then id, then direction (in before out)."""
    after = listing.after or _FIRST
    params = _params(workspace_id, listing) | {
        "node_id": node.id,
        "kind": node.kind,
        "position": after.position,
        "link_id": after.id,
    }
    # A link from a node to itself stands in both directions, and is passed in both.
    passed = {
        Direction.IN: ">",
        Direction.OUT: ">=" if after.direction is Direction.IN else ">",
    }
    branches = [
        _branch(
            side,
            "%(node_id)s",
            "%(kind)s",
            f"AND (l.position, l.link_id) {passed[side]} (%(position)s, %(link_id)s)",
        )
        for side in Direction
    ]
    query = f"""
SELECT * FROM ({" UNION ALL ".join(branches)}) AS both_ways
ORDER BY position, link_id, direction LIMIT %(limit)s"""
    return [_seen(row) for row in await tx.all(query, params)]


async def first_of_each(
    tx: Tx, workspace_id: UUID, nodes: Sequence[Node], listing: Listing
) -> dict[Node, list[Seen]]:
    """The first links of several nodes, in one query."""
    params = _params(workspace_id, listing) | {
        "node_ids": [n.id for n in nodes],
        "kinds": [n.kind for n in nodes],
    }
    branches = " UNION ALL ".join(_branch(side, "n.id", "n.kind", "") for side in Direction)
    query = f"""
SELECT n.id AS own_id, n.kind AS own_kind, found.*
FROM unnest(%(node_ids)s::uuid[], %(kinds)s::text[]) AS n (id, kind)
CROSS JOIN LATERAL (
  SELECT * FROM ({branches}) AS both_ways ORDER BY position, link_id, direction LIMIT %(limit)s
) AS found
ORDER BY found.position, found.link_id, found.direction"""
    found: dict[Node, list[Seen]] = {node: [] for node in nodes}
    for row in await tx.all(query, params):
        found[Node(row["own_kind"], row["own_id"])].append(_seen(row))
    return found


def _params(workspace_id: UUID, listing: Listing) -> dict[str, Any]:
    types = {f"{side}_types": list(listing.types[side]) for side in Direction}
    return {"workspace_id": workspace_id, "limit": listing.limit} | types


def _seen(row: Mapping[str, Any]) -> Seen:
    return Seen(link(dict(row)), Direction(row["direction"]))


async def count(tx: Tx, workspace_id: UUID, node: Node) -> dict[tuple[UUID, Direction], int]:
    """The number of live links by type and direction."""
    parts = [
        f"""
SELECT link_type_id, '{side}' AS direction, count(*) AS number FROM links
WHERE workspace_id = %(workspace_id)s AND {own}_id = %(node_id)s AND {own}_kind = %(kind)s
  AND delete_time IS NULL GROUP BY link_type_id"""
        for side, own in _OWN.items()
    ]
    params = {"workspace_id": workspace_id, "node_id": node.id, "kind": node.kind}
    rows = await tx.all(" UNION ALL ".join(parts), params)
    return {(row["link_type_id"], Direction(row["direction"])): row["number"] for row in rows}


async def blocking(
    tx: Tx,
    workspace_id: UUID,
    nodes: Sequence[Node],
    restricted: Mapping[Direction, Sequence[UUID]],
    limit: int,
) -> list[Link]:
    """Links that forbid deleting the nodes: of restricting types, to others than these nodes."""
    params: dict[str, Any] = {
        "workspace_id": workspace_id,
        "ids": [n.id for n in nodes],
        "kinds": [n.kind for n in nodes],
        "limit": limit,
    }
    parts = []
    for side, own in _OWN.items():
        other = _OWN[side.other]
        params[f"{side}_types"] = list(restricted[side])
        parts.append(f"""(
SELECT {PREFIXED} FROM unnest(%(ids)s::uuid[], %(kinds)s::text[]) AS n (id, kind)
JOIN links AS l ON l.workspace_id = %(workspace_id)s AND l.{own}_id = n.id
  AND l.{own}_kind = n.kind AND l.link_type_id = ANY(%({side}_types)s) AND l.delete_time IS NULL
WHERE NOT (l.{other}_id = ANY(%(ids)s)) LIMIT %(limit)s)""")
    rows = await tx.all(" UNION ALL ".join(parts) + " LIMIT %(limit)s", params)
    return [link(row) for row in rows]


async def of_type(
    tx: Tx, workspace_id: UUID, node: Node, type_id: UUID, side: Direction, limit: int
) -> list[Link]:
    """Every live link of a node of one type in one direction, up to a bound."""
    own = _OWN[side]
    query = f"""
SELECT {COLUMNS} FROM links WHERE workspace_id = %s AND {own}_id = %s AND {own}_kind = %s
  AND link_type_id = %s AND delete_time IS NULL ORDER BY position, link_id LIMIT %s"""
    rows = await tx.all(query, [workspace_id, node.id, node.kind, type_id, limit])
    return [link(row) for row in rows]
