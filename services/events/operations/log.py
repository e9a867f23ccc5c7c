"""Append events to the log."""

from collections.abc import Sequence

import msgspec

from kit import telemetry
from kit.db import Tx
from kit.envelope import Envelope
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


def trace_id_of(traceparent: str) -> str:
    context = telemetry.span_context(traceparent)
    return f"{context.trace_id:032x}" if context else ""
