"""Create, change and deactivate objects in a draft, with all that depends on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schema.field_types.definitions import check_object
from schema.field_types.refusals import Problems, join, unknown_names, wrong_type
from schema.model import Field, FieldType, LinkType, Object
from schema.problems import Invalid, Problem, nearest, refuse
from services.metadata.logic import duplicates, fields, link_types, repairs, rollups, views
from services.metadata.logic.catalog import Draft, chosen_id
from services.metadata.logic.names import RESERVED_OBJECTS, label_of, plural_of

_TEXTS = ("label", "plural_label", "description", "icon")
KEYS = ("name", "plural_name", *_TEXTS, "label_field", "duplicate_criteria")


def create(
    draft: Draft,
    raw: Mapping[str, Any],
    *,
    given_id: str = "",
    principal_id: str = "",
    standard: bool = False,
    path: str = "",
) -> Object:
    """Add an object and its first table view; Invalid names everything wrong with it."""
    _check_limit(draft, path)
    problems = Problems()
    problems += _unknown(raw, KEYS, path)
    name = raw.get("name")
    full = dict(raw)
    if isinstance(name, str) and name:
        full["plural_name"] = raw.get("plural_name") or plural_of(name)
        full["label"] = raw.get("label") or label_of(name)
        plural = full["plural_name"]
        full["plural_label"] = raw.get("plural_label") or label_of(str(plural))
    with problems.collect():
        check_object(full, _names(draft), path)
    for part in ("name", "plural_name"):
        if full.get(part) in RESERVED_OBJECTS:
            message = f"{full[part]!r} is reserved: links know it as a kind; choose another name"
            problems.add(join(path, part), "RESERVED_NAME", message)
    if raw.get("label_field"):
        message = "the object has no fields yet; name its label field after adding it"
        problems.add(join(path, "label_field"), "UNKNOWN_FIELD", message)
    if raw.get("duplicate_criteria"):
        message = "the object has no fields yet; set its criteria after adding them"
        problems.add(join(path, "duplicate_criteria"), "UNKNOWN_FIELD", message)
    problems.raise_any()
    created = draft.put_object(
        Object(
            id=chosen_id(given_id, draft.objects),
            name=full["name"],
            plural_name=full["plural_name"],
            label=full["label"],
            plural_label=full["plural_label"],
            description=full.get("description") or "",
            icon=full.get("icon") or "",
            standard=standard,
        )
    )
    views.scaffold_default(draft, created, principal_id)
    return created


def update(draft: Draft, old: Object, raw: Mapping[str, Any], path: str = "") -> Object:
    """Change what is named: labels, description, icon, label field, duplicate criteria, active."""
    problems = Problems()
    problems += _unknown(raw, (*KEYS, "active"), path)
    for part in ("name", "plural_name"):
        if part in raw and raw[part] != getattr(old, part):
            message = f"{part} is for ever; it is {getattr(old, part)!r}"
            problems.add(join(path, part), "IMMUTABLE", message)
    with problems.collect():
        names = {"name": old.name, "plural_name": old.plural_name}
        check_object({**raw, **names}, path=path)
    new: dict[str, Any] = {part: raw[part] or "" for part in _TEXTS if part in raw}
    new |= {p: label_of(n) for p, n in _labels(old) if p in new and not new[p]}
    if "label_field" in raw:
        with problems.collect():
            new["label_field"] = _label_field(draft, old, raw["label_field"], path)
    if "duplicate_criteria" in raw:
        with problems.collect():
            said = raw["duplicate_criteria"]
            new["duplicate_criteria"] = duplicates.criteria(draft, old, said, path)
    if "active" in raw and not isinstance(raw["active"], bool):
        problems.append(
            wrong_type(join(path, "active"), "true or false", raw["active"]).problems[0]
        )
    if raw.get("active") is True and not old.active:
        with problems.collect():
            _check_limit(draft, path)
    problems.raise_any()
    if raw.get("active") is False and old.active:
        deactivate(draft, old, force=False)
    back = raw.get("active") is True and not old.active
    if back:
        new["active"] = True
    found = draft.put_object(msgspec.structs.replace(draft.objects[old.id], **new))
    if back:
        rollups.start_all(draft, found)
    return found


@dataclass(frozen=True, slots=True)
class Uses:
    """What would lead nowhere without an object."""

    relations: list[Field]
    link_types: list[LinkType]
    rollups: list[Field]

    def problems(self, draft: Draft) -> list[Problem]:
        found = []
        for one in self.relations:
            place = f"{draft.objects[one.object_id].name}.{one.name}"
            found.append(Problem(place, "IN_USE", f"the relation {place} leads to it"))
        for one in self.rollups:
            place = rollups.place(draft, one)
            found.append(Problem(place, "IN_USE", f"the rollup {place} figures over it"))
        joins = "the link type {} joins it"
        return found + [Problem(t.name, "IN_USE", joins.format(t.name)) for t in self.link_types]


def uses(draft: Draft, obj: Object) -> Uses:
    """Relations of other objects that lead to it, their rollups over it, and link types that name
    it."""
    relations = [
        f
        for f in sorted(draft.relations(), key=lambda f: f.id)
        if f.object_id != obj.id
        and draft.objects[f.object_id].active
        and obj.name in f.settings.get("targets", ())
    ]
    links = [
        t
        for t in draft.link_types.values()
        if t.active and not t.field_id and obj.name in {*t.source_kinds, *t.target_kinds}
    ]
    own = [f.id for f in draft.fields_of(obj.id)]
    figures = [f for f in rollups.users(draft, own) if f.object_id != obj.id]
    return Uses(relations, links, figures)


def deactivate(draft: Draft, obj: Object, *, force: bool) -> Object:
    """Take the object out of the API; its data and definitions stay.

    With `force`, rollups of others over it, relations that lead nowhere else and link types that
    join nothing else are deactivated with it. Invalid / IN_USE lists them otherwise.
    """
    found = uses(draft, obj)
    if not force and (problems := found.problems(draft)):
        raise Invalid(problems)
    for one in found.rollups:
        fields.deactivate(draft, one, force=True)
    rollups.stop_all(draft, obj)
    for one in found.relations:
        if one.settings.get("targets") == [obj.name]:
            fields.deactivate(draft, one, force=True)
    for link in found.link_types:
        if list(link.source_kinds) == [obj.name] or list(link.target_kinds) == [obj.name]:
            link_types.deactivate(draft, link)
    relations = {f.id for f in draft.fields_of(obj.id) if f.type is FieldType.RELATION}
    repairs.without_paths(draft, frozenset(relations), but_object_id=obj.id)
    return draft.put_object(msgspec.structs.replace(draft.objects[obj.id], active=False))


def _check_limit(draft: Draft, path: str) -> None:
    if len(draft.object_names()) >= draft.limits.objects:
        message = f"a workspace has at most {draft.limits.objects} objects"
        raise refuse(path, "LIMIT_REACHED", message)


def _label_field(draft: Draft, obj: Object, raw: object, path: str) -> str:
    at = join(path, "label_field")
    if raw is None or raw == "":
        return fields.first_label_field(draft, obj.id)
    if not isinstance(raw, str):
        raise wrong_type(at, "the name of a field", raw)
    found = draft.field(obj.id, raw)
    if found is None:
        names = [f.name for f in draft.fields_of(obj.id)]
        raise refuse(at, "UNKNOWN_FIELD", f"{obj.name} has no field {raw!r}{nearest(raw, names)}")
    return found.name


def _labels(obj: Object) -> tuple[tuple[str, str], ...]:
    return (("label", obj.name), ("plural_label", obj.plural_name))


def _names(draft: Draft) -> set[str]:
    """Taken for ever, by inactive objects as well."""
    return {n for o in draft.objects.values() for n in (o.name, o.plural_name)}


def _unknown(raw: Mapping[str, Any], known: tuple[str, ...], path: str) -> list[Problem]:
    unknown = [key for key in raw if key not in known]
    return unknown_names(path, "UNKNOWN_PROPERTY", "property of an object", unknown, known)
