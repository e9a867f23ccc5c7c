"""Carry a run forward: what was done and what comes next, as one statement under the fencing token.

A run of two steps is three transactions of few statements; statements are what a worker's time goes
to. Each answers whether the run was still ours, and otherwise has changed nothing.
"""

from uuid import UUID

from kit.db import Tx
from services.automation.model import Claim, Step

_HELD = """
held AS MATERIALIZED (
  SELECT workspace_id, run_id FROM run_queue
  WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND token = %(token)s{more}
  FOR UPDATE
)"""
_DONE = """
ended AS (
  UPDATE attempts AS a SET outcome = 'succeeded', finish_time = clock_timestamp() FROM held AS h
  WHERE a.workspace_id = h.workspace_id AND a.run_id = h.run_id
    AND a.step_index = %(done_index)s AND a.number = %(done_number)s
), done AS (
  UPDATE steps AS s SET state = 'succeeded', output = %(output)s, error = '',
    waiting_since = NULL, finish_time = clock_timestamp()
  FROM held AS h
  WHERE s.workspace_id = h.workspace_id AND s.run_id = h.run_id AND s.step_index = %(done_index)s
)"""
_STARTED = """
started AS (
  UPDATE steps AS s SET state = 'running', input = %(input)s, attempts = %(number)s,
    start_time = coalesce(s.start_time, clock_timestamp())
  FROM held AS h
  WHERE s.workspace_id = h.workspace_id AND s.run_id = h.run_id AND s.step_index = %(index)s
)
INSERT INTO attempts (workspace_id, run_id, step_index, number, token, request_id, trace_id,
                      start_time)
SELECT h.workspace_id, h.run_id, %(index)s, %(number)s, %(token)s, %(request_id)s, %(trace_id)s,
  clock_timestamp()
FROM held AS h"""
_BEGIN = f"""
WITH {_HELD.format(more="")}, run AS (
  UPDATE runs AS r SET state = 'running', trace_id = %(trace_id)s,
    start_time = coalesce(r.start_time, clock_timestamp())
  FROM held AS h
  WHERE r.workspace_id = h.workspace_id AND r.run_id = h.run_id AND r.state = 'queued'
), {_STARTED}"""
_ADVANCE = f"WITH {_HELD.format(more=' AND NOT cancelling')}, {_DONE}, {_STARTED}"
_COMPLETE = f"""
WITH {_HELD.format(more="")}, {_DONE}, finished AS (
  UPDATE runs AS r SET state = 'succeeded', error = '', finish_time = clock_timestamp(),
    revision = revision + 1
  FROM held AS h WHERE r.workspace_id = h.workspace_id AND r.run_id = h.run_id
)
DELETE FROM run_queue AS q USING held AS h
WHERE q.workspace_id = h.workspace_id AND q.run_id = h.run_id"""


async def begin(
    tx: Tx, workspace_id: UUID, claim: Claim, step: Step, request_id: str, trace_id: str
) -> bool:
    """Record an attempt before it is made; `step` holds its number and input."""
    started = _start(step, request_id, trace_id)
    return await tx.run(_BEGIN, {**_key(workspace_id, claim), **started}) == 1


async def advance(
    tx: Tx,
    workspace_id: UUID,
    claim: Claim,
    *,
    done: Step,
    step: Step,
    request_id: str,
    trace_id: str,
) -> bool:
    """Store that `done` succeeded and record the attempt at `step`; False as well for a run that is
    to be cancelled."""
    values = {**_key(workspace_id, claim), **_finish(done), **_start(step, request_id, trace_id)}
    return await tx.run(_ADVANCE, values) == 1


async def complete(tx: Tx, workspace_id: UUID, claim: Claim, done: Step) -> bool:
    """Store that `done`, the last step, succeeded, and the run with it."""
    return await tx.run(_COMPLETE, {**_key(workspace_id, claim), **_finish(done)}) == 1


def _key(workspace_id: UUID, claim: Claim) -> dict[str, object]:
    return {"workspace_id": workspace_id, "run_id": claim.run_id, "token": claim.token}


def _finish(step: Step) -> dict[str, object]:
    return {"done_index": step.index, "done_number": step.attempts, "output": step.output}


def _start(step: Step, request_id: str, trace_id: str) -> dict[str, object]:
    return {
        "index": step.index,
        "number": step.attempts,
        "input": step.input,
        "request_id": request_id,
        "trace_id": trace_id,
    }
