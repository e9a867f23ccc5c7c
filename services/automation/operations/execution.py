"""Carry a claimed run from step to step: what happened and what comes next, in one transaction.

Each of these is called within a transaction of the run's workspace and begins with a look at the
fencing token; for a token that is no longer the row's it does nothing.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from kit import outbox
from kit.caller import Caller
from kit.clock import now
from kit.db import Tx
from schema import jsonio
from services.automation import events
from services.automation.logic import occasion, prepared
from services.automation.logic.retries import Failed, Failure, verdict
from services.automation.model import Claim, Job, Outcome, RunState, Step, StepState
from services.automation.store import progress, queue, runs, steps


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that is to be made: recorded, and not yet done."""

    step: Step
    given: dict[str, Any]
    request_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """What an action answered."""

    output: dict[str, Any]


async def load(tx: Tx, claim: Claim) -> tuple[Job, bytes] | None:
    """The run, held until the commit; None when there is nothing to do for us any more."""
    found = await runs.load_claimed(tx, claim.workspace_id, claim)
    if found is None:
        return None
    job, sealed = found
    if claim.previous_owner:
        await steps.mark_interrupted(tx, claim.workspace_id, job.run.id)
    if job.cancelling:
        await _finish(tx, claim, job, RunState.CANCELLED)
        return None
    return job, sealed


async def give_up(tx: Tx, claim: Claim, reason: str) -> None:
    """End a run that our own code can't carry on, so that it shows instead of going round."""
    workspace_id, run_id = claim.workspace_id, claim.run_id
    if not (await queue.hold(tx, workspace_id, claim))[0]:
        return
    run = await runs.find_run(tx, workspace_id, run_id, lock=True)
    if run is None:
        await queue.finish(tx, workspace_id, claim)
        return
    await steps.mark_interrupted(tx, workspace_id, run_id)
    for step in await steps.list_steps(tx, workspace_id, run_id):
        if step.state is StepState.RUNNING:
            await steps.fail(
                tx, workspace_id, run_id, step.index, reason, definite=False, counts=True
            )
    await runs.finish(tx, workspace_id, run_id, RunState.FAILED, reason)
    await queue.finish(tx, workspace_id, claim)
    caller = Caller(workspace_id, str(run.rule_id), "automation", run.rule_name)
    letter = events.dead_letter(run, reason, 1, run.trace_id)
    await outbox.add(tx, caller, events.run("failed", run, reason), letter)


async def begin(tx: Tx, claim: Claim, job: Job, trace_id: str) -> Attempt | None:
    """Record the first attempt at the step that is next; None when the run ended instead.

    `load` holds the run for this transaction."""
    step = _following(job)
    if step is None:
        await _finish(tx, claim, job, RunState.SUCCEEDED)
        return None
    try:
        attempt = _prepare(job, step)
    except prepared.InputError as exc:
        await _fail_unprepared(tx, claim, job, step, exc, trace_id)
        return None
    await progress.begin(tx, claim.workspace_id, claim, attempt.step, attempt.request_id, trace_id)
    return attempt


async def settle(
    tx: Tx, claim: Claim, job: Job, attempt: Attempt, result: Done | Failed, trace_id: str
) -> Attempt | None:
    """Store how an attempt ended, and record the next one; None when there is none for now."""
    if isinstance(result, Failed):
        held, cancelling = await queue.hold(tx, claim.workspace_id, claim)
        if held:
            await _settle_failure(
                tx, claim, job, attempt.step, result, trace_id, cancelling=cancelling
            )
        return None
    output = jsonio.dumps(result.output).decode()
    done = replace(attempt.step, state=StepState.SUCCEEDED, output=output)
    job.steps[done.index] = done
    step = _following(job)
    if step is None:
        if await progress.complete(tx, claim.workspace_id, claim, done):
            await _announce(tx, claim, job, RunState.SUCCEEDED)
        return None
    try:
        following = _prepare(job, step)
    except prepared.InputError as exc:
        if await _succeed_held(tx, claim, job, done):
            await _fail_unprepared(tx, claim, job, step, exc, trace_id)
        return None
    advanced = await progress.advance(
        tx,
        claim.workspace_id,
        claim,
        done=done,
        step=following.step,
        request_id=following.request_id,
        trace_id=trace_id,
    )
    if advanced:
        return following
    await _succeed_held(tx, claim, job, done)  # to be cancelled, or no longer ours
    return None


async def _succeed_held(tx: Tx, claim: Claim, job: Job, done: Step) -> bool:
    """Store that a step succeeded; False when the run is no longer ours, or ended as cancelled."""
    held, cancelling = await queue.hold(tx, claim.workspace_id, claim)
    if not held:
        return False
    workspace_id, run_id = claim.workspace_id, job.run.id
    await steps.end_attempt(tx, workspace_id, run_id, done, Outcome.SUCCEEDED, "")
    await steps.succeed(tx, workspace_id, run_id, done.index, done.output)
    if cancelling:
        await _finish(tx, claim, job, RunState.CANCELLED)
    return not cancelling


def _following(job: Job) -> Step | None:
    waiting = (StepState.PENDING, StepState.RUNNING)
    return next((one for one in job.steps if one.state in waiting), None)


def _prepare(job: Job, step: Step) -> Attempt:
    """The next attempt at a step; InputError when its inputs can't be made."""
    given = _inputs(job, step)
    text = step.input or jsonio.dumps(given).decode()
    step = replace(step, input=text, attempts=step.attempts + 1, state=StepState.RUNNING)
    job.steps[step.index] = step
    return Attempt(step, given, f"{job.run.id}/{step.epoch}/{step.index}")


async def _fail_unprepared(
    tx: Tx, claim: Claim, job: Job, step: Step, error: prepared.InputError, trace_id: str
) -> None:
    failed = Failed(Failure.PERMANENT, str(error), definite=True)
    await _fail(tx, claim, job, step, failed, trace_id, counts=True)


def _inputs(job: Job, step: Step) -> dict[str, Any]:
    """What the action is given: as stored, or made now, for the first attempt of an epoch."""
    if step.input:
        stored: dict[str, Any] = jsonio.loads_stored(step.input.encode())
        return stored
    run, time_zone = job.run, job.occasion["time_zone"]
    outputs = {
        one.name: jsonio.loads_stored(one.output.encode()) for one in job.steps if one.output
    }
    rule = {"id": str(run.rule_id), "name": run.rule_name, "version": run.rule_version}
    names = occasion.scope(job.occasion, rule, {"id": str(run.id), "depth": run.depth}, outputs)
    moment = datetime.now(ZoneInfo(time_zone) if time_zone else UTC)
    return prepared.prepare(job.actions[step.index], names, time_zone, moment)


async def _settle_failure(
    tx: Tx,
    claim: Claim,
    job: Job,
    step: Step,
    failed: Failed,
    trace_id: str,
    *,
    cancelling: bool,
) -> None:
    workspace_id, run_id = claim.workspace_id, job.run.id
    await steps.end_attempt(tx, workspace_id, run_id, step, Outcome.FAILED, failed.reason)
    failures = step.failures + (failed.kind is not Failure.ABSENT)
    decided = verdict(failed, failures, step.attempts, step.waiting_since, now())
    if not decided.retry:
        await _fail(tx, claim, job, step, failed, trace_id, counts=decided.counts)
        return
    await steps.note_failure(
        tx, workspace_id, run_id, step.index, failed.reason, counts=decided.counts
    )
    if cancelling:
        await _finish(tx, claim, job, RunState.CANCELLED)
        return
    await queue.defer(tx, workspace_id, claim, decided.delay)


async def _fail(
    tx: Tx, claim: Claim, job: Job, step: Step, failed: Failed, trace_id: str, *, counts: bool
) -> None:
    await steps.fail(
        tx,
        claim.workspace_id,
        job.run.id,
        step.index,
        failed.reason,
        definite=failed.definite,
        counts=counts,
    )
    error = f"{step.name}: {failed.reason}"
    await _finish(tx, claim, job, RunState.FAILED, error, attempts=step.attempts, trace_id=trace_id)


async def _finish(
    tx: Tx,
    claim: Claim,
    job: Job,
    state: RunState,
    error: str = "",
    *,
    attempts: int = 0,
    trace_id: str = "",
) -> None:
    workspace_id, run = claim.workspace_id, job.run
    await runs.finish(tx, workspace_id, run.id, state, error)
    await queue.finish(tx, workspace_id, claim)
    if state is RunState.CANCELLED:
        await steps.cancel_rest(tx, workspace_id, run.id)
    await _announce(tx, claim, job, state, error, attempts=attempts, trace_id=trace_id)


async def _announce(
    tx: Tx,
    claim: Claim,
    job: Job,
    state: RunState,
    error: str = "",
    *,
    attempts: int = 0,
    trace_id: str = "",
) -> None:
    announced = [events.run(state, job.run, error)]
    if state is RunState.FAILED:
        announced.append(events.dead_letter(job.run, error, attempts, trace_id))
    await outbox.add(tx, caller_of(claim.workspace_id, job), *announced)


def caller_of(workspace_id: UUID, job: Job) -> Caller:
    """In whose name the run acts."""
    return events.actor(workspace_id, job.run, job.occasion["event"])
