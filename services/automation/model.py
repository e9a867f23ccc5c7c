"""What the automation plane speaks of: rules, workflows and their versions, runs, steps, waits."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class TriggerType(StrEnum):
    RECORD_CREATED = "record_created"
    RECORD_UPDATED = "record_updated"
    RECORD_DELETED = "record_deleted"
    RECORD_UNDELETED = "record_undeleted"
    LINK_CREATED = "link_created"
    LINK_DELETED = "link_deleted"
    NOTE_ADDED = "note_added"
    TODO_ADDED = "todo_added"
    FILE_ADDED = "file_added"
    EVENT = "event"  # of any type, by its name
    MANUAL = "manual"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"  # somebody calls the workflow's own URL
    WORKFLOW = "workflow"  # another one's run has ended


RULE_TRIGGERS = (
    TriggerType.RECORD_CREATED,
    TriggerType.RECORD_UPDATED,
    TriggerType.RECORD_DELETED,
)


class ActionType(StrEnum):
    """What a step does: first what acts elsewhere, then what the engine does by itself."""

    CREATE_RECORD = "create_record"
    UPDATE_RECORD = "update_record"
    CREATE_TODO = "create_todo"
    CREATE_NOTE = "create_note"
    SEND_WEBHOOK = "send_webhook"
    UPSERT_RECORD = "upsert_record"
    DELETE_RECORD = "delete_record"
    FIND_RECORDS = "find_records"
    LINK = "link"
    UNLINK = "unlink"
    HTTP_REQUEST = "http_request"

    EMIT_EVENT = "emit_event"
    DELAY = "delay"
    DELAY_UNTIL = "delay_until"
    WAIT_FOR_EVENT = "wait_for_event"
    WAIT_FOR_INPUT = "wait_for_input"
    IF = "if"
    SWITCH = "switch"
    FOR_EACH = "for_each"
    PARALLEL = "parallel"
    CALL_WORKFLOW = "call_workflow"
    SET_VARIABLES = "set_variables"
    STOP = "stop"
    FAIL = "fail"


RULE_ACTIONS = (
    ActionType.CREATE_RECORD,
    ActionType.UPDATE_RECORD,
    ActionType.CREATE_TODO,
    ActionType.CREATE_NOTE,
    ActionType.SEND_WEBHOOK,
    ActionType.UPSERT_RECORD,
    ActionType.DELETE_RECORD,
    ActionType.FIND_RECORDS,
    ActionType.LINK,
    ActionType.UNLINK,
    ActionType.HTTP_REQUEST,
)


class Kind(StrEnum):
    """What a run is of."""

    RULE = "rule"
    WORKFLOW = "workflow"


class WorkflowState(StrEnum):
    DRAFT = "draft"  # never published
    ENABLED = "enabled"
    PAUSED = "paused"  # by a person or by the platform; state_reason says by whom and why


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
class Limits:
    """How the runs of a workflow share time. 0 or empty: no limit."""

    concurrency: int = 0  # runs under way at once, those that wait included
    rate: int = 0  # starts in `per` seconds; more are delayed, never dropped
    per: float = 60.0
    debounce_key: str = ""  # a template
    debounce: float = 0.0  # seconds in which a later trigger with the same key takes the place
    priority: int = 1  # 0 low, 1 normal, 2 high
    reentry: int = 0  # times that it may run on the same record again in one chain of causes

    @property
    def plain(self) -> bool:
        """Whether a run may begin as soon as it is there."""
        return not (self.concurrency or self.rate or self.debounce)


@dataclass(frozen=True, slots=True)
class Retention:
    succeeded_days: int = 30
    failed_days: int = 90


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a graph. `blocks` are the sequences inside it, by name: then, else, a case, a
    branch, body."""

    id: str
    type: ActionType
    input: dict[str, Any]
    next: str = ""  # the step that follows; empty for the next one of the sequence, "end" for none
    on_error: str = "fail"  # or continue
    attempts: int = 0  # at most; 0 for the engine's own number
    blocks: tuple["Block", ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    name: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What the engine carries out: a rule's actions in a row, or a workflow's steps."""

    nodes: tuple[Node, ...]
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """What the runs of one version need to know of it: held by workers, for it never changes."""

    graph: Graph
    name: str
    owner_id: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class WorkflowTrigger:
    """What starts a workflow; which of these are used depends on the type."""

    type: TriggerType
    object: str = ""
    object_id: str = ""
    fields: tuple[str, ...] = ()
    changes: dict[str, dict[str, Any]] | None = None  # {"stage": {"from": "new", "to": "won"}}
    link_type: str = ""
    event: str = ""
    workflow: str = ""
    on: str = "finished"  # succeeded, failed or finished
    cron: str = ""
    interval_seconds: float = 0.0
    time_zone: str = ""
    overlap: str = "skip"  # queue, replace
    misfire: str = "once"  # skip, all
    misfire_cap: int = 100
    jitter_seconds: float = 0.0
    signed: bool = False


@dataclass(frozen=True, slots=True)
class InputField:
    """One input of a form."""

    name: str
    type: str = "text"  # number, boolean, date, select, json
    required: bool = False
    options: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """What one published version says."""

    trigger: WorkflowTrigger
    condition: dict[str, Any] | None
    when: str
    inputs: tuple[InputField, ...]
    graph: Graph
    limits: Limits
    retention: Retention


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow: its draft as somebody wrote it, and which version is published."""

    id: UUID
    name: str
    description: str
    draft: dict[str, Any]
    state: WorkflowState
    state_reason: str
    version: int  # published; 0 for none
    revision: int  # one more with each change: its etag
    owner_id: str  # of the published version
    trigger_type: str
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    version: int
    owner_id: str
    document: dict[str, Any]
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Starter:
    """A rule or workflow as far as it starts runs."""

    kind: Kind
    id: UUID
    name: str
    version: int
    owner_id: str
    trigger: WorkflowTrigger
    condition: dict[str, Any] | None
    when: str = ""
    limits: Limits = Limits()
    paused: str = ""  # why it must not run now


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


class WaitKind(StrEnum):
    TIME = "time"
    EVENT = "event"
    INPUT = "input"
    RUN = "run"
    ESCALATION = "escalation"


@dataclass(frozen=True, slots=True)
class RunInput:
    """A step that waits for a person, with whose run it is of."""

    run_id: UUID
    step_index: int
    path: str
    title: str
    form: list[Any]
    assignees: tuple[str, ...]
    escalated: int
    escalate_time: datetime | None
    expire_time: datetime | None
    create_time: datetime
    source_id: UUID  # of a workflow or rule
    source_name: str
    kind: Kind
    object: str
    record_id: UUID


@dataclass(frozen=True, slots=True)
class Wait:
    """What a step waits for. Whoever first sets `outcome` has settled it."""

    run_id: UUID
    step_index: int
    kind: WaitKind
    due_seconds: float | None = None  # from now
    due_time: datetime | None = None
    event_type: str = ""
    subject: str = ""  # id of what the event must be about; empty for anything
    match: str = ""  # JSON: what else must hold
    outcome: str = ""
    payload: str = ""  # JSON


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


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a workflow is due next."""

    workspace_id: UUID
    workflow_id: UUID
    next_time: datetime


@dataclass(frozen=True, slots=True)
class Fire:
    """One time that a schedule was due, and what came of it."""

    fire_time: datetime
    outcome: str  # started, skipped, queued, replaced, missed
    run_id: UUID | None
    create_time: datetime
