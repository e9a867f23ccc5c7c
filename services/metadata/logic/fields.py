"""Create, change, deactivate and reactivate fields in a draft, with all that depends on them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from schema.field_changes import FieldChange
from schema.field_types import FIELD_TYPES
from schema.field_types.choices import MAX_OPTIONS
from schema.field_types.definitions import define_field
from schema.field_types.refusals import Problems, join
from schema.model import Field, FieldType, LinkType, Object
from schema.problems import nearest, refuse
from services.metadata.logic import (
    duplicates,
    field_changes,
    formulas,
    repairs,
    rollups,
    unique_constraints,
    views,
)
from services.metadata.logic.catalog import Draft, chosen_id, new_id
from services.metadata.logic.field_changes import Asked
from services.metadata.logic.link_types import reached
from services.metadata.logic.names import free_name, label_of


def create(
    draft: Draft,
    obj: Object,
    raw: Mapping[str, Any],
    *,
    given_id: str = "",
    standard: bool = False,
    path: str = "",
) -> Field:
    """Add a field, the link type of a relation, and a column to the tables that show everything.

    Invalid names everything wrong with the definition.
    """
    existing = draft.fields_of(obj.id, inactive=True)
    if sum(f.active for f in existing) >= draft.limits.fields:
        message = f"an object has at most {draft.limits.fields} fields"
        raise refuse(path, "LIMIT_REACHED", message)
    problems = Problems()
    found: Field | None = None
    with problems.collect():
        taken = {f.name for f in existing if f.active}
        found = define_field(
            raw, new_id=new_id, object_id=obj.id, taken=taken | reached(draft, obj.name), path=path
        )
    _check_options(draft, raw.get("options"), problems, path)
    _check_relation(draft, raw.get("type"), raw.get("settings"), problems, path)
    problems.raise_any()
    assert found is not None
    spec = FIELD_TYPES[found.type]
    field = draft.put_field(
        msgspec.structs.replace(
            found,
            id=chosen_id(given_id, draft.fields),
            key=free_name(found.name, {f.key or f.name for f in existing}),
            label=found.label or label_of(found.name),
            indexed=found.indexed and spec.indexable,
            position=max((f.position for f in existing), default=-1) + 1,
            standard=standard,
        )
    )
    if field.type is FieldType.RELATION:
        project(draft, obj, field)
    if field.type is FieldType.FORMULA:
        field = formulas.begin(draft, obj, field, path)
    if field.type is FieldType.ROLLUP:
        field = rollups.begin(draft, obj, field, path)
    if field.type is FieldType.TEXT and not obj.label_field:
        obj = draft.put_object(msgspec.structs.replace(obj, label_field=field.name))
    if field.type is FieldType.AUTO_NUMBER:  # records that are there get theirs
        draft.request("number", obj.id, field.id, FieldChange(old=field, target=field))
    views.show_new_field(draft, obj, field)
    return field


def update(
    draft: Draft,
    obj: Object,
    old: Field,
    raw: Mapping[str, Any],
    path: str = "",
    asked: Asked | None = None,
) -> Field:
    """Change what is named. Where data must be looked at or rewritten the field stays as it is, a
    job is requested of the draft, and the field is `building` until that is done. Invalid /
    CHANGE_UNSUPPORTED for what no job does, FIELD_BUILDING while one is at work."""
    problems = Problems()
    with problems.collect():
        field_changes.check_ready(old, raw, path)
    problems.raise_any()
    definition = {k: v for k, v in raw.items() if k not in {"position", "active"}}
    if isinstance(definition.get("label"), str) and not definition["label"].strip():
        definition["label"] = label_of(old.name)
    same = {k: v for k, v in definition.items() if k != "name" or v != old.name}
    new: Field | None = None
    with problems.collect():
        if same.get("type", old.type) != old.type and same["type"] in list(FieldType):
            if "name" in same:
                message = "a field keeps its name; change the label instead"
                problems.add(join(path, "name"), "CHANGE_UNSUPPORTED", message)
            new = field_changes.retyped(obj, old, {**same, "name": old.name}, path)
        else:
            new = define_field(same, new_id=new_id, object_id=obj.id, old=old, path=path)
        if old.type is FieldType.ROLLUP is new.type:
            new = rollups.keeping(old, new)
        indexed = new.indexed and FIELD_TYPES[new.type].indexable
        new = msgspec.structs.replace(new, indexed=indexed)
    _check_options(draft, raw.get("options"), problems, path)
    if "settings" in raw:
        _check_relation(draft, old.type, raw["settings"], problems, path, field_id=old.id)
    change: FieldChange | None = None
    if new is not None:
        with problems.collect():
            change = field_changes.plan(old, new, asked or Asked(), path)
        problems += unique_constraints.check_change(draft, old, new, path)
        problems += formulas.check_change(draft, old, new, path)
        problems += duplicates.check_change(draft, old, new, path)
    position = raw.get("position", old.position)
    if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < 2**31:
        problems.add(join(path, "position"), "OUT_OF_RANGE", "must be a whole number from 0")
    if raw.get("active") is True and not old.active:
        _check_reactivation(draft, obj, old, problems, path)
        if new is not None and new.type is FieldType.FORMULA and not problems:
            with problems.collect():
                formulas.check(draft, new, path)
        if new is not None and new.type is FieldType.ROLLUP and not problems:
            with problems.collect():
                rollups.completed(draft, new, path)
    if raw.get("active") is False and change is not None:
        message = "a field that goes needs no job: deactivate it alone"
        problems.add(join(path, "active"), "CHANGE_UNSUPPORTED", message)
    problems.raise_any()
    assert new is not None
    new = msgspec.structs.replace(
        new, position=position, active=old.active or raw.get("active") is True
    )
    if change is not None:
        shown = {part: getattr(new, part) for part in field_changes.COSMETIC}
        shown["searchable"] = new.searchable and FIELD_TYPES[old.type].searchable
        standing = msgspec.structs.replace(old, **shown)
        if new.type is FieldType.FORMULA:
            return formulas.change(draft, standing, new, path)
        return field_changes.start(draft, standing, change)
    new = draft.put_field(new)
    if new.type is FieldType.RELATION:
        project(draft, obj, new)
    repairs.follow_options(draft, old, new)
    if new.active and not old.active:
        if new.type is FieldType.FORMULA:
            new = formulas.again(draft, new)
        if new.type is FieldType.ROLLUP:
            new = rollups.again(draft, new)
        views.show_new_field(draft, draft.objects[obj.id], new)
    if raw.get("active") is False and old.active:
        deactivate(draft, new)
    return draft.fields[new.id]


def deactivate(draft: Draft, field: Field, *, force: bool = False) -> list[str]:
    """Take the field out of the API and of every view; the ids of the views that were repaired.
    Composite unique constraints, formulas and rollups that use it go with it by `force`: Invalid /
    IN_USE otherwise."""
    field_changes.check_ready(field, {"active": False}, "")
    unique_constraints.without_field(draft, field, force=force)
    reading = formulas.without(draft, field, force=force)
    reading += rollups.without(draft, [field.id], force=force)
    repaired = [
        i
        for one in reading
        if draft.fields[one.id].active
        for i in deactivate(draft, one, force=True)
    ]
    repaired += repairs.without_field(draft, field)
    duplicates.without_field(draft, field)
    draft.put_field(msgspec.structs.replace(field, active=False))
    if field.type is FieldType.ROLLUP:
        rollups.stop(draft, field)
    if link := draft.link_type_of(field.id):
        draft.put_link_type(msgspec.structs.replace(link, active=False))
    obj = draft.objects[field.object_id]
    if obj.label_field == field.name:
        label_field = first_label_field(draft, obj.id)
        draft.put_object(msgspec.structs.replace(obj, label_field=label_field))
    return repaired


def first_label_field(draft: Draft, object_id: str) -> str:
    """The first text field's name; nothing where there is none."""
    texts = (f.name for f in draft.fields_of(object_id) if f.type is FieldType.TEXT)
    return next(texts, "")


def _check_options(draft: Draft, raw: object, problems: Problems, path: str) -> None:
    if isinstance(raw, list | tuple) and draft.limits.options < len(raw) <= MAX_OPTIONS:
        message = f"a field has at most {draft.limits.options} options, this has {len(raw)}"
        problems.add(join(path, "options"), "LIMIT_REACHED", message)


def _check_relation(
    draft: Draft,
    field_type: object,
    settings: object,
    problems: Problems,
    path: str,
    field_id: str = "",
) -> None:
    """Targets exist, and the inverse name is free where it will be read: on each target."""
    if field_type != FieldType.RELATION or not isinstance(settings, Mapping):
        return
    targets = settings.get("targets")
    if not isinstance(targets, list):
        return
    found = []
    for i, name in enumerate(targets):
        if isinstance(name, str):
            with problems.collect():
                at = join(path, f"settings.targets.{i}")
                found.append(_target(draft, name, at))
    inverse = settings.get("inverse_name")
    if not isinstance(inverse, str):
        return
    for target in found:
        names = {f.name for f in draft.fields_of(target.id)}
        names |= reached(draft, target.name, field_id)
        if inverse in names:
            message = f"{target.name} has a field, relation or link {inverse!r} already"
            problems.add(join(path, "settings.inverse_name"), "INVERSE_NAME_TAKEN", message)


def _target(draft: Draft, name: str, at: str) -> Object:
    found = draft.require_object(name, at)
    if found.name != name:
        raise refuse(at, "UNKNOWN_OBJECT", f"name the object in the singular: {found.name!r}")
    return found


def _check_reactivation(
    draft: Draft, obj: Object, field: Field, problems: Problems, path: str
) -> None:
    if draft.field(obj.id, field.name) is not None:
        message = f"another field is called {field.name!r} by now"
        problems.add(join(path, "name"), "NAME_TAKEN", message)
    names = draft.object_names()
    for i, target in enumerate(field.settings.get("targets", ())):
        if draft.object(target) is None:
            message = f"there is no object {target!r}{nearest(target, names)}"
            problems.add(join(path, f"settings.targets.{i}"), "UNKNOWN_OBJECT", message)
    if len(draft.fields_of(obj.id)) >= draft.limits.fields:
        message = f"an object has at most {draft.limits.fields} fields"
        problems.add(path, "LIMIT_REACHED", message)


def project(draft: Draft, obj: Object, field: Field) -> None:
    """Keep the link type through which a relation's links are read."""
    inverse = str(field.settings.get("inverse_name") or "")
    old = draft.link_type_of(field.id)
    if old is None:
        taken = {t.name for t in draft.link_types.values()}
        name = free_name(f"{obj.name}_{field.name}"[:60], taken)
        old = LinkType(id=new_id(), name=name, inverse_name="", field_id=field.id)
    draft.put_link_type(
        msgspec.structs.replace(
            old,
            inverse_name=inverse or f"{old.name}_of"[:63],
            source_kinds=(obj.name,),
            target_kinds=tuple(field.settings["targets"]),
            cardinality="many_to_one",
            label=field.label,
            inverse_label=label_of(inverse) if inverse else obj.plural_label,
            active=field.active,
        )
    )
