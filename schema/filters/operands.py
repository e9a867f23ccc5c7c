"""Canonical operands: what a condition compares with, in the form in which values are stored.

A field's own limits (`max`, `max_length`, `pattern`) do not apply: `amount lt 1000` is a fair
question where no amount exceeds 100. What can never be stored, such as an unknown option or a
broken e-mail address, is refused, because the caller cannot have meant it.
"""

from collections.abc import Callable
from typing import Any

from schema.field_types import FIELD_TYPES
from schema.field_types.choices import compile_multi_select, compile_select
from schema.field_types.composites import currency_codes, trimmed
from schema.field_types.countries import country
from schema.field_types.dates import compile_date, compile_date_time
from schema.field_types.emails import address
from schema.field_types.identity import uuid
from schema.field_types.links import link, url
from schema.field_types.lists import is_change, items
from schema.field_types.numbers import digits, exact
from schema.field_types.phones import phone
from schema.field_types.refusals import did_you_mean, shown, wrong_type
from schema.field_types.structured import document
from schema.field_types.text import clean
from schema.filters.operators import FOLDED, ITEMS, NEEDLES
from schema.filters.paths import targets_of
from schema.filters.ranges import parse_relative
from schema.filters.tree import Kind, Leaf, Me
from schema.fold import fold
from schema.model import Field, FieldType
from schema.problems import refuse

MAX_VALUES = 200
MAX_NEEDLE = 10_000
MAX_JSON_KEYS = 32

Read = Callable[[object, str], Any]  # (what the caller sent, its path) -> canonical operand

_NO_FIELD = Field(id="", object_id="", name="", type=FieldType.TEXT)
_date = compile_date(_NO_FIELD, {})
_date_time = compile_date_time(_NO_FIELD, {})


def parse_operand(leaf: Leaf, op: str, raw: object, at: str) -> Any:
    """The canonical operand of an operator that the leaf takes; Invalid says what is wrong."""
    if raw is None:
        raise refuse(at, "NULL_OPERAND", f"{op} needs a value; {_EMPTINESS}")
    match op:
        case "is_empty":
            return _boolean(raw, at)
        case "within":
            return parse_relative(raw, at, rolling=leaf.kind is Kind.DATE_TIME)
        case "has_key":
            return _key_path(raw, at)
        case "path_eq":
            return _path_value(raw, at)
        case "in" | "not_in":
            return _values(raw, at, lambda one, place: _value(leaf, one, place))
        case "between":
            return _pair(raw, at, lambda one, place: _bound(leaf, one, place))
    if op in ITEMS:
        return _values(raw, at, lambda one, place: _item(leaf, one, place))
    if op in NEEDLES:
        return _needle(leaf, op, raw, at)
    if op in ("eq", "ne"):
        return _value(leaf, raw, at)
    return _bound(leaf, raw, at)


_EMPTINESS = 'ask for empty values with {"is_empty": true}'


def _value(leaf: Leaf, raw: object, at: str) -> Any:
    """One value of the leaf, as it would be stored; an empty one is refused."""
    if raw is None:
        raise refuse(at, "NULL_OPERAND", f"null is no value; {_EMPTINESS}")
    if raw == "" and leaf.kind is not Kind.JSON:
        raise refuse(at, "EMPTY_OPERAND", f"an empty text equals nothing; {_EMPTINESS}")
    if isinstance(raw, list) and leaf.kind in _SCALARS:
        message = f'a list stands under "in", as in {{"{leaf.name}": {{"in": [...]}}}}'
        raise refuse(at, "WRONG_TYPE", message)
    if leaf.kind is not Kind.JSON and is_change(raw):
        raise refuse(at, "WRONG_TYPE", "$add and $remove change values; a filter compares them")
    value = _read(leaf, raw, at)
    if value is None or (value == [] and leaf.kind is not Kind.JSON):
        raise refuse(at, "EMPTY_OPERAND", f"this value is empty; {_EMPTINESS}")
    return value


def _read(leaf: Leaf, raw: object, at: str) -> Any:
    field = leaf.field
    match leaf.kind:
        case Kind.TEXT:
            return _text(leaf, raw, at)
        case Kind.NUMBER | Kind.POSITION:
            if field is not None and field.type is FieldType.DECIMAL:
                return digits(raw, at, "a string of digits such as '12.50', or a number")
            return exact(raw, at)
        case Kind.DATE:
            return _date(None, raw, at)
        case Kind.DATE_TIME:
            return _date_time(None, raw, at)
        case Kind.BOOLEAN:
            return _boolean(raw, at)
        case Kind.UUID:
            # Of a field alone: a column of ids takes nothing but ids, and `me` may be none.
            return Me() if raw == "me" and not leaf.column else uuid(raw, at)
        case Kind.ACTOR:
            return _actor(raw, at)
        case Kind.ARRAY | Kind.FILE:
            return items(raw, at, lambda one, place: _item(leaf, one, place), "a list")
        case Kind.JSON:
            return document(raw, at)
    assert field is not None  # the kinds left are those of fields alone
    match leaf.kind:
        case Kind.SELECT:
            return compile_select(field, {})(None, raw, at)
        case Kind.MULTI_SELECT:
            return compile_multi_select(field, {})(None, raw, at)
        case Kind.RELATION:
            return _relation(field, raw, at)
    if leaf.parts:
        return _COMPOSITE_PARTS[field.type](raw, at)
    return FIELD_TYPES[field.type].compile(field, {})(None, raw, at)


def _text(leaf: Leaf, raw: object, at: str) -> str | None:
    if leaf.field is not None and (read := _TEXT_PARTS.get((leaf.field.type, leaf.parts))):
        found: str | None = read(raw, at)
        return found
    if leaf.field is not None and leaf.field.type in (FieldType.FULL_NAME, FieldType.ADDRESS):
        return trimmed(raw, at)
    return clean(raw, at, MAX_NEEDLE)


def _bound(leaf: Leaf, raw: object, at: str) -> Any:
    """A bound of a range: for text any text, because folds are compared."""
    if leaf.kind is Kind.TEXT and raw != "" and raw is not None:
        return clean(raw, at, MAX_NEEDLE)
    return _value(leaf, raw, at)


def _needle(leaf: Leaf, op: str, raw: object, at: str) -> str:
    needle = clean(raw, at, MAX_NEEDLE)
    if leaf.field is not None and leaf.field.type is FieldType.EMAILS:
        needle = needle.lower()
    compared = fold(needle) if op in FOLDED else needle
    if not (compared.split() if op == "search" else compared):
        message = f"{op} needs a text that is not empty without its accents; {_EMPTINESS}"
        raise refuse(at, "EMPTY_OPERAND", message)
    return needle


def _item(leaf: Leaf, raw: object, at: str) -> str:
    """One element of a list."""
    if leaf.kind is Kind.FILE:
        return uuid(raw, at)
    if leaf.kind is Kind.MULTI_SELECT:
        assert leaf.field is not None
        option: str = compile_select(leaf.field, {})(None, raw, at)
        return option
    if leaf.field is not None and (read := _TEXT_PARTS.get((leaf.field.type, _primary(leaf)))):
        found: str | None = read(raw, at)
    else:
        found = clean(raw, at, MAX_NEEDLE)
    if not found or not found.strip():
        raise refuse(at, "EMPTY_OPERAND", "a list holds no empty text")
    return found


def _primary(leaf: Leaf) -> tuple[str, ...]:
    """The elements of `additional` and `secondary` are written as the primary is."""
    return ("primary", leaf.each) if leaf.each else ("primary",)


def _values(raw: object, at: str, read: Read) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise wrong_type(at, "a list of values", raw)
    if not raw:
        raise refuse(at, "EMPTY_LIST", "an empty list matches nothing; leave the condition out")
    if len(raw) > MAX_VALUES:
        message = f"a list has at most {MAX_VALUES} values, this has {len(raw)}"
        raise refuse(at, "VALUE_LIMIT", message)
    return tuple(items(raw, at, read, "a list of values"))


def _pair(raw: object, at: str, read: Read) -> tuple[Any, ...]:
    if not isinstance(raw, list) or len(raw) != 2:
        raise refuse(at, "WRONG_TYPE", "between takes a list of two values, the lower one first")
    return tuple(items(raw, at, read, "a list of two values"))


def _boolean(raw: object, at: str) -> bool:
    if not isinstance(raw, bool):
        raise wrong_type(at, "true or false", raw)
    return raw


def _actor(raw: object, at: str) -> str | Me:
    if raw == "me":
        return Me()
    return clean(raw, at, 255)


def _relation(field: Field, raw: object, at: str) -> str | Me:
    """A record's id; of a morph the object may be named too, and must be one of its targets."""
    if raw == "me":
        return Me()
    if not isinstance(raw, dict):
        return uuid(raw, at)
    allowed = targets_of(field)
    name, target = raw.get("object"), raw.get("id")
    if raw.keys() != {"object", "id"} or name not in allowed:
        message = f'must be an id, or {{"object", "id"}} of the objects {", ".join(allowed)}'
        raise refuse(at, "WRONG_TYPE", message)
    return uuid(target, f"{at}.id")


def _key_path(raw: object, at: str) -> str:
    """Object keys joined by dots."""
    path = clean(raw, at, MAX_NEEDLE)
    keys = path.split(".")
    if "" in keys:
        raise refuse(at, "EMPTY_OPERAND", 'a path is keys joined by dots, such as "a.b"')
    if len(keys) > MAX_JSON_KEYS:
        raise refuse(at, "PATH_LIMIT", f"a path has at most {MAX_JSON_KEYS} keys")
    return path


def _path_value(raw: object, at: str) -> dict[str, Any]:
    if not isinstance(raw, dict) or raw.keys() != {"path", "value"}:
        raise refuse(at, "WRONG_TYPE", 'path_eq takes {"path": "a.b", "value": 1}')
    if raw["value"] is None:
        message = "null is no value to compare with; ask for a key with has_key"
        raise refuse(f"{at}.value", "NULL_OPERAND", message)
    path = _key_path(raw["path"], f"{at}.path")
    return {"path": path, "value": document(raw["value"], f"{at}.value")}


def _phone_number(raw: object, at: str) -> str | None:
    found = phone(raw, at) if isinstance(raw, str) else None
    if found is None:
        raise refuse(at, "WRONG_TYPE", "must be a number such as '+4930123456'")
    return found["number"]


def _url(raw: object, at: str) -> str:
    if not isinstance(raw, str):
        raise wrong_type(at, "a URL as a string", raw)
    return url(raw, at)


def _country(raw: object, at: str) -> str | None:
    if not isinstance(raw, str):
        raise wrong_type(at, "a country's code", raw)
    return country(raw, at)


def _currency_code(raw: object, at: str) -> str:
    code = raw.upper() if isinstance(raw, str) else ""
    if code not in currency_codes():
        hint = did_you_mean(code, sorted(currency_codes()))
        message = f"must be a currency code of ISO 4217, not {shown(raw)}{hint}"
        raise refuse(at, "UNKNOWN_CURRENCY", message)
    return code


_SCALARS = (
    Kind.TEXT,
    Kind.NUMBER,
    Kind.POSITION,
    Kind.DATE,
    Kind.DATE_TIME,
    Kind.BOOLEAN,
    Kind.SELECT,
    Kind.UUID,
    Kind.ACTOR,
    Kind.RELATION,
)
_COMPOSITE_PARTS: dict[FieldType, Read] = {FieldType.PHONES: phone, FieldType.LINKS: link}
_TEXT_PARTS: dict[tuple[FieldType, tuple[str, ...]], Read] = {
    (FieldType.CURRENCY, ("currency_code",)): _currency_code,
    (FieldType.EMAILS, ("primary",)): address,
    (FieldType.PHONES, ("primary", "number")): _phone_number,
    (FieldType.PHONES, ("primary", "country_code")): _country,
    (FieldType.LINKS, ("primary", "url")): _url,
    (FieldType.LINKS, ("primary", "label")): trimmed,
    (FieldType.ADDRESS, ("country",)): _country,
}
