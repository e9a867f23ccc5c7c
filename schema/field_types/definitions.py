"""Check a whole definition of a field or an object, and report everything wrong with it at once."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from schema.field_types.codec import canonical_value
from schema.field_types.options import normalise_options
from schema.field_types.refusals import (
    Problems,
    did_you_mean,
    join,
    listing,
    shown,
    unknown_names,
    wrong_type,
)
from schema.field_types.settings import check_name, check_settings
from schema.field_types.table import FIELD_TYPES
from schema.field_types.text import clean
from schema.model import PLATFORM_FIELDS, Field, FieldType
from schema.problems import Invalid, refuse

MAX_LABEL, MAX_DESCRIPTION = 255, 10_000
DYNAMIC_DEFAULTS = ("now", "uuid", "me")
PII_CLASSES = ("", "low", "high", "sensitive")
RESERVED_WORDS = frozenset(PLATFORM_FIELDS) | {
    "fields", "field", "object", "objects", "record", "records", "and", "or", "not", "in", "is",
    "me", "now", "null", "true", "false", "some", "none", "every", "match", "data", "etag",
    "filter", "sort", "view", "views", "schema",
}  # fmt: skip

_BOOLEANS = {"required": False, "unique": False, "indexed": True, "searchable": False}
_KEYS = (
    "name", "type", "label", "description", "settings", "options", "default", *_BOOLEANS, "pii",
)  # fmt: skip


def check_api_name(raw: object, path: str, taken: Collection[str] = ()) -> str:
    """A name of a field or an object: well formed, not reserved, not taken."""
    name = check_name(raw, path)
    if name in RESERVED_WORDS:
        raise refuse(path, "RESERVED_NAME", f"{name!r} is reserved; choose another name")
    if name in taken:
        raise refuse(path, "NAME_TAKEN", f"{name!r} is taken; choose another name")
    return name


def define_field(
    raw: Mapping[str, object],
    *,
    new_id: Callable[[], str],
    object_id: str = "",
    taken: Collection[str] = (),
    old: Field | None = None,
    path: str = "",
) -> Field:
    """A field from the JSON an admin sent; `taken` are the names of the object's other fields.

    Given `old`, this is a change: what is not named stays, and the type cannot differ. Raises
    Invalid with every problem.
    """
    problems = Problems()
    if unknown := [key for key in raw if key not in _KEYS]:
        problems += unknown_names(path, "UNKNOWN_PROPERTY", "property of a field", unknown, _KEYS)
    base = old or Field(id="", object_id=object_id, name="", type=FieldType.TEXT)
    new: dict[str, Any] = {}
    if old is None or "name" in raw:
        with problems.collect():
            new["name"] = check_api_name(raw.get("name"), join(path, "name"), taken)
    field_type = old.type if old else None
    if old is None or "type" in raw:
        with problems.collect():
            field_type = _type(raw.get("type"), old, join(path, "type"))
    for part, limit in (("label", MAX_LABEL), ("description", MAX_DESCRIPTION)):
        if raw.get(part) is not None:
            with problems.collect():
                new[part] = clean(raw[part], join(path, part), limit)
    for part, default in _BOOLEANS.items():
        if part in raw:
            with problems.collect():
                new[part] = _boolean(raw[part], default, join(path, part))
    if "pii" in raw:
        with problems.collect():
            new["pii"] = _pii(raw["pii"], join(path, "pii"))
    if field_type is None:  # nothing else can be judged without it
        raise Invalid(list(problems))
    with problems.collect():
        if old is None or "settings" in raw:
            given = raw.get("settings")
            new["settings"] = check_settings(
                field_type, {} if given is None else given, join(path, "settings")
            )
    with problems.collect():
        if raw.get("options") is not None or (old is None and FIELD_TYPES[field_type].options):
            new["options"] = _options(raw.get("options"), field_type, old, new_id, path)
    if old is None and raw.get("indexed") is None:
        new["indexed"] = FIELD_TYPES[field_type].indexable
    if old is None and raw.get("searchable") is None:
        new["searchable"] = FIELD_TYPES[field_type].searchable
    judged_without = bool(problems)
    candidate = msgspec.structs.replace(base, type=field_type, **new)
    with problems.collect():
        _check_capabilities(candidate, path)
    if raw.get("indexed") is True and not FIELD_TYPES[field_type].indexable:
        message = f"{field_type} cannot be indexed; leave indexed out, or false"
        problems.add(join(path, "indexed"), "INDEX_NOT_ALLOWED", message)
    if "default" in raw and not judged_without:
        with problems.collect():
            candidate = msgspec.structs.replace(
                candidate, default=check_default(candidate, raw["default"], join(path, "default"))
            )
    elif candidate.default is not None and not judged_without:
        with problems.collect():  # a change of options or settings may leave it behind
            check_default(candidate, candidate.default, join(path, "default"))
    problems.raise_any()
    if old is None:
        candidate = msgspec.structs.replace(candidate, id=new_id(), key=candidate.name)
    return candidate


def check_default(field: Field, raw: object, path: str) -> Any:
    """A default as it is stored: a valid value of the field, or `{"$": "now" | "uuid" | "me"}`.

    An empty one is none.
    """
    spec = FIELD_TYPES[field.type]
    if raw is None or raw in ("", [], {}):
        return None
    if isinstance(raw, dict) and raw.keys() == {"$"}:
        word = raw["$"]
        if not isinstance(word, str) or word not in spec.dynamic_defaults:
            allowed = listing(w for w in DYNAMIC_DEFAULTS if w in spec.dynamic_defaults)
            message = f"{shown(word)} is no dynamic default of {field.type}; allowed: {allowed}"
            raise refuse(path, "UNKNOWN_DEFAULT", message)
        return {"$": word}
    if not spec.writable:
        raise refuse(path, "READ_ONLY_FIELD", f"{field.type} is set by the platform")
    value = canonical_value(field, raw, path)
    if isinstance(value, dict) and "match" in value and field.type is FieldType.RELATION:
        raise refuse(path, "WRONG_TYPE", "must be a record's id: a match is not kept")
    return value


def _check_capabilities(field: Field, path: str) -> None:
    spec = FIELD_TYPES[field.type]
    problems = Problems()
    if field.unique and not spec.unique_allowed:
        allowed = listing(t for t, s in FIELD_TYPES.items() if s.unique_allowed)
        message = f"{field.type} cannot be unique; types that can: {allowed}"
        problems.add(join(path, "unique"), "UNIQUE_NOT_ALLOWED", message)
    if field.searchable and not spec.searchable:
        allowed = listing(t for t, s in FIELD_TYPES.items() if s.searchable)
        message = f"{field.type} cannot be searched; types that can: {allowed}"
        problems.add(join(path, "searchable"), "SEARCH_NOT_ALLOWED", message)
    if field.required and not spec.writable:
        message = f"{field.type} is set by the platform and cannot be required"
        problems.add(join(path, "required"), "READ_ONLY_FIELD", message)
    problems.raise_any()


def _options(
    raw: object, field_type: FieldType, old: Field | None, new_id: Callable[[], str], path: str
) -> Any:
    path = join(path, "options")
    if not FIELD_TYPES[field_type].options:
        if not raw and isinstance(raw, list | tuple):
            return ()
        message = f"{field_type} takes no options; select and multi_select do"
        raise refuse(path, "OPTIONS_NOT_ALLOWED", message)
    if not raw and (raw is None or isinstance(raw, list | tuple)):
        raise refuse(path, "REQUIRED", f"{field_type} needs at least one option")
    return normalise_options(raw, new_id=new_id, old=old.options if old else (), path=path)


def _type(raw: object, old: Field | None, path: str) -> FieldType:
    known = [str(t) for t in FIELD_TYPES]
    if not isinstance(raw, str):
        raise wrong_type(path, "the name of a field type", raw)
    if raw not in known:
        message = f"there is no field type {shown(raw)}; types: {listing(known)}"
        raise refuse(path, "UNKNOWN_FIELD_TYPE", message + did_you_mean(raw, known))
    if old and old.type != raw:
        raise refuse(path, "TYPE_CHANGE", "a type is changed by a conversion job, not by an update")
    return FieldType(raw)


def _boolean(raw: object, default: bool, path: str) -> bool:
    if raw is None:
        return default
    if not isinstance(raw, bool):
        raise wrong_type(path, "true or false", raw)
    return raw


def _pii(raw: object, path: str) -> str:
    if raw is None:
        return ""
    if not isinstance(raw, str) or raw not in PII_CLASSES:
        known = [name for name in PII_CLASSES if name]
        raise refuse(path, "UNKNOWN_CHOICE", f"must be one of {listing(known)}, or empty")
    return raw


def check_object(raw: Mapping[str, object], taken: Collection[str] = (), path: str = "") -> None:
    """Refuse the names and labels of an object where they are not well formed, or taken.

    `taken` holds the singular and plural names of the workspace's other objects.
    """
    problems = Problems()
    for part in ("name", "plural_name"):
        with problems.collect():
            check_api_name(raw.get(part), join(path, part), taken)
    if raw.get("name") == raw.get("plural_name") and isinstance(raw.get("name"), str):
        message = "must differ from name: both stand in paths"
        problems.add(join(path, "plural_name"), "NAME_TAKEN", message)
    limits = {"label": MAX_LABEL, "plural_label": MAX_LABEL, "description": MAX_DESCRIPTION,
              "icon": MAX_LABEL}  # fmt: skip
    for part, limit in limits.items():
        if raw.get(part) is not None:
            with problems.collect():
                clean(raw[part], join(path, part), limit)
    problems.raise_any()
