"""Announce what a consumer could not do: a dead letter, which the events plane keeps."""

from dataclasses import dataclass
from uuid import UUID, uuid5

import msgspec

from kit import outbox, telemetry
from kit.caller import Caller
from kit.envelope import Envelope

_MAX_LETTERS_OF_LETTERS = 3
_LETTERS = UUID("6f1d7b1c-6f0e-4d7b-9a51-0b6f4f6f2a11")


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter to announce, and in whose name."""

    caller: Caller
    event: outbox.Event


def letter(
    event: Envelope, consumer: str, sequence: int, reason: str, attempts: int, *, embed: bool
) -> Letter | None:
    """What says that a consumer could not process an event; None when the event is itself a letter
    of a letter of a letter. The same id for a repeat of the same delivery, another for each replay.
    Without `embed`, as for one whose data is large, its replay reads the event from the log.
    """
    cause = event.cause_of_next()
    if event.type == "dead_letter.created":
        cause = event.cause_of_next("dead_letter")
        if cause.chain.count("dead_letter") > _MAX_LETTERS_OF_LETTERS:
            return None
    context = telemetry.span_context(event.traceparent)
    data = {
        "consumer": consumer,
        "event_id": str(event.id),
        "event_type": event.type,
        "reason": reason,
        "attempts": attempts,
        "trace_id": telemetry.trace_id() or (f"{context.trace_id:032x}" if context else ""),
        "envelope": msgspec.json.encode(event).decode() if embed else "",
    }
    made = outbox.Event(
        "dead_letter.created",
        "event",
        event.id,
        event.aggregate_version,
        data,
        event_id=uuid5(_LETTERS, f"{consumer}/{event.id}/{sequence}"),
    )
    caller = Caller(event.workspace_id, "system", "system", "Armature", cause=cause)
    return Letter(caller, made)
