"""Say what the records plane talks about: plain values, no SQL, no protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from schema.compiled import CompiledObject
from schema.problems import Problem


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    RESTORED = "restored"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a request, before it is judged. `path` leads the paths of its problems."""

    id: str = ""
    fields: Any = None
    etag: str = ""
    path: str = ""
    problems: tuple[Problem, ...] = ()  # of its fields, where they can't even be read


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it stands in the store; `doc` by field key, without empty values."""

    id: UUID
    object_id: UUID
    doc: dict[str, Any]
    version: int
    position: Any
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None
    created_by: Mapping[str, Any]
    updated_by: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind."""

    record: Stored
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Read:
    """A record as a read returns it: `fields_json` is one JSON object by field name."""

    id: UUID
    object: str
    version: int
    position: float
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None
    created_by: str  # JSON
    updated_by: str  # JSON
    fields_json: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """What a page of records is chosen by; everything resolved and canonical."""

    object: CompiledObject
    tree: Any = None  # schema.filters.tree.Tree | None
    keys: tuple[Any, ...] = ()  # schema.sorts.SortKey, ending in the id
    context: Any = None  # schema.filters.context.EvalContext
    show_deleted: bool = False
    after: list[Any] | None = None  # a place in the order, from a page token
    limit: int = 50
    projection: "Projection | None" = None


@dataclass(frozen=True, slots=True)
class Projection:
    """Which fields a read returns, and which relations it follows."""

    names: tuple[str, ...]  # of the object's fields, in the order asked
    expand: Mapping[str, "Projection"] = field(default_factory=dict)  # by relation field


@dataclass(frozen=True, slots=True)
class Page:
    records: list[Read]
    next: list[Any] | None = None  # the place to go on from
    plan: list[dict[str, Any]] = field(default_factory=list)
