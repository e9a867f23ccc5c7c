"""Say what the records plane talks about: plain values, no SQL, no protobuf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kit.outbox import Source
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
    source: Source | None = None  # the request it came with, where that is not the one under way


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
    before: Stored | None = None  # what an update wrote over


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
class Spelled:
    """A record as JSON text that nobody need look into: `head` ends where the fields begin."""

    head: bytes
    fields_json: bytes

    def json(self) -> bytes:
        return self.head + self.fields_json + b"}"


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
    spelled: bool = False  # its records come as `Spelled`
    # services.records.logic.viewing.Use | Refused: the view whose entries are all of this query.
    use: Any = None
    skip: int = 0  # records to pass over before the page


@dataclass(frozen=True, slots=True)
class Projection:
    """Which fields a read returns, and which relations it follows."""

    names: tuple[str, ...]  # of the object's fields, in the order asked
    expand: Mapping[str, "Projection"] = field(default_factory=dict)  # by relation field


@dataclass(frozen=True, slots=True)
class Page:
    records: Sequence[Read | Spelled]
    next: list[Any] | None = None  # the place to go on from
    plan: list[dict[str, Any]] = field(default_factory=list)
    why: str = ""  # no view entries gave it


class ImportState(StrEnum):
    """Where an import stands; `services.records.operations.imports` moves it."""

    RECEIVING = "receiving"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


class ImportMode(StrEnum):
    CREATE = "create"
    UPSERT = "upsert"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How the rows of an import become records."""

    object: str
    format: str = "csv"  # or ndjson
    mapping: Mapping[str, str] = field(default_factory=dict)
    match: tuple[str, ...] = ()
    mode: ImportMode = ImportMode.CREATE
    dry_run: bool = False
    clear_empty: bool = False
    ignore_unknown: bool = False


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What has become of an import's rows."""

    rows: int = 0
    processed: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    restored: int = 0
    failed: int = 0
    undone: int = 0
    undo_skipped: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """What the beginning of a document says about the rest."""

    delimiter: str
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """One document on its way into records."""

    id: UUID
    object_id: UUID
    options: ImportOptions
    layout: Layout | None
    state: ImportState
    received_bytes: int
    lines: int
    blocks: int
    counts: ImportCounts
    failure: str
    principal_id: str
    created_by: Mapping[str, Any]
    create_time: datetime
    update_time: datetime
    finish_time: datetime | None


@dataclass(frozen=True, slots=True)
class RowError:
    """One refused row, or one that an undo left alone."""

    line: int
    phase: str  # import or undo
    problems: tuple[Problem, ...]


class FieldJobState(StrEnum):
    """Where a field job stands; `services.records.operations.field_jobs` moves it."""

    QUEUED = "queued"
    RUNNING = "running"  # writers note what would not fit
    REVIEWING = "reviewing"  # all records were seen; what was noted is looked at once more
    ENFORCING = "enforcing"  # writers refuse it, so that nothing more is noted
    SETTLED = "settled"  # done; the definition has not changed over yet
    ANNOUNCING = "announcing"  # done; each record tells that its values have another form now
    CLEANING = "cleaning"  # done; what only the old definition used goes
    SUCCEEDED = "succeeded"
    FAILING = "failing"  # what was written for the new definition goes again
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class FieldJob:
    """One change to the data of a field, or of an object, on its way through the records."""

    id: UUID
    object_id: UUID
    field_id: UUID | None
    kind: str  # change, purge_field, purge_object, number, release, unroll, restore
    plan: str  # JSON
    dry_run: bool
    state: FieldJobState
    after_time: datetime | None
    after_id: UUID | None
    checked: int
    changed: int
    told: int  # events `record.updated`
    problems: int
    failure: str
    created_by: Mapping[str, str]
    create_time: datetime
    update_time: datetime
    finish_time: datetime | None


@dataclass(frozen=True, slots=True)
class Offender:
    """A record that stands in a job's way, and why."""

    record_id: UUID
    code: str
    message: str
