"""Note what a write changes in the rollups over its records, in the transaction of the write."""

from collections import defaultdict
from collections.abc import Sequence

from kit import outbox, telemetry
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
    causes: dict[str, list[Cause]] = defaultdict(list)
    keys = {rollup.relation_key for rollup in kept}
    for pair in moved:
        for record in filter(None, pair):
            for parent in filter(None, map(record.doc.get, keys)):
                causes[str(parent)].append(_cause(caller, events.get(record.id)))
    told = [(one, logic.deepest(causes[str(one.parent_id)])) for one in found]
    await store.add(tx, caller.workspace_id, told)


def _live(record: Stored | None) -> Stored | None:
    return record if record is not None and record.delete_time is None else None


def _cause(caller: Caller, event: outbox.Event | None) -> Cause:
    """What the change that comes of it is caused by: the event of this write."""
    event_id = str(event.event_id) if event is not None else ""
    source = event.source if event is not None else None
    cause = source.cause if source is not None else caller.cause
    trace = source.trace if source is not None else telemetry.traceparent()
    root_id, actor = cause.root_id or event_id, dict(caller.actor())
    return Cause(root_id, event_id, cause.depth + 1, cause.chain, actor, trace)
