"""The nouns of the events plane, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event as the log keeps it."""

    position: int
    event_id: UUID
    type: str
    source: str
    aggregate_type: str
    aggregate_id: UUID
    aggregate_version: int
    object: str
    schema_version: int
    data: str
    actor: str  # JSON
    trace_id: str
    root_id: str
    causation_id: str
    depth: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What a listing asks for; None and () do not restrict."""

    types: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()  # of LIKE
    object: str | None = None
    aggregate_id: UUID | None = None
    actor_id: str | None = None
    trace_id: str | None = None
    root_id: str | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None


class SubscriptionState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"  # by a person
    FAILED = "failed"  # by the platform


class PayloadKind(StrEnum):
    FAT = "fat"
    THIN = "thin"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where events go, which, and how."""

    id: UUID
    name: str
    url: str
    event_types: tuple[str, ...]
    object: str
    filter_json: str  # empty: none
    payload: PayloadKind
    headers: dict[str, str]  # sealed: whoever sends opens them
    ordered: bool
    rate_limit: int
    state: SubscriptionState
    state_reason: str
    created_by: str
    create_time: datetime
    update_time: datetime
    coalesce_seconds: int = 0


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERING = "delivering"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    MERGED = "merged"  # another delivery carries its event


# From each state to what may follow; docs/events.md draws it.
DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset({DeliveryState.DELIVERING, DeliveryState.DEAD}),
    DeliveryState.DELIVERING: frozenset(
        {DeliveryState.SUCCEEDED, DeliveryState.PENDING, DeliveryState.DEAD}
    ),
    DeliveryState.SUCCEEDED: frozenset({DeliveryState.PENDING}),
    DeliveryState.DEAD: frozenset({DeliveryState.PENDING}),
    DeliveryState.MERGED: frozenset({DeliveryState.PENDING}),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one subscription."""

    id: UUID
    subscription_id: UUID
    event_id: UUID
    event_type: str
    state: DeliveryState
    attempts: int
    next_attempt_time: datetime | None
    create_time: datetime
    finish_time: datetime | None
    last_error: str
    trace_id: str
    merged_into: UUID | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery."""

    number: int
    start_time: datetime
    latency_ms: int
    status: int
    error: str
    response_body: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A match of an event and a subscription."""

    id: UUID
    subscription_id: UUID
    event_id: UUID
    event_type: str
    aggregate_id: UUID
    aggregate_version: int
    body: str
    traceparent: str
    trace_id: str
    window: int = 0  # seconds in which further updates of the same thing join it


@dataclass(frozen=True, slots=True)
class Joinable:
    """A delivery that waits for its window to end."""

    id: UUID
    event_id: UUID
    event_type: str
    aggregate_version: int
    body: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this worker may send until its lease ends."""

    workspace_id: UUID
    delivery_id: UUID
    subscription_id: UUID
    token: int
    acts_as: str  # principal id of the subscription's creator


@dataclass(frozen=True, slots=True)
class Sending:
    """All that one attempt needs."""

    number: int  # of the attempt
    budget_used: int  # attempts since the schedule began, this one included
    event_id: UUID
    event_type: str
    body: str
    traceparent: str
    create_time: datetime
    url: str
    headers: dict[str, str]  # sealed
    sealed_secrets: tuple[bytes, ...]  # newest first


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    number: int
    status: int  # 0: no answer came
    error: str
    response_body: str
    latency_ms: int
    trace_id: str
    succeeded: bool
    gone: bool  # 410
    endpoint_down: bool  # counts for the breaker
    retry_in: float | None  # seconds; None: never again


@dataclass(frozen=True, slots=True, eq=False)
class Attempted:
    """One attempt that was made, and is not recorded yet."""

    claim: Claim
    sending: Sending
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that could not be done."""

    id: UUID
    kind: str
    event_id: UUID
    event_type: str
    subject_id: UUID | None
    reason: str
    attempts: int
    state: str
    trace_id: str
    create_time: datetime
    envelope: str  # of a consumer's letter
    note: str
    settle_time: datetime | None


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which dead letters; what is None does not restrict."""

    state: str | None = None
    kind: str | None = None
    event_type: str | None = None
    subscription_id: UUID | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    reason: str | None = None


class ReplayKind(StrEnum):
    DEAD_LETTERS = "dead_letters"
    EVENTS = "events"  # of the log, to one subscription
    RECOVERY = "recovery"  # of the log, what the subscription did not get
    WORKFLOW = "workflow"  # of the log, to a workflow or rule


class ReplayState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Replay:
    """Many things done again, at a rate."""

    id: UUID
    kind: ReplayKind
    state: ReplayState
    error: str
    subscription_id: UUID | None
    selection: str  # JSON, as logic.selections reads it
    cursor: str  # of the last thing that was looked at
    rate: int
    total: int
    seen: int
    done: int
    failed: int
    created_by: str
    create_time: datetime
    update_time: datetime
    finish_time: datetime | None
    workflow_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReplayClaim:
    """A replay that this worker may go on with until its lease ends."""

    workspace_id: UUID
    replay_id: UUID
    token: int


@dataclass(frozen=True, slots=True)
class CausalNode:
    """One event in the tree of what caused what."""

    event: LoggedEvent
    parent_id: UUID | None
    level: int
