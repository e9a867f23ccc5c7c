"""What rules and workflows say: what starts them, what they do, within which limits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
