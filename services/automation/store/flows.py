"""Count what is under way of workflows with limits, and keep what queues behind them."""

from uuid import UUID

from kit.db import Tx


async def enter(tx: Tx, workspace_id: UUID, workflow_id: UUID, most: int) -> bool:
    """Whether one more may be under way; the row is ours until the commit."""
    return bool(
        await tx.run(
            "INSERT INTO flows AS f (workspace_id, workflow_id, active, most)"
            " VALUES (%s, %s, 1, %s)"
            " ON CONFLICT (workspace_id, workflow_id) DO UPDATE"
            " SET active = f.active + 1, most = excluded.most WHERE f.active < excluded.most",
            [workspace_id, workflow_id, most],
        )
    )


async def line_up(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, priority: int, run_id: UUID
) -> None:
    await tx.send(
        "INSERT INTO flow_backlog (workspace_id, workflow_id, priority, run_id)"
        " VALUES (%s, %s, %s, %s)",
        [workspace_id, workflow_id, priority, run_id],
    )


async def leave(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> list[UUID]:
    """One fewer is under way; those that may begin now, the highest priority first."""
    row = await tx.maybe(
        "UPDATE flows SET active = greatest(active - 1, 0)"
        " WHERE workspace_id = %s AND workflow_id = %s RETURNING most - active AS free",
        [workspace_id, workflow_id],
    )
    free = 0 if row is None else max(0, row["free"])
    if not free:
        return []
    rows = await tx.all(
        "DELETE FROM flow_backlog WHERE workspace_id = %s AND workflow_id = %s"
        " AND (priority, run_id) IN (SELECT priority, run_id FROM flow_backlog"
        " WHERE workspace_id = %s AND workflow_id = %s"
        " ORDER BY priority DESC, run_id LIMIT %s) RETURNING run_id",
        [workspace_id, workflow_id, workspace_id, workflow_id, free],
    )
    if rows:
        await tx.send(
            "UPDATE flows SET active = active + %s WHERE workspace_id = %s AND workflow_id = %s",
            [len(rows), workspace_id, workflow_id],
        )
    return [row["run_id"] for row in rows]


async def next_start(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, gap: float, burst: int
) -> float:
    """In how many seconds the next may start: `gap` apart, after a burst."""
    return float(
        await tx.value(
            "INSERT INTO flows AS f (workspace_id, workflow_id, next_start)"
            " VALUES (%(w)s, %(f)s, now() - make_interval(secs => %(slack)s))"
            " ON CONFLICT (workspace_id, workflow_id) DO UPDATE SET next_start ="
            " greatest(f.next_start, now() - make_interval(secs => %(slack)s))"
            " + make_interval(secs => %(gap)s)"
            " RETURNING greatest(0, extract(epoch FROM next_start - now()))::float8",
            {"w": workspace_id, "f": workflow_id, "gap": gap, "slack": gap * (burst - 1)},
        )
    )


async def take_place(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, key: str, run_id: UUID
) -> UUID | None:
    """Be the last of a key; the one that was it before."""
    # What changes nothing still locks the row, also where another has just made it.
    found: UUID = await tx.value(
        "INSERT INTO debounces AS d (workspace_id, workflow_id, key, run_id)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT (workspace_id, workflow_id, key)"
        " DO UPDATE SET run_id = d.run_id RETURNING run_id",
        [workspace_id, workflow_id, key, run_id],
    )
    if found == run_id:
        return None
    await tx.send(
        "UPDATE debounces SET run_id = %s WHERE workspace_id = %s AND workflow_id = %s"
        " AND key = %s",
        [run_id, workspace_id, workflow_id, key],
    )
    return found


async def drop_unbegun(tx: Tx, workspace_id: UUID, run_id: UUID) -> str:
    """Take a run out of the queue or of the line, unless somebody has begun it: which of them, or
    empty."""
    sql = """
WITH run AS (
  SELECT run_id FROM runs
  WHERE workspace_id = %(w)s AND run_id = %(r)s AND state = 'queued' AND start_time IS NULL
), queued AS (
  DELETE FROM run_queue AS q USING run
  WHERE q.workspace_id = %(w)s AND q.run_id = run.run_id AND q.owner = '' RETURNING q.run_id
), lined AS (
  DELETE FROM flow_backlog AS b USING run
  WHERE b.workspace_id = %(w)s AND b.run_id = run.run_id RETURNING b.run_id
)
SELECT 'queue' AS place FROM queued UNION ALL SELECT 'line' FROM lined"""
    return str(await tx.value(sql, {"w": workspace_id, "r": run_id}) or "")


async def skip(tx: Tx, workspace_id: UUID, run_id: UUID, reason: str) -> None:
    await tx.send(
        "UPDATE runs SET state = 'skipped', error = %s, finish_time = now(),"
        " revision = revision + 1 WHERE workspace_id = %s AND run_id = %s",
        [reason, workspace_id, run_id],
    )


async def is_limited(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> bool:
    sql = "SELECT 1 FROM flows WHERE workspace_id = %s AND workflow_id = %s"
    return await tx.maybe(sql, [workspace_id, workflow_id]) is not None


async def forget_line(tx: Tx, workspace_id: UUID, run_id: UUID) -> bool:
    """Take a run out of the line; whether it stood in one."""
    sql = "DELETE FROM flow_backlog WHERE workspace_id = %s AND run_id = %s"
    return bool(await tx.run(sql, [workspace_id, run_id]))


async def count_again(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> None:
    """A run that had ended is under way again; one more than the limit, where it is at it."""
    await tx.send(
        "UPDATE flows SET active = active + 1 WHERE workspace_id = %s AND workflow_id = %s"
        " AND most > 0",
        [workspace_id, workflow_id],
    )
