"""Queue what is to be done in the store; a claim is a lease with a fencing token."""

from uuid import UUID

from kit import ids
from kit.db import Row, Tx
from services.artifacts.model import Job, JobKind

_ADD = """
INSERT INTO store_jobs (workspace_id, job_id, kind, file_id, sha256, due_time)
VALUES (%s, %s, %s, %s, %s, now() + make_interval(secs => %s))"""
_CLAIM = """
UPDATE store_jobs AS j SET due_time = now() + make_interval(secs => %s), token = j.token + 1,
       attempts = j.attempts + 1
FROM (SELECT workspace_id, job_id FROM store_jobs WHERE due_time <= now()
      ORDER BY due_time LIMIT %s FOR UPDATE SKIP LOCKED) AS q
WHERE j.workspace_id = q.workspace_id AND j.job_id = q.job_id
RETURNING j.workspace_id, j.job_id, j.kind, j.file_id, j.sha256, j.attempts, j.token"""
_FINISH = "DELETE FROM store_jobs WHERE workspace_id = %s AND job_id = %s AND token = %s"
_POSTPONE = """
UPDATE store_jobs SET due_time = now() + make_interval(secs => %s)
WHERE workspace_id = %s AND job_id = %s AND token = %s"""
_CANCEL = "DELETE FROM store_jobs WHERE workspace_id = %s AND file_id = %s AND kind = %s"


def _job(row: Row) -> Job:
    row["id"] = row.pop("job_id")
    row["kind"] = JobKind(row["kind"])
    return Job(**row)


async def add(
    tx: Tx,
    workspace_id: UUID,
    kind: JobKind,
    *,
    file_id: UUID | None = None,
    sha256: str = "",
    seconds: float = 0,
) -> None:
    """Due in so many seconds."""
    await tx.send(_ADD, [workspace_id, ids.new_id(), kind, file_id, sha256, seconds])


async def claim(tx: Tx, lease_seconds: int, limit: int) -> list[Job]:
    """Of all workspaces: those due, ours for the length of the lease."""
    return [_job(row) for row in await tx.all(_CLAIM, [lease_seconds, limit])]


async def finish(tx: Tx, job: Job) -> None:
    await tx.send(_FINISH, [job.workspace_id, job.id, job.token])


async def postpone(tx: Tx, job: Job, seconds: float) -> None:
    await tx.send(_POSTPONE, [seconds, job.workspace_id, job.id, job.token])


async def cancel(tx: Tx, workspace_id: UUID, file_id: UUID, kind: JobKind) -> None:
    await tx.send(_CANCEL, [workspace_id, file_id, kind])
