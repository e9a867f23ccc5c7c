"""Say what the artifacts plane talks about: plain values, no SQL, no protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from kit.caller import Caller
from kit.outbox import Source
from planes.nodes import Node

Actor = Mapping[str, str]
C = TypeVar("C")  # what a person writes of it


@dataclass(frozen=True, slots=True)
class Holder:
    """Who decides over an artifact: what it is attached to, or else its creator."""

    creator_id: str
    targets: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing stopped, newest first."""

    time: datetime
    id: UUID


class FileState(StrEnum):
    PENDING = "pending"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class File:
    id: UUID
    name: str
    size: int
    content_type: str
    sha256: str
    state: FileState
    version: int
    creator_id: str
    created_by: Actor
    create_time: datetime
    update_time: datetime
    targets: tuple[Node, ...] = ()

    @property
    def node(self) -> Node:
        return Node("file", self.id)


@dataclass(frozen=True, slots=True)
class NewFile:
    id: UUID
    name: str
    size: int
    content_type: str
    sha256: str
    targets: tuple[Node, ...]
    content: bytes | None = None  # inline


@dataclass(frozen=True, slots=True)
class Digest:
    """What was found in the store, read to its end."""

    size: int
    sha256: str
    head: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Note:
    id: UUID
    title: str
    body: str
    pinned: bool
    version: int
    creator_id: str
    created_by: Actor
    updated_by: Actor
    create_time: datetime
    update_time: datetime
    targets: tuple[Node, ...] = ()

    @property
    def node(self) -> Node:
        return Node("note", self.id)


@dataclass(frozen=True, slots=True)
class NoteContent:
    """What a person writes of a note."""

    title: str = ""
    body: str = ""
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class New(Generic[C]):
    """A note or todo that is to be, and whose."""

    id: UUID
    content: C
    targets: tuple[Node, ...]
    caller: Caller
    source: Source | None  # the request it came with, where that is not the one under way


@dataclass(frozen=True, slots=True)
class Todo:
    id: UUID
    title: str
    body: str
    status: str
    due: str
    due_time: datetime | None
    priority: str
    assignees: tuple[str, ...]
    position: float
    version: int
    creator_id: str
    created_by: Actor
    updated_by: Actor
    create_time: datetime
    update_time: datetime
    complete_time: datetime | None
    targets: tuple[Node, ...] = ()

    @property
    def node(self) -> Node:
        return Node("todo", self.id)


@dataclass(frozen=True, slots=True)
class TodoContent:
    """What a person writes of a todo."""

    title: str = ""
    body: str = ""
    status: str = "open"
    due: str = ""
    due_time: datetime | None = None
    priority: str = "normal"
    assignees: tuple[str, ...] = ()
    position: float = 0.0


@dataclass(frozen=True, slots=True)
class Listing:
    """Which artifacts are asked for: those of a target, or a creator's own."""

    target: Node | None
    creator_id: str
    after: Place | None
    limit: int
    query: str = ""  # of notes: words
    status: str = ""  # of todos
    due_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened to a target."""

    id: UUID
    target: Node
    type: str
    data: Mapping[str, Any]
    actor: Actor
    occurred_at: datetime
    event_id: UUID
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class FieldChanges:
    """Field changes of one event, to be folded with others of the same actor."""

    item: Item
    version: int
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # {before, after}


class JobKind(StrEnum):
    REAP_UPLOAD = "reap_upload"  # nobody finalized it
    REMOVE_UPLOAD = "remove_upload"  # its bytes are in quarantine no longer than needed
    COLLECT_CONTENT = "collect_content"  # unless a file has it


@dataclass(frozen=True, slots=True)
class Job:
    workspace_id: UUID
    id: UUID
    kind: JobKind
    file_id: UUID | None
    sha256: str
    attempts: int
    token: int
