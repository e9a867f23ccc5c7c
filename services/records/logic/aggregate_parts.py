"""Say what an aggregate consists of, once its names are resolved: keys, measures, an order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.filters.tree import Kind, Leaf
from schema.model import FieldType
from schema.sorts import SortKey

SUMS = {"sum", "avg", "percentile"}
EXTREMES = {"min", "max"}
NUMBERS = {Kind.NUMBER, Kind.POSITION}
DATES = {Kind.DATE, Kind.DATE_TIME}


@dataclass(frozen=True, slots=True)
class Key:
    """What groups are told apart by."""

    name: str
    leaf: Leaf
    bucket: str = ""

    @property
    def choices(self) -> tuple[Any, ...] | None:
        """Every value there can be, in order, where the definition lists them."""
        if self.leaf.kind is Kind.BOOLEAN:
            return (False, True)
        if self.leaf.kind is Kind.SELECT and self.leaf.field is not None:
            return tuple(option.value for option in self.leaf.field.options)
        return None


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of each group."""

    fn: str
    name: str
    leaf: Leaf | None = None
    p: float = 0.0

    @property
    def by_currency(self) -> bool:
        """Whether it answers a list, one figure for each currency code."""
        return self.leaf is not None and self.fn in SUMS | EXTREMES and is_money(self.leaf)


@dataclass(frozen=True, slots=True)
class Names:
    """What having and sort may name, as an object whose records are the groups."""

    workspace: Workspace
    object: CompiledObject
    inner: Mapping[str, str]  # by the name that the caller knows: the field's

    @property
    def outer(self) -> dict[str, str]:
        return {inner: name for name, inner in self.inner.items()}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate, resolved."""

    keys: tuple[Key, ...]
    measures: tuple[Measure, ...]
    names: Names
    having: Mapping[str, Any] = field(default_factory=dict)  # by inner names
    sort: tuple[SortKey, ...] = ()  # empty: by the keys
    limit: int = 1000
    include_empty: bool = False


def is_money(leaf: Leaf) -> bool:
    """A whole currency value, of which amounts of one code alone compare."""
    return leaf.kind is Kind.COMPOSITE and type_of(leaf) is FieldType.CURRENCY


def type_of(leaf: Leaf) -> FieldType | None:
    return leaf.field.type if leaf.field is not None else None
