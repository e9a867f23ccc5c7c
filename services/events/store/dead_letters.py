"""Dead letters of consumers and deliveries."""

from typing import Any
from uuid import UUID

from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound
from services.events.model import DeadLetter, LetterQuery

_COLUMNS = (
    "id, kind, event_id, event_type, subject_id, reason, attempts, state, trace_id, create_time,"
    " envelope, note, settle_time"
)
_OF_SUBSCRIPTION = (
    "subject_id IN (SELECT d.id FROM deliveries AS d WHERE d.workspace_id = %(workspace_id)s"
    " AND d.subscription_id = %(subscription_id)s)"
)
_TIME_OF = (
    "(SELECT create_time FROM dead_letters WHERE workspace_id = %(workspace_id)s AND id = %(mark)s)"
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
        "WITH made AS (INSERT INTO dead_letters (workspace_id, id, kind, event_id, event_type,"
        " subject_id, reason, attempts, trace_id, envelope)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING workspace_id, id)"
        " INSERT INTO open_letters (workspace_id, letter_id) SELECT workspace_id, id FROM made",
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
    tx: Tx, workspace_id: UUID, query: LetterQuery, before: UUID | None, *, limit: int
) -> list[DeadLetter]:
    """Newest first."""
    where, params = _conditions(workspace_id, query)
    if before is not None:
        where += f" AND (create_time, id) < ({_TIME_OF}, %(mark)s)"
        params["mark"] = before
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE {where}"
        " ORDER BY create_time DESC, id DESC LIMIT %(limit)s",
        params | {"limit": limit},
    )
    return [DeadLetter(**row) for row in rows]


async def oldest(
    tx: Tx, workspace_id: UUID, query: LetterQuery, after: UUID | None, *, limit: int
) -> list[DeadLetter]:
    """Behind the letter `after`, oldest first."""
    where, params = _conditions(workspace_id, query)
    if after is not None:
        where += f" AND (create_time, id) > ({_TIME_OF}, %(mark)s)"
        params["mark"] = after
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE {where}"
        " ORDER BY create_time, id LIMIT %(limit)s",
        params | {"limit": limit},
    )
    return [DeadLetter(**row) for row in rows]


async def count(tx: Tx, workspace_id: UUID, query: LetterQuery) -> int:
    where, params = _conditions(workspace_id, query)
    return int(await tx.value(f"SELECT count(*) FROM dead_letters WHERE {where}", params))


async def names(tx: Tx, workspace_id: UUID) -> tuple[set[str], set[str]]:
    """The kinds of all letters there are, and the types of their events."""
    rows = await tx.all(
        "SELECT DISTINCT kind, event_type FROM dead_letters WHERE workspace_id = %s",
        [workspace_id],
    )
    return {row["kind"] for row in rows}, {row["event_type"] for row in rows}


async def open_ones(tx: Tx) -> tuple[int, float]:
    """Of all workspaces: how many, and the age of the oldest in seconds."""
    row = await tx.one(
        "SELECT count(*) AS depth, coalesce(extract(epoch FROM now() - min(create_time)), 0) AS age"
        " FROM open_letters"
    )
    return row["depth"], float(row["age"])


def _conditions(workspace_id: UUID, query: LetterQuery) -> tuple[str, dict[str, Any]]:
    parts = ["workspace_id = %(workspace_id)s"]
    params: dict[str, Any] = {"workspace_id": workspace_id}
    for condition, name in (
        ("state = %(state)s", "state"),
        ("kind = %(kind)s", "kind"),
        ("event_type = %(event_type)s", "event_type"),
        ("create_time >= %(from_time)s", "from_time"),
        ("create_time < %(to_time)s", "to_time"),
        ("strpos(lower(reason), lower(%(reason)s)) > 0", "reason"),
        (_OF_SUBSCRIPTION, "subscription_id"),
    ):
        value = getattr(query, name)
        if value is not None:
            parts.append(condition)
            params[name] = value
    return " AND ".join(parts), params


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
        await tx.run(
            "DELETE FROM open_letters WHERE workspace_id = %s AND letter_id = %s",
            [workspace_id, letter_id],
        )
        return DeadLetter(**row)
    known = await get(tx, workspace_id, letter_id)
    raise FailedPrecondition(
        "DEAD_LETTER_SETTLED", f"the dead letter is {known.state} already", state=known.state
    )
