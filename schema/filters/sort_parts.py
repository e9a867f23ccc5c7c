"""What a value sorts by: the components of a leaf, each in SQL and in Python alike."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schema.field_types import FIELD_TYPES
from schema.filters.columns import Params, fold_at, rank_at, text_at, value_at
from schema.filters.paths import is_bare
from schema.filters.scalars import Getter, getter
from schema.filters.tree import Kind, Leaf
from schema.fold import fold
from schema.model import FieldType


class Measure(StrEnum):
    """How one component compares."""

    FOLD = "fold"
    TEXT = "text"
    NUMBER = "number"
    RANK = "rank"  # an option's place; a value that is no option any more comes behind
    BOOLEAN = "boolean"
    INSTANT = "instant"
    UUID = "uuid"  # the platform's id


@dataclass(frozen=True, slots=True)
class Component:
    """One comparison of a sort: where its value is, and how it compares."""

    leaf: Leaf
    measure: Measure

    def sql(self, row: str, params: Params) -> str:
        match self.measure:
            case Measure.FOLD:
                return fold_at(self.leaf, row, params)
            case Measure.TEXT if self.leaf.kind is Kind.TEXT:
                return text_at(self.leaf, row, params)
            case Measure.RANK:
                assert self.leaf.field is not None
                behind = len(self.leaf.field.options) + 1
                rank = f"coalesce({rank_at(self.leaf, row, params)}, {behind})"
                return f"(CASE WHEN {text_at(self.leaf, row, params)} IS NOT NULL THEN {rank} END)"
        return value_at(self.leaf, row, params)

    @property
    def cast(self) -> str:
        """The type that the SQL has, so that a token's value can stand beside it."""
        if self.measure is Measure.INSTANT:
            return "timestamptz" if self.leaf.column else "text"
        return _CASTS[self.measure]

    def getter(self) -> Getter:
        """A function giving the value from a record, None where it is empty."""
        get = getter(self.leaf)
        match self.measure:
            case Measure.FOLD:
                return lambda record: None if (text := get(record)) is None else fold(text)
            case Measure.RANK:
                assert self.leaf.field is not None
                ranks = {o.value: rank for rank, o in enumerate(self.leaf.field.options, start=1)}
                behind = len(ranks) + 1
                return lambda record: (
                    None if (value := get(record)) is None else ranks.get(value, behind)
                )
        return get

    def token(self, value: Any) -> Any:
        """A value as a page token carries it: a JSON scalar that SQL casts back exactly."""
        if value is None or isinstance(value, bool | int):
            return value
        instant = self.measure is Measure.INSTANT and self.leaf.column
        return f"{value}Z" if instant else str(value)


_CASTS = {
    Measure.FOLD: "text",
    Measure.TEXT: "text",
    Measure.NUMBER: "numeric",
    Measure.RANK: "integer",
    Measure.BOOLEAN: "boolean",
    Measure.UUID: "uuid",
}
_MEASURES = {
    Kind.TEXT: (Measure.FOLD, Measure.TEXT),
    Kind.NUMBER: (Measure.NUMBER,),
    Kind.POSITION: (Measure.NUMBER,),
    Kind.DATE: (Measure.TEXT,),
    Kind.DATE_TIME: (Measure.INSTANT,),
    Kind.BOOLEAN: (Measure.BOOLEAN,),
    Kind.SELECT: (Measure.RANK, Measure.TEXT),
    Kind.RELATION: (Measure.TEXT,),
    Kind.ACTOR: (Measure.FOLD, Measure.TEXT),
}


def components(leaf: Leaf) -> tuple[Component, ...]:
    """The comparisons of a leaf, first the one that matters most; none: it has no order."""
    if leaf.kind is Kind.UUID:
        return (Component(leaf, Measure.UUID if leaf.column else Measure.TEXT),)
    if leaf.kind is Kind.ACTOR and not leaf.name.endswith(".id"):
        name = Leaf(f"{leaf.name}.name", Kind.TEXT, leaf.field, ("name",), leaf.column)
        return (*components(name), *_measured(leaf))
    if leaf.kind is Kind.RELATION and leaf.field is not None and not is_bare(leaf.field):
        target = Leaf(f"{leaf.name}.object", Kind.TEXT, leaf.field, ("object",))
        return (Component(target, Measure.TEXT), *_measured(leaf))
    if leaf.field is not None and leaf.field.type is FieldType.RICH_TEXT:
        return ()
    if leaf.kind is Kind.COMPOSITE:
        return _of_parts(leaf)
    return _measured(leaf)


def _measured(leaf: Leaf) -> tuple[Component, ...]:
    return tuple(Component(leaf, measure) for measure in _MEASURES.get(leaf.kind, ()))


def _of_parts(leaf: Leaf) -> tuple[Component, ...]:
    assert leaf.field is not None
    spec = FIELD_TYPES[leaf.field.type]
    found: list[Component] = []
    for part in spec.sort_parts:
        steps = tuple(part.split("."))
        if steps[: len(leaf.parts)] == leaf.parts:
            kind = Kind.NUMBER if spec.parts[part] == "number" else Kind.TEXT
            found += components(Leaf(f"{leaf.field.name}.{part}", kind, leaf.field, steps))
    return tuple(found)
