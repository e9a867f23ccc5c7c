"""Tell what caused what around an event, a record or a run."""

from uuid import UUID

from kit.db import Tx
from kit.errors import NotFound
from services.events.logic import causality
from services.events.model import CausalNode
from services.events.store import log as store

MAX_EVENTS = 1000
_NEWEST = 50  # events of a record or run whose chains are shown


async def around_event(tx: Tx, workspace_id: UUID, event_id: UUID) -> tuple[list[CausalNode], bool]:
    """The chain that the event stands in; NOT_FOUND / EVENT_NOT_FOUND where there is none."""
    found = await store.get(tx, workspace_id, event_id)
    if found is None:
        raise NotFound("EVENT_NOT_FOUND", f"there is no event {event_id}")
    return await _chains(tx, workspace_id, [found.root_id])


async def around(
    tx: Tx, workspace_id: UUID, aggregate_type: str, aggregate_id: UUID
) -> tuple[list[CausalNode], bool]:
    """The chains of a record's or run's newest events; NOT_FOUND / EVENT_NOT_FOUND without any."""
    roots = await store.roots_of(tx, workspace_id, aggregate_type, aggregate_id, limit=_NEWEST)
    if not roots:
        message = f"the log has no event of the {aggregate_type} {aggregate_id}"
        raise NotFound("EVENT_NOT_FOUND", message)
    return await _chains(tx, workspace_id, roots)


async def _chains(tx: Tx, workspace_id: UUID, roots: list[str]) -> tuple[list[CausalNode], bool]:
    events = await store.of_roots(tx, workspace_id, roots, limit=MAX_EVENTS + 1)
    return causality.forest(events[:MAX_EVENTS]), len(events) > MAX_EVENTS
