"""Steer runs: cancel what has not ended, try again what failed, from a step or from the start."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound
from schema.problems import nearest
from services.automation.logic import keys
from services.automation.model import (
    UNFINISHED,
    ActionType,
    Definition,
    Run,
    RunState,
    Step,
    StepState,
)
from services.automation.operations import calling, execution
from services.automation.store import flows, journal, queue, steps
from services.automation.store import runs as store


def not_found(run_id: UUID) -> NotFound:
    return NotFound("RUN_NOT_FOUND", f"there is no run {run_id}", run=str(run_id))


def with_those_to_come(run: Run, begun: list[Step], planned: Definition | None) -> list[Step]:
    """The steps of a rule's run, those it has not begun included; none of one that never began."""
    never = (RunState.BLOCKED, RunState.SKIPPED)
    if planned is None or run.state in never or (run.state is RunState.FAILED and not begun):
        return begun
    state = StepState.CANCELLED if run.state is RunState.CANCELLED else StepState.PENDING
    known = {step.index for step in begun}
    return begun + [
        Step(index, action.name, action.type, state, path=str(index))
        for index, action in enumerate(planned.actions)
        if index not in known
    ]


async def cancel(tx: Tx, caller: Caller, run_id: UUID) -> Run:
    """End it now, or, while a step is under way, have its worker end it after that step; and all
    that it has called with it."""
    run = await store.find_run(tx, caller.workspace_id, run_id)
    if run is None:
        raise not_found(run_id)
    if not await calling.cancel_if_unfinished(tx, caller, run_id):
        run = await _again(tx, caller.workspace_id, run_id)
        raise FailedPrecondition("RUN_FINISHED", f"the run has {run.state} already")
    return await _again(tx, caller.workspace_id, run_id)


async def resume(tx: Tx, caller: Caller, run_id: UUID, from_step: str = "") -> Run:
    """Queue it again, from the step that failed, or from an earlier one, which then happens again
    with all that came after it."""
    workspace_id = caller.workspace_id
    run = await store.find_run(tx, workspace_id, run_id, lock=True)
    if run is None:
        raise not_found(run_id)
    if run.state is not RunState.FAILED:
        raise FailedPrecondition("RUN_NOT_FAILED", f"the run is {run.state}, not failed")
    begun = await steps.list_steps(tx, workspace_id, run_id)
    if not any(step.state is StepState.FAILED for step in begun):
        message = "the run failed before its first step: no step can be tried again"
        raise FailedPrecondition("RUN_NOT_RESUMABLE", message)
    epoch = None
    if from_step:
        epoch = await _rewind(tx, caller, run, begun, from_step)
        begun = await steps.list_steps(tx, workspace_id, run_id)
    await _reopen(tx, caller, run, begun)
    await _requeue(tx, caller, run, epoch, f"resumed from {from_step or 'where it failed'}")
    return await _again(tx, workspace_id, run_id)


async def _reopen(tx: Tx, caller: Caller, run: Run, begun: Sequence[Step]) -> None:
    """Have the steps go on that failed, and those that were ended with them; and what they have
    called. Not what the run went on after, nor what ended because it was needless: something around
    it is done."""
    done = {step.path for step in begun if _is_done(step)}
    again = [
        step
        for step in begun
        if step.state in (StepState.FAILED, StepState.CANCELLED)
        and step.path not in done
        and done.isdisjoint(_around(step.path))
    ]
    for step in again:
        if step.type is ActionType.CALL_WORKFLOW and not step.definite:  # definite: it called none
            await _reopen_called(tx, caller, run, step)
    await steps.reopen(tx, caller.workspace_id, run.id, [step.index for step in again])


def _is_done(step: Step) -> bool:
    return step.state is StepState.SUCCEEDED or step.passed_over


async def _reopen_called(tx: Tx, caller: Caller, run: Run, step: Step) -> None:
    """A run that failed, and its caller with it, is resumed; one that was ended because something
    beside it failed goes on where it stood, under the keys it had. One that somebody cancelled, so
    that the step failed, begins again."""
    workspace_id = caller.workspace_id
    child_id = keys.called_run(keys.of_step(run.id, step.epoch, step.path))
    if step.state is StepState.CANCELLED and await queue.keep_on(tx, workspace_id, child_id):
        return  # it was to end after a step that is under way yet
    child = await store.find_run(tx, workspace_id, child_id, lock=True)
    if child is None or child.state in UNFINISHED or child.state is RunState.SUCCEEDED:
        return
    begun = await steps.list_steps(tx, workspace_id, child_id)
    if child.state is RunState.FAILED and any(one.state is StepState.FAILED for one in begun):
        await resume(tx, caller, child_id)
    elif child.state is RunState.CANCELLED and step.state is StepState.CANCELLED:
        await _reopen(tx, caller, child, begun)
        await _requeue(tx, caller, child, None, "resumed with the run that called it")
    elif child.state in (RunState.FAILED, RunState.CANCELLED):
        await restart(tx, caller, child_id)


async def _rewind(tx: Tx, caller: Caller, run: Run, begun: list[Step], from_step: str) -> int:
    """Forget a step and what began after it; the epoch in which they happen again."""
    workspace_id = caller.workspace_id
    found = [step for step in begun if from_step in (step.path, step.name)]
    if not found:
        hint = nearest(from_step, [step.name for step in begun])
        message = f"the run has begun no step {from_step!r}{hint}"
        raise FailedPrecondition("RUN_NOT_RESUMABLE", message)
    first = found[0]
    await calling.end_called(tx, caller, run.id, since=first.index)
    await steps.forget_from(tx, workspace_id, run.id, first.index)
    around = _around(first.path)
    reopened = [
        replace(
            step,
            state=StepState.RUNNING,
            output="",
            error="",
            finish_time=None,
            passed_over=False,
        )
        for step in begun
        if step.path in around and step.index < first.index
    ]
    await journal.put_steps(tx, workspace_id, [(run.id, step) for step in reopened])
    return max(run.epoch, *(step.epoch for step in begun)) + 1


def _around(path: str) -> list[str]:
    """The paths of the steps that a step may stand in."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


async def restart(tx: Tx, caller: Caller, run_id: UUID) -> Run:
    """Queue it again from the beginning, of the same version and occasion: every effect happens
    again, under keys of a new epoch."""
    workspace_id = caller.workspace_id
    run = await store.find_run(tx, workspace_id, run_id, lock=True)
    if run is None:
        raise not_found(run_id)
    if run.state in UNFINISHED:
        raise FailedPrecondition("RUN_UNFINISHED", f"the run is {run.state}; cancel it first")
    epoch = max(run.epoch, await steps.last_epoch(tx, workspace_id, run_id)) + 1
    await calling.end_called(tx, caller, run_id)
    await steps.forget_from(tx, workspace_id, run_id, 0)
    await _requeue(tx, caller, run, epoch, f"restarted; it had {run.state}")
    return await _again(tx, workspace_id, run_id)


async def _requeue(tx: Tx, caller: Caller, run: Run, epoch: int | None, text: str) -> None:
    workspace_id = caller.workspace_id
    await store.requeue(tx, workspace_id, run.id, epoch=epoch)
    await flows.count_again(tx, workspace_id, run.rule_id)
    await queue.insert_due(tx, workspace_id, [run.id])
    kind = "restarted" if text.startswith("restarted") else "resumed"
    await execution.note(tx, workspace_id, run.id, kind, text, caller.name)


async def _again(tx: Tx, workspace_id: UUID, run_id: UUID) -> Run:
    run = await store.find_run(tx, workspace_id, run_id)
    assert run is not None
    return run
