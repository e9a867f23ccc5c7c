"""Keep the state of sets of view entries, build and drop them piece by piece."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from kit.db import Row, Tx

_START = """
INSERT INTO view_states (workspace_id, object_id, set_id, view_id, state, reason, records)
VALUES (%s, %s, %s, %s, 'building', %s, 0) ON CONFLICT DO NOTHING"""
_LEAVE = """
UPDATE view_states SET state = 'dropping', reason = %s, change_time = now()
WHERE workspace_id = %s AND object_id = %s AND set_id = ANY(%s)
  AND state IN ('building', 'ready')"""
_PLACE = """
SELECT after_id FROM view_states
WHERE workspace_id = %s AND object_id = %s AND set_id = %s AND state = 'building'"""
_BATCH = """
SELECT record_id, object_id, doc::text AS doc, version, position, create_time, update_time,
       delete_time, created_by, updated_by
FROM records
WHERE workspace_id = %s AND object_id = %s AND delete_time IS NULL AND record_id > %s
ORDER BY record_id LIMIT %s FOR SHARE"""
_MOVE = """
UPDATE view_states SET after_id = %s, records = records + %s, change_time = now()
WHERE workspace_id = %s AND object_id = %s AND set_id = %s"""
_READY = """
UPDATE view_states SET state = 'ready', records = records + %s, change_time = now()
WHERE workspace_id = %s AND object_id = %s AND set_id = %s AND state = 'building'"""
_TRY = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0)) AS got"
_DROP_REST = (
    "DELETE FROM view_deltas WHERE workspace_id = %s AND set_id = %s",
    "DELETE FROM view_buckets WHERE workspace_id = %s AND set_id = %s",
)
_END = "DELETE FROM view_states WHERE workspace_id = %s AND object_id = %s AND set_id = %s"
_OFF = """
UPDATE view_states SET state = 'off', change_time = now()
WHERE workspace_id = %s AND object_id = %s AND set_id = %s"""
_COLUMNS = "workspace_id, object_id, set_id, view_id, state, reason, records, change_time"
_ALL = f"SELECT {_COLUMNS} FROM view_states ORDER BY workspace_id, object_id, set_id"
_WAITING = f"""
SELECT {_COLUMNS} FROM view_states WHERE state IN ('building', 'dropping') ORDER BY change_time"""
_OF_OBJECT = f"SELECT {_COLUMNS} FROM view_states WHERE workspace_id = %s AND object_id = %s"
_NIL = UUID(int=0)


class State(NamedTuple):
    """A set of entries: building, ready, dropping, or off, which tells why it can't be kept."""

    workspace_id: UUID
    object_id: UUID
    set_id: UUID
    view_id: UUID
    state: str
    reason: str
    records: int  # that its build has looked at
    change_time: datetime


async def start(
    tx: Tx, workspace_id: UUID, object_id: UUID, set_id: UUID, view_id: UUID, reason: str
) -> None:
    """Have writers keep the set from here on. Hold the object's lock: writers that are under way
    know nothing of it, and are to be done before the build looks."""
    await tx.run(_START, [workspace_id, object_id, set_id, view_id, reason])


async def leave(
    tx: Tx, workspace_id: UUID, object_id: UUID, set_ids: Sequence[UUID], reason: str
) -> None:
    """Stop keeping sets: no reader uses them from this commit on, and a worker drops them."""
    await tx.send(_LEAVE, [reason, workspace_id, object_id, list(set_ids)])


async def has_turn(tx: Tx, set_id: UUID) -> bool:
    """Whether this transaction is the one that works on the set; until it ends."""
    return bool(await tx.value(_TRY, [f"view set:{set_id}"]))


async def place(tx: Tx, workspace_id: UUID, object_id: UUID, set_id: UUID) -> UUID | None:
    """Behind which record a build goes on; None where there is no build of the set."""
    row = await tx.maybe(_PLACE, [workspace_id, object_id, set_id])
    return None if row is None else row["after_id"] or _NIL


async def batch(
    tx: Tx, workspace_id: UUID, object_id: UUID, after_id: UUID, limit: int
) -> list[Row]:
    """The next live records, which nobody changes until commit."""
    return await tx.all(_BATCH, [workspace_id, object_id, after_id, limit])


async def advance(
    tx: Tx, workspace_id: UUID, object_id: UUID, set_id: UUID, after_id: UUID, records: int
) -> None:
    await tx.run(_MOVE, [after_id, records, workspace_id, object_id, set_id])


async def ready(tx: Tx, workspace_id: UUID, object_id: UUID, set_id: UUID, records: int) -> None:
    """Readers may use the set from this commit on; `records` are the last ones of its build."""
    await tx.run(_READY, [records, workspace_id, object_id, set_id])


async def end(tx: Tx, state: State, *, off: bool) -> None:
    """Forget a set that has no entries any more; or remember that it can't be kept."""
    for statement in _DROP_REST:
        await tx.send(statement, [state.workspace_id, state.set_id])
    params = [state.workspace_id, state.object_id, state.set_id]
    await tx.send(_OFF if off else _END, params)


async def waiting(tx: Tx) -> list[State]:
    """The sets of all workspaces that there is something to do for."""
    return [State(**row) for row in await tx.all(_WAITING)]


async def everything(tx: Tx) -> list[State]:
    """The sets of all workspaces."""
    return [State(**row) for row in await tx.all(_ALL)]


async def of_object(tx: Tx, workspace_id: UUID, object_id: UUID) -> list[State]:
    return [State(**row) for row in await tx.all(_OF_OBJECT, [workspace_id, object_id])]
