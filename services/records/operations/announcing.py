"""Have records tell of the form that a job has given their values, once the definition stands."""

from typing import Any
from uuid import UUID

from kit import crash
from kit.db import Tx
from schema.field_changes import FieldChange
from schema.problems import Invalid
from services.records.model import FieldJob, FieldJobState, Stored
from services.records.operations import field_jobs, rewrites
from services.records.operations.rewrites import Rewrite
from services.records.operations.targets import Target
from services.records.store import field_jobs as store
from services.records.store import owed as owing


async def announce_some(tx: Tx, target: Target, job: FieldJob) -> bool:
    """The definition has changed over: the next records whose values are others now have a version
    of it, and tell. False once all have.

    Whoever gave a record another value since has told of that already.
    """
    change, workspace_id = field_jobs.change_of(job), target.workspace_id
    place = (job.after_time, job.after_id)
    found = await store.next_records(tx, workspace_id, job.object_id, place, field_jobs.BATCH)
    if not found:
        return False
    asked = await owing.ask(tx, workspace_id, job.object_id)
    rows = await store.locked(tx, workspace_id, job.object_id, [i for i, _ in found])
    moved = []
    for record in rows:
        before, after = record.doc.get(change.old_key), record.doc.get(change.key)
        if before != after and record.delete_time is None and _stands(change, record, after):
            moved.append(Rewrite(record, record.doc, before, after))
    await rewrites.tell(tx, target, change.target, moved, asked)
    await store.tell(tx, workspace_id, job.id, len(moved))
    await store.advance(tx, workspace_id, job.id, (found[-1][1], found[-1][0]), 0, 0)
    crash.point("records.field_job")
    return True


def _stands(change: FieldChange, record: Stored, value: Any) -> bool:
    """Whether a record's new value is still what the job made of the old one."""
    try:
        return bool(change.value_of(record.doc) == value)
    except Invalid:
        return False


async def announced(tx: Tx, workspace_id: UUID, job: FieldJob, grace_seconds: float) -> None:
    """All have told: the old form goes, once nobody can have the old definition any more."""
    await store.move(tx, workspace_id, job.id, [FieldJobState.ANNOUNCING], FieldJobState.CLEANING)
    await store.schedule(tx, workspace_id, job.id, grace_seconds)
