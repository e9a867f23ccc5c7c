"""Replays, and the queue of those that run."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Row, Tx
from kit.errors import FailedPrecondition, NotFound
from services.events.model import Replay, ReplayClaim, ReplayKind, ReplayState

LEASE_SECONDS = 6.0
_COLUMNS = (
    "id, kind, state, error, subscription_id, selection, cursor, rate, total, seen, done, failed,"
    " created_by, create_time, update_time, finish_time, workflow_id"
)
_CLAIM = """
WITH due AS (
  SELECT workspace_id, replay_id FROM replay_queue WHERE due_time <= now()
  ORDER BY due_time LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE replay_queue AS q
SET due_time = now() + make_interval(secs => %s), token = q.token + 1
FROM due WHERE q.workspace_id = due.workspace_id AND q.replay_id = due.replay_id
RETURNING q.workspace_id, q.replay_id, q.token"""


def _replay(row: Row) -> Replay:
    kind, state = ReplayKind(row["kind"]), ReplayState(row["state"])
    return Replay(**{**row, "kind": kind, "state": state})


async def insert(
    tx: Tx,
    workspace_id: UUID,
    replay_id: UUID,
    *,
    kind: ReplayKind,
    subscription_id: UUID | None,
    workflow_id: UUID | None,
    selection: str,
    rate: int,
    total: int,
    created_by: str,
) -> Replay:
    """Store it, and have workers begin."""
    row = await tx.one(
        "INSERT INTO replays (workspace_id, id, kind, subscription_id, workflow_id, selection,"
        " rate, total, created_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        f" RETURNING {_COLUMNS}",
        [
            workspace_id,
            replay_id,
            kind,
            subscription_id,
            workflow_id,
            selection,
            rate,
            total,
            created_by,
        ],
    )
    await tx.run(
        "INSERT INTO replay_queue (workspace_id, replay_id) VALUES (%s, %s)",
        [workspace_id, replay_id],
    )
    return _replay(row)


async def get(tx: Tx, workspace_id: UUID, replay_id: UUID) -> Replay:
    """NOT_FOUND / REPLAY_NOT_FOUND where there is none."""
    sql = f"SELECT {_COLUMNS} FROM replays WHERE workspace_id = %s AND id = %s"
    row = await tx.maybe(sql, [workspace_id, replay_id])
    if row is None:
        raise NotFound("REPLAY_NOT_FOUND", f"there is no replay {replay_id}")
    return _replay(row)


async def page(tx: Tx, workspace_id: UUID, before: UUID | None, *, limit: int) -> list[Replay]:
    """Newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM replays WHERE workspace_id = %s"
        " AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
        [workspace_id, before, before, limit],
    )
    return [_replay(row) for row in rows]


async def claim(tx: Tx, *, limit: int) -> Sequence[ReplayClaim]:
    """Lease what is due."""
    rows = await tx.all(_CLAIM, [limit, LEASE_SECONDS])
    return [ReplayClaim(**row) for row in rows]


async def lock(tx: Tx, claim: ReplayClaim) -> Replay | None:
    """The replay, while our lease of it holds; None when it was cancelled or is another's."""
    ours = await tx.maybe(
        "SELECT FROM replay_queue WHERE workspace_id = %s AND replay_id = %s AND token = %s"
        " FOR UPDATE",
        [claim.workspace_id, claim.replay_id, claim.token],
    )
    return None if ours is None else await get(tx, claim.workspace_id, claim.replay_id)


async def advance(
    tx: Tx, claim: ReplayClaim, cursor: str, *, seen: int, done: int, failed: int, pause: float
) -> None:
    """Note how far it came; due again after the pause."""
    key = [claim.workspace_id, claim.replay_id]
    await tx.run(
        "UPDATE replays SET cursor = %s, seen = seen + %s, done = done + %s, failed = failed + %s,"
        " update_time = now() WHERE workspace_id = %s AND id = %s",
        [cursor, seen, done, failed, *key],
    )
    await tx.run(
        "UPDATE replay_queue SET due_time = now() + make_interval(secs => %s)"
        " WHERE workspace_id = %s AND replay_id = %s",
        [pause, *key],
    )


async def finish(
    tx: Tx, workspace_id: UUID, replay_id: UUID, state: ReplayState, error: str = ""
) -> Replay:
    """FAILED_PRECONDITION / REPLAY_FINISHED unless it runs."""
    key = [workspace_id, replay_id]
    await tx.run("DELETE FROM replay_queue WHERE workspace_id = %s AND replay_id = %s", key)
    row = await tx.maybe(
        "UPDATE replays SET state = %s, error = %s, update_time = now(), finish_time = now()"
        f" WHERE workspace_id = %s AND id = %s AND state = 'running' RETURNING {_COLUMNS}",
        [state, error, *key],
    )
    if row is not None:
        return _replay(row)
    known = await get(tx, workspace_id, replay_id)
    raise FailedPrecondition("REPLAY_FINISHED", f"the replay has {known.state} already")
