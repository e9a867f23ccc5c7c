"""Name the values that the metadata plane keeps beside the definitions of `schema.model`."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from schema.access import ObjectAccess
from schema.field_changes import FieldChange, Purge, Release
from schema.model import Field, LinkType, Object, View

T = TypeVar("T")
Entity: TypeAlias = Object | Field | View | LinkType


class Noun(StrEnum):
    """What a workspace defines; the values begin the types of events."""

    OBJECT = "object"
    FIELD = "field"
    LINK_TYPE = "link_type"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A definition as the database keeps it. `version` counts its own changes, from 1."""

    value: T
    version: int
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant. Relative dates resolve in its time zone and its weeks."""

    workspace_id: UUID
    display_name: str
    time_zone: str
    week_start: str
    version: int
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential without its secret, of which only a hash is kept."""

    api_key_id: UUID
    workspace_id: UUID
    display_name: str
    role: str
    operator: bool
    version: int
    create_time: datetime
    expire_time: datetime | None
    revoke_time: datetime | None
    time_zone: str = ""
    week_start: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A user of the workspace, by the subject of its tokens."""

    principal_id: str
    kind: str
    display_name: str
    role: str
    version: int
    create_time: datetime
    time_zone: str = ""
    week_start: str = ""


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A role of the workspace's own: it denies what it does not grant."""

    role_id: UUID
    name: str
    description: str
    permissions: tuple[str, ...]  # of what is no record: schema, rules, admin
    objects: dict[str, ObjectAccess]  # by object id; rules name fields by id
    version: int
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a workspace may define."""

    objects: int = 500
    fields: int = 500
    options: int = 300
    views: int = 200
    link_types: int = 1000
    unique_constraints: int = 20
    rollups: int = 25


@dataclass(frozen=True, slots=True)
class Job:
    """What the records plane has to do so that a change can come true."""

    id: str
    kind: str  # change, purge_field, purge_object, number, release, unroll, restore
    object_id: str
    field_id: str  # empty: the whole object; or a unique constraint's id
    plan: FieldChange | Purge | Release


@dataclass(frozen=True, slots=True)
class Difference:
    """One definition before and after a change; None where it did not or does not exist."""

    noun: Noun
    entity_id: str
    before: Entity | None
    after: Entity | None

    @property
    def verb(self) -> str:
        """The past tense that the event's type ends in."""
        if self.before is None:
            return "created"
        if self.after is None:
            return "deleted"
        was, now = getattr(self.before, "active", True), getattr(self.after, "active", True)
        if was != now:
            return "reactivated" if now else "deactivated"
        return "updated"

    @property
    def entity(self) -> Entity:
        """As it is now, or last was."""
        found = self.before if self.after is None else self.after
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the history of the definitions; `before` and `after` are JSON documents."""

    metadata_version: int
    ordinal: int
    type: str
    entity_id: str
    before: bytes
    after: bytes
    actor: dict[str, str]
    create_time: datetime
    job_id: str = ""  # of the job whose end it is


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a view can be built on a field, and why not where it can't."""

    field: Field
    eligible: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done or refused, as the audit log keeps it."""

    entry_id: UUID
    create_time: datetime
    actor: dict[str, str]
    action: str
    target_kind: str
    target_id: str
    before: bytes  # JSON; empty: none, or in the history of the metadata version
    after: bytes
    metadata_version: int
    reason: str
    permission: str
    method: str
    count: int
    first_time: datetime
    request_id: str
    trace_id: str
    ip: str
    peer: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How often an API key was used on a day, in one plane."""

    day: str
    plane: str
    calls: int
    last_used_time: datetime


@dataclass(frozen=True, slots=True)
class Flag:
    """A feature flag: on for the principals that its rollout takes in."""

    flag_id: UUID
    key: str
    environment: str  # empty: every one without a flag of that key of its own
    type: str  # bool, number, string, json
    value: bytes  # JSON
    rollout_percentage: int
    reason: str
    operator: dict[str, str]
    version: int
    create_time: datetime
    update_time: datetime


class Part(msgspec.Struct, frozen=True):
    """A role, rule or workflow that a blueprint has brought, as it left it."""

    id: str
    version: int
    form: str = ""  # a hash of what the blueprint says of it


class Task(msgspec.Struct, frozen=True):
    """What another plane has still to do for a blueprint; the id is what will have been made."""

    kind: str  # rule, workflow
    name: str
    action: str  # apply, restore, remove
    id: str


@dataclass(frozen=True, slots=True)
class Installed:
    """A blueprint that a workspace has."""

    name: str
    version: int
    made: dict[str, list[str]]  # ids of definitions by noun
    parts: dict[str, dict[str, Part]] = field(default_factory=dict)  # by kind and name
    pending: tuple[Task, ...] = ()
    leaving: bool = False  # its definitions have gone; the rest follows
