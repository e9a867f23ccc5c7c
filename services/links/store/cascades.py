"""Queue the deletions that follow others; a claim is a lease with a fencing token.

They are taken in batches that stay as they are until all of a batch is settled, in one statement:
a repeat of a batch is the same call under the same key. A batch is known by its first.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit import ids
from kit.db import Row, Tx
from planes.nodes import ARTIFACT_KINDS, Node
from services.links.model import Cascade, CascadeState, Outcome
from services.links.store.rows import jsonb

_ADD = """
INSERT INTO cascades (workspace_id, cascade_id, operation_id, action, node_kind, node_id, state,
  reason, actor, cause, traceparent)
SELECT %s, n.cascade_id, %s, 'delete', n.kind, n.id, %s, %s, %s, %s, %s
FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS n (cascade_id, kind, id)
ON CONFLICT DO NOTHING"""
_COLUMNS = (
    "workspace_id, cascade_id, operation_id, action, node_kind, node_id, deleted_version, attempts,"
    " token, actor, cause, traceparent, batch_id"
)
_TAKEN = f"""
due_time = now() + make_interval(secs => %(lease)s), token = c.token + 1, attempts = c.attempts + 1
FROM {{of}} WHERE c.workspace_id = {{of}}.workspace_id AND {{which}}
RETURNING {", ".join(f"c.{name}" for name in _COLUMNS.split(", "))}"""
# Batches whose holder has gone: their first says when they are due, and is locked for all of them.
_CLAIM_AGAIN = f"""
WITH q AS (
  SELECT workspace_id, batch_id FROM cascades
  WHERE state = 'queued' AND due_time <= now() AND batch_id = cascade_id
  ORDER BY due_time LIMIT %(batches)s FOR UPDATE SKIP LOCKED
)
UPDATE cascades AS c SET
{_TAKEN.format(of="q", which="c.batch_id = q.batch_id AND c.state = 'queued'")}"""
# New batches: records of one object that one operation deletes, or brings back, so many together,
# for one principal: some of an operation may come back for who undid it, some for who did it. What
# else there is goes alone: there is no one call for it, or it was begun by an older release.
_CLAIM_FRESH = f"""
WITH q AS (
  SELECT workspace_id, cascade_id, operation_id, action, node_kind, actor, cause,
    CASE WHEN attempts = 0 AND NOT node_kind = ANY(%(alone)s)
      THEN NULL ELSE cascade_id END AS single
  FROM cascades WHERE state = 'queued' AND due_time <= now() AND batch_id IS NULL
  ORDER BY due_time LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), numbered AS (
  SELECT *, (row_number() OVER (
    PARTITION BY workspace_id, operation_id, action, node_kind, actor, cause, single
    ORDER BY cascade_id
  ) - 1) / %(size)s AS part FROM q
), headed AS (
  SELECT workspace_id, cascade_id, first_value(cascade_id) OVER (
    PARTITION BY workspace_id, operation_id, action, node_kind, actor, cause, single, part
    ORDER BY cascade_id
  ) AS head FROM numbered
), parts AS (
  SELECT * FROM (SELECT *, dense_rank() OVER (ORDER BY head) AS place FROM headed) AS r
  WHERE place <= %(batches)s
)
UPDATE cascades AS c SET batch_id = parts.head,
{_TAKEN.format(of="parts", which="c.cascade_id = parts.cascade_id")}"""
# A plan of a time with nothing to do would look through the whole queue for each of thousands.
_PLAN_ANEW = "SET LOCAL plan_cache_mode = force_custom_plan"
_SETTLE = """
UPDATE cascades AS c SET state = CASE WHEN c.state = 'queued' THEN n.state ELSE c.state END,
  reason = n.reason, deleted_version = n.version
FROM unnest(%(ids)s::uuid[], %(tokens)s::int8[], %(states)s::text[], %(reasons)s::text[],
            %(versions)s::int8[]) AS n (id, token, state, reason, version)
WHERE c.workspace_id = %(workspace_id)s AND c.cascade_id = n.id AND c.token = n.token
RETURNING c.cascade_id, c.state, c.reversed, c.action, c.deleted_version"""
_POSTPONE = """
UPDATE cascades SET due_time = now() + make_interval(secs => %s), reason = %s
WHERE workspace_id = %s AND batch_id = %s AND token = %s AND state = 'queued'"""
_SPLIT = """
UPDATE cascades AS c SET batch_id = n.head, due_time = now(), reason = %s
FROM unnest(%s::uuid[], %s::uuid[]) AS n (id, head)
WHERE c.workspace_id = %s AND c.cascade_id = n.id AND c.token = %s AND c.state = 'queued'"""
# What was begun may have been done: it is reversed when that is known.
_CANCEL = """
UPDATE cascades SET state = CASE WHEN attempts = 0 THEN 'cancelled' ELSE state END,
  reversed = attempts > 0
WHERE workspace_id = %s AND operation_id = %s AND action = 'delete' AND state = 'queued'"""
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
        batch_id=row["batch_id"],
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


async def claim(
    tx: Tx, lease_seconds: int, *, size: int, batches: int, limit: int
) -> list[tuple[Cascade, ...]]:
    """Of all workspaces: batches that are due, ours for the length of the lease; of new ones no
    more than `limit` cascades. Those of a batch are in the order of their ids, whoever takes it."""
    params = {
        "lease": lease_seconds,
        "size": size,
        "batches": batches,
        "limit": limit,
        "alone": sorted(ARTIFACT_KINDS),
    }
    await tx.send(_PLAN_ANEW)
    rows = await tx.all(_CLAIM_AGAIN, params)
    rows += await tx.all(_CLAIM_FRESH, params)
    found: dict[UUID, list[Cascade]] = defaultdict(list)
    for row in rows:
        found[row["batch_id"]].append(_cascade(row))
    return [tuple(sorted(some, key=lambda one: one.id)) for some in found.values()]


async def settle(tx: Tx, outcomes: Sequence[Outcome]) -> list[UUID]:
    """Keep what has become of cascades of one workspace that were taken together; those that stand
    now: another worker may have taken them over. What was undone meanwhile is reversed, of each
    operation by itself."""
    workspace_id = outcomes[0].cascade.workspace_id
    params = {
        "workspace_id": workspace_id,
        "ids": [one.cascade.id for one in outcomes],
        "tokens": [one.cascade.token for one in outcomes],
        "states": [str(one.state) for one in outcomes],
        "reasons": [one.reason for one in outcomes],
        "versions": [_version(one) for one in outcomes],
    }
    await tx.send(_PLAN_ANEW)
    rows = await tx.all(_SETTLE, params)
    given = {one.cascade.id: one.cascade for one in outcomes}
    undone: dict[UUID, list[Cascade]] = defaultdict(list)
    for row in rows:
        if row["action"] != "delete" or row["deleted_version"] is None:
            continue
        if row["reversed"] or row["state"] == CascadeState.CANCELLED:
            own = given[row["cascade_id"]]
            undone[own.operation_id].append(own)
    for operation_id, some in undone.items():
        first = some[0]
        context = {"actor": first.actor, "cause": first.cause, "traceparent": first.traceparent}
        params = _reversal(workspace_id, operation_id, context) | {"ids": [one.id for one in some]}
        await tx.run(_REVERSE.format(which="cascade_id = ANY(%(ids)s)"), params)
    return [row["cascade_id"] for row in rows]


def _version(outcome: Outcome) -> int | None:
    cascade = outcome.cascade
    return outcome.version if cascade.action == "delete" else cascade.deleted_version


async def postpone(tx: Tx, batch: Sequence[Cascade], seconds: float, reason: str) -> None:
    """Have the batch tried again, as it is."""
    first = batch[0]
    params = [seconds, reason, first.workspace_id, first.batch_id, first.token]
    await tx.run(_POSTPONE, params)


async def split(tx: Tx, parts: Sequence[Sequence[Cascade]], reason: str) -> None:
    """Make these, at once due, of what was one batch."""
    first = parts[0][0]
    ids_ = [one.id for part in parts for one in part]
    heads = [part[0].id for part in parts for _ in part]
    await tx.run(_SPLIT, [reason, ids_, heads, first.workspace_id, first.token])


async def reverse(
    tx: Tx, workspace_id: UUID, operation_id: UUID, context: Mapping[str, Any]
) -> None:
    """Cancel what an operation has not begun, queue the reversal of what it did, and have what is
    under way reversed when it is done."""
    await tx.send(_CANCEL, [workspace_id, operation_id])
    params = _reversal(workspace_id, operation_id, context)
    await tx.send(_REVERSE.format(which="state = 'done'"), params)


def _reversal(workspace_id: UUID, operation_id: UUID, context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "operation_id": operation_id,
        "actor": jsonb(context["actor"]),
        "cause": jsonb(context["cause"]),
        "traceparent": context["traceparent"],
    }
