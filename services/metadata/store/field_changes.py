"""Keep the jobs that definitions wait for: one row from the request until the job's end."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from kit.db import Tx
from schema.field_changes import FieldChange
from schema.jsonio import dumps
from services.metadata.model import Job

_ADD = """
INSERT INTO field_changes (workspace_id, job_id, field_id, object_id, kind, target, actor)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_TAKE = """
DELETE FROM field_changes WHERE workspace_id = %s AND job_id = %s
RETURNING kind, object_id, field_id, target::text AS target"""
_JOBS = "SELECT field_id, job_id FROM field_changes WHERE workspace_id = %s"


async def add(tx: Tx, workspace_id: UUID, job: Job, actor: Mapping[str, str]) -> None:
    """The definition waits for this job."""
    values = [workspace_id, UUID(job.id), UUID(job.field_id) if job.field_id else None]
    values += [UUID(job.object_id)]
    plan = Jsonb(msgspec.to_builtins(job.plan), dumps=dumps)
    await tx.send(_ADD, [*values, job.kind, plan, Jsonb(dict(actor))])


async def take(tx: Tx, workspace_id: UUID, job_id: UUID) -> tuple[str, str, str, str] | None:
    """(kind, object, field, plan) of a job that is over; None where nothing waits for it."""
    row = await tx.maybe(_TAKE, [workspace_id, job_id])
    if row is None:
        return None
    field_id = str(row["field_id"]) if row["field_id"] else ""
    return row["kind"], str(row["object_id"]), field_id, row["target"]


async def jobs(tx: Tx, workspace_id: UUID) -> dict[str, str]:
    """The job that each field waits for."""
    rows = await tx.all(_JOBS, [workspace_id])
    return {str(row["field_id"]): str(row["job_id"]) for row in rows}


def change_of(plan: str) -> FieldChange:
    return msgspec.json.decode(plan, type=FieldChange)
