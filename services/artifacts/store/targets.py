"""Keep what artifacts are attached to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from kit.db import Tx
from planes.nodes import Node
from services.artifacts.model import Holder

_ATTACH = """
INSERT INTO artifact_links (workspace_id, artifact_id, artifact_kind, target_id, target_kind,
  artifact_time)
SELECT %s, * FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::timestamptz[])
ON CONFLICT DO NOTHING"""
_DETACH = """
DELETE FROM artifact_links AS l USING unnest(%s::uuid[], %s::text[]) AS t (id, kind)
WHERE l.workspace_id = %s AND l.artifact_id = %s AND l.artifact_kind = %s
  AND l.target_id = t.id AND l.target_kind = t.kind"""
_DETACH_ALL = """
DELETE FROM artifact_links WHERE workspace_id = %s AND artifact_id = %s AND artifact_kind = %s"""
_FORGET_TARGET = """
DELETE FROM artifact_links WHERE workspace_id = %s AND target_id = %s AND target_kind = %s"""
# What the winner has already stays with the loser.
_MOVE = """
UPDATE artifact_links AS l SET target_id = %(winner)s
WHERE l.workspace_id = %(workspace)s AND l.target_id = %(loser)s AND l.target_kind = %(kind)s
  AND NOT EXISTS (SELECT 1 FROM artifact_links AS o
    WHERE o.workspace_id = l.workspace_id AND o.artifact_id = l.artifact_id
      AND o.artifact_kind = l.artifact_kind AND o.target_id = %(winner)s
      AND o.target_kind = l.target_kind)"""
_OF = """
SELECT l.artifact_kind, l.artifact_id, l.target_kind, l.target_id
FROM unnest(%s::uuid[], %s::text[]) AS a (id, kind) JOIN artifact_links AS l
  ON l.workspace_id = %s AND l.artifact_id = a.id AND l.artifact_kind = a.kind
ORDER BY l.target_kind, l.target_id"""
_CREATORS = """
SELECT 'note' AS kind, note_id AS id, creator_id FROM notes
WHERE workspace_id = %(workspace_id)s AND note_id = ANY(%(note)s)
UNION ALL SELECT 'todo', todo_id, creator_id FROM todos
WHERE workspace_id = %(workspace_id)s AND todo_id = ANY(%(todo)s)
UNION ALL SELECT 'file', file_id, creator_id FROM files
WHERE workspace_id = %(workspace_id)s AND file_id = ANY(%(file)s)"""


async def attach(
    tx: Tx, workspace_id: UUID, artifacts: Iterable[tuple[Node, datetime, Sequence[Node]]]
) -> None:
    """Attach artifacts, each with when it was made, to targets."""
    rows = [
        (artifact.id, artifact.kind, target.id, target.kind, made)
        for artifact, made, targets in artifacts
        for target in targets
    ]
    if rows:
        await tx.send(_ATTACH, [workspace_id, *map(list, zip(*rows, strict=True))])


async def detach(tx: Tx, workspace_id: UUID, artifact: Node, targets: Sequence[Node]) -> None:
    if targets:
        ids, kinds = [t.id for t in targets], [t.kind for t in targets]
        await tx.send(_DETACH, [ids, kinds, workspace_id, artifact.id, artifact.kind])


async def detach_all(tx: Tx, workspace_id: UUID, artifact: Node) -> None:
    """Of an artifact that goes: what it is attached to, and what is attached to it."""
    await tx.send(_DETACH_ALL, [workspace_id, artifact.id, artifact.kind])
    await forget_target(tx, workspace_id, artifact)


async def forget_target(tx: Tx, workspace_id: UUID, target: Node) -> None:
    """Detach whatever is attached to a node that is no more."""
    await tx.send(_FORGET_TARGET, [workspace_id, target.id, target.kind])


async def move(tx: Tx, workspace_id: UUID, loser: Node, winner: Node) -> None:
    """Attach to one node what is attached to another of its kind."""
    params = {
        "workspace": workspace_id,
        "loser": loser.id,
        "winner": winner.id,
        "kind": loser.kind,
    }
    await tx.send(_MOVE, params)


async def of(
    tx: Tx, workspace_id: UUID, artifacts: Sequence[Node]
) -> Mapping[Node, tuple[Node, ...]]:
    """The targets of each, in one query."""
    found: dict[Node, list[Node]] = defaultdict(list)
    if artifacts:
        params = [[a.id for a in artifacts], [a.kind for a in artifacts], workspace_id]
        for row in await tx.all(_OF, params):
            artifact = Node(row["artifact_kind"], row["artifact_id"])
            found[artifact].append(Node(row["target_kind"], row["target_id"]))
    return {a: tuple(found[a]) for a in artifacts}


async def holders(tx: Tx, workspace_id: UUID, artifacts: Sequence[Node]) -> dict[Node, Holder]:
    """Who decides over each of the artifacts that exist, in two queries."""
    if not artifacts:
        return {}
    params: dict[str, object] = {"workspace_id": workspace_id}
    params |= {
        kind: [a.id for a in artifacts if a.kind == kind] for kind in ("note", "todo", "file")
    }
    rows = await tx.all(_CREATORS, params)
    creators = {Node(row["kind"], row["id"]): row["creator_id"] for row in rows}
    attached = await of(tx, workspace_id, list(creators))
    return {node: Holder(creator, attached[node]) for node, creator in creators.items()}
