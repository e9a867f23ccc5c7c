"""Change definitions that have data: plan what the data need, and change over when that is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schema.field_changes import FieldChange, Purge
from schema.field_types import FIELD_TYPES
from schema.field_types.definitions import define_field
from schema.field_types.refusals import Problems, join
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, Problem, refuse
from services.metadata.logic import repairs, unique_constraints
from services.metadata.logic.catalog import Draft, new_id
from services.metadata.logic.widening import moved_options, needs
from services.metadata.model import Job

BUILDING, PURGING, READY = "building", "purging", "ready"
# What may change while a job is at work: nothing that the job goes by.
COSMETIC = ("label", "description", "pii", "position", "searchable")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a change says beside the definition."""

    reassign: Mapping[str, str] = field(default_factory=dict)
    backfill: bool = False


def retyped(obj: Object, old: Field, raw: Mapping[str, Any], path: str) -> Field:
    """The field as one of another type: what is not named and fits no more is left behind."""
    kind = raw["type"]
    spec = FIELD_TYPES.get(kind)
    full: dict[str, Any] = {
        "name": old.name,
        "label": old.label,
        "description": old.description,
        "pii": old.pii,
        "required": old.required,
        "unique": old.unique and spec is not None and spec.unique_allowed,
        "indexed": old.indexed and spec is not None and spec.indexable,
        "searchable": old.searchable and spec is not None and spec.searchable,
    }
    if spec is not None and spec.options and old.options:
        full["options"] = [
            {"id": o.id, "value": o.value, "label": o.label, "color": o.color} for o in old.options
        ]
    made = define_field({**full, **raw}, new_id=new_id, object_id=obj.id, path=path)
    kept = {p: getattr(old, p) for p in ("id", "key", "slot", "position", "standard", "state")}
    return msgspec.structs.replace(made, active=old.active, **kept)


def plan(old: Field, new: Field, asked: Asked, path: str) -> FieldChange | None:
    """What the data need for the change, None where nothing; Invalid for what no job does."""
    found = needs(old, new, path)
    problems = Problems(found.problems)
    backfill = asked.backfill
    if unknown := [v for v in asked.reassign if v not in {o.value for o in old.options}]:
        message = f"{old.name} has no option {unknown[0]!r}"
        problems.add(join(path, "reassign"), "UNKNOWN_OPTION", message)
    now = {o.value for o in new.options}
    for value, other in asked.reassign.items():
        if other and other not in now:
            message = f"there is no option {other!r} to take the place of {value!r}"
            problems.add(join(path, f"reassign.{value}"), "UNKNOWN_OPTION", message)
    if backfill and (new.default is None or is_dynamic(new.default)):
        message = "a backfill needs a default that is the same for every record"
        problems.add(join(path, "backfill"), "REQUIRED", message)
    if backfill and new.unique:
        message = "a unique field can't be filled with one value"
        problems.add(join(path, "backfill"), "CONFLICTING_SETTINGS", message)
    computed = new.type is FieldType.FORMULA and not backfill
    if (found.job or backfill) and not FIELD_TYPES[new.type].writable and not computed:
        message = f"{new.type} is set by the platform"
        problems.add(join(path, "type"), "CHANGE_UNSUPPORTED", message)
    if (found.job or backfill) and not old.active:
        message = "the field is deactivated: reactivate it first"
        problems.add(path, "CHANGE_UNSUPPORTED", message)
    problems.raise_any()
    if not found.job and not backfill:
        return None
    target = msgspec.structs.replace(new, state=READY)
    if found.converts or found.reindexes:
        target = elsewhere(target, converted=found.converts)
    reassign = {} if found.converts else moved_options(old, new, asked.reassign)
    if found.converts and old.options:
        reassign = {v: t or None for v, t in asked.reassign.items()}
    return FieldChange(old=old, target=target, reassign=reassign, backfill=backfill)


def elsewhere(field: Field, *, converted: bool) -> Field:
    """The field with an index of its own, and where values take another form a key as well."""
    slot = new_id()
    key = f"{field.name}__{slot[-12:]}" if converted else field.key
    return msgspec.structs.replace(field, slot=slot, key=key)


def is_at_work(found: Field) -> bool:
    """Whether a job is at work on the field."""
    return found.state != READY


def is_dynamic(default: object) -> bool:
    return isinstance(default, dict) and "$" in default


def start(draft: Draft, now: Field, change: FieldChange) -> Field:
    """Keep the old behaviour, say that a job is at work, and ask for it."""
    draft.request("change", now.object_id, now.id, change)
    return draft.put_field(msgspec.structs.replace(now, state=BUILDING))


def change_over(
    draft: Draft, now: Field, target: Field, reassign: Mapping[str, str | None] | None = None
) -> Field:
    """The job is done: the new definition stands, with what was changed beside it meanwhile."""
    kept = {part: getattr(now, part) for part in (*COSMETIC, "active", "standard")}
    kept["searchable"] = kept["searchable"] and FIELD_TYPES[target.type].searchable
    new = draft.put_field(msgspec.structs.replace(target, state=READY, **kept))
    repairs.follow_options(draft, now, new)
    repairs.after_change(draft, now, new, reassign or {})
    return new


def stand(draft: Draft, now: Field) -> Field:
    """The job is over without success: the field is as it was."""
    return draft.put_field(msgspec.structs.replace(now, state=READY))


def check_ready(found: Field, raw: Mapping[str, Any], path: str) -> None:
    """Invalid / FIELD_BUILDING for a change of what a job goes by, while one is at work."""
    if found.state == READY:
        return
    problems = [
        Problem(join(path, part), "FIELD_BUILDING", f"a job is at work on {found.name}")
        for part in raw
        if part not in COSMETIC
    ]
    if problems:
        raise Invalid(problems)


def purge_field(draft: Draft, obj: Object, found: Field) -> Job:
    """Ask for a deactivated field's data to be removed, and then the field."""
    check_ready(found, {"": None}, "")
    if found.active:
        message = f"deactivate {found.name} first; then it can be purged"
        raise refuse("", "NOT_DEACTIVATED", message)
    draft.put_field(msgspec.structs.replace(found, state=PURGING))
    whole = msgspec.structs.replace(obj, fields=())
    return draft.request("purge_field", obj.id, found.id, Purge(whole, found))


def purge_object(draft: Draft, obj: Object) -> Job:
    """Ask for a deactivated object's records to be removed, and then the object."""
    if obj.active:
        message = f"deactivate {obj.name} first; then it can be purged"
        raise refuse("", "NOT_DEACTIVATED", message)
    fields = draft.fields_of(obj.id, inactive=True)
    for one in fields:
        check_ready(one, {"": None}, "")
    unique_constraints.check_ready(obj)
    leading = [
        f
        for f in draft.fields.values()
        if f.object_id != obj.id and obj.name in f.settings.get("targets", ())
    ]
    problems = [
        Problem(
            f"{draft.objects[f.object_id].name}.{f.name}",
            "IN_USE",
            f"the relation {f.name} leads to it; purge that first",
        )
        for f in leading
    ]
    problems += [
        Problem(t.name, "IN_USE", f"the link type {t.name} joins it")
        for t in draft.link_types.values()
        if not t.field_id and t.active and obj.name in {*t.source_kinds, *t.target_kinds}
    ]
    if problems:
        raise Invalid(problems)
    for one in fields:  # so that nobody brings it back meanwhile
        draft.put_field(msgspec.structs.replace(one, state=PURGING))
    whole = msgspec.structs.replace(obj, fields=tuple(fields))
    return draft.request("purge_object", obj.id, "", Purge(whole))
