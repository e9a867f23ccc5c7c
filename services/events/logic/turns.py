"""Whose turn it is: events of one record are taken in the order of their versions.

The stream has them in order, but two processes that share a consumer, or the redelivery of what a
dead process held, can bring a later one first. A record's versions have no gaps, so that what is
missing can be told.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from kit.envelope import Envelope

RECORD = "record"
FIRST = 1


def later(events: Iterable[Envelope]) -> set[UUID]:
    """The records of which something must have come before."""
    return {
        event.aggregate_id
        for event in events
        if event.aggregate_type == RECORD and event.aggregate_version > FIRST
    }


def reached(events: Iterable[Envelope]) -> dict[UUID, int]:
    """How far these events bring each record."""
    found: dict[UUID, int] = {}
    for event in events:
        if event.aggregate_type == RECORD:
            record_id, version = event.aggregate_id, event.aggregate_version
            found[record_id] = max(version, found.get(record_id, 0))
    return found


def early(events: Iterable[Envelope], heads: Mapping[UUID, int]) -> set[UUID]:
    """Of events in the order of the stream those that came before their turn, by event id."""
    known = dict(heads)
    found = set()
    for event in events:
        if event.aggregate_type != RECORD:
            continue
        head = known.get(event.aggregate_id, 0)
        if event.aggregate_version > head + 1:
            found.add(event.id)
        else:
            known[event.aggregate_id] = max(head, event.aggregate_version)
    return found
