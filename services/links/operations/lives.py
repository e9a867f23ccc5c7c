"""Follow the lives of nodes: what their deletion takes, what their return brings back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from planes.nodes import Node
from schema.compiled import Workspace
from services.links import events
from services.links.logic import types
from services.links.model import Direction, Link, NodeState, Projection
from services.links.store import cascades, edges, moving, projections, restoring, states

MAX_FAN_OUT = 10_000  # deletions that one deletion may bring about
MAX_DEPTH = 16  # deletions that may follow one another
_EVENTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Operation:
    """The event that brings something about, and what follows from it."""

    id: UUID  # the event's
    version: int  # of the node
    depth: int
    caller: Caller  # who did it, with the event as the cause of what follows
    context: dict[str, Any]  # actor, cause, traceparent: for work that is queued


async def project(tx: Tx, workspace_id: UUID, wanted: Sequence[Projection]) -> None:
    """Make the edges of relation fields what the newest of these versions say."""
    latest: dict[tuple[UUID, UUID], Projection] = {}
    for one in wanted:
        key = (one.record.id, one.field_id)
        if key not in latest or latest[key].version < one.version:
            latest[key] = one
    if not latest:
        return
    ordered = [latest[key] for key in sorted(latest)]
    targets = [p.target for p in ordered if p.target is not None]
    await states.lock(tx, workspace_id, [p.record for p in ordered], targets)
    fresh = await projections.newer(tx, workspace_id, ordered)
    await projections.apply(tx, workspace_id, fresh)


async def deleted(
    tx: Tx, workspace_id: UUID, workspace: Workspace, node: Node, operation: Operation
) -> None:
    """Take a node's links away under the operation's id, and queue what its types cascade to."""
    await states.lock(tx, workspace_id, [node])
    state = await states.get(tx, workspace_id, node)
    if state is not None and state.version >= operation.version:
        return
    await states.put(tx, workspace_id, node, NodeState(operation.version, True, operation.id))
    gone = await edges.delete_of(tx, workspace_id, operation.id, node)
    await _announce(tx, operation.caller, events.removed(workspace, gone, operation.id))
    await _cascade(tx, workspace_id, workspace, node, gone, operation)


async def merged(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    loser: Node,
    winner: Node,
    operation: Operation,
) -> None:
    """Move a node's links to the one that it is merged into; what can't move goes with it."""
    await states.lock(tx, workspace_id, [loser], [winner])
    state = await states.get(tx, workspace_id, loser)
    if state is not None and state.version >= operation.version:
        return
    symmetric = [UUID(k.id) for k in workspace.link_types_by_id.values() if k.symmetric]
    moved = await moving.move(tx, workspace_id, loser, winner, symmetric)
    kinds = workspace.link_types_by_id
    changed = ("source", "target")
    made = [events.updated(kinds.get(str(link.type_id)), link, changed) for link in moved]
    await _announce(tx, operation.caller, made)


async def _cascade(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    node: Node,
    gone: Sequence[Link],
    operation: Operation,
) -> None:
    following: dict[Node, None] = {}
    for link in gone:
        kind = workspace.link_types_by_id.get(str(link.type_id))
        side = Direction.OUT if link.source == node else Direction.IN
        if kind is not None and types.policy(kind, side) == "cascade":
            following[link.target if side is Direction.OUT else link.source] = None
    if not following:
        return
    parked = ""
    if len(following) > MAX_FAN_OUT:
        parked = f"FAN_OUT_EXCEEDED: {len(following)} deletions follow, at most {MAX_FAN_OUT} may"
    elif operation.depth >= MAX_DEPTH:
        parked = f"DEPTH_EXCEEDED: {operation.depth} deletions led here, at most {MAX_DEPTH} may"
    await cascades.add(
        tx, workspace_id, operation.id, list(following), operation.context, parked=parked
    )
    if parked:
        letter = events.cascade_parked(operation.id, 1, parked, len(following))
        await outbox.add(tx, operation.caller, letter)


async def undeleted(
    tx: Tx, workspace_id: UUID, workspace: Workspace, node: Node, operation: Operation
) -> None:
    """Bring back exactly what the node's deletion took, and undo what it cascaded to."""
    await states.lock(tx, workspace_id, [node])
    state = await states.get(tx, workspace_id, node)
    if state is not None and state.version >= operation.version:
        return
    await states.put(tx, workspace_id, node, NodeState(operation.version, False, None))
    if state is None or state.operation_id is None:
        return
    ends = await restoring.ends_taken(tx, workspace_id, state.operation_id)
    await states.lock(tx, workspace_id, (), ends - {node})
    claiming = [UUID(k.id) for k in workspace.link_types_by_id.values() if types.claims_ends(k)]
    back = await restoring.restore(tx, workspace_id, state.operation_id, claiming)
    await _announce(tx, operation.caller, events.restored(workspace, back, state.operation_id))
    await cascades.reverse(tx, workspace_id, state.operation_id, operation.context)


async def purged(tx: Tx, workspace_id: UUID, node: Node, operation: Operation) -> None:
    """Forget a node's links for ever."""
    await states.lock(tx, workspace_id, [node])
    await states.put(tx, workspace_id, node, NodeState(operation.version, True, None))
    await edges.purge_of(tx, workspace_id, node)
    await projections.forget(tx, workspace_id, node)


async def _announce(tx: Tx, caller: Caller, made: Sequence[outbox.Event]) -> None:
    for at in range(0, len(made), _EVENTS_AT_ONCE):
        await outbox.add(tx, caller, *made[at : at + _EVENTS_AT_ONCE])
