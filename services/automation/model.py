"""What the automation plane speaks of: rules and their versions, runs, steps and attempts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class TriggerType(StrEnum):
    RECORD_CREATED = "record_created"
    RECORD_UPDATED = "record_updated"
    RECORD_DELETED = "record_deleted"


class ActionType(StrEnum):
    CREATE_RECORD = "create_record"
    UPDATE_RECORD = "update_record"
    CREATE_TODO = "create_todo"
    CREATE_NOTE = "create_note"
    SEND_WEBHOOK = "send_webhook"


class RuleState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"  # by a person
    PAUSED = "paused"  # by the platform; state_reason says why


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"  # by the loop guard or the limit of triggers; it never began


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How an attempt ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # its worker died; the effect's key protects it


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a rule. `object_id` is the object's, whatever it is called by now."""

    type: TriggerType
    object: str
    object_id: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a rule: its inputs are templates."""

    type: ActionType
    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Definition:
    """What one version of a rule says."""

    name: str
    description: str
    trigger: Trigger
    condition: dict[str, Any] | None
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule at its present version."""

    id: UUID
    definition: Definition
    state: RuleState
    state_reason: str
    version: int
    revision: int  # one more with each announced change
    owner_id: str
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run as its trigger makes it."""

    id: UUID
    rule: Rule
    event_id: UUID
    event_type: str
    object: str
    record_id: UUID
    state: RunState
    error: str
    traceparent: str
    trace_id: str
    depth: int


@dataclass(frozen=True, slots=True)
class Run:
    id: UUID
    rule_id: UUID
    rule_name: str
    rule_version: int
    event_id: UUID
    event_type: str
    object: str
    record_id: UUID
    state: RunState
    error: str
    trace_id: str
    depth: int
    create_time: datetime
    start_time: datetime | None
    finish_time: datetime | None
    revision: int = 0  # one more with each announced change


@dataclass(frozen=True, slots=True)
class Step:
    index: int
    name: str
    type: ActionType
    state: StepState
    epoch: int = 0  # one more when a definite failure is resumed: its effect then has a new key
    input: str = ""  # JSON, rendered once in an epoch: repeats send the same
    output: str = ""  # JSON
    error: str = ""
    definite: bool = False  # the failure is certain to have had no effect
    failures: int = 0  # that count against the limit of attempts
    attempts: int = 0
    waiting_since: datetime | None = None  # a plane has not answered since
    start_time: datetime | None = None
    finish_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    step_index: int
    number: int
    start_time: datetime
    finish_time: datetime | None
    outcome: Outcome
    error: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that is ours while the fencing token is the row's."""

    workspace_id: UUID
    run_id: UUID
    token: int
    previous_owner: str  # not empty: somebody held it and did not come back


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a worker needs to know of a claimed run."""

    run: Run
    owner_id: str
    traceparent: str
    actions: tuple[Action, ...]
    webhook_secret: str
    cancelling: bool
    occasion: dict[str, Any]  # {"event", "object", ..., "time_zone"}: see logic.occasion
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What ListRuns selects by."""

    rule_id: UUID | None = None
    record_id: UUID | None = None
    event_id: UUID | None = None
    state: RunState | None = None
