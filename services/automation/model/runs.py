"""Runs, their steps and attempts, and who holds them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.automation.model.definitions import ActionType
from services.automation.model.sources import Kind, Source, Starter
from services.automation.model.waits import Wait


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"  # by the loop guard or the limit of triggers; it never began
    WAITING = "waiting"  # for a time, an event, a person or another run; nobody holds it
    SKIPPED = "skipped"  # what it is of was paused, or a later one took its place; it never began


UNFINISHED = (RunState.QUEUED, RunState.RUNNING, RunState.WAITING)


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
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
class NewRun:
    """A run as its trigger makes it."""

    id: UUID
    rule: Starter
    event_id: UUID
    event_type: str
    object: str
    record_id: UUID
    state: RunState
    error: str
    traceparent: str
    trace_id: str
    depth: int
    parent_run_id: UUID | None = None
    parent_step: int = 0


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
    kind: Kind = Kind.RULE
    epoch: int = 0  # one more with each restart: all its effects then have new keys
    output: str = ""  # JSON
    parent_run_id: UUID | None = None
    parent_step: int = 0


@dataclass(slots=True)
class Step:
    """A step of a run as it stands; whoever holds the run changes it and stores it whole."""

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
    path: str = ""  # where it stands in the graph: loop/3/create
    retry_at: datetime | None = None
    passed_over: bool = False  # it failed, and the run went on: as good as done


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
    source: Source
    traceparent: str
    cancelling: bool
    occasion: dict[str, Any]  # {"event", "object", ..., "time_zone"}: see logic.occasion
    steps: list[Step]
    waits: list[Wait]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history."""

    id: UUID
    time: datetime
    kind: str
    text: str
    actor: str


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What ListRuns selects by."""

    rule_id: UUID | None = None
    record_id: UUID | None = None
    event_id: UUID | None = None
    state: RunState | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    error: str = ""
    parent_run_id: UUID | None = None
