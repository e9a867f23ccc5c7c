"""Settle what steps wait for: the first to set the outcome has won, and the row says who."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kit.db import Row, Tx
from services.automation.model import Wait, WaitKind

_COLUMNS = "run_id, step_index, kind, due_time, event_type, subject, match, outcome, payload"
# One statement across workspaces: timers that are due are settled, and their runs wake up.
_FIRE = """
WITH due AS (
  SELECT workspace_id, run_id, step_index, kind FROM waits
  WHERE outcome = '' AND due_time IS NOT NULL AND due_time <= now()
  ORDER BY due_time LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), fired AS (
  UPDATE waits AS w SET outcome = 'time' FROM due AS d
  WHERE w.workspace_id = d.workspace_id AND w.run_id = d.run_id AND w.step_index = d.step_index
    AND w.kind = d.kind
  RETURNING w.workspace_id, w.run_id, w.due_time
), woken AS (
  INSERT INTO run_queue AS q (workspace_id, run_id, due_time)
  SELECT DISTINCT workspace_id, run_id, now() - make_interval(secs => %(ahead)s) FROM fired
  ORDER BY workspace_id, run_id
  ON CONFLICT (workspace_id, run_id) DO UPDATE SET signalled = true,
    due_time = CASE WHEN q.owner = '' THEN least(q.due_time, excluded.due_time) ELSE q.due_time END
)
SELECT extract(epoch FROM clock_timestamp() - due_time)::float8 AS lag FROM fired"""
_EVENTS = f"""
SELECT {_COLUMNS} FROM waits
WHERE workspace_id = %s AND outcome = '' AND kind = 'event' AND event_type = ANY(%s)
  AND (subject = '' OR subject = ANY(%s)) LIMIT 10000"""


async def fire_across_workspaces(tx: Tx, limit: int, ahead: int) -> list[float]:
    """Settle what is due by now, and wake its runs; how many seconds late each is."""
    return [row["lag"] for row in await tx.all(_FIRE, {"limit": limit, "ahead": ahead})]


async def next_due_across_workspaces(tx: Tx) -> datetime | None:
    found: datetime | None = await tx.value(
        "SELECT due_time FROM waits WHERE outcome = '' AND due_time IS NOT NULL"
        " ORDER BY due_time LIMIT 1"
    )
    return found


async def for_events(
    tx: Tx, workspace_id: UUID, types: Sequence[str], subjects: Sequence[str]
) -> list[Wait]:
    """What waits for events of these types, about these things or about anything."""
    return [_wait(r) for r in await tx.all(_EVENTS, [workspace_id, list(types), list(subjects)])]


async def of_runs(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> dict[UUID, list[Wait]]:
    sql = f"SELECT {_COLUMNS} FROM waits WHERE workspace_id = %s AND run_id = ANY(%s)"
    found: dict[UUID, list[Wait]] = {}
    for row in await tx.all(sql, [workspace_id, list(run_ids)]):
        found.setdefault(row["run_id"], []).append(_wait(row))
    return found


async def settle(
    tx: Tx,
    workspace_id: UUID,
    run_id: UUID,
    step_index: int,
    kind: WaitKind,
    *,
    outcome: str,
    payload: str,
) -> bool:
    """Whether it was us who settled it."""
    return bool(
        await tx.run(
            "UPDATE waits SET outcome = %s, payload = %s WHERE workspace_id = %s AND run_id = %s"
            " AND step_index = %s AND kind = %s AND outcome = ''",
            [outcome, payload, workspace_id, run_id, step_index, kind],
        )
    )


async def settle_parent(
    tx: Tx, workspace_id: UUID, run_id: UUID, step_index: int, outcome: str, payload: str
) -> None:
    """Tell the step that called a run how that ended, if it still waits."""
    await tx.send(
        "UPDATE waits SET outcome = %s, payload = %s WHERE workspace_id = %s AND run_id = %s"
        " AND step_index = %s AND kind = 'run' AND outcome = ''",
        [outcome, payload, workspace_id, run_id, step_index],
    )


async def find(
    tx: Tx, workspace_id: UUID, run_id: UUID, step_index: int, kind: WaitKind
) -> Wait | None:
    row = await tx.maybe(
        f"SELECT {_COLUMNS} FROM waits WHERE workspace_id = %s AND run_id = %s"
        " AND step_index = %s AND kind = %s FOR UPDATE",
        [workspace_id, run_id, step_index, kind],
    )
    return None if row is None else _wait(row)


def _wait(row: Row) -> Wait:
    return Wait(
        run_id=row["run_id"],
        step_index=row["step_index"],
        kind=WaitKind(row["kind"]),
        due_time=row["due_time"],
        event_type=row["event_type"],
        subject=row["subject"],
        match=row["match"],
        outcome=row["outcome"],
        payload=row["payload"],
    )
