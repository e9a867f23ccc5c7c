"""Carry what is too large for one message beside the stream of events, and put it back.

An event whose data exceeds INLINE_BYTES travels with a reference in its place; the data itself lies
in parts in a stream of its own, written before the event. Consumers get it back in one place, so
that no handler ever sees a reference. Publishing it again writes the same parts over the same
subjects, and a lost volume is filled again from the outbox like the events themselves.
"""

import hashlib
from typing import Any

import msgspec
import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from kit.envelope import Envelope
from kit.errors import NotFound, Unavailable

STREAM = "ARMATURE_PAYLOADS"
SUBJECT = "armature.payload"
HEADER = "Armature-Payload"  # on messages whose data is a reference; users can't set it
INLINE_BYTES = 256 * 1024
_PART_BYTES = 512 * 1024


class Reference(msgspec.Struct, frozen=True):
    """What stands in the place of the data."""

    key: str  # <workspace>.<event>
    parts: int
    size: int
    sha256: str


class _Fields(msgspec.Struct):
    id: str
    workspace_id: str
    data: msgspec.Raw


def split(payload: bytes) -> tuple[bytes, str, list[tuple[str, bytes]]]:
    """An envelope with a reference in the place of its data, the reference's key, and the subjects
    and parts to be stored before it."""
    fields = msgspec.json.decode(payload, type=_Fields)
    data = bytes(fields.data)
    key = f"{fields.workspace_id}.{fields.id}"
    starts = range(0, len(data), _PART_BYTES)
    parts = [(f"{SUBJECT}.{key}.{n}", data[at : at + _PART_BYTES]) for n, at in enumerate(starts)]
    reference = Reference(key, len(parts), len(data), hashlib.sha256(data).hexdigest())
    members: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    return msgspec.json.encode(members | {"data": reference}), key, parts


async def whole(js: JetStreamContext, event: Envelope, key: str) -> Envelope:
    """The event with its data. Unavailable while the stream does not answer; NOT_FOUND /
    EVENT_PAYLOAD_LOST where the parts are gone or not those that were written."""
    lost = NotFound("EVENT_PAYLOAD_LOST", "the data of this event is no longer in the stream")
    if key != f"{event.workspace_id}.{event.id}":
        raise lost
    try:
        reference = msgspec.json.decode(event.data, type=Reference)
        parts = [
            await js.get_last_msg(STREAM, f"{SUBJECT}.{key}.{number}")
            for number in range(reference.parts)
        ]
    except (NotFoundError, msgspec.ValidationError) as exc:
        raise lost from exc
    except (nats.errors.Error, TimeoutError, OSError) as exc:
        raise Unavailable("UNREACHABLE", "the stream of payloads does not answer") from exc
    data = b"".join(part.data or b"" for part in parts)
    if hashlib.sha256(data).hexdigest() != reference.sha256:
        raise lost
    return msgspec.structs.replace(event, data=msgspec.Raw(data))
