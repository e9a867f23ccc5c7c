"""Take a change of definitions back: whatever has not moved on since is as it was before."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schema.field_changes import FieldChange
from schema.field_types.refusals import Problems
from schema.model import Field, FieldType, LinkType, Object, View
from schema.problems import Invalid, refuse
from services.metadata.logic import (
    field_changes,
    fields,
    formulas,
    link_types,
    objects,
    unique_constraints,
    views,
)
from services.metadata.logic.catalog import Draft
from services.metadata.model import Change, Noun

_KINDS: dict[str, tuple[Noun, type[Any]]] = {
    "object": (Noun.OBJECT, Object),
    "field": (Noun.FIELD, Field),
    "view": (Noun.VIEW, View),
    "link_type": (Noun.LINK_TYPE, LinkType),
}
_WHY = "CHANGE_NOT_REVERSIBLE"
_VIEW_PARTS = ("filter", "sort")


def irreversible_because(change: Change) -> str:
    """Why a change can't be taken back at all, whatever happens next; empty where it can."""
    noun, _, verb = change.type.partition(".")
    if noun not in _KINDS:
        return f"{change.type} is no change of definitions"
    if verb == "deleted" and noun != "view":
        return f"the {noun} was purged with its data"
    if noun != "field" or not change.before:
        return ""
    before = msgspec.json.decode(change.before, type=Field)
    after = msgspec.json.decode(change.after, type=Field) if change.after else before
    if before.state == after.state == field_changes.READY:
        return ""
    if after.state != field_changes.READY:
        return "it asked for a job: cancel that, or take back what the job has ended with"
    if _ready(before) == after:
        return "the job ended without a change"
    if (before.key, before.index_id) != (after.key, after.index_id):
        return (
            "a job gave its values another form: change the field back with another job; what"
            " records held is in their history"
        )
    return ""


def _ready(field: Field) -> Field:
    return msgspec.structs.replace(field, state=field_changes.READY)


def revert(draft: Draft, changes: Sequence[Change]) -> None:
    """Undo the changes of one version, the last first; Invalid / CHANGE_NOT_REVERSIBLE naming
    everything that has changed since, was no definition, or has gone for ever."""
    problems = Problems()
    for change in reversed(changes):
        with problems.collect():
            _revert(draft, change)
    problems.raise_any()


def _revert(draft: Draft, change: Change) -> None:
    noun, _, verb = change.type.partition(".")
    if noun not in _KINDS:
        raise refuse(change.type, _WHY, f"{change.type} is no change of definitions")
    kind = _KINDS[noun][1]
    held: dict[str, Any] = getattr(draft, f"{noun}s")
    now: Any = held.get(change.entity_id)
    before: Any = msgspec.json.decode(change.before, type=kind) if change.before else None
    after: Any = msgspec.json.decode(change.after, type=kind) if change.after else None
    name: str = (after or before).name
    if now is None and after is not None:
        raise refuse(f"{noun}.{name}", _WHY, f"the {noun} {name} has gone for ever")
    base = _base(draft, noun, change.entity_id)
    if after is not None and not _same(noun, base, after):
        raise refuse(f"{noun}.{name}", _WHY, f"the {noun} {name} has changed since")
    if verb == "deleted" and noun != "view":
        raise refuse(f"{noun}.{name}", _WHY, f"the {noun} {name} was purged")
    match noun:
        case "object":
            _object(draft, now, before)
        case "field":
            _field(draft, now, before, change)
        case "view":
            _view(draft, now, before)
        case _:
            _link_type(draft, now, before)


def _base(draft: Draft, noun: str, entity_id: str) -> Any:
    stored = getattr(draft.base, f"{noun}s").get(entity_id)
    return stored.value if stored else None


def _same(noun: str, one: Any, other: Any) -> bool:
    if noun == "object" and one is not None:
        return bool(
            msgspec.structs.replace(one, fields=()) == msgspec.structs.replace(other, fields=())
        )
    return bool(one == other)


def _object(draft: Draft, now: Object, before: Object | None) -> None:
    if before is not None and before.unique_constraints != now.unique_constraints:
        message = "its unique constraints differ: create or delete those instead"
        raise refuse(f"object.{now.name}", _WHY, message)
    if before is None or (now.active and not before.active):
        if now.active:
            objects.deactivate(draft, now, force=False)
        return
    if before.active and not now.active:
        objects.update(draft, now, {"active": True})
    draft.put_object(msgspec.structs.replace(before, active=before.active, fields=()))


def _field(draft: Draft, now: Field, before: Field | None, made: Change) -> None:
    """A field's data follow by a job where they must; a new field is deactivated. What the job that
    made the change did to values is taken back by another, where nobody has changed them since."""
    if before is None or (now.active and not before.active):
        if now.active:
            fields.deactivate(draft, now)
        return
    if because := irreversible_because(made):
        raise refuse(f"field.{now.name}", _WHY, because)
    by_job, before = before.state != field_changes.READY, _ready(before)
    obj = draft.objects[now.object_id]
    if before.active and not now.active:
        now = fields.update(draft, obj, now, {"active": True})
        if now.state != field_changes.READY:
            return  # its values are worked out anew; then it is as it was
    kept = {"key": now.key, "slot": now.slot}
    wanted = msgspec.structs.replace(before, **kept)
    problems = unique_constraints.check_change(draft, now, wanted, f"field.{now.name}")
    if problems := [*problems, *formulas.check_change(draft, now, wanted, f"field.{now.name}")]:
        raise Invalid(problems)
    change = field_changes.plan(now, wanted, field_changes.Asked(), f"field.{now.name}")
    if change is not None:
        if by_job:
            message = "it takes another change of data: change the field back instead"
            raise refuse(f"field.{now.name}", _WHY, message)
        if wanted.type is FieldType.FORMULA:
            formulas.change(draft, now, wanted, f"field.{now.name}")
        else:
            field_changes.start(draft, now, change)
        return
    put = draft.put_field(wanted)
    if by_job:
        draft.request("restore", put.object_id, put.id, FieldChange(put, put, restores=made.job_id))
    if link := draft.link_type_of(now.id):
        draft.put_link_type(msgspec.structs.replace(link, active=wanted.active))


def _view(draft: Draft, now: View | None, before: View | None) -> None:
    if before is None:
        if now is not None:
            views.delete(draft, now)
        return
    obj = draft.objects[before.object_id]
    known = {f.id for f in draft.fields_of(obj.id)}
    bound = {
        before.group_field_id,
        before.date_field_id,
        before.end_date_field_id,
        before.location_field_id,
    } - {""}
    if not bound <= known:
        raise refuse(f"view.{before.name}", _WHY, "a field that it stands on has gone")
    columns = tuple(c for c in before.columns if c["field_id"] in known or len(c["field_id"]) < 36)
    restored = draft.put_view(msgspec.structs.replace(before, columns=columns))
    try:
        views.update(draft, obj, restored, {p: getattr(before, p) for p in _VIEW_PARTS})
    except Invalid as exc:
        message = f"it would make no sense any more: {exc.problems[0].message}"
        raise refuse(f"view.{before.name}", _WHY, message) from None


def _link_type(draft: Draft, now: LinkType, before: LinkType | None) -> None:
    if now.field_id:
        return  # it follows its field
    if before is None:
        link_types.deactivate(draft, now)
        return
    draft.put_link_type(before)
