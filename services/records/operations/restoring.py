"""Give records back what a field job took from them, where nobody has changed it since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit import crash
from kit.db import Tx
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError, Unavailable
from services.records.model import FieldJob, FieldJobState, Item, Stored
from services.records.operations import writes
from services.records.operations.targets import Target
from services.records.store import field_jobs as store
from services.records.store.field_jobs import Note

S = FieldJobState
_DONE = {S.SETTLED, S.ANNOUNCING, S.CLEANING, S.SUCCEEDED}


@dataclass(frozen=True, slots=True)
class Taken:
    """One record as a job changed it: what the fields that it changed held before and after."""

    record_id: UUID
    time: datetime
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def refusal(job: FieldJob, target: Target | None, source: FieldJob | None) -> str:
    """Why nothing can be given back; empty where it can."""
    if target is None:
        return "OBJECT_NOT_FOUND: the object has gone"
    if str(job.field_id) not in target.full.fields_by_id:
        return "FIELD_NOT_FOUND: the field has gone"
    if source is None:
        return "FIELD_JOB_NOT_FOUND: which job the change was the end of is not known"
    if (source.kind, source.field_id, source.dry_run) != ("change", job.field_id, False):
        return f"FIELD_JOB_NOT_FOUND: the job {source.id} has changed no values of this field"
    if source.state not in _DONE:
        return f"FIELD_JOB_STATE_INVALID: the job {source.id} is {source.state}"
    return ""


async def restore_some(tx: Tx, target: Target, job: FieldJob, taken: Sequence[Taken]) -> None:
    """Give these records back what they held before the job's last change of each; `taken` has the
    newest first. What is refused, since another record has the value by now, say, is noted; the
    rest goes on."""
    workspace_id, field = target.workspace_id, target.full.fields_by_id[str(job.field_id)]
    newest: dict[UUID, Taken] = {}
    for one in taken:
        if field.name in one.after:
            newest.setdefault(one.record_id, one)
    if not newest:
        return
    rows = await store.locked(tx, workspace_id, job.object_id, list(newest))
    known = {r.id: r for r in rows}
    items = [
        Item(str(record_id), {field.name: one.before.get(field.name)})
        for record_id, one in newest.items()
        if (record := known.get(record_id)) is not None
        and _stands(record, field.key or field.name, one.after.get(field.name))
    ]
    done, refused = await _write(tx, target, job, items)
    await store.clear(tx, workspace_id, [job.id], newest)  # of an attempt before
    await store.note(tx, workspace_id, refused)
    last = taken[-1]
    place = (last.time, last.record_id)
    await store.advance(tx, workspace_id, job.id, place, len(newest), done)
    crash.point("records.field_job")


def _stands(record: Stored, key: str, after: Any) -> bool:
    """Whether a record is live and holds what the job left."""
    return record.delete_time is None and bool(record.doc.get(key) == after)


async def _write(
    tx: Tx, target: Target, job: FieldJob, items: Sequence[Item]
) -> tuple[int, list[Note]]:
    """All at once where that goes, else in halves, down to the one that does not go: how many, and
    those that are refused."""
    if not items:
        return 0, []
    try:
        async with tx.savepoint():
            return len(await writes.update(tx, target, items)), []
    except ServiceError as exc:
        if isinstance(exc, Unavailable | DeadlineExceeded | ResourceExhausted):
            raise
        if len(items) == 1:
            return 0, [Note(job.id, UUID(items[0].id), exc.reason, exc.message)]
    half = len(items) // 2
    done, refused = await _write(tx, target, job, items[:half])
    more, others = await _write(tx, target, job, items[half:])
    return done + more, refused + others
