"""Refuse a filter of dead letters that names what there is not: it would do nothing, in silence."""

from uuid import UUID

from kit.db import Tx
from kit.errors import InvalidArgument
from schema.problems import nearest
from services.events.logic.letter_kinds import KINDS
from services.events.model import LetterQuery
from services.events.store import dead_letters as store
from services.events.store import log as log_store

_REASON = "EVENT_FILTER_INVALID"


async def check(tx: Tx, workspace_id: UUID, query: LetterQuery) -> None:
    """INVALID_ARGUMENT / EVENT_FILTER_INVALID for a kind that neither the platform nor a letter
    has, and for a type that no event of the workspace has had."""
    if query.kind is None and query.event_type is None:
        return
    kinds, types = await store.names(tx, workspace_id)
    kind, event_type = query.kind, query.event_type
    if kind is not None and kind not in KINDS and kind not in kinds:
        allowed = f"{nearest(kind, [*KINDS, *kinds])}; allowed: {', '.join(KINDS)}"
        message = f"no dead letter is of the kind {kind[:60]!r}{allowed}"
        raise InvalidArgument.at(_REASON, "filter.kind", "UNKNOWN_KIND", message)
    if event_type is not None and event_type not in types:
        types |= await log_store.types(tx, workspace_id)
        if event_type not in types:
            message = f"there was no event of the type {event_type[:60]!r}"
            message += nearest(event_type, sorted(types))
            raise InvalidArgument.at(_REASON, "filter.event_type", "UNKNOWN_TYPE", message)
