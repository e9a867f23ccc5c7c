"""Create, update, delete and restore records: many in one transaction, few statements each.

Each function takes all items of a request, judges them together, and writes with one statement for
each table, pipelined. A single call is a batch of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from kit import clock, crash, etags, ids, outbox
from kit.caller import Caller
from kit.db import Tx
from kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Violation,
)
from schema.compiled import CompiledObject, Workspace
from schema.field_types.codec import FieldCodec
from schema.formulas import compute, exactly
from schema.model import Field, FieldType
from schema.problems import Invalid, Problem
from schema.values import RecordValues, record_values, same
from services.records import events
from services.records.logic import documents, search
from services.records.model import Item, Outcome, Stored, Written
from services.records.operations import (
    duties,
    numbering,
    references,
    rollup_notes,
    upkeep,
    visibility,
)
from services.records.store import field_jobs, index, uniques
from services.records.store import owed as owing
from services.records.store import records as store
from services.records.store import search as search_store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a call is for and which object it is about, both as the caller may see them."""

    caller: Caller
    workspace: Workspace
    object: CompiledObject

    @property
    def full(self) -> CompiledObject:
        """The object in full: for indexes, statistics, constraints and events; never to answer."""
        return self.object.full

    @property
    def restricted(self) -> bool:
        """Whether a custom role may hide something of the object."""
        return self.object.base is not None

    @property
    def workspace_id(self) -> UUID:
        return self.caller.workspace_id

    @property
    def object_id(self) -> UUID:
        return UUID(self.object.id)


@dataclass(slots=True)
class _Change:
    """One record on its way: before, after, and which fields differ."""

    id: UUID
    before: Stored | None  # None: new
    doc: dict[str, Any]
    changed: list[Field]
    position: Any
    path: str
    outcome: Outcome
    source: outbox.Source | None = None  # see Item


@dataclass(slots=True)
class _Judged:
    """What judging the items of a request has found so far."""

    problems: list[Problem] = field(default_factory=list)
    # Of items with problems, the relations that can be checked all the same.
    doubtful: list[references.Written] = field(default_factory=list)


def invalid(problems: Sequence[Problem]) -> InvalidArgument:
    """FIELDS_INVALID with every problem."""
    first = problems[0]
    message = f"{first.path}: {first.message}" if first.path else first.message
    return InvalidArgument(
        "FIELDS_INVALID",
        message,
        violations=[Violation(p.path, p.code, p.message) for p in problems],
    )


def not_found(record_id: str) -> NotFound:
    return NotFound("RECORD_NOT_FOUND", f"there is no record {record_id!r}", id=record_id)


async def create(tx: Tx, target: Target, items: Sequence[Item]) -> list[Written]:
    """Store new records and announce them."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    judged = _Judged()
    changes: list[_Change] = []
    seen: set[UUID] = set()
    for item in items:
        record_id = _client_id(item, judged)
        if record_id in seen:
            judged.problems.append(Problem(_at(item, "id"), "DUPLICATE", "this id stands twice"))
        seen.add(record_id)
        found = _judge(target, item, None, judged)
        if found is not None:
            doc, changed, position = found
            path, made = _at(item, "fields"), Outcome.CREATED
            changes.append(
                _Change(record_id, None, doc, changed, position, path, made, item.source)
            )
    return await _write(tx, target, changes, judged, asked)


async def update(tx: Tx, target: Target, items: Sequence[Item]) -> list[Written]:
    """Apply merge patches; what changes nothing writes nothing. In the order of the items."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    wanted = [_parse_id(item.id) for item in items]
    known = {i: r for i, r in (await _locked(tx, target, wanted)).items() if not r.delete_time}
    judged = _Judged()
    changes: list[_Change] = []
    seen: set[UUID] = set()
    for item, record_id in zip(items, wanted, strict=True):
        if record_id is None or record_id not in known:
            raise not_found(item.id)
        before = known[record_id]
        etags.check(item.etag, before.version)
        if record_id in seen:
            message = "a batch names each record once"
            judged.problems.append(Problem(_at(item, "id"), "DUPLICATE", message))
        seen.add(record_id)
        found = _judge(target, item, before, judged)
        if found is not None:
            doc, changed, position = found
            if position == before.position:
                position = None
            outcome = Outcome.UPDATED if changed or position is not None else Outcome.UNCHANGED
            path = _at(item, "fields")
            changes.append(
                _Change(before.id, before, doc, changed, position, path, outcome, item.source)
            )
    return await _write(tx, target, changes, judged, asked)


async def delete(
    tx: Tx, target: Target, items: Sequence[Item], *, merged_into: UUID | None = None
) -> list[Written]:
    """Mark records deleted: out of every index, their unique values free. Those that are merged
    into another record say into which."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    wanted = [_parse_id(item.id) for item in items]
    known = {i: r for i, r in (await _locked(tx, target, wanted)).items() if not r.delete_time}
    for item, record_id in zip(items, wanted, strict=True):
        if record_id is None or record_id not in known:
            raise not_found(item.id)
        etags.check(item.etag, known[record_id].version)
    workspace_id = target.workspace_id
    owed = await duties.owed(asked, target.full, target.workspace.version)
    obj = duties.both(target.full, owed)
    claims = [c for r in known.values() for c in _claims(obj, r.id, r.doc)]
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
            changes.append(_Change(record.id, record, doc, changed, None, "", made, source))
    await _write(tx, target, changes, _Judged())


async def undelete(tx: Tx, target: Target, items: Sequence[Item]) -> list[Written]:
    """Bring deleted records back into every index; their unique values must be free. What is live
    stays as it is. In the order of the items."""
    asked = await owing.ask(tx, target.workspace_id, target.object_id)
    wanted = [_parse_id(item.id) for item in items]
    known = await _locked(tx, target, wanted)
    judged = _Judged()
    changes: list[_Change] = []
    seen: set[UUID] = set()
    for item, record_id in zip(items, wanted, strict=True):
        if record_id is None or record_id not in known:
            raise not_found(item.id)
        if record_id in seen:
            message = "a batch names each record once"
            judged.problems.append(Problem(item.path, "DUPLICATE", message))
        seen.add(record_id)
        before = known[record_id]
        outcome = Outcome.RESTORED if before.delete_time else Outcome.UNCHANGED
        changes.append(_Change(record_id, before, before.doc, [], None, item.path, outcome))
    return await _write(tx, target, changes, judged, asked)


async def purge(tx: Tx, target: Target, record_id: str) -> None:
    """Remove a deleted record for ever."""
    wanted = _parse_id(record_id)
    known = await _locked(tx, target, [wanted])
    if wanted is None or wanted not in known:
        raise not_found(record_id)
    record = known[wanted]
    if record.delete_time is None:
        raise FailedPrecondition("NOT_DELETED", "delete the record first; then it can be purged")
    await uniques.forget_freed(tx, target.workspace_id, _claims(target.full, record.id, record.doc))
    await store.purge(tx, target.workspace_id, [wanted])
    gone = replace(record, version=record.version + 1)
    event = events.deleted(target.full, gone, target.workspace.version, "purged")
    await outbox.add(tx, target.caller, event)


def judged_values(
    target: Target, item: Item, old: dict[str, Any] | None
) -> tuple[dict[str, Any], list[Field], Any]:
    """(document, changed fields, new position or None); Invalid with every problem."""
    problems = _not_writable(target, item, old or {})
    try:
        values, changed = _values(target, target.object, item, item.fields, old)
    except Invalid as exc:
        raise Invalid([*problems, *exc.problems]) from None
    if problems:
        raise Invalid(problems)
    if old is None and target.restricted:
        filled, defaults = _hidden_defaults(target, item)
        values, changed = values | filled, changed + defaults
    position = values.pop("position", None) if "position" not in target.object.fields else None
    changed = [f for f in changed if f.name != "position" or f.object_id]
    if position in {"first", "last"}:
        moment = clock.now().timestamp()
        position = -moment if position == "first" else moment
    return values, changed, position


def _values(
    target: Target, obj: CompiledObject, item: Item, raw: object, old: dict[str, Any] | None
) -> RecordValues:
    return record_values(
        obj,
        raw,
        old=old,
        now=clock.now(),
        new_uuid=lambda: str(ids.new_id()),
        me=target.caller.actor(),
        path=_at(item, "fields"),
    )


def _not_writable(target: Target, item: Item, old: Mapping[str, Any]) -> list[Problem]:
    """A problem for each field that the caller may read and not write, and that would change."""
    obj = target.object
    sent = item.fields if obj.read_only and isinstance(item.fields, dict) else {}
    message = f"the role {target.caller.role!r} may read this field, and not change it"
    problems = []
    for name, value in sent.items():
        path = f"{_at(item, 'fields')}.{name}"
        if name in obj.read_only and _differs(obj.codecs[name], old, value, path):
            problems.append(Problem(path, "READ_ONLY", message))
    return problems


def _differs(codec: FieldCodec, old: Mapping[str, Any], sent: object, path: str) -> bool:
    before = old.get(codec.key)
    try:
        value = None if sent is None else codec.write(before, sent, path)
    except Invalid:
        return False  # which is a problem of its own
    if before is None or value is None:
        return before is not value
    return not same(codec, before, value)


def _hidden_defaults(target: Target, item: Item) -> RecordValues:
    """What a new record gets in the fields that its creator may not see."""
    try:
        return _values(target, target.object.hidden, item, {}, None)
    except Invalid:
        message = "a field is required that this role may not see, so it can't create records here"
        raise Invalid([Problem(_at(item, "fields"), "REQUIRED", message)]) from None


def _client_id(item: Item, judged: _Judged) -> UUID:
    """The id that the client chose, or a new one; in a batch a bad one is one more problem."""
    if item.path and item.id and _parse_id(item.id) is None:
        judged.problems.append(Problem(_at(item, "id"), "INVALID_UUID", "id must be a UUID"))
        return ids.new_id()
    return ids.client_id(item.id, "id")


def _judge(
    target: Target, item: Item, before: Stored | None, judged: _Judged
) -> tuple[dict[str, Any], list[Field], Any] | None:
    if item.problems:
        judged.problems += item.problems
        return None
    try:
        return judged_values(target, item, before.doc if before else None)
    except Invalid as exc:
        judged.problems += exc.problems
        path = _at(item, "fields")
        judged.doubtful.append(references.readable(target.object, item.fields, path))
        return None


async def _write(
    tx: Tx,
    target: Target,
    changes: list[_Change],
    judged: _Judged,
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
    _settle(changes)
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
        before = _live_doc(c.before)
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
    written = [_written(target, c, now, n) for n, c in enumerate(changes)]
    rows = {w.record.id: _row(obj, w.record) for w in written}
    actor = target.caller.actor()
    claims = _claims_of(obj, todo)
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
        await _claim_uniques(tx, target, obj, todo, claims, duties.lenient_claims(owed), carried)
    await duties.settle(tx, workspace_id, carried)
    await index.remove(tx, workspace_id, removed)
    await index.add(tx, workspace_id, added)
    await search_store.put(tx, workspace_id, _searchable(target, obj, todo))
    made = _events(target, changes, written)
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
    owed: Sequence[field_jobs.Duty], changes: Sequence[_Change], obj: CompiledObject
) -> duties.Carried:
    """Carry the writes over to the new definitions of fields that jobs are changing; FIELDS_INVALID
    for what does not fit any more."""
    carried = duties.Carried()
    for c in changes if owed else ():
        c.changed = c.changed + duties.carry(
            owed, c.id, _live_doc(c.before), c.doc, c.path, carried, obj.formulas
        )
    if carried.problems:
        raise invalid(carried.problems)
    return carried


def _searchable(
    target: Target, obj: CompiledObject, changes: Sequence[_Change]
) -> list[tuple[UUID, search.Entry]]:
    """What can be searched of the records where that may have changed."""
    return [
        (c.id, search.entry(target.workspace_id, obj, c.doc))
        for c in changes
        if c.outcome is not Outcome.UPDATED or any(map(search.matters, c.changed))
    ]


def _settle(changes: Sequence[_Change]) -> None:
    """Now that matches have become ids: drop those that mean the record that was there before."""
    for c in changes:
        if c.outcome is not Outcome.UPDATED or c.before is None:
            continue
        before = c.before.doc
        c.changed = [
            f
            for f in c.changed
            if f.type is not FieldType.RELATION
            or before.get(f.key or f.name) != c.doc.get(f.key or f.name)
        ]
        if not c.changed and c.position is None:
            c.outcome = Outcome.UNCHANGED


def _events(
    target: Target, changes: Sequence[_Change], written: Sequence[Written]
) -> list[outbox.Event]:
    obj, version = target.full, target.workspace.version
    found = []
    for change, result in zip(changes, written, strict=True):
        if result.outcome is Outcome.CREATED:
            made = events.created(obj, result.record, version)
        elif result.outcome is Outcome.RESTORED:
            made = events.created(obj, result.record, version, "undeleted")
        elif result.outcome is Outcome.UPDATED and change.before is not None:
            before, changed = change.before.doc, change.changed
            made = events.updated(obj, result.record, version, before, changed)
        else:
            continue
        found.append(replace(made, source=change.source) if change.source else made)
    return found


def _live_doc(record: Stored | None) -> dict[str, Any] | None:
    return record.doc if record is not None and record.delete_time is None else None


def _row(obj: CompiledObject, record: Stored) -> store.NewRow:
    actors = (record.created_by, record.updated_by)
    folds = documents.folds(obj, record.doc, actors)
    return store.NewRow(record.id, record.doc, folds, record.position)


def _written(target: Target, change: _Change, now: datetime, ordinal: int) -> Written:
    """The record as the change leaves it; of a batch, each later item has a later position."""
    actor = target.caller.actor()
    if change.before is None:
        position = change.position
        if position is None:
            position = _after_all(now, ordinal)
        record = Stored(
            change.id, target.object_id, change.doc, 1, position, now, now, None, actor, actor
        )
        return Written(record, change.outcome)
    if change.outcome is Outcome.UNCHANGED:
        return Written(change.before, change.outcome)
    record = replace(
        change.before,
        doc=change.doc,
        version=change.before.version + 1,
        position=change.before.position if change.position is None else change.position,
        update_time=now,
        delete_time=None,
        updated_by=actor,
    )
    return Written(record, change.outcome, change.before)


def _after_all(now: datetime, ordinal: int) -> Decimal:
    """A position behind all earlier ones: the time in seconds, a microsecond on for each item."""
    return Decimal((now - _EPOCH) // timedelta(microseconds=1) + ordinal).scaleb(-6)


def _claims(obj: CompiledObject, record_id: UUID, doc: dict[str, Any]) -> list[uniques.Claim]:
    return [
        uniques.Claim(k.constraint_id, k.key_hash, record_id)
        for k in documents.unique_keys(obj, doc)
    ]


class _Claims(NamedTuple):
    """The unique values that changes free and those that they take."""

    old: list[uniques.Claim]
    new: list[uniques.Claim]


def _claims_of(obj: CompiledObject, changes: Sequence[_Change]) -> _Claims | None:
    """None where the object has no unique constraint."""
    if not obj.unique_together and not any(f.unique for f in obj.definition.fields):
        return None
    claims = _Claims([], [])
    for c in changes:
        before = _live_doc(c.before)
        mine = set(_claims(obj, c.id, c.doc))
        had = set(_claims(obj, c.id, before)) if before is not None else set()
        claims.new.extend(mine - had)
        claims.old.extend(had - mine)
    return claims


async def _claim_uniques(
    tx: Tx,
    target: Target,
    obj: CompiledObject,
    changes: Sequence[_Change],
    claims: _Claims,
    lenient: Mapping[UUID, field_jobs.Duty],
    carried: duties.Carried,
) -> None:
    """Free the old unique values and take the new ones; ALREADY_EXISTS / VALUE_NOT_UNIQUE, naming
    each field, when another live record (or another item) has one. `lenient` constraints are only
    being built: there it is noted."""
    workspace_id = target.workspace_id
    old, new = claims
    await uniques.release(tx, workspace_id, old)
    if changes and any(c.outcome is Outcome.RESTORED for c in changes):
        await uniques.forget_freed(tx, workspace_id, new)
    refused = await uniques.claim(tx, workspace_id, new)
    if not refused:
        return
    paths = {c.id: c.path for c in changes}
    constraints: dict[str, tuple[str, ...]]
    constraints = {f.index_id: (f.name,) for f in obj.definition.fields}
    constraints |= {c.id: tuple(f.name for f in own) for c, own in obj.unique_together}
    named = {c.id: f" (unique constraint {c.name})" for c, _ in obj.unique_together}
    violations = []
    for one in refused:
        names = constraints[str(one.constraint_id)]
        message = f"another {obj.name} has this {' and '.join(names)}"
        message += named.get(str(one.constraint_id), "")
        if duty := lenient.get(one.constraint_id):
            note = field_jobs.Note(duty.job_id, one.record_id, "NOT_UNIQUE", message)
            carried.notes.append(note)
            continue
        lead = f"{paths[one.record_id]}." if paths[one.record_id] else ""
        if not target.object.fields.keys() >= set(names):  # the caller may not even know of it
            message = f"another {obj.name} has a value that only one may have"
            violations.append(Violation(paths[one.record_id], "NOT_UNIQUE", message))
            continue
        violations += [Violation(f"{lead}{name}", "NOT_UNIQUE", message) for name in names]
    if violations:
        raise AlreadyExists("VALUE_NOT_UNIQUE", violations[0].message, violations=violations)


async def _locked(tx: Tx, target: Target, wanted: Sequence[UUID | None]) -> dict[UUID, Stored]:
    """The records, locked; those that the caller may not see are not there."""
    present = sorted({i for i in wanted if i is not None})
    found = await store.lock(tx, target.workspace_id, target.object_id, present)
    seen = await visibility.among(tx, target.workspace_id, target.object, found)
    return found if len(seen) == len(found) else {i: r for i, r in found.items() if i in seen}


def _parse_id(text: str) -> UUID | None:
    """None for what is no UUID: it can't name a record, so it answers like an unknown one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _at(item: Item, part: str) -> str:
    return f"{item.path}.{part}" if item.path else part
