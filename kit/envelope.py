"""The form in which events travel between planes."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from kit import upcasting
from kit.caller import Cause


class Envelope(msgspec.Struct, frozen=True):
    """One event as published. `data` stays JSON until somebody needs it."""

    id: UUID
    type: str
    source: str
    workspace_id: UUID
    aggregate_type: str
    aggregate_id: UUID
    aggregate_version: int
    object: str
    schema_version: int
    actor: dict[str, str]
    occurred_at: datetime
    traceparent: str
    root_id: str
    causation_id: str
    depth: int
    chain: tuple[str, ...]
    data: msgspec.Raw

    def document(self) -> dict[str, Any]:
        """The payload, decoded."""
        decoded: dict[str, Any] = msgspec.json.decode(self.data)
        return decoded

    def cause_of_next(self, *steps: str) -> Cause:
        """The cause that a change made because of this event carries."""
        return Cause(self.root_id, str(self.id), self.depth + 1, (*self.chain, *steps))


_decoder = msgspec.json.Decoder(Envelope)


def decode(payload: bytes) -> Envelope:
    """msgspec.ValidationError or DecodeError for what is no envelope."""
    return _decoder.decode(payload)


def current(event: Envelope) -> Envelope:
    """With its data in the form that today's code reads."""
    version, data = upcasting.raised(event.type, event.schema_version, event.data)
    if version == event.schema_version:
        return event
    return msgspec.structs.replace(event, schema_version=version, data=data)
