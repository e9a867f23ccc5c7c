"""Move field jobs from state to state, and do their work on records, some at a time.

Each function is one transaction's work: it locks the job first, so that whoever else has it waits,
and leaves records and progress together. Killed anywhere, a job goes on where its last commit was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from kit import crash, outbox
from kit.caller import Caller, Cause
from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound
from schema.compiled import CompiledObject
from schema.field_changes import FieldChange, Purge, Release, read_change
from schema.field_types import FIELD_TYPES
from schema.formulas import compute
from schema.model import Field
from schema.problems import Invalid
from services.records import events
from services.records.logic import documents, search
from services.records.model import FieldJob, FieldJobState, Item, Outcome, Stored
from services.records.operations import duties, numbering, rewrites, rollups, writes
from services.records.operations.rewrites import Rewrite
from services.records.operations.targets import Target
from services.records.store import field_jobs as store
from services.records.store import index, uniques
from services.records.store import owed as owing
from services.records.store import records as record_store
from services.records.store import search as search_store
from services.records.store import stats as stats_store
from services.records.store.field_jobs import Note

S = FieldJobState
BATCH = 500
SHOWN = 100  # offenders that are kept of a job that has ended
OPEN = (S.QUEUED, S.RUNNING, S.REVIEWING, S.ENFORCING)
_OFFENDERS = "FIELD_JOB_OFFENDERS: records do not fit the change"


def not_found(job_id: str) -> NotFound:
    return NotFound("FIELD_JOB_NOT_FOUND", f"there is no field job {job_id!r}", id=job_id)


def change_of(job: FieldJob) -> FieldChange:
    return read_change(job.plan)


def purge_of(job: FieldJob) -> Purge:
    return msgspec.json.decode(job.plan, type=Purge)


def caller_of(workspace_id: UUID, job: FieldJob) -> Caller:
    """Who started the job, shown as a field job, as the creator of an import is. What asked for it
    is an event of the job's own id."""
    by = job.created_by
    return Caller(
        workspace_id,
        str(by.get("id", "")),
        "field_job",
        str(by.get("name", "")),
        frozenset({"read", "write"}),
        cause=Cause(str(job.id), str(job.id), 1),
    )


async def begin(tx: Tx, workspace_id: UUID, job: FieldJob, target: Target | None) -> None:
    """From the commit on every writer keeps both definitions; those before it are waited for."""
    if job.kind == "change" and not job.dry_run:
        if target is not None and change_of(job).target.rollup:
            await rollups.begin(tx, target, change_of(job))
        await stats_store.lock_object(tx, workspace_id, job.object_id)
        await store.set_duty(tx, workspace_id, job.object_id, job.id, strict=False)
    await store.move(tx, workspace_id, job.id, [S.QUEUED], S.RUNNING)


async def cancel(tx: Tx, workspace_id: UUID, job: FieldJob) -> FieldJob:
    """Stop it; what it wrote for the new definition goes again, what it reassigned stays."""
    if job.state not in OPEN or job.kind != "change":
        message = f"the job is {job.state} and can't be stopped any more"
        raise FailedPrecondition("FIELD_JOB_STATE_INVALID", message, state=str(job.state))
    await stats_store.lock_object(tx, workspace_id, job.object_id)
    await store.drop_duty(tx, workspace_id, job.object_id, job.id)
    moved = await store.move(tx, workspace_id, job.id, [job.state], S.CANCELLING)
    assert moved is not None
    await store.schedule(tx, workspace_id, job.id, 0.0)
    return moved


async def fail(tx: Tx, workspace_id: UUID, job: FieldJob, failure: str) -> None:
    """It can't be done: writers go by the old definition alone again."""
    await stats_store.lock_object(tx, workspace_id, job.object_id)
    await store.drop_duty(tx, workspace_id, job.object_id, job.id)
    found = await store.count_problems(tx, workspace_id, job.id)
    await store.move(
        tx, workspace_id, job.id, [job.state], S.FAILING, failure=failure, problems=found
    )


async def work_some(tx: Tx, target: Target, job: FieldJob) -> bool:
    """The next records of a change; whether there are any."""
    place = (job.after_time, job.after_id)
    workspace_id = target.workspace_id
    found = await store.next_records(tx, workspace_id, job.object_id, place, BATCH)
    if not found:
        return False
    last = found[-1]
    rows = await store.locked(tx, workspace_id, job.object_id, [i for i, _ in found])
    changed = await _work(tx, target, job, rows)
    await store.advance(tx, workspace_id, job.id, (last[1], last[0]), len(rows), changed)
    crash.point("records.field_job")
    return True


async def ended_scan(tx: Tx, workspace_id: UUID, job: FieldJob) -> None:
    """All records have been seen: a dry run is over, else what was noted gets a second chance."""
    if job.dry_run:
        found = await store.count_problems(tx, workspace_id, job.id)
        await store.trim_problems(tx, workspace_id, job.id, SHOWN)
        await store.move(tx, workspace_id, job.id, [S.RUNNING], S.CLEANING, problems=found)
        return
    await store.move(tx, workspace_id, job.id, [S.RUNNING], S.REVIEWING)


async def review_some(tx: Tx, target: Target, job: FieldJob) -> None:
    """Look once more at what was noted on the way; then the new definition is enforced, unless
    there are offenders left."""
    workspace_id = target.workspace_id
    if await _revisit(tx, target, job):
        return
    noted = await store.problems(tx, workspace_id, job.id, None, SHOWN)
    if any(one.code != duties.PENDING for one in noted):
        await fail(tx, workspace_id, job, _OFFENDERS)
        return
    await stats_store.lock_object(tx, workspace_id, job.object_id)
    await store.set_duty(tx, workspace_id, job.object_id, job.id, strict=True)
    await store.move(tx, workspace_id, job.id, [S.REVIEWING], S.ENFORCING)


async def enforce_some(tx: Tx, target: Target, job: FieldJob) -> bool:
    """Nothing is noted any more: do what was, and say that the definition can change over; False
    once that is said."""
    workspace_id = target.workspace_id
    if await _revisit(tx, target, job):
        return True
    if await store.count_problems(tx, workspace_id, job.id):
        await fail(tx, workspace_id, job, _OFFENDERS)
        return True
    moved = await store.move(tx, workspace_id, job.id, [S.ENFORCING], S.SETTLED, ended=True)
    assert moved is not None
    await store.unschedule(tx, workspace_id, job.id)
    await announce(tx, workspace_id, moved, "succeeded")
    return False


async def _revisit(tx: Tx, target: Target, job: FieldJob) -> bool:
    """The next records that were noted; whether there are any."""
    workspace_id = target.workspace_id
    noted = await store.problems(tx, workspace_id, job.id, job.after_id, BATCH)
    if not noted:
        return False
    ids = [one.record_id for one in noted]
    rows = await store.locked(tx, workspace_id, job.object_id, ids)
    if gone := set(ids) - {r.id for r in rows}:
        await store.clear(tx, workspace_id, [job.id], gone)
    changed = await _work(tx, target, job, rows)
    await store.advance(tx, workspace_id, job.id, (None, ids[-1]), 0, changed)
    crash.point("records.field_job")
    return True


async def apply(
    tx: Tx, workspace_id: UUID, job: FieldJob, metadata_version: int, grace_seconds: float
) -> None:
    """The definition has changed over: what only the old one used goes, once nobody can have it
    any more."""
    if job.state is not S.SETTLED:
        return
    change = change_of(job)
    if change.converts:
        await stats_store.lock_object(tx, workspace_id, job.object_id)
        await store.drop_statistics(tx, workspace_id, job.object_id, change.old.id)
    await store.limit_duty(tx, workspace_id, job.object_id, job.id, metadata_version)
    if change.converts:
        await store.move(tx, workspace_id, job.id, [S.SETTLED], S.ANNOUNCING)
        await store.schedule(tx, workspace_id, job.id, 0.0)
        return
    await store.move(tx, workspace_id, job.id, [S.SETTLED], S.CLEANING)
    await store.schedule(tx, workspace_id, job.id, grace_seconds)


async def clean_some(tx: Tx, workspace_id: UUID, job: FieldJob) -> None:
    """Take away some of what nobody needs any more: of the old definition after a success, of the
    new one otherwise; at the end the job is over."""
    if job.kind == "restore":  # it is its own change, of which nothing goes
        await _over(tx, workspace_id, job, S.FAILED)
        return
    change = change_of(job)
    if job.dry_run:
        if not await store.free_constraints(tx, workspace_id, [job.id]):
            await _over(tx, workspace_id, job, S.SUCCEEDED)
        return
    won = job.state is S.CLEANING
    if won and job.after_id is None:
        await stats_store.lock_object(tx, workspace_id, job.object_id)
        await store.drop_duty(tx, workspace_id, job.object_id, job.id)
        if change.converts:  # a reader behind the times may have built it again
            await store.drop_statistics(tx, workspace_id, job.object_id, change.old.id)
    gone, kept = (change.old, change.target) if won else (change.target, change.old)
    if gone.rollup and await rollups.forget_some(tx, workspace_id, UUID(gone.index_id)):
        return
    if change.converts and await _drop_key(tx, workspace_id, job, gone.key or gone.name):
        return
    if change.reindexes and await store.free_slots(tx, workspace_id, slots_of(gone)):
        return
    refused = [UUID(change.constraint.id)] if change.constraint is not None and not won else []
    if refused and await store.free_constraints(tx, workspace_id, refused):
        return
    unclaimed = gone.unique and (change.reindexes or not kept.unique)
    if unclaimed and await store.free_constraints(tx, workspace_id, [UUID(gone.index_id)]):
        return
    state = {S.CLEANING: S.SUCCEEDED, S.FAILING: S.FAILED, S.CANCELLING: S.CANCELLED}[job.state]
    await _over(tx, workspace_id, job, state)


async def purge_some(tx: Tx, workspace_id: UUID, job: FieldJob) -> None:
    """Remove the next values of a field, or the next records of an object."""
    purge = purge_of(job)
    if purge.field is not None:
        field = purge.field
        if await _drop_key(tx, workspace_id, job, field.key or field.name):
            return
        if await store.free_slots(tx, workspace_id, slots_of(field)):
            return
        if await store.free_constraints(tx, workspace_id, [UUID(field.index_id)]):
            return
    elif await _purge_records(tx, workspace_id, job, CompiledObject(purge.object)):
        return
    moved = await store.move(tx, workspace_id, job.id, [S.RUNNING], S.SETTLED, ended=True)
    assert moved is not None
    await _over(tx, workspace_id, moved, S.SUCCEEDED)
    await announce(tx, workspace_id, moved, "succeeded")


async def release_some(tx: Tx, workspace_id: UUID, job: FieldJob) -> None:
    """Remove the next claims of a unique constraint that is no more."""
    release = msgspec.json.decode(job.plan, type=Release)
    if await store.free_constraints(tx, workspace_id, [UUID(release.constraint.id)]):
        return
    moved = await store.move(tx, workspace_id, job.id, [S.RUNNING], S.SETTLED, ended=True)
    assert moved is not None
    await _over(tx, workspace_id, moved, S.SUCCEEDED)


async def unroll_some(tx: Tx, workspace_id: UUID, job: FieldJob) -> None:
    """Remove the next figures of a rollup that is no more."""
    if await rollups.forget_some(tx, workspace_id, UUID(change_of(job).old.index_id)):
        return
    moved = await store.move(tx, workspace_id, job.id, [S.RUNNING], S.SETTLED, ended=True)
    assert moved is not None
    await _over(tx, workspace_id, moved, S.SUCCEEDED)


async def over(tx: Tx, workspace_id: UUID, job: FieldJob) -> None:
    """It is done, and no definition waits for it."""
    found = await store.count_problems(tx, workspace_id, job.id)
    states = [S.RUNNING]
    moved = await store.move(
        tx, workspace_id, job.id, states, S.SETTLED, problems=found, ended=True
    )
    assert moved is not None
    await _over(tx, workspace_id, moved, S.SUCCEEDED)


async def number_some(tx: Tx, target: Target, job: FieldJob) -> None:
    """Number the next records, in the order in which they were created."""
    workspace_id, obj = target.workspace_id, target.full
    place = (job.after_time, job.after_id)
    found = await store.next_records(tx, workspace_id, job.object_id, place, BATCH)
    field = obj.fields_by_id.get(str(job.field_id))
    if not found or field is None:
        moved = await store.move(tx, workspace_id, job.id, [S.RUNNING], S.SETTLED, ended=True)
        assert moved is not None
        await _over(tx, workspace_id, moved, S.SUCCEEDED)
        return
    last = found[-1]
    asked = await owing.ask(tx, workspace_id, job.object_id)
    rows = await store.locked(tx, workspace_id, job.object_id, [i for i, _ in found])
    by_id = {r.id: r for r in rows}
    ordered = [by_id[i] for i, _ in found if i in by_id]
    before = {r.id: replace(r, doc=dict(r.doc)) for r in ordered}
    given = await numbering.number(tx, workspace_id, field, [r.doc for r in ordered])
    key = field.key or field.name
    fresh = {id(doc) for doc in given}
    changed = [r for r in ordered if id(r.doc) in fresh]
    alone = CompiledObject(msgspec.structs.replace(obj.definition, fields=(field,)))
    live = [r for r in changed if r.delete_time is None]
    await index.add(
        tx, workspace_id, [(r.id, e) for r in live for e in documents.entries(alone, r.doc)]
    )
    gone = [r for r in changed if r.delete_time is not None]
    await store.reshape(tx, workspace_id, [_shape(obj, r, key, r.doc[key]) for r in gone])
    told = [Rewrite(before[r.id], r.doc, None, r.doc[key]) for r in live]
    await rewrites.tell(tx, target, field, told, asked)
    await store.advance(tx, workspace_id, job.id, (last[1], last[0]), len(rows), len(changed))
    crash.point("records.field_job")


async def _over(tx: Tx, workspace_id: UUID, job: FieldJob, state: FieldJobState) -> None:
    await store.trim_problems(tx, workspace_id, job.id, SHOWN)
    moved = await store.move(tx, workspace_id, job.id, [job.state], state, ended=True)
    assert moved is not None
    await store.unschedule(tx, workspace_id, job.id)
    if state in {S.FAILED, S.CANCELLED}:
        await announce(tx, workspace_id, moved, str(state))


async def announce(tx: Tx, workspace_id: UUID, job: FieldJob, verb: str) -> None:
    """`field_job.succeeded`, `failed` or `cancelled`: the definition changes over, or stays."""
    if not job.dry_run:
        await outbox.add(tx, caller_of(workspace_id, job), events.field_job(job, verb))


async def _work(tx: Tx, target: Target, job: FieldJob, rows: Sequence[Stored]) -> int:
    """Fit these records to the change, or note why not; how many changed."""
    change = change_of(job)
    if change.target.rollup:
        return 0 if job.dry_run else await rollups.work_some(tx, target, change, rows)
    workspace_id = target.workspace_id
    notes: dict[UUID, Note] = {}
    fitting: list[tuple[Stored, Any]] = []
    for record in rows:
        try:
            fitting.append((record, change.value_of(record.doc)))
        except Invalid as exc:
            if record.delete_time is None:
                first = exc.problems[0]
                notes[record.id] = Note(job.id, record.id, first.code, first.message)
    changed = 0
    if not job.dry_run:
        changed = await _rewrite(tx, target, job, fitting)
    if change.claims:
        constraint = job.id if job.dry_run else UUID(change.constraint_id)
        shared = " and ".join(f.name for f in change.parts) or change.old.name
        for record_id in await _claim(tx, workspace_id, constraint, change, fitting):
            message = f"another {target.object.name} has this {shared}"
            notes[record_id] = Note(job.id, record_id, "NOT_UNIQUE", message)
    if not job.dry_run:
        await store.clear(tx, workspace_id, [job.id], {r.id for r in rows} - notes.keys())
    await store.note(tx, workspace_id, list(notes.values()))
    return changed


async def _rewrite(
    tx: Tx, target: Target, job: FieldJob, fitting: Sequence[tuple[Stored, Any]]
) -> int:
    """Write the new values: beside the old ones, in silence; or over them, as any update does."""
    change = change_of(job)
    if change.converts or change.reindexes:
        return await _beside(tx, target, change, fitting)
    moved = [(r, v) for r, v in fitting if r.doc.get(change.key) != v]
    live = [Item(str(r.id), {change.old.name: v}) for r, v in moved if r.delete_time is None]
    if live:
        replaced = Target(target.caller, target.workspace, change.replaced(target.full))
        written = await writes.update(tx, replaced, live)
        told = sum(one.outcome is Outcome.UPDATED for one in written)
        await store.tell(tx, target.workspace_id, job.id, told)
    gone = [(r, v) for r, v in moved if r.delete_time is not None]
    shapes = [_shape(target.full, r, change.key, v) for r, v in gone]
    for _, doc, _ in shapes if target.full.formulas else ():
        compute(target.full.formulas, doc)
    await store.reshape(tx, target.workspace_id, shapes)
    return len(moved)


async def _beside(
    tx: Tx, target: Target, change: FieldChange, fitting: Sequence[tuple[Stored, Any]]
) -> int:
    both, workspace_id = change.both(target.full), target.workspace_id
    alone = CompiledObject(msgspec.structs.replace(both.definition, fields=(change.target,)))
    shapes = [_shape(both, r, change.key, v) for r, v in fitting]
    live = [(r, shape) for (r, _), shape in zip(fitting, shapes, strict=True) if not r.delete_time]
    # Some may be there already, of a writer that came first.
    entries = [(r.id, e) for r, shape in live for e in documents.entries(alone, shape[1])]
    await index.remove(tx, workspace_id, entries)
    await index.add(tx, workspace_id, entries)
    found = [(r.id, search.entry(workspace_id, both, shape[1])) for r, shape in live]
    await search_store.put(tx, workspace_id, found)
    if change.converts:
        await store.reshape(tx, workspace_id, shapes)
    return len(shapes) if change.converts else 0


def _shape(
    obj: CompiledObject, record: Stored, key: str, value: Any
) -> tuple[UUID, dict[str, Any], Mapping[str, str] | None]:
    doc = {k: v for k, v in record.doc.items() if k != key}
    if value is not None:
        doc[key] = value
    return record.id, doc, documents.folds(obj, doc, (record.created_by, record.updated_by))


async def _claim(
    tx: Tx,
    workspace_id: UUID,
    constraint: UUID,
    change: FieldChange,
    fitting: Sequence[tuple[Stored, Any]],
) -> list[UUID]:
    """Claim the values of live records; the records whose value another one has."""
    wanted = [
        uniques.Claim(constraint, documents.key_hash(text), record.id)
        for record, value in fitting
        if record.delete_time is None
        if (text := change.key_of(record.doc, value)) is not None
    ]
    refused = await uniques.claim(tx, workspace_id, wanted)
    holders = await uniques.holders(tx, workspace_id, [(c[0], c[1]) for c in refused])
    return [c.record_id for c in refused if holders.get((c[0], c[1])) != c.record_id]


async def _drop_key(tx: Tx, workspace_id: UUID, job: FieldJob, key: str) -> bool:
    """Take a key out of the next documents; whether there were any."""
    place = (job.after_time, job.after_id)
    found = await store.next_records(tx, workspace_id, job.object_id, place, 2 * BATCH)
    if not found:
        return False
    last = found[-1]
    rows = await store.locked(tx, workspace_id, job.object_id, [i for i, _ in found])
    # Folds that nothing asks for any more may stay: they go with the next write.
    without = [r.id for r in rows if key in r.doc]
    await store.drop_key(tx, workspace_id, without, key)
    counted = (len(rows), len(without)) if job.kind != "change" else (0, 0)
    await store.advance(tx, workspace_id, job.id, (last[1], last[0]), *counted)
    crash.point("records.field_job")
    return True


async def _purge_records(tx: Tx, workspace_id: UUID, job: FieldJob, obj: CompiledObject) -> bool:
    found = await store.next_records(tx, workspace_id, job.object_id, (None, None), BATCH)
    if not found:
        return False
    rows = await store.locked(tx, workspace_id, job.object_id, [i for i, _ in found])
    ids = [r.id for r in rows]
    claims = [
        uniques.Claim(k.constraint_id, k.key_hash, r.id)
        for r in rows
        for k in documents.unique_keys(obj, r.doc)
    ]
    entries = [(r.id, e) for r in rows for e in documents.entries(obj, r.doc)]
    await index.remove(tx, workspace_id, entries)
    await uniques.release(tx, workspace_id, claims)
    await uniques.forget_freed(tx, workspace_id, claims)
    await search_store.remove(tx, workspace_id, ids)
    await record_store.purge(tx, workspace_id, ids)
    gone = (replace(r, version=r.version + 1) for r in rows)
    announced = [events.deleted(obj, r, 0, "purged") for r in gone]
    await outbox.add(tx, caller_of(workspace_id, job), *announced)
    await store.advance(tx, workspace_id, job.id, (None, UUID(int=0)), len(rows), len(rows))
    crash.point("records.field_job")
    return True


def slots_of(field: Field) -> list[UUID]:
    """Where indexes keep a field's values, its parts' included."""
    spec = FIELD_TYPES[field.type]
    return [documents.slot_of(field.index_id, p) for p in ("", *spec.parts, *spec.list_parts)]
