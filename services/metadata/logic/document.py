"""Apply a whole schema document to a draft: what is missing is added, nothing is removed.

Everything wrong with the document is reported at once, each problem under its path:
`objects.0.fields.2.settings.max`. A draft that this refuses is thrown away.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from schema.field_types.refusals import Problems, unknown_names
from schema.formulas import names_in
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, refuse
from services.metadata.logic import (
    field_changes,
    fields,
    link_types,
    objects,
    unique_constraints,
    views,
)
from services.metadata.logic.catalog import Draft, new_id

_TOP = ("objects", "link_types")
_PARTS = ("fields", "unique_constraints", "views")
_AFTER_FIELDS = ("label_field", "duplicate_criteria")
_ASKED = ("reassign", "backfill")
CHOICES = {FieldType.SELECT, FieldType.MULTI_SELECT}


def apply(
    draft: Draft,
    document: object,
    principal_id: str,
    *,
    standard: bool = False,
    exact: bool = False,
) -> None:
    """Make the draft hold at least what the document describes; Invalid with every problem.

    `exact`: of the objects that it names, what it does not name goes: fields are deactivated,
    options removed, everybody's views deleted but for the last table.
    """
    top = _mapping(document, "")
    problems = Problems()
    if unknown := [key for key in top if key not in _TOP]:
        problems += unknown_names("", "UNKNOWN_PROPERTY", "part of a schema", unknown, _TOP)
    found: list[tuple[str, Mapping[str, Any], Object]] = []
    for path, raw in _items(top.get("objects"), "objects", problems):
        own = {k: v for k, v in raw.items() if k not in (*_PARTS, *_AFTER_FIELDS)}
        obj = _object(draft, own, principal_id, standard, path, problems)
        if obj.id not in draft.base.objects and isinstance(raw.get("label_field"), str):
            # Before the fields are there, so that no other one stands in for it; checked below.
            obj = draft.put_object(msgspec.structs.replace(obj, label_field=raw["label_field"]))
        found.append((path, raw, obj))
    listed = [
        (obj, _waves(_in_order(_items(raw.get("fields"), f"{path}.fields", problems))))
        for path, raw, obj in found
    ]
    for wave in range(3):
        for obj, waves in listed:
            for at, field in waves[wave]:
                with problems.collect():
                    whole = draft.objects[obj.id]
                    _field(draft, whole, field, standard=standard, path=at, exact=exact)
    for path, raw, obj in found:
        together = _items(raw.get("unique_constraints"), f"{path}.unique_constraints", problems)
        for at, one in together:
            with problems.collect():
                _unique_constraint(draft, draft.objects[obj.id], one, at)
    for path, raw, obj in found:
        if part := {name: raw[name] for name in _AFTER_FIELDS if name in raw}:
            with problems.collect():
                objects.update(draft, draft.objects[obj.id], part, path)
    for path, raw in _items(top.get("link_types"), "link_types", problems):
        with problems.collect():
            _link_type(draft, raw, path)
    for path, raw, obj in found:
        for at, view in _items(raw.get("views"), f"{path}.views", problems):
            with problems.collect():
                _view(draft, draft.objects[obj.id], view, principal_id, at)
    if exact and not problems:
        for path, raw, obj in found:
            with problems.collect():
                _leave_only(draft, obj, raw, path)
    problems.raise_any()


def _leave_only(draft: Draft, obj: Object, raw: Mapping[str, Any], path: str) -> None:
    """Take away what the document does not name of an object's fields and views, where it names
    any at all."""
    if isinstance(raw.get("unique_constraints"), list):
        named = {one.get("name") for one in raw["unique_constraints"] if isinstance(one, Mapping)}
        for one in draft.objects[obj.id].unique_constraints:
            if one.name not in named:
                unique_constraints.delete(draft, draft.objects[obj.id], one, path)
    if isinstance(raw.get("fields"), list):
        named = {one.get("name") for one in raw["fields"] if isinstance(one, Mapping)}
        for field in draft.fields_of(obj.id):
            if field.name not in named:
                fields.deactivate(draft, field, force=True)
    if isinstance(raw.get("views"), list):
        named = {one.get("name") for one in raw["views"] if isinstance(one, Mapping)}
        for view in draft.views_of(obj.id):
            if view.visibility == "workspace" and view.name not in named:
                with contextlib.suppress(Invalid):  # the last table stays
                    views.delete(draft, view, path)


def _object(
    draft: Draft,
    raw: Mapping[str, Any],
    principal_id: str,
    standard: bool,
    path: str,
    problems: Problems,
) -> Object:
    """The object as created or changed; a stand-in for one that is refused, so that its parts
    can be judged as well."""
    name = raw.get("name")
    old = draft.object(name, inactive=True) if isinstance(name, str) else None
    with problems.collect():
        if old is None or old.name != name:
            new = {k: v for k, v in raw.items() if k != "active"}
            return objects.create(
                draft, new, principal_id=principal_id, standard=standard, path=path
            )
        return objects.update(draft, old, {"active": True, **raw}, path)
    stand_in = Object(id=new_id(), name=str(name), plural_name=f"{name} (refused)")
    return old or draft.put_object(stand_in)


def _field(
    draft: Draft,
    obj: Object,
    raw: Mapping[str, Any],
    *,
    standard: bool,
    path: str,
    exact: bool,
) -> None:
    name = raw.get("name")
    asked = _asked(raw, path)
    change = {"active": True, **{k: v for k, v in raw.items() if k not in _ASKED}}
    old = draft.field(obj.id, name, inactive=True) if isinstance(name, str) else None
    if old is None or old.name != name:
        del change["active"]
        fields.create(draft, obj, change, standard=standard, path=path)
        return
    if old.type in CHOICES and isinstance(raw.get("options"), list) and not exact:
        change["options"] = [*raw["options"], *_left_out(old, raw["options"], asked)]
    if field_changes.is_at_work(old) and not _differs(old, change):
        return
    # What was reassigned before is no option any more: repeating it changes nothing.
    known = {o.value for o in old.options}
    reassign = {value: other for value, other in asked.reassign.items() if value in known}
    fields.update(draft, obj, old, change, path, replace(asked, reassign=reassign))


def _unique_constraint(draft: Draft, obj: Object, raw: Mapping[str, Any], path: str) -> None:
    old = next((c for c in obj.unique_constraints if c.name == raw.get("name")), None)
    if old is None:
        unique_constraints.create(draft, obj, raw, path=path)
    elif not unique_constraints.same_fields(draft, old, raw.get("fields")):
        message = f"{old.name} keeps its fields; delete it and make another one"
        raise refuse(f"{path}.fields", "IMMUTABLE", message)


def _asked(raw: Mapping[str, Any], path: str) -> field_changes.Asked:
    """What stands beside a field's definition: `reassign` and `backfill`."""
    reassign, backfill = raw.get("reassign") or {}, raw.get("backfill") or False
    if not isinstance(reassign, Mapping) or not isinstance(backfill, bool):
        raise refuse(path, "WRONG_TYPE", "reassign is an object of texts, backfill true or false")
    return field_changes.Asked({str(k): str(v or "") for k, v in reassign.items()}, backfill)


def _differs(old: Field, change: Mapping[str, Any]) -> bool:
    """Whether anything but looks would change; what a job is at work on is let alone."""
    return any(k not in field_changes.COSMETIC and getattr(old, k, None) != v
               for k, v in change.items() if k in {"type", "required", "unique"})  # fmt: skip


def _left_out(field: Field, raw: Sequence[Any], asked: field_changes.Asked) -> list[dict[str, str]]:
    """Options that the document does not name: they stay, after those it names, unless it says
    what becomes of their values."""
    named = {one.get("value") if isinstance(one, Mapping) else one for one in raw}
    named |= asked.reassign.keys()
    return [
        {"id": o.id, "value": o.value, "label": o.label, "color": o.color}
        for o in field.options
        if o.value not in named
    ]


def _link_type(draft: Draft, raw: Mapping[str, Any], path: str) -> None:
    name = raw.get("name")
    old = draft.link_type(name) if isinstance(name, str) else None
    if old is None or old.name != name:
        link_types.create(draft, {k: v for k, v in raw.items() if k != "active"}, path=path)
    else:
        link_types.update(draft, old, {"active": True, **raw}, path)


def _view(draft: Draft, obj: Object, raw: Mapping[str, Any], principal_id: str, path: str) -> None:
    name = raw.get("name")
    old = draft.view(obj.id, name, principal_id) if isinstance(name, str) else None
    if old is None or old.name != name:
        views.create(draft, obj, raw, principal_id, path=path)
    else:
        views.update(draft, obj, old, raw, path)


def _in_order(listed: list[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Fields as they are listed, formulas behind all that they read."""
    found = [one for one in listed if one[1].get("type") != FieldType.FORMULA]
    left = [one for one in listed if one[1].get("type") == FieldType.FORMULA]
    while left:
        names = {raw.get("name") for _, raw in left}
        free = [one for one in left if not names & _read_by(one[1])]
        found += free or left  # of a circle each says that it is one
        left = [one for one in left if one not in free] if free else []
    return found


def _waves(
    ordered: list[tuple[str, Mapping[str, Any]]],
) -> tuple[list[tuple[str, Mapping[str, Any]]], ...]:
    """What rollups of other objects may be over, then rollups, then formulas over those."""
    early, rolled, late = [], [], []
    told = {raw.get("name") for _, raw in ordered if raw.get("type") == FieldType.ROLLUP}
    for one in ordered:
        if one[1].get("type") == FieldType.ROLLUP:
            rolled.append(one)
        elif one[1].get("type") == FieldType.FORMULA and told & _read_by(one[1]):
            told.add(one[1].get("name"))
            late.append(one)
        else:
            early.append(one)
    return early, rolled, late


def _read_by(raw: Mapping[str, Any]) -> frozenset[str]:
    settings = raw.get("settings")
    expression = settings.get("expression") if isinstance(settings, Mapping) else None
    return names_in(expression) if isinstance(expression, str) else frozenset()


def _items(raw: object, path: str, problems: Problems) -> list[tuple[str, Mapping[str, Any]]]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        problems.add(path, "WRONG_TYPE", "must be a list")
        return []
    found = []
    for i, one in enumerate(raw):
        with problems.collect():
            found.append((f"{path}.{i}", _mapping(one, f"{path}.{i}")))
    return found


def _mapping(raw: object, path: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise refuse(path, "WRONG_TYPE", "must be an object")
    return raw
