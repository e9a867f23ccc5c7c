"""Order values, and index them: the same order in Python as in the typed value tables."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schema.field_types.base import FieldTypeSpec, Kind
from schema.field_types.table import FIELD_TYPES
from schema.fold import fold
from schema.model import Field, FieldType

# (part, kind, value): a text is (fold, exact), a number int or Decimal, a timestamp an aware
# datetime, a date a date, a ref a uuid as text. The part is "" for a whole scalar.
IndexEntry = tuple[str, Kind, Any]


class Descending:
    """A key whose order is turned round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: "Descending") -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)


SortKey = tuple[tuple[int, Any], ...]
Sorter = Callable[[Any], SortKey]


def sort_key(
    field: Field, part: str, value: Any, descending: bool = False, nulls_first: bool = False
) -> SortKey:
    """The key of one canonical value; for many, keep the `sorter`."""
    return sorter(field, part, descending, nulls_first)(value)


def sorter(
    field: Field, part: str = "", descending: bool = False, nulls_first: bool = False
) -> Sorter:
    """A function from a canonical value to its key, in the design's order.

    Empty values come last, or first if so asked, whatever the direction. ValueError for a field
    or a part that has no order: ask `FIELD_TYPES[...].sortable` first.
    """
    components = _components(field, part)
    empty = (-1, None) if nulls_first else (1, None)

    def key(value: Any) -> SortKey:
        found: list[tuple[int, Any]] = []
        for steps, order in components:
            one = _step_into(value, steps)
            if one is None:
                found.append(empty)
            else:
                found.append((0, Descending(order(one)) if descending else order(one)))
        return tuple(found)

    return key


def _components(field: Field, part: str) -> list[tuple[tuple[str, ...], Callable[[Any], Any]]]:
    spec = FIELD_TYPES[field.type]
    if part:
        if part not in spec.parts:
            raise ValueError(f"{field.type} has no part {part!r} to sort by")
        return [(tuple(part.split(".")), _ORDERS[spec.parts[part]])]
    if not spec.sortable:
        raise ValueError(f"{field.type} has no order")
    if spec.sort_parts:
        return [(tuple(name.split(".")), _ORDERS[spec.parts[name]]) for name in spec.sort_parts]
    return [((), _order(field, spec))]


def _order(field: Field, spec: FieldTypeSpec) -> Callable[[Any], Any]:
    if field.type is FieldType.SELECT:
        positions = {option.value: i for i, option in enumerate(field.options)}
        return lambda value: (positions.get(value, len(positions)), value)
    if field.type is FieldType.BOOLEAN:
        return bool
    if spec.numbers_as_text:
        return Decimal
    if spec.kind is None:
        raise ValueError(f"{field.type} has no order")
    return _ORDERS[spec.kind]


def _text_order(value: str) -> tuple[str, str]:
    return fold(value), value


def _same(value: Any) -> Any:
    return value


def _number_order(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def _instant_order(value: str) -> str:
    return value[:-1]  # without the Z, a longer fraction sorts behind its own beginning


def _ref_order(value: Any) -> tuple[str, str]:
    return (value["object"], value["id"]) if isinstance(value, dict) else ("", value)


_ORDERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text_order,
    Kind.NUMBER: _number_order,
    Kind.TIMESTAMP: _instant_order,
    Kind.DATE: _same,
    Kind.REF: _ref_order,
}


def index_entries(field: Field, value: Any) -> list[IndexEntry]:
    """The typed index rows of a canonical value; for many, keep the `indexer`."""
    return indexer(field)(value)


def indexer(field: Field) -> Callable[[Any], list[IndexEntry]]:
    """A function from a canonical value to its typed index rows: one of a scalar, one per element
    of a list, one per scalar part of a composite that is not empty; none where the type is not
    indexed."""
    spec = FIELD_TYPES[field.type]
    kind = spec.kind
    if not spec.indexable or (kind is None and not spec.parts):
        return lambda _: []
    if spec.parts:
        parts = [(part, k, part.split("."), _INDEXED[k]) for part, k in spec.parts.items()]

        def of_parts(value: Any) -> list[IndexEntry]:
            return [
                (part, k, indexed(one))
                for part, k, steps, indexed in parts
                if (one := _step_into(value, steps)) is not None
            ]

        return of_parts
    assert kind is not None
    scalar = kind
    indexed: Callable[[Any], Any] = Decimal if spec.numbers_as_text else _INDEXED[kind]
    if spec.multi_valued:
        return lambda value: [("", scalar, indexed(one)) for one in dict.fromkeys(value or ())]
    return lambda value: [] if value is None else [("", scalar, indexed(value))]


def _step_into(value: Any, steps: tuple[str, ...] | list[str]) -> Any:
    for step in steps:
        if value is None:
            return None
        value = value.get(step)
    return value


def _indexed_text(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        value = "true" if value else "false"
    return fold(value), value


def _indexed_ref(value: Any) -> str:
    return str(value["id"] if isinstance(value, dict) else value)


_INDEXED: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _indexed_text,
    Kind.NUMBER: _number_order,
    Kind.TIMESTAMP: datetime.fromisoformat,
    Kind.DATE: date.fromisoformat,
    Kind.REF: _indexed_ref,
}
