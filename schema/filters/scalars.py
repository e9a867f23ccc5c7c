"""Read a leaf's value out of a record, in the shape that Python compares as Postgres does."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from schema.field_types import FIELD_TYPES
from schema.field_types.dates import canonical_instant
from schema.filters.tree import Kind, Leaf

Record = Mapping[str, Any]
Getter = Callable[[Record], Any]

_NUMBERS = (Kind.NUMBER, Kind.POSITION)


def getter(leaf: Leaf) -> Getter:
    """A function giving the leaf's value, None when it is empty. Numbers come as int or Decimal,
    date-times as canonical text without the Z, a relation as its id."""
    raw = _platform(leaf) if leaf.column else _document(leaf.keys)
    match leaf.kind:
        case Kind.NUMBER | Kind.POSITION:
            return _then(raw, exact)
        case Kind.DATE_TIME:
            return _then(raw, sortable_instant)
        case Kind.RELATION:
            return _then(raw, target_id)
        case Kind.ARRAY if leaf.each:
            return _then(raw, lambda found: [one[leaf.each] for one in found] or None)
        case Kind.ARRAY | Kind.MULTI_SELECT | Kind.FILE:
            return lambda record: raw(record) or None
        case Kind.UUID | Kind.ACTOR if leaf.column:
            return _then(raw, str)
    return raw


def exact(value: Any) -> int | Decimal:
    """A number exactly as its JSON text says, so that 0.1 is a tenth."""
    if type(value) is int or type(value) is Decimal:
        return value
    return Decimal(str(value))


def sortable_instant(value: str | datetime) -> str:
    """Text that orders as the instants do: without the Z, a shorter fraction comes first."""
    if isinstance(value, datetime):
        value = canonical_instant(value)
    return value[:-1]


def target_id(value: Any) -> Any:
    return value["id"] if isinstance(value, dict) else value


def json_equal(left: Any, right: Any) -> bool:
    """Equality as jsonb has it: numbers by their exact value, and true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float | Decimal) and isinstance(right, int | float | Decimal):
        return exact(left) == exact(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(json_equal(v, right[k]) for k, v in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(json_equal, left, right))
    return type(left) is type(right) and bool(left == right)


def is_stored_as_text(leaf: Leaf) -> bool:
    """Whether a number stands in the document as a JSON string."""
    return leaf.field is not None and FIELD_TYPES[leaf.field.type].numbers_as_text


def _then(raw: Getter, change: Callable[[Any], Any]) -> Getter:
    def get(record: Record) -> Any:
        value = raw(record)
        return None if value is None else change(value)

    return get


def _document(keys: tuple[str, ...]) -> Getter:
    if len(keys) == 1:
        key = keys[0]
        return lambda record: record["fields"].get(key)
    first, *rest = keys

    def get(record: Record) -> Any:
        value = record["fields"].get(first)
        for key in rest:
            if value is None:
                return None
            value = value.get(key)
        return value

    return get


def _platform(leaf: Leaf) -> Getter:
    name = "id" if leaf.column == "record_id" else leaf.column
    if not leaf.parts:
        return lambda record: record.get(name)
    part = leaf.parts[0]

    def get(record: Record) -> Any:
        actor = record.get(name)
        return None if actor is None else actor.get(part)

    return get
