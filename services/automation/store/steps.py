"""Read and write the steps of runs, and every attempt at them."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Row, Tx
from services.automation.model import ActionType, Attempt, Outcome, Step, StepState

_STEP = """
step_index, name, type, state, epoch, input, output, error, definite, failures, attempts,
waiting_since, start_time, finish_time, path, retry_at, passed_over"""
_ATTEMPT = "step_index, number, start_time, finish_time, outcome, error, trace_id"
_INTERRUPT = """
UPDATE attempts SET outcome = 'interrupted', finish_time = now(),
  error = 'its worker stopped before it could tell the outcome'
WHERE workspace_id = %s AND run_id = ANY(%s) AND outcome = 'running'"""
_CANCEL = """
UPDATE steps SET state = 'cancelled', finish_time = now()
WHERE workspace_id = %s AND run_id = %s AND state IN ('pending', 'running', 'waiting')"""
# The input of a failure that may have had its effect stays: its repeat must be the same call.
_REOPEN = """
UPDATE steps SET state = 'pending', error = '', failures = 0, waiting_since = NULL,
  finish_time = NULL, retry_at = NULL, epoch = epoch + definite::int, definite = false,
  input = CASE WHEN definite THEN '' ELSE input END
WHERE workspace_id = %s AND run_id = %s AND step_index = ANY(%s)"""


async def list_steps(tx: Tx, workspace_id: UUID, run_id: UUID) -> list[Step]:
    rows = await tx.all(
        f"SELECT {_STEP} FROM steps WHERE workspace_id = %s AND run_id = %s ORDER BY step_index",
        [workspace_id, run_id],
    )
    return [_step(row) for row in rows]


async def of_runs(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    rows = await tx.all(
        f"SELECT run_id, {_STEP} FROM steps WHERE workspace_id = %s AND run_id = ANY(%s)"
        " ORDER BY run_id, step_index",
        [workspace_id, list(run_ids)],
    )
    found: dict[UUID, list[Step]] = {}
    for row in rows:
        found.setdefault(row["run_id"], []).append(_step(row))
    return found


async def find_step(tx: Tx, workspace_id: UUID, run_id: UUID, name: str) -> list[Step]:
    """The steps of that id or path; of an id, one for each time it was reached."""
    rows = await tx.all(
        f"SELECT {_STEP} FROM steps WHERE workspace_id = %s AND run_id = %s"
        " AND (path = %s OR name = %s) ORDER BY step_index",
        [workspace_id, run_id, name, name],
    )
    return [_step(row) for row in rows]


async def forget_from(tx: Tx, workspace_id: UUID, run_id: UUID, index: int) -> None:
    """Drop a step and what began after it, with their attempts."""
    for table in ("attempts", "steps"):
        await tx.send(
            f"DELETE FROM {table} WHERE workspace_id = %s AND run_id = %s AND step_index >= %s",
            [workspace_id, run_id, index],
        )


async def last_epoch(tx: Tx, workspace_id: UUID, run_id: UUID) -> int:
    sql = "SELECT max(epoch) FROM steps WHERE workspace_id = %s AND run_id = %s"
    return int(await tx.value(sql, [workspace_id, run_id]) or 0)


async def list_attempts(tx: Tx, workspace_id: UUID, run_id: UUID) -> list[Attempt]:
    rows = await tx.all(
        f"SELECT {_ATTEMPT} FROM attempts WHERE workspace_id = %s AND run_id = %s"
        " ORDER BY step_index, number",
        [workspace_id, run_id],
    )
    return [Attempt(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows]


async def mark_interrupted(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> None:
    """What workers had under way when they went."""
    await tx.send(_INTERRUPT, [workspace_id, list(run_ids)])


async def cancel_rest(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    await tx.send(_CANCEL, [workspace_id, run_id])


async def reopen(tx: Tx, workspace_id: UUID, run_id: UUID, indexes: Sequence[int]) -> None:
    """Have steps that failed, or were cancelled, be carried out again."""
    await tx.send(_REOPEN, [workspace_id, run_id, list(indexes)])


def _step(row: Row) -> Step:
    return Step(
        index=row["step_index"],
        name=row["name"],
        type=ActionType(row["type"]),
        state=StepState(row["state"]),
        epoch=row["epoch"],
        input=row["input"],
        output=row["output"],
        error=row["error"],
        definite=row["definite"],
        failures=row["failures"],
        attempts=row["attempts"],
        waiting_since=row["waiting_since"],
        start_time=row["start_time"],
        finish_time=row["finish_time"],
        path=row["path"] or str(row["step_index"]),
        retry_at=row["retry_at"],
        passed_over=row["passed_over"],
    )
