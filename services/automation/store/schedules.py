"""Keep when workflows are due, and each time that they were."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kit.db import Tx
from services.automation.model import Fire, Schedule


async def put(tx: Tx, workspace_id: UUID, workflow_id: UUID, next_time: datetime) -> None:
    await tx.send(
        "INSERT INTO schedules (workspace_id, workflow_id, next_time) VALUES (%s, %s, %s)"
        " ON CONFLICT (workspace_id, workflow_id) DO UPDATE SET next_time = excluded.next_time",
        [workspace_id, workflow_id, next_time],
    )


async def drop(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> None:
    sql = "DELETE FROM schedules WHERE workspace_id = %s AND workflow_id = %s"
    await tx.send(sql, [workspace_id, workflow_id])


async def due_across_workspaces(tx: Tx, limit: int) -> list[Schedule]:
    rows = await tx.all(
        "SELECT workspace_id, workflow_id, next_time FROM schedules WHERE next_time <= now()"
        " ORDER BY next_time LIMIT %s",
        [limit],
    )
    return [Schedule(**row) for row in rows]


async def take(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> datetime | None:
    """When it is due, ours until the commit; None while another replica has it."""
    found: datetime | None = await tx.value(
        "SELECT next_time FROM schedules WHERE workspace_id = %s AND workflow_id = %s"
        " FOR UPDATE SKIP LOCKED",
        [workspace_id, workflow_id],
    )
    return found


async def next_time(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> datetime | None:
    sql = "SELECT next_time FROM schedules WHERE workspace_id = %s AND workflow_id = %s"
    found: datetime | None = await tx.value(sql, [workspace_id, workflow_id])
    return found


async def note_fires(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, fires: Sequence[Fire]
) -> set[datetime]:
    """Those that nobody has noted before: a time fires once, whoever looks."""
    if not fires:
        return set()
    rows = await tx.all(
        "INSERT INTO schedule_fires (workspace_id, workflow_id, fire_time, outcome, run_id)"
        " SELECT %s, %s, * FROM unnest(%s::timestamptz[], %s::text[], %s::uuid[])"
        " ON CONFLICT DO NOTHING RETURNING fire_time",
        [
            workspace_id,
            workflow_id,
            [one.fire_time for one in fires],
            [one.outcome for one in fires],
            [one.run_id for one in fires],
        ],
    )
    return {row["fire_time"] for row in rows}


async def list_fires(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, before: datetime | None, limit: int
) -> list[Fire]:
    """Newest first."""
    rows = await tx.all(
        "SELECT fire_time, outcome, run_id, create_time FROM schedule_fires"
        " WHERE workspace_id = %s AND workflow_id = %s"
        " AND fire_time < coalesce(%s::timestamptz, 'infinity')"
        " ORDER BY fire_time DESC LIMIT %s",
        [workspace_id, workflow_id, before, limit],
    )
    return [Fire(**row) for row in rows]


async def forget_fires(tx: Tx, workspace_id: UUID, days: int) -> None:
    await tx.send(
        "DELETE FROM schedule_fires WHERE workspace_id = %s"
        " AND fire_time < now() - make_interval(days => %s)",
        [workspace_id, days],
    )
