"""Queue the deletions that follow others; a claim is a lease with a fencing token."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit import ids
from kit.db import Row, Tx
from planes.nodes import Node
from services.links.model import Cascade, CascadeState
from services.links.store.rows import jsonb

_ADD = """
INSERT INTO cascades (workspace_id, cascade_id, operation_id, action, node_kind, node_id, state,
  reason, actor, cause, traceparent)
SELECT %s, n.cascade_id, %s, 'delete', n.kind, n.id, %s, %s, %s, %s, %s
FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS n (cascade_id, kind, id)
ON CONFLICT DO NOTHING"""
_COLUMNS = (
    "workspace_id, cascade_id, operation_id, action, node_kind, node_id, deleted_version, attempts,"
    " token, actor, cause, traceparent"
)
_CLAIM = f"""
UPDATE cascades AS c SET due_time = now() + make_interval(secs => %s), token = c.token + 1,
       attempts = c.attempts + 1
FROM (SELECT workspace_id, cascade_id FROM cascades WHERE state = 'queued' AND due_time <= now()
      ORDER BY due_time LIMIT %s FOR UPDATE SKIP LOCKED) AS q
WHERE c.workspace_id = q.workspace_id AND c.cascade_id = q.cascade_id
RETURNING {", ".join(f"c.{name}" for name in _COLUMNS.split(", "))}"""
_SETTLE = """
UPDATE cascades SET state = CASE WHEN state = 'queued' THEN %(state)s ELSE state END,
       reason = %(reason)s, deleted_version = %(deleted_version)s
WHERE workspace_id = %(workspace_id)s AND cascade_id = %(cascade_id)s AND token = %(token)s
RETURNING state"""
_POSTPONE = """
UPDATE cascades SET due_time = now() + make_interval(secs => %s), reason = %s
WHERE workspace_id = %s AND cascade_id = %s AND token = %s AND state = 'queued'"""
_CANCEL = """
UPDATE cascades SET state = 'cancelled' WHERE workspace_id = %s AND operation_id = %s
  AND action = 'delete' AND state = 'queued'"""
_REVERSE = """
INSERT INTO cascades (workspace_id, cascade_id, operation_id, action, node_kind, node_id,
  deleted_version, state, actor, cause, traceparent)
SELECT workspace_id, uuidv7(), operation_id, 'undelete', node_kind, node_id, deleted_version,
  'queued', %(actor)s, %(cause)s, %(traceparent)s
FROM cascades WHERE workspace_id = %(workspace_id)s AND operation_id = %(operation_id)s
  AND action = 'delete' AND deleted_version IS NOT NULL AND {which}
ON CONFLICT DO NOTHING"""


def _cascade(row: Row) -> Cascade:
    return Cascade(
        workspace_id=row["workspace_id"],
        id=row["cascade_id"],
        operation_id=row["operation_id"],
        action=row["action"],
        node=Node(row["node_kind"], row["node_id"]),
        deleted_version=row["deleted_version"],
        attempts=row["attempts"],
        token=row["token"],
        actor=row["actor"],
        cause=row["cause"],
        traceparent=row["traceparent"],
    )


async def add(
    tx: Tx,
    workspace_id: UUID,
    operation_id: UUID,
    nodes: Sequence[Node],
    context: Mapping[str, Any],
    *,
    parked: str = "",
) -> None:
    """Queue the deletion of `nodes`; or, with a reason, keep it parked."""
    state = CascadeState.PARKED if parked else CascadeState.QUEUED
    await tx.send(
        _ADD,
        [
            *(workspace_id, operation_id, state, parked),
            *(jsonb(context["actor"]), jsonb(context["cause"]), context["traceparent"]),
            *([ids.new_id() for _ in nodes], [n.kind for n in nodes], [n.id for n in nodes]),
        ],
    )


async def claim(tx: Tx, lease_seconds: int, limit: int) -> list[Cascade]:
    """Of all workspaces: those due, ours for the length of the lease."""
    return [_cascade(row) for row in await tx.all(_CLAIM, [lease_seconds, limit])]


async def settle(
    tx: Tx, cascade: Cascade, state: CascadeState, reason: str = "", version: int | None = None
) -> CascadeState | None:
    """Keep the outcome; returns what stands now, None where another worker has taken it over."""
    params = {
        "workspace_id": cascade.workspace_id,
        "cascade_id": cascade.id,
        "token": cascade.token,
        "state": state,
        "reason": reason,
        "deleted_version": version if cascade.action == "delete" else cascade.deleted_version,
    }
    found = await tx.value(_SETTLE, params)
    return CascadeState(found) if found else None


async def postpone(tx: Tx, cascade: Cascade, seconds: float, reason: str) -> None:
    params = [seconds, reason, cascade.workspace_id, cascade.id, cascade.token]
    await tx.run(_POSTPONE, params)


async def reverse(
    tx: Tx, workspace_id: UUID, operation_id: UUID, context: Mapping[str, Any]
) -> None:
    """Cancel what an operation has still queued, and queue the reversal of what it did."""
    await tx.send(_CANCEL, [workspace_id, operation_id])
    params = _reversal(workspace_id, operation_id, context)
    await tx.send(_REVERSE.format(which="state = 'done'"), params)


async def reverse_cancelled(tx: Tx, cascade: Cascade) -> None:
    """It was done just before it was cancelled: queue its reversal."""
    context = {
        "actor": cascade.actor,
        "cause": cascade.cause,
        "traceparent": cascade.traceparent,
    }
    params = _reversal(cascade.workspace_id, cascade.operation_id, context)
    params["cascade_id"] = cascade.id
    await tx.run(_REVERSE.format(which="cascade_id = %(cascade_id)s"), params)


def _reversal(workspace_id: UUID, operation_id: UUID, context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "operation_id": operation_id,
        "actor": jsonb(context["actor"]),
        "cause": jsonb(context["cause"]),
        "traceparent": context["traceparent"],
    }
