"""What steps wait for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.automation.model.sources import Kind


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
