"""Keep rollups right in a draft: what they figure and use elsewhere, and when they are figured."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from schema import rollups
from schema.field_changes import FieldChange
from schema.field_types.refusals import join
from schema.field_types.rollups import DERIVED
from schema.formulas import as_result
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, Problem, refuse
from schema.rollups import Rollup
from services.metadata.logic import field_changes
from services.metadata.logic.catalog import Draft

_READY = field_changes.READY


def begin(draft: Draft, obj: Object, field: Field, path: str) -> Field:
    """Complete and check a new rollup, and have it worked out for the records that are there."""
    own = [f for f in draft.fields_of(obj.id) if f.type is FieldType.ROLLUP]
    if len(own) > draft.limits.rollups:
        message = f"an object has at most {draft.limits.rollups} rollups"
        raise refuse(path, "LIMIT_REACHED", message)
    return _work_out(draft, draft.put_field(completed(draft, field, path)))


def again(draft: Draft, field: Field) -> Field:
    """Have a rollup worked out that was not while it, or its object, was away."""
    return _work_out(draft, draft.put_field(completed(draft, field, "")))


def completed(draft: Draft, field: Field, path: str) -> Field:
    """The field with what its settings leave to the field that it measures; Invalid where they make
    no sense, or say otherwise."""
    found = _resolved(draft, field, path)
    for used in found.reads:
        if draft.fields[used].state != _READY:
            name = draft.fields[used].name
            message = f"a job is at work on {name}, which it is over"
            raise refuse(join(path, "settings"), "FIELD_BUILDING", message)
    settings = {k: v for k, v in field.settings.items() if k not in DERIVED}
    derived = {"result_type": found.result_type, "scale": found.scale}
    for name, value in derived.items():
        asked = field.settings.get(name)
        if asked is not None and asked != value:
            message = f"is {value} here: leave it to the field that is measured"
            raise refuse(join(path, f"settings.{name}"), "CONFLICTING_SETTINGS", message)
        if value is not None:
            settings[name] = value
    return msgspec.structs.replace(field, settings=settings)


def keeping(old: Field, new: Field) -> Field:
    """The change with what nobody need repeat of a rollup's settings."""
    derived = {k: v for k, v in old.settings.items() if k in DERIVED}
    return msgspec.structs.replace(new, settings={**derived, **new.settings})


def stop(draft: Draft, field: Field) -> None:
    """Have nobody keep the figures any more."""
    draft.request("unroll", field.object_id, field.id, FieldChange(old=field, target=field))


def stop_all(draft: Draft, obj: Object) -> None:
    """The object goes: so do the figures of its records."""
    for field in draft.fields_of(obj.id):
        if field.type is FieldType.ROLLUP:
            field_changes.check_ready(field, {"active": False}, field.name)
            stop(draft, field)


def start_all(draft: Draft, obj: Object) -> None:
    """The object is back: its rollups are worked out anew; those that make no sense any more stay
    away."""
    for field in draft.fields_of(obj.id):
        if field.type is FieldType.ROLLUP:
            try:
                again(draft, field)
            except Invalid:
                draft.put_field(msgspec.structs.replace(field, active=False))


def users(draft: Draft, used: Iterable[str]) -> list[Field]:
    """The active rollups that tell of any of these fields, in the order of their ids."""
    wanted = set(used)
    if not any(f.type is FieldType.ROLLUP for f in draft.fields.values()):
        return []
    told = rollups.of(draft.compiled())
    return [draft.fields[i] for i, one in sorted(told.items()) if wanted & set(one.reads)]


def without(draft: Draft, used: Iterable[str], *, force: bool) -> list[Field]:
    """The rollups that go with fields that leave; Invalid / IN_USE names them unless `force`."""
    found = users(draft, used)
    if found and not force:
        message = "the rollup {} uses it: say force to let it go as well"
        paths = [place(draft, one) for one in found]
        raise Invalid([Problem(p, "IN_USE", message.format(p)) for p in paths])
    return found


def broken(draft: Draft) -> list[Problem]:
    """IN_USE for each rollup that is another after the draft than before, or makes no sense."""
    if not any(f.value.type is FieldType.ROLLUP for f in draft.base.fields.values()):
        return []
    before = rollups.of(draft.base.draft.compiled())
    after = rollups.of(draft.compiled())
    problems = []
    for field_id, one in sorted(before.items()):
        field = draft.fields.get(field_id)
        obj = draft.objects.get(one.object_id)
        if field is None or not field.active or obj is None or not obj.active:
            continue
        now = after.get(field_id)
        if now is None or _sense(now) != _sense(one):
            path = place(draft, field)
            message = f"the rollup {path} uses it as it was: deactivate the rollup first"
            problems.append(Problem(path, "IN_USE", message))
    return problems


def _sense(one: Rollup) -> Mapping[str, Any]:
    """A definition without the place of its own values, which moves when they are worked out."""
    return {k: v for k, v in msgspec.structs.asdict(one).items() if k not in {"id", "key"}}


def place(draft: Draft, field: Field) -> str:
    return f"{draft.objects[field.object_id].name}.{field.name}"


def _resolved(draft: Draft, field: Field, path: str) -> Rollup:
    workspace = draft.compiled()
    obj = workspace.objects_by_id[field.object_id]
    return rollups.resolve(workspace, obj, as_result(field), path)


def _work_out(draft: Draft, field: Field) -> Field:
    ready = msgspec.structs.replace(field, state=_READY)
    target = field_changes.elsewhere(ready, converted=True)
    return field_changes.start(draft, field, FieldChange(old=field, target=target))
