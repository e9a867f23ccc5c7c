"""Read and write the steps of runs, and every attempt at them."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Row, Tx
from services.automation.model import Action, ActionType, Attempt, Outcome, Step, StepState

_STEP = """
step_index, name, type, state, epoch, input, output, error, definite, failures, attempts,
waiting_since, start_time, finish_time"""
_ATTEMPT = "step_index, number, start_time, finish_time, outcome, error, trace_id"
_INSERT = """
INSERT INTO steps (workspace_id, run_id, step_index, name, type)
SELECT %s, * FROM unnest(%s::uuid[], %s::int2[], %s::text[], %s::text[])"""
_END_ATTEMPT = """
UPDATE attempts SET outcome = %s, error = %s, finish_time = clock_timestamp()
WHERE workspace_id = %s AND run_id = %s AND step_index = %s AND number = %s"""
_INTERRUPT = """
UPDATE attempts SET outcome = 'interrupted', finish_time = now(),
  error = 'its worker stopped before it could tell the outcome'
WHERE workspace_id = %s AND run_id = %s AND outcome = 'running'"""
_SUCCEED = """
UPDATE steps SET state = 'succeeded', output = %s, error = '', finish_time = clock_timestamp(),
  waiting_since = NULL
WHERE workspace_id = %s AND run_id = %s AND step_index = %s"""
_FAIL = """
UPDATE steps SET state = 'failed', error = %s, definite = %s, failures = failures + %s,
  finish_time = clock_timestamp()
WHERE workspace_id = %s AND run_id = %s AND step_index = %s"""
_NOTE_FAILURE = """
UPDATE steps SET error = %s, failures = failures + %s,
  waiting_since = CASE WHEN %s THEN coalesce(waiting_since, now()) END
WHERE workspace_id = %s AND run_id = %s AND step_index = %s"""
_CANCEL = """
UPDATE steps SET state = 'cancelled', finish_time = now()
WHERE workspace_id = %s AND run_id = %s AND state IN ('pending', 'running')"""
# The input of a failure that may have had its effect stays: its repeat must be the same call.
_RESUME = """
UPDATE steps SET state = 'pending', error = '', failures = 0, waiting_since = NULL,
  finish_time = NULL, epoch = epoch + definite::int, definite = false,
  input = CASE WHEN definite THEN '' ELSE input END
WHERE workspace_id = %s AND run_id = %s AND state IN ('failed', 'cancelled')"""


async def insert_steps(
    tx: Tx, workspace_id: UUID, planned: Sequence[tuple[UUID, tuple[Action, ...]]]
) -> None:
    rows = [
        (run_id, index, action.name, action.type)
        for run_id, actions in planned
        for index, action in enumerate(actions)
    ]
    await tx.send(_INSERT, [workspace_id, *map(list, zip(*rows, strict=True))])


async def list_steps(tx: Tx, workspace_id: UUID, run_id: UUID) -> list[Step]:
    rows = await tx.all(
        f"SELECT {_STEP} FROM steps WHERE workspace_id = %s AND run_id = %s ORDER BY step_index",
        [workspace_id, run_id],
    )
    return [_step(row) for row in rows]


async def list_attempts(tx: Tx, workspace_id: UUID, run_id: UUID) -> list[Attempt]:
    rows = await tx.all(
        f"SELECT {_ATTEMPT} FROM attempts WHERE workspace_id = %s AND run_id = %s"
        " ORDER BY step_index, number",
        [workspace_id, run_id],
    )
    return [Attempt(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows]


async def end_attempt(
    tx: Tx, workspace_id: UUID, run_id: UUID, step: Step, outcome: Outcome, error: str
) -> None:
    await tx.send(_END_ATTEMPT, [outcome, error, workspace_id, run_id, step.index, step.attempts])


async def mark_interrupted(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    """What a worker had under way when it went."""
    await tx.send(_INTERRUPT, [workspace_id, run_id])


async def succeed(tx: Tx, workspace_id: UUID, run_id: UUID, index: int, output: str) -> None:
    await tx.send(_SUCCEED, [output, workspace_id, run_id, index])


async def fail(
    tx: Tx,
    workspace_id: UUID,
    run_id: UUID,
    index: int,
    error: str,
    *,
    definite: bool,
    counts: bool,
) -> None:
    await tx.send(_FAIL, [error, definite, int(counts), workspace_id, run_id, index])


async def note_failure(
    tx: Tx, workspace_id: UUID, run_id: UUID, index: int, error: str, *, counts: bool
) -> None:
    """It will be tried again; one that does not count is a plane that is absent."""
    await tx.send(_NOTE_FAILURE, [error, int(counts), not counts, workspace_id, run_id, index])


async def cancel_rest(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    await tx.send(_CANCEL, [workspace_id, run_id])


async def resume_failed(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    await tx.send(_RESUME, [workspace_id, run_id])


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
    )
