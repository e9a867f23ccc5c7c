"""What runs are of: rules and workflows, their versions, and what of them starts runs."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.automation.model.definitions import Definition, Graph, Limits, WorkflowTrigger


class Kind(StrEnum):
    """What a run is of."""

    RULE = "rule"
    WORKFLOW = "workflow"


class RuleState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"  # by a person
    PAUSED = "paused"  # by the platform; state_reason says why


class WorkflowState(StrEnum):
    DRAFT = "draft"  # never published
    ENABLED = "enabled"
    PAUSED = "paused"  # by a person or by the platform; state_reason says by whom and why


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
class Source:
    """What the runs of one version need to know of it: held by workers, for it never changes."""

    graph: Graph
    name: str
    owner_id: str
    limits: Limits


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
    limits: Limits = field(default_factory=Limits)
    paused: str = ""  # why it must not run now
