"""Write what a webhook carries: {"type", "timestamp", "data"}."""

from typing import Any

import msgspec

from kit.envelope import Envelope
from services.events.model import PayloadKind


def body(event: Envelope, payload: PayloadKind) -> str:
    """The same bytes for every attempt. Fat: the event's own data; thin: ids alone."""
    data: Any = event.data if payload is PayloadKind.FAT else ids_of(event)
    occurred = event.occurred_at.isoformat().replace("+00:00", "Z")
    document = {"type": event.type, "timestamp": occurred, "data": data}
    return msgspec.json.encode(document).decode()


def ids_of(event: Envelope) -> dict[str, Any]:
    return {
        "event_id": str(event.id),
        "aggregate_type": event.aggregate_type,
        "aggregate_id": str(event.aggregate_id),
        "aggregate_version": event.aggregate_version,
        "object": event.object,
    }
