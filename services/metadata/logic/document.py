"""Apply a whole schema document to a draft: what is missing is added, nothing is removed.

Everything wrong with the document is reported at once, each problem under its path:
`objects.0.fields.2.settings.max`. A draft that this refuses is thrown away.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schema.field_types.refusals import Problems, unknown_names
from schema.model import Field, Object
from schema.problems import refuse
from services.metadata.logic import fields, link_types, objects, views
from services.metadata.logic.catalog import Draft, new_id

_TOP = ("objects", "link_types")
_PARTS = ("fields", "views")


def apply(draft: Draft, document: object, principal_id: str, *, standard: bool = False) -> None:
    """Make the draft hold at least what the document describes; Invalid with every problem."""
    top = _mapping(document, "")
    problems = Problems()
    if unknown := [key for key in top if key not in _TOP]:
        problems += unknown_names("", "UNKNOWN_PROPERTY", "part of a schema", unknown, _TOP)
    found: list[tuple[str, Mapping[str, Any], Object]] = []
    for path, raw in _items(top.get("objects"), "objects", problems):
        own = {k: v for k, v in raw.items() if k not in (*_PARTS, "label_field")}
        obj = _object(draft, own, principal_id, standard, path, problems)
        if obj.id not in draft.base.objects and isinstance(raw.get("label_field"), str):
            # Before the fields are there, so that no other one stands in for it; checked below.
            obj = draft.put_object(msgspec.structs.replace(obj, label_field=raw["label_field"]))
        found.append((path, raw, obj))
    for path, raw, obj in found:
        for at, field in _items(raw.get("fields"), f"{path}.fields", problems):
            with problems.collect():
                _field(draft, draft.objects[obj.id], field, standard=standard, path=at)
    for path, raw, obj in found:
        if "label_field" in raw:
            with problems.collect():
                part = {"label_field": raw["label_field"]}
                objects.update(draft, draft.objects[obj.id], part, path)
    for path, raw in _items(top.get("link_types"), "link_types", problems):
        with problems.collect():
            _link_type(draft, raw, path)
    for path, raw, obj in found:
        for at, view in _items(raw.get("views"), f"{path}.views", problems):
            with problems.collect():
                _view(draft, draft.objects[obj.id], view, principal_id, at)
    problems.raise_any()


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
            return objects.create(
                draft, raw, principal_id=principal_id, standard=standard, path=path
            )
        return objects.update(draft, old, {**raw, "active": True}, path)
    stand_in = Object(id=new_id(), name=str(name), plural_name=f"{name} (refused)")
    return old or draft.put_object(stand_in)


def _field(draft: Draft, obj: Object, raw: Mapping[str, Any], *, standard: bool, path: str) -> None:
    name = raw.get("name")
    old = draft.field(obj.id, name, inactive=True) if isinstance(name, str) else None
    if old is None or old.name != name:
        fields.create(draft, obj, raw, standard=standard, path=path)
        return
    change = {**raw, "active": True}
    if isinstance(raw.get("options"), list):
        change["options"] = [*raw["options"], *_left_out(old, raw["options"])]
    fields.update(draft, obj, old, change, path)


def _left_out(field: Field, raw: Sequence[Any]) -> list[dict[str, str]]:
    """Options that the document does not name: they stay, after those it names."""
    named = {one.get("value") if isinstance(one, Mapping) else one for one in raw}
    return [
        {"id": o.id, "value": o.value, "label": o.label, "color": o.color}
        for o in field.options
        if o.value not in named
    ]


def _link_type(draft: Draft, raw: Mapping[str, Any], path: str) -> None:
    name = raw.get("name")
    old = draft.link_type(name) if isinstance(name, str) else None
    if old is None or old.name != name:
        link_types.create(draft, raw, path=path)
    else:
        link_types.update(draft, old, {**raw, "active": True}, path)


def _view(draft: Draft, obj: Object, raw: Mapping[str, Any], principal_id: str, path: str) -> None:
    name = raw.get("name")
    old = draft.view(obj.id, name, principal_id) if isinstance(name, str) else None
    if old is None or old.name != name:
        views.create(draft, obj, raw, principal_id, path=path)
    else:
        views.update(draft, obj, old, raw, path)


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
