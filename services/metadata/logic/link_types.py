"""Create and change link types in a draft."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from schema.field_types.definitions import check_api_name
from schema.field_types.refusals import Problems, did_you_mean, join, listing, shown, unknown_names
from schema.field_types.text import clean
from schema.model import LinkType
from schema.problems import refuse
from services.metadata.logic import repairs
from services.metadata.logic.catalog import Draft, chosen_id
from services.metadata.logic.names import NODE_KINDS, label_of

CARDINALITIES = ("one_to_one", "many_to_one", "one_to_many", "many_to_many")
POLICIES = ("cascade", "unlink", "restrict")
_CHANGEABLE = ("label", "inverse_label", "on_source_delete", "on_target_delete")
KEYS = (
    "name", "inverse_name", "source_kinds", "target_kinds", "cardinality", "symmetric",
    *_CHANGEABLE,
)  # fmt: skip
_MAX_LABEL = 255


def create(draft: Draft, raw: Mapping[str, Any], *, given_id: str = "", path: str = "") -> LinkType:
    """Add a link type; Invalid names everything wrong with it."""
    own = [t for t in draft.link_types.values() if not t.field_id]
    if len(own) >= draft.limits.link_types:
        message = f"a workspace has at most {draft.limits.link_types} link types"
        raise refuse(path, "LIMIT_REACHED", message)
    problems = Problems()
    if unknown := [key for key in raw if key not in KEYS]:
        problems += unknown_names(
            path, "UNKNOWN_PROPERTY", "property of a link type", unknown, KEYS
        )
    new: dict[str, Any] = {}
    with problems.collect():
        taken = {t.name for t in draft.link_types.values()}
        new["name"] = check_api_name(raw.get("name"), join(path, "name"), taken)
    symmetric = raw.get("symmetric") or False
    if not isinstance(symmetric, bool):
        problems.add(join(path, "symmetric"), "WRONG_TYPE", "must be true or false")
    with problems.collect():
        fallback = new.get("name", "") if symmetric else f"{new.get('name', '')}_of"[:63]
        inverse = raw.get("inverse_name") or fallback or None
        if new.get("name") or raw.get("inverse_name"):
            new["inverse_name"] = check_api_name(inverse, join(path, "inverse_name"))
    for part in ("source_kinds", "target_kinds"):
        with problems.collect():
            new[part] = _kinds(draft, raw.get(part) or (), join(path, part))
    new |= _choices(raw, problems, path)
    new |= _labels(raw, problems, path)
    if symmetric is True and new.get("source_kinds") != new.get("target_kinds"):
        message = "a symmetric link type has the same kinds on both ends"
        problems.add(join(path, "target_kinds"), "NOT_SYMMETRIC", message)
    if symmetric is True and new.get("inverse_name", new.get("name")) != new.get("name"):
        message = "a symmetric link type reads the same from both ends: leave it out"
        problems.add(join(path, "inverse_name"), "NOT_SYMMETRIC", message)
    if not problems:
        _check_free(draft, new, problems, path)
    problems.raise_any()
    new["label"] = new.get("label") or label_of(new["name"])
    new["inverse_label"] = new.get("inverse_label") or label_of(new["inverse_name"])
    new_id = chosen_id(given_id, draft.link_types)
    return draft.put_link_type(LinkType(id=new_id, symmetric=symmetric, **new))


def update(draft: Draft, old: LinkType, raw: Mapping[str, Any], path: str = "") -> LinkType:
    """Change labels, policies or active. Invalid / LINK_TYPE_OF_FIELD for a relation's."""
    refuse_field(old, path)
    problems = Problems()
    for key in raw:
        if key not in KEYS and key != "active":
            what = "property of a link type"
            problems += unknown_names(path, "UNKNOWN_PROPERTY", what, [key], KEYS)
        elif key not in (*_CHANGEABLE, "active") and not _same(getattr(old, key), raw[key]):
            problems.add(join(path, key), "IMMUTABLE", f"{key} can't change once links exist")
    new = _choices({k: v for k, v in raw.items() if k in _CHANGEABLE}, problems, path)
    new |= _labels(raw, problems, path)
    for part, name in (("label", old.name), ("inverse_label", old.inverse_name)):
        if part in new and not new[part]:
            new[part] = label_of(name)
    active = raw.get("active", old.active)
    if not isinstance(active, bool):
        problems.add(join(path, "active"), "WRONG_TYPE", "must be true or false")
    problems.raise_any()
    if old.active and not active:
        deactivate(draft, old)
    return draft.put_link_type(msgspec.structs.replace(old, active=active, **new))


def deactivate(draft: Draft, link: LinkType, path: str = "") -> list[str]:
    """Take the link type out of the API and of every filter; ids of the views repaired."""
    refuse_field(link, path)
    repaired = repairs.without_paths(draft, frozenset({link.id}))
    draft.put_link_type(msgspec.structs.replace(link, active=False))
    return repaired


def refuse_field(link: LinkType, path: str) -> None:
    if link.field_id:
        message = f"{link.name!r} belongs to a relation field: change or delete that field instead"
        raise refuse(path, "LINK_TYPE_OF_FIELD", message)


def _same(was: Any, now: Any) -> bool:
    return bool(was == (tuple(now) if isinstance(now, list) else now))


def _kinds(draft: Draft, raw: object, path: str) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple):
        raise refuse(path, "WRONG_TYPE", "must be a list of object names, note, todo or file")
    problems = Problems()
    known = [*draft.object_names(), *NODE_KINDS]
    for i, kind in enumerate(raw):
        if kind not in known:
            message = f"there is no object {shown(kind)}{did_you_mean(kind, known)}"
            problems.add(f"{path}.{i}", "UNKNOWN_OBJECT", message)
    problems.raise_any()
    return tuple(dict.fromkeys(raw))


def _choices(raw: Mapping[str, Any], problems: Problems, path: str) -> dict[str, str]:
    choices = {
        "cardinality": CARDINALITIES,
        "on_source_delete": POLICIES,
        "on_target_delete": POLICIES,
    }
    found: dict[str, str] = {}
    for part, allowed in choices.items():
        value = raw.get(part)
        if not value:
            continue
        if value not in allowed:
            message = f"must be one of {listing(allowed)}{did_you_mean(value, allowed)}"
            problems.add(join(path, part), "UNKNOWN_CHOICE", message)
        else:
            found[part] = value
    return found


def _labels(raw: Mapping[str, Any], problems: Problems, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in ("label", "inverse_label"):
        if raw.get(part) is not None:
            with problems.collect():
                found[part] = clean(raw[part], join(path, part), _MAX_LABEL).strip()
    return found


def _check_free(draft: Draft, new: Mapping[str, Any], problems: Problems, path: str) -> None:
    """Neither name is one that the objects it joins have already."""
    ends = (("name", "source_kinds"), ("inverse_name", "target_kinds"))
    for part, kinds in ends:
        for kind in new[kinds]:
            obj = draft.object(kind)
            names: Collection[str] = names_of(draft, obj.id, obj.name) if obj else ()
            if new[part] in names:
                message = f"{kind} has a field, relation or link {new[part]!r} already"
                problems.add(join(path, part), "PATH_TAKEN", message)


def names_of(draft: Draft, object_id: str, object_name: str) -> set[str]:
    """What paths of the object's records may begin with: fields, inverses and links."""
    return {f.name for f in draft.fields_of(object_id)} | reached(draft, object_name)


def reached(draft: Draft, object_name: str, but_field_id: str = "") -> set[str]:
    """The inverse and link names that are read from the object's records."""
    names = {
        str(f.settings["inverse_name"])
        for f in draft.relations()
        if f.id != but_field_id
        and f.settings.get("inverse_name")
        and object_name in f.settings.get("targets", ())
    }
    for link in draft.link_types.values():
        if link.active and not link.field_id:
            if object_name in link.source_kinds:
                names.add(link.name)
            if object_name in link.target_kinds:
                names.add(link.inverse_name)
    return names
