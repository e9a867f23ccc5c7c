"""Create, update, delete and restore records: many in one transaction, few statements each.

Each function takes all items of a request, judges them together, and writes with one statement for
each table, pipelined. A single call is a batch of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from kit import crash, etags, outbox
from kit.db import Tx
from kit.errors import FailedPrecondition, PermissionDenied, Violation
from schema.compiled import CompiledObject
from schema.formulas import compute, exactly
from schema.problems import Problem
from services.records import events
from services.records.logic import documents
from services.records.model import Item, Outcome, Stored, Written
from services.records.operations import (
    claiming,
    duties,
    judging,
    numbering,
    references,
    rollup_notes,
    transitions,
    upkeep,
    visibility,
)
from services.records.operations.refusals import invalid, not_found
from services.records.operations.targets import Target
from services.records.operations.transitions import Change
from services.records.store import field_jobs, index, uniques
from services.records.store import owed as owing
from services.records.store import records as store
from services.records.store import rollups as rollup_store
from services.records.store import search as search_store


async def create(tx: Tx, target: Target, items: Sequence[Item]) -> list[Written]:
    """Store new records and announce them."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    judged = judging.Judged()
    changes: list[Change] = []
    seen: set[UUID] = set()
    for item in items:
        record_id = judging.client_id(item, judged)
        if record_id in seen:
            judged.problems.append(
                Problem(judging.at(item, "id"), "DUPLICATE", "this id stands twice")
            )
        seen.add(record_id)
        found = judging.judge(target, item, None, judged)
        if found is not None:
            doc, changed, position = found
            path, made = judging.at(item, "fields"), Outcome.CREATED
            changes.append(Change(record_id, None, doc, changed, position, path, made, item.source))
    return await _write(tx, target, changes, judged, asked)


async def update(tx: Tx, target: Target, items: Sequence[Item]) -> list[Written]:
    """Apply merge patches; what changes nothing writes nothing. In the order of the items."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    wanted = [judging.parse_id(item.id) for item in items]
    known = {i: r for i, r in (await _locked(tx, target, wanted)).items() if not r.delete_time}
    judged = judging.Judged(judging.repeated(wanted, [judging.at(item, "id") for item in items]))
    changes: list[Change] = []
    for item, record_id in zip(items, wanted, strict=True):
        if record_id is None or record_id not in known:
            raise not_found(item.id)
        before = known[record_id]
        etags.check(item.etag, before.version)
        found = judging.judge(target, item, before, judged)
        if found is not None:
            doc, changed, position = found
            if position == before.position:
                position = None
            outcome = Outcome.UPDATED if changed or position is not None else Outcome.UNCHANGED
            path = judging.at(item, "fields")
            changes.append(
                Change(before.id, before, doc, changed, position, path, outcome, item.source)
            )
    return await _write(tx, target, changes, judged, asked)


async def delete(
    tx: Tx, target: Target, items: Sequence[Item], *, merged_into: UUID | None = None
) -> list[Written]:
    """Mark records deleted: out of every index, their unique values free. Those that are merged
    into another record say into which."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    wanted = [judging.parse_id(item.id) for item in items]
    known = {i: r for i, r in (await _locked(tx, target, wanted)).items() if not r.delete_time}
    for item, record_id in zip(items, wanted, strict=True):
        if record_id is None or record_id not in known:
            raise not_found(item.id)
        etags.check(item.etag, known[record_id].version)
    workspace_id = target.workspace_id
    owed = await duties.owed(asked, target.full, target.workspace.version)
    obj = duties.both(target.full, owed)
    claims = [c for r in known.values() for c in claiming.of_record(obj, r.id, r.doc)]
    gone_now: list[upkeep.Moved] = [(r, None) for r in known.values()]
    await upkeep.note(tx, target.workspace, target.full, gone_now, await asked.kept())
    entries = [(r.id, e) for r in known.values() for e in documents.entries(obj, r.doc)]
    await index.remove(tx, workspace_id, entries)
    await search_store.remove(tx, workspace_id, sorted(known))
    await uniques.release(tx, workspace_id, claims)
    await uniques.keep_freed(tx, workspace_id, claims)
    actor = target.caller.actor()
    folds = documents.folds(obj, {}, ({}, actor)) or {}
    await store.mark_deleted(tx, workspace_id, list(known), actor, folds)
    now = await tx.time()
    gone = {
        i: replace(
            r,
            version=r.version + 1,
            update_time=now,
            delete_time=now,
            updated_by=actor,
        )
        for i, r in known.items()
    }
    await duties.forget(tx, workspace_id, owed, list(known))
    version = target.workspace.version
    full = target.full
    made = [events.deleted(full, r, version, merged_into=merged_into) for r in gone.values()]
    await outbox.add(tx, target.caller, *made)
    await rollup_notes.note(tx, target.caller, target.workspace, asked, gone_now, made)
    return [Written(gone[i], Outcome.DELETED) for i in wanted if i is not None]


async def work_out(
    tx: Tx, target: Target, found: Sequence[tuple[Stored, Mapping[str, Any], outbox.Source]]
) -> None:
    """Give locked live records what the platform has worked out for them, by key (None: nothing),
    and the formulas over it; each event has a source of its own. What changes nothing writes
    nothing."""
    obj = target.full
    changes = []
    for record, values, source in found:
        doc = {k: v for k, v in {**record.doc, **values}.items() if v is not None}
        changed = [f for f in obj.fields.values() if (f.key or f.name) in values]
        changed = [
            f
            for f in changed
            if exactly(record.doc.get(f.key or f.name)) != doc.get(f.key or f.name)
        ]
        if changed:
            changed += compute(obj.formulas, doc)
            made = Outcome.UPDATED
            changes.append(Change(record.id, record, doc, changed, None, "", made, source))
    await _write(tx, target, changes, judging.Judged())


async def undelete(tx: Tx, target: Target, items: Sequence[Item]) -> list[Written]:
    """Bring deleted records back into every index; their unique values must be free. What is live
    stays as it is. In the order of the items."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    wanted = [judging.parse_id(item.id) for item in items]
    known = await _locked(tx, target, wanted)
    judged = judging.Judged(judging.repeated(wanted, [item.path for item in items]))
    changes: list[Change] = []
    for item, record_id in zip(items, wanted, strict=True):
        if record_id is None or record_id not in known:
            raise not_found(item.id)
        before = known[record_id]
        outcome = Outcome.RESTORED if before.delete_time else Outcome.UNCHANGED
        changes.append(Change(record_id, before, before.doc, [], None, item.path, outcome))
    return await _write(tx, target, changes, judged, asked)


async def purge(tx: Tx, target: Target, record_id: str) -> None:
    """Remove a deleted record for ever."""
    wanted = judging.parse_id(record_id)
    known = await _locked(tx, target, [wanted])
    if wanted is None or wanted not in known:
        raise not_found(record_id)
    record = known[wanted]
    if record.delete_time is None:
        raise FailedPrecondition("NOT_DELETED", "delete the record first; then it can be purged")
    await uniques.forget_freed(
        tx, target.workspace_id, claiming.of_record(target.full, record.id, record.doc)
    )
    await store.purge(tx, target.workspace_id, [wanted])
    await rollup_store.forget(tx, target.workspace_id, target.object_id, wanted)
    gone = replace(record, version=record.version + 1)
    event = events.deleted(target.full, gone, target.workspace.version, "purged")
    await outbox.add(tx, target.caller, event)


async def _write(
    tx: Tx,
    target: Target,
    changes: list[Change],
    judged: judging.Judged,
    asked: owing.Owed | None = None,
) -> list[Written]:
    """Check what only the store can tell, then write everything that differs."""
    workspace_id = target.workspace_id
    asked = asked or await owing.ask(tx, workspace_id, target.object_id)
    sure = [(c.doc, c.changed, c.path) for c in changes]
    problems = judged.problems + await references.check(
        tx, workspace_id, target.workspace, [*sure, *judged.doubtful]
    )
    if problems:
        raise invalid(problems)
    transitions.settle(changes)
    todo = [c for c in changes if c.outcome is not Outcome.UNCHANGED]
    fresh = [c for c in todo if c.before is None]
    known = [c for c in todo if c.before is not None]
    for one in numbering.numbered(target.full) if fresh else ():
        given = await numbering.number(tx, workspace_id, one, [c.doc for c in fresh])
        for c in fresh if given else ():
            c.changed = [*c.changed, one]
    owed = await duties.owed(asked, target.full, target.workspace.version)
    carried = _carried(owed, todo, target.full)
    obj = duties.both(target.full, owed)
    added: list[index.Owned] = []
    removed: list[index.Owned] = []
    for c in todo:
        before = transitions.live_doc(c.before)
        if before is None:
            added += [(c.id, e) for e in documents.entries(obj, c.doc)]
            continue
        # What jobs make of a field may change with it.
        changed = None if owed else {f.id for f in c.changed}
        new = documents.entries(obj, c.doc, changed)
        old = documents.entries(obj, before, changed)
        added += [(c.id, e) for e in new if e not in old]
        removed += [(c.id, e) for e in old if e not in new]
    now = await tx.time()
    written = [transitions.written(target, c, now, n) for n, c in enumerate(changes)]
    rows = {w.record.id: transitions.row(obj, w.record) for w in written}
    actor = target.caller.actor()
    claims = claiming.claims_of(obj, todo)
    if fresh:
        # Before what belongs to the record, so that a used id is what is reported.
        new_rows = [rows[c.id] for c in fresh]
        await store.insert(tx, workspace_id, target.object_id, new_rows, actor)
    if known:
        await store.update(tx, workspace_id, [rows[c.id] for c in known], actor)
    after = {w.record.id: w.record for w in written}
    moved = [(c.before, after[c.id]) for c in todo]
    if todo:
        kept = await asked.kept()
        await upkeep.note(tx, target.workspace, target.full, moved, kept)
    if claims:
        await claiming.take(tx, target, obj, todo, claims, duties.lenient_claims(owed), carried)
    await duties.settle(tx, workspace_id, carried)
    await index.remove(tx, workspace_id, removed)
    await index.add(tx, workspace_id, added)
    await search_store.put(tx, workspace_id, transitions.searchable(target, obj, todo))
    made = transitions.announced(target, changes, written)
    await outbox.add(tx, target.caller, *made)
    if todo:
        await rollup_notes.note(tx, target.caller, target.workspace, asked, moved, made)
    await allowed(tx, target, {c.id: c.path for c in todo})
    crash.point("records.before_commit")
    return written


async def allowed(tx: Tx, target: Target, paths: Mapping[UUID, str]) -> None:
    """Judge what was written, by record and its path in the request: PERMISSION_DENIED /
    RECORD_RULE_VIOLATED where the caller's rule excludes the result."""
    seen = await visibility.among(tx, target.workspace_id, target.object, paths)
    if len(seen) == len(paths):
        return
    message = f"the role {target.caller.role!r} may not leave a {target.object.name} like this"
    excluded = [path for record_id, path in paths.items() if record_id not in seen]
    violations = [Violation(path, "EXCLUDED_BY_RULE", message) for path in excluded]
    raise PermissionDenied("RECORD_RULE_VIOLATED", message, violations=violations)


def _carried(
    owed: Sequence[field_jobs.Duty], changes: Sequence[Change], obj: CompiledObject
) -> duties.Carried:
    """Carry the writes over to the new definitions of fields that jobs are changing; FIELDS_INVALID
    for what does not fit any more."""
    carried = duties.Carried()
    for c in changes if owed else ():
        c.changed = c.changed + duties.carry(
            owed, c.id, transitions.live_doc(c.before), c.doc, c.path, carried, obj.formulas
        )
    if carried.problems:
        raise invalid(carried.problems)
    return carried


async def _locked(tx: Tx, target: Target, wanted: Sequence[UUID | None]) -> dict[UUID, Stored]:
    """The records, locked; those that the caller may not see are not there."""
    present = sorted({i for i in wanted if i is not None})
    found = await store.lock(tx, target.workspace_id, target.object_id, present)
    seen = await visibility.among(tx, target.workspace_id, target.object, found)
    return found if len(seen) == len(found) else {i: r for i, r in found.items() if i in seen}
