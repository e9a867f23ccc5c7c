"""Check the settings of a field by its type's row in the table, and fill in the defaults."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from schema.field_types.base import Setting, SettingKind
from schema.field_types.numbers import exact, integer
from schema.field_types.refusals import (
    Problems,
    join,
    listing,
    shown,
    unknown_names,
    wrong_type,
)
from schema.field_types.table import FIELD_TYPES
from schema.field_types.text import clean, pattern
from schema.model import FieldType
from schema.problems import refuse

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_NAME_WANTED = "must be 1 to 63 of a-z, 0-9 and _, and begin with a letter"
# What people look for among the settings, and stands beside them.
_OF_THE_FIELD = frozenset({"options", "default", "required", "unique", "indexed", "searchable"})
_BOUND_DIGITS = 15  # what survives any JSON reader


def resolved_settings(field_type: FieldType, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Valid settings with the default of every one that is not given."""
    known = FIELD_TYPES[field_type].settings
    return {name: settings.get(name, setting.default) for name, setting in known.items()}


def check_settings(field_type: FieldType, raw: object, path: str) -> dict[str, Any]:
    """The given settings, canonical and without nulls; every mistake is reported."""
    if not isinstance(raw, dict):
        raise wrong_type(path, "an object of settings", raw)
    spec = FIELD_TYPES[field_type]
    problems = Problems()
    unknown = [name for name in raw if name not in spec.settings]
    for name in [name for name in unknown if name in _OF_THE_FIELD]:
        message = f"{name} is a member of the field, beside its settings"
        problems.add(join(path, name), "UNKNOWN_SETTING", message)
        unknown.remove(name)
    if unknown:
        what = f"setting of {field_type}"
        problems += unknown_names(path, "UNKNOWN_SETTING", what, unknown, spec.settings)
    settings: dict[str, Any] = {}
    for name, setting in spec.settings.items():
        inner = join(path, name)
        if raw.get(name) is None:
            if setting.required:
                problems.add(inner, "REQUIRED", f"{field_type} needs the setting {name}")
            continue
        with problems.collect():
            settings[name] = _check(setting, raw[name], inner)
    if not problems and spec.conflicts:
        for name, code, message in spec.conflicts(resolved_settings(field_type, settings)):
            problems.add(join(path, name), code, message)
    problems.raise_any()
    return settings


def check_name(raw: object, path: str) -> str:
    if not isinstance(raw, str):
        raise wrong_type(path, "a string", raw)
    if not NAME.fullmatch(raw):
        raise refuse(path, "PATTERN_MISMATCH", f"{_NAME_WANTED}, not {shown(raw)}")
    return raw


def _check(setting: Setting, raw: object, path: str) -> Any:
    match setting.kind:
        case SettingKind.INTEGER:
            return integer(raw, path, setting.minimum or 0, setting.maximum or 0)
        case SettingKind.NUMBER:
            return _bound(raw, path)
        case SettingKind.BOOLEAN:
            if not isinstance(raw, bool):
                raise wrong_type(path, "true or false", raw)
            return raw
        case SettingKind.TEXT:
            text = clean(raw, path, setting.maximum or 0)
            if len(text) < (setting.minimum or 0):
                raise refuse(path, "REQUIRED", "must not be empty")
            return text
        case SettingKind.PATTERN:
            return _pattern(clean(raw, path, setting.maximum or 0), path)
        case SettingKind.NAME:
            return check_name(raw, path)
        case SettingKind.NAMES:
            return _names(setting, raw, path)
        case SettingKind.FILTER:
            if not isinstance(raw, dict):
                raise wrong_type(path, "a filter, as JSON", raw)
            return raw
        case SettingKind.CHOICE:
            if not isinstance(raw, str) or raw not in setting.choices:
                message = f"must be one of {listing(setting.choices)}"
                raise refuse(path, "UNKNOWN_CHOICE", message)
            return raw


def _bound(raw: object, path: str) -> int | float:
    """A number that every reader of the definition reads alike, a double included."""
    number = exact(raw, path)
    if isinstance(number, Decimal) and len(number.as_tuple().digits) > _BOUND_DIGITS:
        message = f"must have at most {_BOUND_DIGITS} significant digits"
        raise refuse(path, "TOO_MANY_DIGITS", message)
    return number if isinstance(number, int) else float(number)


def _pattern(expression: str, path: str) -> str:
    try:
        pattern(expression)
    except ValueError as error:
        message = f"must be an RE2 expression: {error}"
        raise refuse(path, "INVALID_PATTERN", message) from None
    return expression


def _names(setting: Setting, raw: object, path: str) -> list[str]:
    if not isinstance(raw, list):
        raise wrong_type(path, "a list of names", raw)
    if not 1 <= len(raw) <= (setting.maximum or 0):
        raise refuse(path, "OUT_OF_RANGE", f"must have 1 to {setting.maximum} names")
    problems = Problems()
    names: list[str] = []
    for i, one in enumerate(raw):
        with problems.collect():
            names.append(check_name(one, f"{path}.{i}"))
    problems.raise_any()
    return list(dict.fromkeys(names))
