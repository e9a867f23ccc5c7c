"""When workflows are due by themselves."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


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
