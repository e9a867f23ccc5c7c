"""Let the log and the fan-out take the events of a record in their order."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Tx
from kit.envelope import Envelope
from services.events.logic import turns
from services.events.store import heads


async def early(tx: Tx, consumer: str, events: Sequence[Envelope]) -> set[UUID]:
    """Events of one workspace, in the stream's order, whose predecessor is not taken yet."""
    later = turns.later(events)
    if not later:
        return set()
    workspace_id = events[0].workspace_id
    found = await heads.known(tx, workspace_id, consumer, later)
    early = turns.early(events, found)
    if not early:
        return early
    before = {
        event.aggregate_id: event.aggregate_version - 1
        for event in reversed(events)  # of each record the first that is early
        if event.id in early
    }
    done = await heads.done(tx, workspace_id, consumer, before)
    return turns.early(events, found | done) if done else early


async def taken(tx: Tx, consumer: str, events: Sequence[Envelope]) -> None:
    """Note that their turn is over, in the transaction of what they led to."""
    await heads.advance(tx, events[0].workspace_id, consumer, turns.reached(events))
