"""Know which nodes are deleted, and keep writers of one node's edges apart."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from kit.db import Tx
from planes.nodes import Node
from services.links.model import NodeState

# In one order for all, so that no two transactions wait for each other.
_LOCK = """
SELECT CASE WHEN k.whole THEN pg_advisory_xact_lock(k.key)
       ELSE pg_advisory_xact_lock_shared(k.key) END
FROM unnest(%s::int8[], %s::bool[]) AS k (key, whole)"""
_DELETED = """
SELECT s.node_kind, s.node_id FROM unnest(%s::text[], %s::uuid[]) AS n (kind, id)
JOIN node_states AS s ON s.workspace_id = %s AND s.node_id = n.id AND s.node_kind = n.kind
WHERE s.deleted"""
_GET = """
SELECT version, deleted, operation_id FROM node_states
WHERE workspace_id = %s AND node_id = %s AND node_kind = %s"""
_KNOWN = """
SELECT s.node_kind, s.node_id, s.version, s.deleted, s.operation_id
FROM unnest(%s::text[], %s::uuid[]) AS n (kind, id)
JOIN node_states AS s ON s.workspace_id = %s AND s.node_id = n.id AND s.node_kind = n.kind"""
_SET = """
INSERT INTO node_states (workspace_id, node_id, node_kind, version, deleted, operation_id)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (workspace_id, node_id, node_kind) DO UPDATE
SET version = excluded.version, deleted = excluded.deleted, operation_id = excluded.operation_id"""


async def lock(
    tx: Tx, workspace_id: UUID, whole: Iterable[Node], shared: Iterable[Node] = ()
) -> None:
    """Until the end of the transaction: `whole` for those whose life changes, `shared` for those
    that get an edge."""
    keys = {_key(workspace_id, node): False for node in shared}
    keys |= {_key(workspace_id, node): True for node in whole}
    if keys:
        ordered = sorted(keys.items())
        await tx.send(_LOCK, [[k for k, _ in ordered], [w for _, w in ordered]])


def _key(workspace_id: UUID, node: Node) -> int:
    """64 bits, of which the workspace and the node each decide all."""
    value = (workspace_id.int ^ (node.id.int * 0x9E3779B97F4A7C15)) & (2**128 - 1)
    value = (value >> 64) ^ (value & (2**64 - 1))
    return value - 2**63


async def deleted(tx: Tx, workspace_id: UUID, nodes: Sequence[Node]) -> set[Node]:
    """Those of the nodes that events have told to be deleted."""
    rows = await tx.all(_DELETED, [[n.kind for n in nodes], [n.id for n in nodes], workspace_id])
    return {Node(row["node_kind"], row["node_id"]) for row in rows}


async def get(tx: Tx, workspace_id: UUID, node: Node) -> NodeState | None:
    row = await tx.maybe(_GET, [workspace_id, node.id, node.kind])
    return NodeState(**row) if row else None


async def known(tx: Tx, workspace_id: UUID, nodes: Sequence[Node]) -> dict[Node, NodeState]:
    """The lives of those of the nodes of which events have told."""
    rows = await tx.all(_KNOWN, [[n.kind for n in nodes], [n.id for n in nodes], workspace_id])
    return {
        Node(r["node_kind"], r["node_id"]): NodeState(r["version"], r["deleted"], r["operation_id"])
        for r in rows
    }


async def put(tx: Tx, workspace_id: UUID, node: Node, state: NodeState) -> None:
    params = [workspace_id, node.id, node.kind, state.version, state.deleted, state.operation_id]
    await tx.send(_SET, params)
