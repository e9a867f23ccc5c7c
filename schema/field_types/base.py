"""The vocabulary of the field-type table: kinds, operator families, settings and specs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schema.model import Field

# A write turns (old canonical value, what the caller sent, its path) into the new canonical value,
# None when it is empty; it raises `schema.problems.Invalid`. What was sent is never None.
Write = Callable[[Any, object, str], Any]

# Two settings that contradict each other, as (setting, code, message).
SettingConflict = tuple[str, str, str]


class Kind(StrEnum):
    """How a scalar is compared and indexed: one typed value table each."""

    TEXT = "text"
    NUMBER = "number"
    TIMESTAMP = "timestamp"
    DATE = "date"
    REF = "ref"


class OperatorFamily(StrEnum):
    """Which filter operators a whole value takes beside eq, ne, in, not_in and is_empty."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    SELECT = "select"
    LIST = "list"  # contains_any, contains_all, contains_none
    RELATION = "relation"
    JSON = "json"
    IDENTITY = "identity"  # equality alone: a uuid
    COMPOSITE = "composite"  # equality of the whole; each part has the family of its kind


class SettingKind(StrEnum):
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    PATTERN = "pattern"  # an RE2 expression
    NAME = "name"  # an API name
    NAMES = "names"  # a list of API names, not empty
    CHOICE = "choice"
    FILTER = "filter"  # the JSON spelling of one


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a field type: what it may be, and what it is when it is not given."""

    kind: SettingKind
    default: Any = None
    minimum: int | None = None  # of an integer, or of a text's length
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class FieldTypeSpec:
    """Everything the platform knows of one field type, except its values' JSON (see `compile`)."""

    operators: OperatorFamily
    compile: Callable[[Field, Mapping[str, Any]], Write]
    kind: Kind | None = None  # of a whole scalar, or of each element of a list
    parts: Mapping[str, Kind] = field(default_factory=dict)  # a composite's scalars, by dotted path
    list_parts: Mapping[str, Kind] = field(default_factory=dict)  # its lists, by elements
    numbers_as_text: bool = False  # a number whose canonical JSON is a string
    settings: Mapping[str, Setting] = field(default_factory=dict)
    conflicts: Callable[[Mapping[str, Any]], list[SettingConflict]] | None = None
    options: bool = False  # takes options
    dynamic_defaults: frozenset[str] = frozenset()  # of now, uuid, me
    views: frozenset[str] = frozenset({"table"})  # the views it unlocks
    sortable: bool = True
    sort_parts: tuple[str, ...] = ()  # what a composite sorts by, in this order
    groupable: bool = False
    aggregatable: bool = False
    unique_allowed: bool = False
    unique_part: str = ""  # the part that must be unique, of a composite
    indexable: bool = True
    searchable: bool = False
    multi_valued: bool = False
    writable: bool = True  # False: the platform sets it
