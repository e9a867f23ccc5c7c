"""Do what writers owe to field jobs: keep the old and the new definition of a field at once.

While a job is at work, a write goes by the old definition and is carried over to the new one: its
value, its index, its claims. What does not fit is noted for the job or, once the job has been
through all records, refused. So nothing slips in behind the job, whoever comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.compiled import CompiledObject
from schema.field_changes import FieldChange
from schema.formulas import Computed, compute
from schema.model import Field
from schema.problems import Invalid, Problem
from services.records.store import field_jobs as store
from services.records.store.field_jobs import Duty, Note
from services.records.store.owed import Owed

PENDING = "PENDING"  # the job has still to change it


@dataclass(slots=True)
class Carried:
    """What carrying a request's writes over to new definitions came to."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    fit: set[tuple[UUID, UUID]] = field(default_factory=set)  # (job, record)


async def owed(asked: Owed, obj: CompiledObject, version: int) -> list[Duty]:
    """What a writer with these definitions owes: nothing where they are the new ones already, word
    of which may not have come yet."""
    found = await asked.duties(version)
    return [duty for duty in found if not _knows(obj, duty.change)]


def _knows(obj: CompiledObject, change: FieldChange) -> bool:
    mine = obj.fields_by_id.get(change.old.id)
    if mine is None or not (change.converts or change.reindexes):
        return False
    return mine.index_id == change.target.index_id


def both(obj: CompiledObject, owed: Sequence[Duty]) -> CompiledObject:
    """The object as indexes and claims are kept for it meanwhile."""
    for duty in owed:
        obj = duty.change.both(obj)
    return obj


def carry(
    owed: Sequence[Duty],
    record_id: UUID,
    before: dict[str, Any] | None,
    doc: dict[str, Any],
    path: str,
    into: Carried,
    formulas: Sequence[Computed] = (),
) -> list[Field]:
    """Carry one document over, in place; the fields that were filled in, and the formulas over
    them. `before` is None for a record that is new or comes back."""
    filled: list[Field] = []
    for duty in owed:
        change = duty.change
        key = change.old_key
        if before is None and change.backfill and doc.get(key) is None and not change.converts:
            doc[key] = change.value_of(doc)
            filled += [change.old, *compute(formulas, doc)]
        elif before is not None and not change.touches(before, doc):
            continue
        _carry(duty, record_id, doc, path, into)
    return filled


def _carry(duty: Duty, record_id: UUID, doc: dict[str, Any], path: str, into: Carried) -> None:
    change = duty.change
    value = doc.get(change.old_key)
    first: Problem | None = None
    found = None
    try:
        found = change.value_of(doc)
    except Invalid as exc:
        first = exc.problems[0]
    else:
        if not change.converts and value is not None and found != value:
            message = f"{change.old.name} loses this value; a job is at work"
            first = Problem("", PENDING, message)
    if first is not None:
        if change.converts:
            doc.pop(change.key, None)
        if duty.strict:
            at = f"{path}.{change.old.name}" if path else change.old.name
            into.problems.append(Problem(at, first.code, first.message))
        else:
            into.notes.append(Note(duty.job_id, record_id, first.code, first.message))
        return
    into.fit.add((duty.job_id, record_id))
    if change.converts:
        if found is None:
            doc.pop(change.key, None)
        else:
            doc[change.key] = found


def lenient_claims(owed: Sequence[Duty]) -> dict[UUID, Duty]:
    """The constraints under construction whose claims may still fail, by id."""
    return {UUID(d.change.constraint_id): d for d in owed if not d.strict and d.change.claims}


async def settle(tx: Tx, workspace_id: UUID, carried: Carried) -> None:
    """Keep the jobs' lists of offenders true to what was written."""
    noted = {(n.job_id, n.record_id) for n in carried.notes}
    if fit := carried.fit - noted:
        await store.clear(tx, workspace_id, {j for j, _ in fit}, {r for _, r in fit})
    await store.note(tx, workspace_id, list(dict.fromkeys(carried.notes)))


async def forget(tx: Tx, workspace_id: UUID, owed: Sequence[Duty], ids: Sequence[UUID]) -> None:
    """Deleted records stand in no job's way."""
    if owed:
        await store.clear(tx, workspace_id, {d.job_id for d in owed}, ids)
