"""Follow one record on its way: what it was, what it becomes, and what tells of that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from kit import outbox
from schema.compiled import CompiledObject
from schema.model import Field, FieldType
from services.records import events
from services.records.logic import documents, search
from services.records.model import Outcome, Stored, Written
from services.records.operations.targets import Target
from services.records.store import records as store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Change:
    """One record on its way: before, after, and which fields differ."""

    id: UUID
    before: Stored | None  # None: new
    doc: dict[str, Any]
    changed: list[Field]
    position: Any
    path: str
    outcome: Outcome
    source: outbox.Source | None = None  # see Item


def settle(changes: Sequence[Change]) -> None:
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


def announced(
    target: Target, changes: Sequence[Change], written: Sequence[Written]
) -> list[outbox.Event]:
    """What tells of the changes, in their order; nothing of those that change nothing."""
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


def live_doc(record: Stored | None) -> dict[str, Any] | None:
    """The document of a record that is there and not deleted."""
    return record.doc if record is not None and record.delete_time is None else None


def row(obj: CompiledObject, record: Stored) -> store.NewRow:
    """The record as the store takes it, by the definitions that its indexes are kept for."""
    actors = (record.created_by, record.updated_by)
    folds = documents.folds(obj, record.doc, actors)
    return store.NewRow(record.id, record.doc, folds, record.position)


def written(target: Target, change: Change, now: datetime, ordinal: int) -> Written:
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


def searchable(
    target: Target, obj: CompiledObject, changes: Sequence[Change]
) -> list[tuple[UUID, search.Entry]]:
    """What can be searched of the records where that may have changed."""
    return [
        (c.id, search.entry(target.workspace_id, obj, c.doc))
        for c in changes
        if c.outcome is not Outcome.UPDATED or any(map(search.matters, c.changed))
    ]
