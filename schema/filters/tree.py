"""The resolved filter tree: every name looked up, every operand canonical, nothing left to guess.

A tree is made by `parse_json.parse` and read by `closure`, `sql`, `index` and `render`. Values:
text, dates, date-times, uuids and options are `str`, numbers `Decimal`, booleans `bool`, lists
tuples, composites and json the canonical JSON value; `Me` and the relative ranges stand until
`resolve.resolve_relative` puts what they mean in this request in their place.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schema.compiled import Rule
from schema.model import Field


class Kind(StrEnum):
    """What a leaf holds, and so which operators it takes and how it compares."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DATE_TIME = "date_time"
    BOOLEAN = "boolean"
    SELECT = "select"
    MULTI_SELECT = "multi_select"
    ARRAY = "array"
    RELATION = "relation"
    UUID = "uuid"
    JSON = "json"
    ACTOR = "actor"
    COMPOSITE = "composite"
    FILE = "file"
    POSITION = "position"


class Via(StrEnum):
    """How a hop leads from one record to others."""

    RELATION = "relation"  # a relation field of this record: none or one
    INVERSE = "inverse"  # records whose relation field names this one
    LINK = "link"  # a link type, read from this end


@dataclass(frozen=True, slots=True)
class Hop:
    """One step from a record to records of `object_id`."""

    name: str  # as the caller writes it
    via: Via
    object_id: str  # where it leads
    field: Field | None = field(default=None, hash=False)  # RELATION, INVERSE: that relation field
    link_type_id: str = ""  # LINK
    outward: bool = True  # LINK: this record is the source
    symmetric: bool = False  # LINK: read from both ends
    # Which of those records there are for the caller: what it may not see is not reached.
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a condition finds its value: in the document, or in a platform column."""

    name: str  # as the caller writes it: amount.amount_micros
    kind: Kind
    field: Field | None = field(default=None, hash=False)  # None for a platform field
    parts: tuple[str, ...] = ()  # inside the stored value: ("primary", "number")
    column: str = ""  # the platform column, or empty: the document
    each: str = ""  # of a list of objects: the key whose values are meant

    @property
    def keys(self) -> tuple[str, ...]:
        """The way through the document to the value."""
        if self.field is None:
            return self.parts
        return (self.field.key or self.field.name, *self.parts)


@dataclass(frozen=True, slots=True)
class Path:
    """Relation hops, then a leaf of the object they lead to."""

    hops: tuple[Hop, ...]
    leaf: Leaf

    @property
    def name(self) -> str:
        return ".".join([*(h.name for h in self.hops), self.leaf.name])


@dataclass(frozen=True, slots=True)
class Reach:
    """Relation hops, then the hop whose records `some`, `none` and `every` speak of."""

    hops: tuple[Hop, ...]
    many: Hop

    @property
    def name(self) -> str:
        return ".".join([*(h.name for h in self.hops), self.many.name])


@dataclass(frozen=True, slots=True)
class Me:
    """Whoever asks, known only when the filter is evaluated."""


@dataclass(frozen=True, slots=True)
class And:
    children: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Or:
    children: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Not:
    child: "Tree"


@dataclass(frozen=True, slots=True)
class Condition:
    """True or false for every record: an empty value fails all but `ne`, `not_in`,
    `contains_none` and `is_empty`."""

    path: Path
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Some:
    path: Reach
    child: "Tree"


@dataclass(frozen=True, slots=True)
class None_:  # noqa: N801 None is taken
    path: Reach
    child: "Tree"


@dataclass(frozen=True, slots=True)
class Every:
    path: Reach
    child: "Tree"


Tree = And | Or | Not | Condition | Some | None_ | Every
QUANTIFIERS: dict[str, type[Some] | type[None_] | type[Every]] = {
    "some": Some,
    "none": None_,
    "every": Every,
}
# An operator that is the exact complement of another.
COMPLEMENTS = {"ne": "eq", "not_in": "in", "contains_none": "contains_any"}
