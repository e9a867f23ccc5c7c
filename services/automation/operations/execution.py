"""Take up claimed runs, and end them: what happened, what it means to others, and who goes next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from kit.outbox import Event
from schema import jsonio
from services.automation import events
from services.automation.model import (
    UNFINISHED,
    Claim,
    Job,
    Kind,
    Limits,
    Run,
    RunState,
    Source,
    StepState,
    Wait,
)
from services.automation.operations import figures, flow
from services.automation.store import journal, queue, runs, sources, steps, waits
from services.automation.store.journal import HistoryRow
from services.automation.store.runs import Loaded

Key = tuple[UUID, Kind, UUID, int]  # workspace, rule or workflow, its version


def key_of(workspace_id: UUID, run: Run) -> Key:
    return workspace_id, run.kind, run.rule_id, run.rule_version


async def load(
    tx: Tx, workspace_id: UUID, claims: Sequence[Claim], known: Mapping[Key, Source]
) -> tuple[list[Job], dict[Key, Source]]:
    """The runs of those claims that are still ours, and the sources that were not known yet."""
    interrupted = [claim.run_id for claim in claims if claim.previous_owner]
    loaded = await runs.load_claimed(tx, workspace_id, claims)
    # A run that nobody has begun has no steps yet.
    begun = [
        one.run.id
        for one in loaded
        if one.run.start_time is not None or one.run.state is not RunState.QUEUED
    ]
    begun = sorted({*begun, *interrupted})
    rows, waiting = {}, {}
    if begun:
        rows = await steps.of_runs(tx, workspace_id, begun)
        waiting = await waits.of_runs(tx, workspace_id, begun)
    if interrupted:
        await steps.mark_interrupted(tx, workspace_id, interrupted)
    found: dict[Key, Source] = {}
    jobs = []
    for one in loaded:
        key = key_of(workspace_id, one.run)
        source = known.get(key) or found.get(key)
        if source is None:
            source = found[key] = await sources.load(tx, *key)
        jobs.append(
            Job(
                run=one.run,
                source=source,
                traceparent=one.traceparent,
                cancelling=one.cancelling,
                occasion=one.occasion,
                steps=rows.get(one.run.id, []),
                waits=waiting.get(one.run.id, []),
            )
        )
    return jobs, found


def as_stored(new: Loaded, source: Source) -> Job:
    """The job of a run that was just made, as `load` would have it."""
    document = jsonio.loads_stored(jsonio.dumps(new.occasion))
    return Job(new.run, source, new.traceparent, new.cancelling, document, steps=[], waits=[])


async def reload_waits(tx: Tx, workspace_id: UUID, run_id: UUID) -> list[Wait]:
    return (await waits.of_runs(tx, workspace_id, [run_id])).get(run_id, [])


def endings(
    job: Job, state: RunState, error: str, *, attempts: int, trace_id: str
) -> tuple[Event, ...]:
    """What a run announces when it ends."""
    announced = [events.run(state, job.run, error)]
    if state is RunState.FAILED:
        announced.append(events.dead_letter(job.run, error, attempts, trace_id))
    return tuple(announced)


async def tell_others(
    tx: Tx, workspace_id: UUID, run: Run, state: RunState, output: str, limits: Limits
) -> None:
    """A run has ended: who called it goes on, and who queues behind it may begin."""
    if run.parent_run_id is not None:
        await waits.settle_parent(
            tx, workspace_id, run.parent_run_id, run.parent_step, state, output
        )
        parent = await runs.find_run(tx, workspace_id, run.parent_run_id)
        if parent is not None and parent.state in UNFINISHED:
            await queue.wake(tx, workspace_id, [run.parent_run_id])
    if limits.concurrency:
        await flow.release(tx, workspace_id, run.rule_id)


async def give_up(tx: Tx, claim: Claim, reason: str) -> bool:
    """End a run that our own code can't carry on, so that it shows instead of going round; false
    where it was not ours to end."""
    workspace_id, run_id = claim.workspace_id, claim.run_id
    if not await journal.hold(tx, workspace_id, [claim]):
        return False
    run = await runs.find_run(tx, workspace_id, run_id, lock=True)
    if run is None:
        await journal.leave(tx, workspace_id, [run_id])
        return False
    await steps.mark_interrupted(tx, workspace_id, [run_id])
    for step in await steps.list_steps(tx, workspace_id, run_id):
        if step.state is StepState.RUNNING:
            failed = replace(step, state=StepState.FAILED, error=reason)
            await journal.put_steps(tx, workspace_id, [(run_id, failed)])
    await steps.cancel_rest(tx, workspace_id, run_id)
    await runs.finish(tx, workspace_id, run_id, RunState.FAILED, reason)
    figures.count_end(tx, run.kind, RunState.FAILED)
    await journal.leave(tx, workspace_id, [run_id])
    await journal.drop_waits_of(tx, workspace_id, [run_id])
    source = await sources.load(tx, *key_of(workspace_id, run))
    await tell_others(tx, workspace_id, run, RunState.FAILED, output_of(reason), source.limits)
    caller = Caller(workspace_id, str(run.rule_id), "automation", run.rule_name)
    await note(tx, workspace_id, run_id, "failed", reason, run.rule_name)
    letter = events.dead_letter(run, reason, 1, run.trace_id)
    await outbox.add(tx, caller, events.run("failed", run, reason), letter)
    return True


async def note(tx: Tx, workspace_id: UUID, run_id: UUID, kind: str, text: str, actor: str) -> None:
    """Append to a run's history."""
    await journal.add_history(tx, workspace_id, [HistoryRow(run_id, kind, text[:2000], actor)])


def output_of(error: str, output: Mapping[str, Any] | None = None) -> str:
    """What a caller of the run is told, as JSON."""
    return jsonio.dumps({"error": error} if error else dict(output or {})).decode()
