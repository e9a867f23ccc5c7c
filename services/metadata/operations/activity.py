"""Write down what planes have seen: refused calls, and how often API keys are used."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from kit import ids
from kit.db import Database, Tx
from kit.journal import Batch, Kind, Tally
from services.metadata.operations.announcing import Entry, blank
from services.metadata.store import audit


async def record(tx: Tx, workspace_id: UUID, plane: str, batch: Batch) -> None:
    if batch.denials:
        await audit.add(tx, workspace_id, [_entry(*denial) for denial in batch.denials])
    if batch.uses:
        uses = {UUID(key): calls for key, calls in batch.uses.items()}
        await audit.count_uses(tx, workspace_id, plane, uses)


def recording(db: Database, plane: str) -> Callable[[UUID, Batch], Awaitable[None]]:
    """What this plane itself has seen goes without a call."""

    async def tell(workspace_id: UUID, batch: Batch) -> None:
        async with db.transaction(workspace_id) as tx:
            await record(tx, workspace_id, plane, batch)

    return tell


def _entry(kind: Kind, tally: Tally) -> Entry:
    return blank(kind.action) | {
        "entry_id": ids.new_id(),
        "actor_kind": kind.actor_kind,
        "actor_id": kind.actor_id,
        "actor_name": kind.actor_name,
        "reason": kind.reason,
        "permission": kind.permission,
        "method": kind.method,
        "count": tally.count,
        "first_time": tally.first_time,
        "request_id": tally.request_id,
        "trace_id": tally.trace_id,
        "ip": tally.ip,
        "peer": tally.peer,
        "user_agent": tally.user_agent,
    }
