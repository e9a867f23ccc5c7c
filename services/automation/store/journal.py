"""Store what became of many runs at once: few statements, each under the fencing tokens.

A transaction begins with `hold`: the rows of the queue whose tokens are still ours, locked in the
order of their ids until the commit. What follows speaks of those runs alone.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from kit import ids
from kit.db import Tx
from services.automation.model import Claim, Outcome, RunState, Step, Wait, WaitKind

_HOLD = """
SELECT q.run_id, q.cancelling, q.signalled FROM run_queue AS q
JOIN unnest(%s::uuid[], %s::bigint[]) AS h (run_id, token)
  ON q.run_id = h.run_id AND q.token = h.token
WHERE q.workspace_id = %s ORDER BY q.run_id FOR UPDATE OF q"""
_STEPS = """
INSERT INTO steps (workspace_id, run_id, step_index, name, type, state, epoch, input, output, error,
  definite, failures, attempts, waiting_since, start_time, finish_time, path, retry_at, passed_over)
SELECT %s, * FROM unnest(%s::uuid[], %s::int2[], %s::text[], %s::text[], %s::text[], %s::int2[],
  %s::text[], %s::text[], %s::text[], %s::bool[], %s::int[], %s::int[], %s::timestamptz[],
  %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::bool[])
ON CONFLICT (workspace_id, run_id, step_index) DO UPDATE SET state = excluded.state,
  epoch = excluded.epoch, input = excluded.input, output = excluded.output, error = excluded.error,
  definite = excluded.definite, failures = excluded.failures, attempts = excluded.attempts,
  waiting_since = excluded.waiting_since, start_time = excluded.start_time,
  finish_time = excluded.finish_time, path = excluded.path, retry_at = excluded.retry_at,
  passed_over = excluded.passed_over"""
_ATTEMPTS = """
INSERT INTO attempts (workspace_id, run_id, step_index, number, token, request_id, outcome, error,
  trace_id, start_time, finish_time)
SELECT %s, * FROM unnest(%s::uuid[], %s::int2[], %s::int[], %s::int8[], %s::text[], %s::text[],
  %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
ON CONFLICT (workspace_id, run_id, step_index, number) DO UPDATE SET outcome = excluded.outcome,
  error = excluded.error, finish_time = excluded.finish_time"""
_RUNS = """
UPDATE runs AS r SET state = n.state, error = n.error, output = n.output,
  trace_id = CASE WHEN r.start_time IS NULL AND n.trace_id <> '' THEN n.trace_id
    ELSE r.trace_id END,
  start_time = coalesce(r.start_time, CASE WHEN n.begun THEN clock_timestamp() END),
  finish_time = CASE WHEN n.ended THEN clock_timestamp() END,
  revision = r.revision + n.ended::int
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::bool[])
  AS n (run_id, state, error, output, trace_id, begun, ended)
WHERE r.workspace_id = %s AND r.run_id = n.run_id"""
_WAITS = """
INSERT INTO waits (workspace_id, run_id, step_index, kind, due_time, event_type, subject, match)
SELECT %s, n.run_id, n.step_index, n.kind,
  coalesce(n.due_time, now() + make_interval(secs => n.seconds)), n.event_type, n.subject, n.match
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::timestamptz[], %s::float8[], %s::text[],
  %s::text[], %s::text[])
  AS n (run_id, step_index, kind, due_time, seconds, event_type, subject, match)
ON CONFLICT (workspace_id, run_id, step_index, kind) DO NOTHING"""
_HISTORY = """
INSERT INTO run_history (workspace_id, run_id, entry_id, kind, text, actor)
SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[])"""


class AttemptRow(NamedTuple):
    run_id: UUID
    step_index: int
    number: int
    token: int
    request_id: str
    outcome: Outcome
    error: str
    trace_id: str
    start_time: datetime
    finish_time: datetime | None


class RunRow(NamedTuple):
    run_id: UUID
    state: RunState
    error: str
    output: str
    trace_id: str
    begun: bool
    ended: bool


class HistoryRow(NamedTuple):
    run_id: UUID
    kind: str
    text: str
    actor: str


async def hold(
    tx: Tx, workspace_id: UUID, claims: Sequence[Claim]
) -> dict[UUID, tuple[bool, bool]]:
    """Those that are still ours, until the commit: whether each is to be cancelled, and whether
    something it waits for has come."""
    runs, tokens = [c.run_id for c in claims], [c.token for c in claims]
    rows = await tx.all(_HOLD, [runs, tokens, workspace_id])
    return {row["run_id"]: (row["cancelling"], row["signalled"]) for row in rows}


async def put_steps(tx: Tx, workspace_id: UUID, rows: Sequence[tuple[UUID, Step]]) -> None:
    if not rows:
        return
    flat = [
        (
            run_id,
            s.index,
            s.name,
            s.type,
            s.state,
            s.epoch,
            s.input,
            s.output,
            s.error,
            s.definite,
            s.failures,
            s.attempts,
            s.waiting_since,
            s.start_time,
            s.finish_time,
            s.path,
            s.retry_at,
            s.passed_over,
        )
        for run_id, s in rows
    ]
    await tx.send(_STEPS, [workspace_id, *_columns(flat)])


async def put_attempts(tx: Tx, workspace_id: UUID, rows: Sequence[AttemptRow]) -> None:
    if rows:
        await tx.send(_ATTEMPTS, [workspace_id, *_columns(rows)])


async def put_runs(tx: Tx, workspace_id: UUID, rows: Sequence[RunRow]) -> None:
    if rows:
        await tx.send(_RUNS, [*_columns(rows), workspace_id])


async def put_waits(tx: Tx, workspace_id: UUID, waits: Sequence[Wait]) -> None:
    rows = [
        (
            w.run_id,
            w.step_index,
            w.kind,
            w.due_time,
            w.due_seconds,
            w.event_type,
            w.subject,
            w.match,
        )
        for w in waits
    ]
    if rows:
        await tx.send(_WAITS, [workspace_id, *_columns(rows)])


async def drop_waits(
    tx: Tx, workspace_id: UUID, rows: Sequence[tuple[UUID, int, WaitKind]]
) -> None:
    if rows:
        await tx.send(
            "DELETE FROM waits AS w USING unnest(%s::uuid[], %s::int[], %s::text[])"
            " AS n (run_id, step_index, kind) WHERE w.workspace_id = %s AND w.run_id = n.run_id"
            " AND w.step_index = n.step_index AND w.kind = n.kind",
            [*_columns(rows), workspace_id],
        )


async def drop_waits_of(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> None:
    if run_ids:
        sql = "DELETE FROM waits WHERE workspace_id = %s AND run_id = ANY(%s)"
        await tx.send(sql, [workspace_id, list(run_ids)])


async def leave(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> None:
    """Take runs that have ended, or sleep, out of the queue."""
    if run_ids:
        sql = "DELETE FROM run_queue WHERE workspace_id = %s AND run_id = ANY(%s)"
        await tx.send(sql, [workspace_id, list(run_ids)])


async def defer(tx: Tx, workspace_id: UUID, rows: Sequence[tuple[UUID, float]]) -> None:
    """Put runs back, due so many seconds later."""
    if rows:
        await tx.send(
            "UPDATE run_queue AS q SET owner = '', signalled = false,"
            " due_time = now() + make_interval(secs => n.seconds)"
            " FROM unnest(%s::uuid[], %s::float8[]) AS n (run_id, seconds)"
            " WHERE q.workspace_id = %s AND q.run_id = n.run_id",
            [*_columns(rows), workspace_id],
        )


async def heard(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> None:
    """Forget the signals of runs that look at their waits again."""
    if run_ids:
        await tx.send(
            "UPDATE run_queue SET signalled = false WHERE workspace_id = %s AND run_id = ANY(%s)",
            [workspace_id, list(run_ids)],
        )


async def add_history(tx: Tx, workspace_id: UUID, rows: Sequence[HistoryRow]) -> None:
    if rows:
        flat = [(r.run_id, ids.new_id(), r.kind, r.text, r.actor) for r in rows]
        await tx.send(_HISTORY, [workspace_id, *_columns(flat)])


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
