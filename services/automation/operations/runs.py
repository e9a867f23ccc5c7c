"""Steer runs: cancel what has not ended, and try again what failed."""

from uuid import UUID

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound
from services.automation import events
from services.automation.model import Run, RunState, StepState
from services.automation.store import queue, steps
from services.automation.store import runs as store

_UNFINISHED = (RunState.QUEUED, RunState.RUNNING)


def not_found(run_id: UUID) -> NotFound:
    return NotFound("RUN_NOT_FOUND", f"there is no run {run_id}", run=str(run_id))


async def cancel(tx: Tx, caller: Caller, run_id: UUID) -> Run:
    """End it now, or, while a step is under way, have its worker end it after that step."""
    workspace_id = caller.workspace_id
    holder = await queue.holder(tx, workspace_id, run_id)
    run = await store.find_run(tx, workspace_id, run_id, lock=True)
    if run is None:
        raise not_found(run_id)
    if run.state not in _UNFINISHED:
        raise FailedPrecondition("RUN_FINISHED", f"the run has {run.state} already")
    if holder:
        await queue.ask_to_cancel(tx, workspace_id, run_id)
    else:
        await store.finish(tx, workspace_id, run_id, RunState.CANCELLED, "")
        await steps.cancel_rest(tx, workspace_id, run_id)
        await queue.remove(tx, workspace_id, run_id)
        await outbox.add(tx, caller, events.run("cancelled", run))
    return await _again(tx, workspace_id, run_id)


async def resume(tx: Tx, caller: Caller, run_id: UUID) -> Run:
    """Queue it again, from the step that failed."""
    workspace_id = caller.workspace_id
    run = await store.find_run(tx, workspace_id, run_id, lock=True)
    if run is None:
        raise not_found(run_id)
    if run.state is not RunState.FAILED:
        raise FailedPrecondition("RUN_NOT_FAILED", f"the run is {run.state}, not failed")
    planned = await steps.list_steps(tx, workspace_id, run_id)
    if not any(step.state is StepState.FAILED for step in planned):
        message = "the run failed before its first step: no step can be tried again"
        raise FailedPrecondition("RUN_NOT_RESUMABLE", message)
    await steps.resume_failed(tx, workspace_id, run_id)
    await store.requeue(tx, workspace_id, run_id)
    await queue.insert_due(tx, workspace_id, [run_id])
    return await _again(tx, workspace_id, run_id)


async def _again(tx: Tx, workspace_id: UUID, run_id: UUID) -> Run:
    run = await store.find_run(tx, workspace_id, run_id)
    assert run is not None
    return run
