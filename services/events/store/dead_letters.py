"""Dead letters of consumers and deliveries."""

from uuid import UUID

from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound
from services.events.model import DeadLetter

_COLUMNS = (
    "id, kind, event_id, event_type, subject_id, reason, attempts, state, trace_id, create_time,"
    " envelope, note, settle_time"
)


async def insert(
    tx: Tx,
    workspace_id: UUID,
    letter_id: UUID,
    *,
    kind: str,
    event_id: UUID,
    event_type: str,
    subject_id: UUID | None,
    reason: str,
    attempts: int,
    trace_id: str,
    envelope: str = "",
) -> None:
    await tx.run(
        "INSERT INTO dead_letters (workspace_id, id, kind, event_id, event_type, subject_id,"
        " reason, attempts, trace_id, envelope) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [
            workspace_id,
            letter_id,
            kind,
            event_id,
            event_type,
            subject_id,
            reason,
            attempts,
            trace_id,
            envelope,
        ],
    )


async def get(tx: Tx, workspace_id: UUID, letter_id: UUID) -> DeadLetter:
    """NOT_FOUND / DEAD_LETTER_NOT_FOUND where there is none."""
    sql = f"SELECT {_COLUMNS} FROM dead_letters WHERE workspace_id = %s AND id = %s"
    row = await tx.maybe(sql, [workspace_id, letter_id])
    if row is None:
        raise NotFound("DEAD_LETTER_NOT_FOUND", f"there is no dead letter {letter_id}")
    return DeadLetter(**row)


async def page(
    tx: Tx, workspace_id: UUID, state: str | None, before: UUID | None, *, limit: int
) -> list[DeadLetter]:
    """Newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE workspace_id = %(workspace_id)s"
        " AND (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(before)s::uuid IS NULL OR (create_time, id) < ((SELECT create_time"
        " FROM dead_letters WHERE workspace_id = %(workspace_id)s AND id = %(before)s),"
        " %(before)s)) ORDER BY create_time DESC, id DESC LIMIT %(limit)s",
        {"workspace_id": workspace_id, "state": state, "before": before, "limit": limit},
    )
    return [DeadLetter(**row) for row in rows]


async def settle(
    tx: Tx, workspace_id: UUID, letter_id: UUID, state: str, note: str = ""
) -> DeadLetter:
    """FAILED_PRECONDITION / DEAD_LETTER_SETTLED unless it is open."""
    row = await tx.maybe(
        "UPDATE dead_letters SET state = %s, note = %s, settle_time = now()"
        " WHERE workspace_id = %s AND id = %s AND state = 'open'"
        f" RETURNING {_COLUMNS}",
        [state, note, workspace_id, letter_id],
    )
    if row is not None:
        return DeadLetter(**row)
    known = await get(tx, workspace_id, letter_id)
    raise FailedPrecondition(
        "DEAD_LETTER_SETTLED", f"the dead letter is {known.state} already", state=known.state
    )
