"""Turn protobuf into model and back: the only module that knows both vocabularies."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from armature.common.v1 import actor_pb2
from armature.events.v1 import event_admin_service_pb2 as admin_pb
from armature.events.v1 import event_pb2, event_service_pb2, replay_pb2, subscription_pb2
from google.protobuf.message import Message

from kit import clock, ids, masking, upcasting
from kit.egress import header_problem
from kit.errors import InvalidArgument, Violation
from schema.problems import Invalid
from services.events.logic import patterns
from services.events.model import (
    Attempt,
    CausalNode,
    DeadLetter,
    Delivery,
    DeliveryState,
    EventQuery,
    LetterQuery,
    LoggedEvent,
    PayloadKind,
    Replay,
    Subscription,
    SubscriptionState,
)

MAX_NAME = 255
MAX_TYPES = 100
MAX_HEADERS = 20
MAX_RATE = 10_000
MAX_COALESCE = 3600
MAX_REPLAY_RATE = 1000
REPLAY_RATE = 50
MAX_REASON_PART = 200
MAX_FILTER_BYTES = 64 * 1024
MAX_REASON = 1000
CHANGEABLE = (
    "name",
    "url",
    "event_types",
    "object",
    "filter_json",
    "payload",
    "headers",
    "ordered",
    "rate_limit",
    "coalesce_seconds",
    "state",
)
_LETTER_STATES = ("open", "replayed", "discarded")


def event(found: LoggedEvent) -> event_pb2.Event:
    """In the form of today, whatever the form in which the log has it."""
    actor = msgspec.json.decode(found.actor)
    stored = msgspec.Raw(found.data.encode())
    form, data = upcasting.raised(found.type, found.schema_version, stored)
    return event_pb2.Event(
        id=str(found.event_id),
        type=found.type,
        source=found.source,
        aggregate_type=found.aggregate_type,
        aggregate_id=str(found.aggregate_id),
        aggregate_version=found.aggregate_version,
        object=found.object,
        data_json=bytes(data),
        schema_version=form,
        actor=actor_pb2.Actor(
            kind=actor.get("kind", ""), id=actor.get("id", ""), name=actor.get("name", "")
        ),
        occur_time=clock.to_timestamp(found.occurred_at),
        trace_id=found.trace_id,
        root_id=found.root_id,
        causation_id=found.causation_id,
        depth=found.depth,
        position=found.position,
    )


def query(wanted: event_service_pb2.EventFilter) -> EventQuery:
    """INVALID_ARGUMENT / EVENT_FILTER_INVALID for malformed types and ids."""
    violations: list[Violation] = []
    types = _types(wanted.types, "filter.types", violations)
    if violations:
        raise InvalidArgument("EVENT_FILTER_INVALID", violations[0].message, violations=violations)
    exact, likes = patterns.split(types)
    aggregate = None
    if wanted.aggregate_id:
        aggregate = ids.parse_id(
            wanted.aggregate_id, "filter.aggregate_id", reason="EVENT_FILTER_INVALID"
        )
    return EventQuery(
        types=exact,
        patterns=likes,
        object=wanted.object or None,
        aggregate_id=aggregate,
        actor_id=wanted.actor_id or None,
        trace_id=wanted.trace_id or None,
        root_id=wanted.root_id or None,
        from_time=clock.from_timestamp(wanted.from_time) if wanted.HasField("from_time") else None,
        to_time=clock.from_timestamp(wanted.to_time) if wanted.HasField("to_time") else None,
    )


def _types(wanted: Iterable[str], path: str, violations: list[Violation]) -> tuple[str, ...]:
    found: list[str] = []
    for number, pattern in enumerate(wanted):
        dotted = patterns.normalise(pattern)
        if dotted is None:
            message = f"{pattern[:60]!r} is no event type such as record.created, record.* or *"
            violations.append(Violation(f"{path}.{number}", "TYPE_INVALID", message))
        else:
            found.append(dotted)
    if len(found) > MAX_TYPES:
        violations.append(Violation(path, "TOO_MANY", f"at most {MAX_TYPES} types"))
    return tuple(dict.fromkeys(found))


def subscription_invalid(violations: list[Violation]) -> InvalidArgument:
    first = violations[0]
    return InvalidArgument(
        "SUBSCRIPTION_INVALID", f"{first.path}: {first.message}", violations=violations
    )


def filter_problems(invalid: Invalid) -> list[Violation]:
    return [Violation(f"subscription.{p.path}", p.code, p.message) for p in invalid.problems]


def subscription_values(
    wanted: subscription_pb2.Subscription, names: Iterable[str]
) -> tuple[dict[str, Any], list[Violation]]:
    """The named attributes as columns hold them, and what is wrong with them. Where the URL leads
    and whether the filter fits are checked elsewhere."""
    bad: list[Violation] = []
    values: dict[str, Any] = {}
    for name in names:
        value = getattr(wanted, name)
        at = f"subscription.{name}"
        match name:
            case "name":
                _expect(bad, at, 1 <= len(value) <= MAX_NAME, f"1 to {MAX_NAME} characters")
            case "event_types":
                value = list(_types(value, at, bad))
                _expect(bad, at, bool(wanted.event_types), "at least one type")
            case "filter_json":
                value = _filter(value, at, bad)
            case "payload":
                value = value or PayloadKind.FAT
                _expect(bad, at, value in set(PayloadKind), "fat or thin")
            case "headers":
                value = dict(value)
                _check_headers(value, at, bad)
            case "rate_limit":
                _expect(bad, at, 0 <= value <= MAX_RATE, f"0 (none) to {MAX_RATE} a second")
            case "coalesce_seconds":
                _expect(bad, at, 0 <= value <= MAX_COALESCE, f"0 (none) to {MAX_COALESCE} seconds")
            case "state":
                allowed = (SubscriptionState.ENABLED, SubscriptionState.DISABLED)
                _expect(bad, at, value in allowed, "enabled or disabled")
        values[name] = value
    return values, bad


def _expect(bad: list[Violation], path: str, holds: bool, allowed: str) -> None:
    if not holds:
        bad.append(Violation(path, "INVALID", f"allowed: {allowed}"))


def _filter(value: bytes, path: str, bad: list[Violation]) -> str:
    if not value:
        return ""
    if len(value) > MAX_FILTER_BYTES:
        bad.append(Violation(path, "TOO_LONG", f"at most {MAX_FILTER_BYTES:,} bytes"))
        return ""
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        bad.append(Violation(path, "INVALID", "a filter is one JSON object"))
        return ""
    return json.dumps(document) if document else ""


def _check_headers(headers: dict[str, str], path: str, bad: list[Violation]) -> None:
    if len(headers) > MAX_HEADERS:
        bad.append(Violation(path, "TOO_MANY", f"at most {MAX_HEADERS} headers"))
    if len({name.lower() for name in headers}) < len(headers):
        bad.append(Violation(path, "REPEATED", "two headers have the same name"))
    for name, value in headers.items():
        if problem := header_problem(name, value):
            bad.append(Violation(f"{path}.{name[:60]}", "HEADER_REFUSED", problem))


def subscription(found: Subscription) -> subscription_pb2.Subscription:
    return subscription_pb2.Subscription(
        id=str(found.id),
        name=found.name,
        url=found.url,
        event_types=found.event_types,
        object=found.object,
        filter_json=found.filter_json.encode(),
        payload=found.payload,
        headers=masking.masked(found.headers),
        ordered=found.ordered,
        rate_limit=found.rate_limit,
        state=found.state,
        state_reason=found.state_reason,
        created_by=found.created_by,
        create_time=clock.to_timestamp(found.create_time),
        update_time=clock.to_timestamp(found.update_time),
        coalesce_seconds=found.coalesce_seconds,
    )


def delivery(found: Delivery) -> subscription_pb2.Delivery:
    return subscription_pb2.Delivery(
        id=str(found.id),
        subscription_id=str(found.subscription_id),
        event_id=str(found.event_id),
        event_type=found.event_type,
        state=found.state,
        attempts=found.attempts,
        next_attempt_time=clock.to_timestamp(found.next_attempt_time),
        create_time=clock.to_timestamp(found.create_time),
        finish_time=clock.to_timestamp(found.finish_time),
        last_error=found.last_error,
        trace_id=found.trace_id,
        merged_into=str(found.merged_into or ""),
    )


def attempt(found: Attempt) -> subscription_pb2.Attempt:
    return subscription_pb2.Attempt(
        number=found.number,
        start_time=clock.to_timestamp(found.start_time),
        latency_ms=found.latency_ms,
        status=found.status,
        error=found.error,
        response_body=found.response_body,
        trace_id=found.trace_id,
    )


def delivery_state(wanted: str) -> str | None:
    return _state(wanted, tuple(DeliveryState))


def letter_state(wanted: str) -> str | None:
    return _state(wanted, _LETTER_STATES)


def _state(wanted: str, allowed: tuple[str, ...]) -> str | None:
    if wanted and wanted not in allowed:
        message = f"no state {wanted[:40]!r}; allowed: {', '.join(allowed)}"
        raise InvalidArgument.at("EVENT_FILTER_INVALID", "state", "INVALID", message)
    return wanted or None


def text(wanted: Message) -> str:
    """What a page token is bound to."""
    return wanted.SerializeToString(deterministic=True).hex()


def letters(wanted: admin_pb.DeadLetterFilter) -> LetterQuery:
    """INVALID_ARGUMENT / EVENT_FILTER_INVALID for a malformed id or text, and times in the wrong
    order."""
    subscription_id = None
    if wanted.subscription_id:
        subscription_id = ids.parse_id(
            wanted.subscription_id, "filter.subscription_id", reason="EVENT_FILTER_INVALID"
        )
    if len(wanted.reason) > MAX_REASON_PART:
        message = f"at most {MAX_REASON_PART} characters"
        raise InvalidArgument.at("EVENT_FILTER_INVALID", "filter.reason", "TOO_LONG", message)
    begins = clock.from_timestamp(wanted.from_time) if wanted.HasField("from_time") else None
    ends = clock.from_timestamp(wanted.to_time) if wanted.HasField("to_time") else None
    if begins is not None and ends is not None and begins > ends:
        message = "to_time is before from_time: nothing was made then"
        raise InvalidArgument.at("EVENT_FILTER_INVALID", "filter.to_time", "OUT_OF_RANGE", message)
    return LetterQuery(
        kind=wanted.kind or None,
        event_type=wanted.event_type or None,
        subscription_id=subscription_id,
        from_time=begins,
        to_time=ends,
        reason=wanted.reason or None,
    )


def replay_rate(wanted: int) -> int:
    if not 0 <= wanted <= MAX_REPLAY_RATE:
        message = f"allowed: 1 to {MAX_REPLAY_RATE:,} a second, 0 for {REPLAY_RATE}"
        raise InvalidArgument.at("REPLAY_INVALID", "rate", "OUT_OF_RANGE", message)
    return wanted or REPLAY_RATE


def replay_types(wanted: Iterable[str]) -> tuple[str, ...]:
    violations: list[Violation] = []
    found = _types(wanted, "types", violations)
    if violations:
        raise InvalidArgument("REPLAY_INVALID", violations[0].message, violations=violations)
    return found


def required_time(wanted: Any, name: str) -> datetime:
    if not wanted.HasField(name):
        raise InvalidArgument.at("REPLAY_INVALID", name, "REQUIRED", "say since when")
    return clock.from_timestamp(getattr(wanted, name))


def replay(found: Replay) -> replay_pb2.Replay:
    return replay_pb2.Replay(
        id=str(found.id),
        kind=found.kind,
        state=found.state,
        error=found.error,
        subscription_id=str(found.subscription_id or ""),
        rate=found.rate,
        total=found.total,
        seen=found.seen,
        done=found.done,
        failed=found.failed,
        created_by=found.created_by,
        create_time=clock.to_timestamp(found.create_time),
        update_time=clock.to_timestamp(found.update_time),
        finish_time=clock.to_timestamp(found.finish_time),
        workflow_id=str(found.workflow_id or ""),
    )


def causality_asked(wanted: event_service_pb2.GetCausalityRequest) -> tuple[str, UUID]:
    """What kind of thing, and which; INVALID_ARGUMENT / EVENT_FILTER_INVALID unless it is one."""
    named = [
        (kind, getattr(wanted, f"{kind}_id"))
        for kind in ("event", "record", "run")
        if getattr(wanted, f"{kind}_id")
    ]
    if len(named) != 1:
        message = "name one of event_id, record_id and run_id"
        raise InvalidArgument.at("EVENT_FILTER_INVALID", "event_id", "REQUIRED", message)
    kind, value = named[0]
    return kind, ids.parse_id(value, f"{kind}_id")


def causal_nodes(
    nodes: Iterable[CausalNode], sent: Iterable[Delivery], asked: UUID
) -> list[event_service_pb2.CausalNode]:
    by_event: defaultdict[UUID, list[event_service_pb2.CausalDelivery]] = defaultdict(list)
    for one in sent:
        by_event[one.event_id].append(
            event_service_pb2.CausalDelivery(
                id=str(one.id),
                subscription_id=str(one.subscription_id),
                state=one.state,
                trace_id=one.trace_id,
            )
        )
    return [
        event_service_pb2.CausalNode(
            event=event(node.event),
            parent_id=str(node.parent_id or ""),
            level=node.level,
            asked=asked in (node.event.event_id, node.event.aggregate_id),
            deliveries=by_event[node.event.event_id],
        )
        for node in nodes
    ]


def discard_reason(wanted: str) -> str:
    if not 1 <= len(wanted) <= MAX_REASON:
        message = f"say why, in 1 to {MAX_REASON:,} characters"
        raise InvalidArgument.at("DEAD_LETTER_INVALID", "reason", "LENGTH", message)
    return wanted


def dead_letter(
    found: DeadLetter, about: LoggedEvent | None = None, *, with_data: bool = False
) -> admin_pb.DeadLetter:
    shown = None
    if about is not None:
        shown = event(about)
        if not with_data:
            shown.data_json = b""
    return admin_pb.DeadLetter(
        event=shown,
        id=str(found.id),
        kind=found.kind,
        event_id=str(found.event_id),
        event_type=found.event_type,
        subject_id=str(found.subject_id or ""),
        reason=found.reason,
        attempts=found.attempts,
        state=found.state,
        trace_id=found.trace_id,
        create_time=clock.to_timestamp(found.create_time),
        note=found.note,
        settle_time=clock.to_timestamp(found.settle_time),
    )
