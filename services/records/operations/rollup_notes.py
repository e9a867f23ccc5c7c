"""Note what a write changes in the rollups over its records, in the transaction of the write."""

from collections.abc import Sequence

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from kit.errors import Unavailable
from schema.compiled import Workspace
from schema.problems import Invalid
from services.records.logic import rollups as logic
from services.records.logic.rollups import Cause
from services.records.model import Stored
from services.records.store import rollups as store
from services.records.store.owed import Owed

# A record as it was and as it is; None: not there, or deleted.
Moved = tuple[Stored | None, Stored | None]


async def note(
    tx: Tx,
    caller: Caller,
    workspace: Workspace,
    asked: Owed,
    moved: Sequence[Moved],
    made: Sequence[outbox.Event],
) -> None:
    """Append the deltas of these writes, which `made` tells of. UNAVAILABLE / METADATA_BEHIND where
    these definitions are older than a rollup's filter."""
    kept = await asked.rollups()
    if not kept:
        return
    try:
        found = logic.deltas(workspace, kept, [(_live(one), _live(other)) for one, other in moved])
    except Invalid:
        message = "a rollup is newer than what this replica knows; try again"
        raise Unavailable("METADATA_BEHIND", message) from None
    if not found:
        return
    events = {event.aggregate_id: event for event in made}
    causes: dict[str, Cause] = {}
    for pair in moved:
        for record in filter(None, pair):
            for key in {rollup.relation_key for rollup in kept}:
                if (parent := record.doc.get(key)) is not None and str(parent) not in causes:
                    causes[str(parent)] = _cause(caller, events.get(record.id))
    await store.add(tx, caller.workspace_id, [(d, causes[str(d.parent_id)]) for d in found])


def _live(record: Stored | None) -> Stored | None:
    return record if record is not None and record.delete_time is None else None


def _cause(caller: Caller, event: outbox.Event | None) -> Cause:
    """What the change that comes of it is caused by: the event of this write."""
    event_id = str(event.event_id) if event is not None else ""
    source = event.source if event is not None else None
    cause = source.cause if source is not None else caller.cause
    return Cause(
        cause.root_id or event_id, event_id, cause.depth + 1, cause.chain, dict(caller.actor())
    )
