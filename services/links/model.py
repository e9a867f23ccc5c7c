"""Say what the links plane talks about: plain values, no SQL, no protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from planes.nodes import Node
from schema.model import LinkType


class Direction(StrEnum):
    OUT = "out"  # from the source
    IN = "in"  # into the target

    @property
    def other(self) -> "Direction":
        return Direction.IN if self is Direction.OUT else Direction.OUT


class Origin(StrEnum):
    LINK = "link"
    FIELD = "field"  # projected from a relation field


@dataclass(frozen=True, slots=True)
class Link:
    """One edge as it stands in the store."""

    id: UUID
    type_id: UUID
    source: Node
    target: Node
    attributes: Mapping[str, Any]
    position: float
    origin: Origin
    version: int
    created_by: Mapping[str, str]
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class NewLink:
    """An edge to create, already judged by its type."""

    id: UUID
    type: LinkType
    source: Node
    target: Node
    attributes: Mapping[str, Any]
    position: float  # 0: last


@dataclass(frozen=True, slots=True)
class Seen:
    """A link as seen from one of its ends."""

    link: Link
    direction: Direction

    @property
    def other(self) -> Node:
        return self.link.target if self.direction is Direction.OUT else self.link.source


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing stopped: by position, then age, then direction."""

    position: float
    id: UUID
    direction: Direction


@dataclass(frozen=True, slots=True)
class Listing:
    """Which links of a node are asked for: the ids of types by the direction they are read in."""

    types: Mapping[Direction, tuple[UUID, ...]]
    after: Place | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class NodeState:
    """What events have told of a node's life."""

    version: int
    deleted: bool
    operation_id: UUID | None  # the event that deleted it


@dataclass(frozen=True, slots=True)
class Projection:
    """What one relation field of one record held at one version."""

    record: Node
    field_id: UUID
    type_id: UUID
    version: int
    target: Node | None
    actor: Mapping[str, str] = field(default_factory=dict)


class CascadeState(StrEnum):
    QUEUED = "queued"
    DONE = "done"
    PARKED = "parked"  # it can't be done, and says why
    CANCELLED = "cancelled"  # the deletion it follows was undone first


@dataclass(frozen=True, slots=True)
class Cascade:
    """One deletion, or its reversal, that follows another."""

    workspace_id: UUID
    id: UUID
    operation_id: UUID
    action: str  # delete | undelete
    node: Node
    deleted_version: int | None  # for undelete: the version that our deletion left
    attempts: int
    token: int
    actor: Mapping[str, str]
    cause: Mapping[str, Any]
    traceparent: str
    batch_id: UUID  # the first of those that are done with it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of one of them."""

    cascade: Cascade
    state: CascadeState
    reason: str = ""
    version: int | None = None  # that a deletion left
