"""Build sets of view entries piece by piece, beside the writers, and drop those that are left.

From the moment that a set is started every writer keeps it, for all records; a build adds those
that nobody has written since. A record that the build reads is locked against writers until the
entry is committed, and an entry that a writer was first with stays as it is: so each record has the
entry that its newest version asks for, whoever came first. Both may be killed anywhere: a piece and
the place it ends at are one transaction.
"""

from uuid import UUID

from kit import crash
from kit.db import Tx
from schema.compiled import Workspace
from services.records.logic import viewing
from services.records.logic.sort_bytes import TooLong
from services.records.operations import upkeep
from services.records.store import records as records_store
from services.records.store import stats as stats_store
from services.records.store import view_entries, view_states
from services.records.store.view_entries import Placed
from services.records.store.view_states import State

MAX_SETS = 20  # of one object: each makes every write of it dearer
PIECE = 1000  # records of one transaction of a build
_DROPPED = 5000


async def start(tx: Tx, workspace_id: UUID, kept: viewing.Kept, reason: str) -> str:
    """Have the view's entries kept from here on; says why not, or nothing."""
    await stats_store.lock_object(tx, workspace_id, kept.object_id)
    present = await view_states.of_object(tx, workspace_id, kept.object_id)
    if len(present) >= MAX_SETS:
        return f"the object keeps the entries of {MAX_SETS} views already"
    for state in present:
        if state.set_id == kept.set_id:
            return "" if state.state in {"building", "ready"} else f"{state.state}: {state.reason}"
    await view_states.start(tx, workspace_id, kept.object_id, kept.set_id, kept.view_id, reason)
    return ""


async def build_some(tx: Tx, workspace: Workspace, state: State) -> bool:
    """The next records of a set, in id order; whether there may be more."""
    workspace_id, object_id, set_id = state.workspace_id, state.object_id, state.set_id
    if not await view_states.has_turn(tx, set_id):
        return False
    # As a writer: whoever drops the set waits for this piece, and then no other begins.
    await stats_store.share_object(tx, workspace_id, object_id)
    after = await view_states.place(tx, workspace_id, object_id, set_id)
    if after is None:
        return False
    kept = upkeep.plan_of(workspace, state.view_id)
    if kept is None or kept.set_id != set_id:
        await view_states.leave(tx, workspace_id, object_id, [set_id], upkeep.STALE)
        return False
    rows = await view_states.batch(tx, workspace_id, object_id, after, PIECE)
    made: list[Placed] = []
    try:
        for row in rows:
            record = records_store.stored(row)
            found = viewing.entry(kept, viewing.as_record(record))
            if found is not None:
                made.append(Placed(set_id, *found, record.id))
    except TooLong:
        await view_states.leave(tx, workspace_id, object_id, [set_id], upkeep.TOO_LONG)
        return False
    await view_entries.build(tx, workspace_id, made)
    if len(rows) < PIECE:
        await view_states.ready(tx, workspace_id, object_id, set_id, len(rows))
    else:
        last: UUID = rows[-1]["record_id"]
        await view_states.advance(tx, workspace_id, object_id, set_id, last, len(rows))
    crash.point("records.view_build")
    return len(rows) == PIECE


async def drop_begin(tx: Tx, state: State) -> bool:
    """Wait for the writers that know the set still; whether it is left indeed."""
    await stats_store.lock_object(tx, state.workspace_id, state.object_id)
    present = await view_states.of_object(tx, state.workspace_id, state.object_id)
    return any(s.set_id == state.set_id and s.state == "dropping" for s in present)


async def drop_some(tx: Tx, state: State) -> bool:
    """Take the next entries of a left set away; whether there may be more."""
    if not await view_states.has_turn(tx, state.set_id):
        return False
    if await view_entries.drop_some(tx, state.workspace_id, state.set_id, _DROPPED):
        return True
    await view_states.end(tx, state, off=state.reason == upkeep.TOO_LONG)
    return False
