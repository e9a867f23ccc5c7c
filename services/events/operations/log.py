"""Append events to the log, and make events of what it holds."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from kit import envelope, telemetry
from kit.db import Tx
from kit.envelope import Envelope
from services.events.model import LoggedEvent
from services.events.store import log as store


async def append(tx: Tx, events: Sequence[Envelope]) -> None:
    """Add events of one workspace, in this order."""
    await store.append(
        tx,
        events[0].workspace_id,
        [
            (
                event.id,
                event.type,
                event.source,
                event.aggregate_type,
                event.aggregate_id,
                event.aggregate_version,
                event.object,
                event.schema_version,
                bytes(event.data).decode(),
                msgspec.json.encode(event.actor).decode(),
                event.actor.get("id", ""),
                trace_id_of(event.traceparent),
                event.root_id,
                event.causation_id,
                event.depth,
                event.occurred_at,
            )
            for event in events
        ],
    )


def envelope_of(workspace_id: UUID, logged: LoggedEvent) -> Envelope:
    """The event as consumers read it, in today's form. What it makes happen is linked to its trace;
    the chain of automations behind it is not in the log, so a replay begins a new one."""
    trace = f"00-{logged.trace_id}-{logged.event_id.hex[-16:]}-01" if logged.trace_id else ""
    return envelope.current(
        Envelope(
            id=logged.event_id,
            type=logged.type,
            source=logged.source,
            workspace_id=workspace_id,
            aggregate_type=logged.aggregate_type,
            aggregate_id=logged.aggregate_id,
            aggregate_version=logged.aggregate_version,
            object=logged.object,
            schema_version=logged.schema_version,
            actor=msgspec.json.decode(logged.actor, type=dict[str, str]),
            occurred_at=logged.occurred_at,
            traceparent=trace,
            root_id=logged.root_id,
            causation_id=logged.causation_id,
            depth=logged.depth,
            chain=(),
            data=msgspec.Raw(logged.data.encode()),
        )
    )


def logged_of(event: Envelope) -> LoggedEvent:
    """An event that is not in the log, as the log would have it: at no position."""
    return LoggedEvent(
        position=0,
        event_id=event.id,
        type=event.type,
        source=event.source,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        aggregate_version=event.aggregate_version,
        object=event.object,
        schema_version=event.schema_version,
        data=bytes(event.data).decode(),
        actor=msgspec.json.encode(event.actor).decode(),
        trace_id=trace_id_of(event.traceparent),
        root_id=event.root_id,
        causation_id=event.causation_id,
        depth=event.depth,
        occurred_at=event.occurred_at,
    )


def trace_id_of(traceparent: str) -> str:
    context = telemetry.span_context(traceparent)
    return f"{context.trace_id:032x}" if context else ""
