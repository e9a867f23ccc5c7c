"""Have a run call another workflow, and take its call back when the run is cancelled."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from services.automation import events
from services.automation.logic import definitions, guard, occasion
from services.automation.model import (
    UNFINISHED,
    Job,
    Limits,
    NewRun,
    RunState,
    Wait,
    WaitKind,
    WorkflowState,
)
from services.automation.operations import execution, figures, starting
from services.automation.store import flows, journal, queue, runs, steps, waits, workflows

_NO_RATE = 1_000_000_000  # a call counts for whoever called


@dataclass(frozen=True, slots=True)
class Call:
    run_id: UUID
    workflow: str
    inputs: dict[str, Any]
    step_index: int
    waits: bool


async def start(tx: Tx, caller: Caller, job: Job, call: Call) -> str:
    """Insert the run that is called, and what waits for it; why not, or empty."""
    workspace_id, parent = caller.workspace_id, job.run
    if call.waits:
        wait = Wait(parent.id, call.step_index, WaitKind.RUN)
        await journal.put_waits(tx, workspace_id, [wait])
    if (made := await runs.find_run(tx, workspace_id, call.run_id)) is not None:
        if call.waits and made.state not in UNFINISHED:  # a repeat: it has ended meanwhile
            told = execution.output_of(made.error)
            await waits.settle_parent(
                tx, workspace_id, parent.id, call.step_index, made.state, made.output or told
            )
        return ""
    problem = await _insert(tx, caller, job, call)
    if problem and call.waits:
        key = (parent.id, call.step_index, WaitKind.RUN)
        await journal.drop_waits(tx, workspace_id, [key])
    return problem


async def _insert(tx: Tx, caller: Caller, job: Job, call: Call) -> str:
    workspace_id, parent = caller.workspace_id, job.run
    workflow = await workflows.find(tx, workspace_id, call.workflow)
    if workflow is None or not workflow.version:
        return f"there is no published workflow {call.workflow!r}"
    if workflow.state is not WorkflowState.ENABLED:
        return f"the workflow {workflow.name!r} is {workflow.state}"
    starter = await workflows.find_starter(tx, workspace_id, workflow.id)
    version = await workflows.find_version(tx, workspace_id, workflow.id, workflow.version)
    if starter is None or version is None:
        return f"there is no published workflow {call.workflow!r}"
    form = definitions.read(version.document).inputs
    inputs, problems = definitions.fill_form(form, call.inputs, "inputs")
    if problems:
        return "; ".join(f"{p.path}: {p.message}" for p in problems)
    cause = caller.cause
    event = {
        "id": str(call.run_id),
        "type": "workflow.called",
        "occurred_at": job.occasion["event"]["occurred_at"],
        "actor": dict(caller.actor()),
        "root_id": cause.root_id,
        "depth": cause.depth,
        "chain": list(cause.chain),
    }
    record = job.occasion["record"]
    document = occasion.of_person(event, record, inputs, str(job.occasion.get("time_zone") or ""))
    if refused := guard.refusal(
        starter.id, parent.record_id, cause.chain, cause.depth + 1, starter.limits.reentry
    ):
        return refused
    new = NewRun(
        id=call.run_id,
        rule=starter,
        event_id=call.run_id,
        event_type="workflow.called",
        object=parent.object,
        record_id=parent.record_id,
        state=RunState.QUEUED,
        error="",
        traceparent=job.traceparent,
        trace_id=parent.trace_id,
        depth=cause.depth + 1,
        parent_run_id=parent.id if call.waits else None,
        parent_step=call.step_index,
    )
    await starting.insert(tx, workspace_id, [new], {new.event_id: document}, _NO_RATE)
    return ""


async def cancel_if_unfinished(tx: Tx, caller: Caller, run_id: UUID, why: str = "") -> bool:
    """End a run now, or, while a step is under way, have its worker end it after that step; and
    with it all that it has called."""
    workspace_id = caller.workspace_id
    holder = await queue.holder(tx, workspace_id, run_id)
    run = await runs.find_run(tx, workspace_id, run_id, lock=True)
    if run is None or run.state not in UNFINISHED:
        return False
    if holder:
        await queue.ask_to_cancel(tx, workspace_id, run_id)
        return True
    children = await runs.children(tx, workspace_id, run_id)
    lined = await flows.forget_line(tx, workspace_id, run_id)
    await runs.finish(tx, workspace_id, run_id, RunState.CANCELLED, "")
    figures.count_end(tx, run.kind, RunState.CANCELLED)
    await steps.cancel_rest(tx, workspace_id, run_id)
    await queue.remove(tx, workspace_id, run_id)
    await journal.drop_waits_of(tx, workspace_id, [run_id])
    limited = not lined and await flows.is_limited(tx, workspace_id, run.rule_id)
    limits = Limits(concurrency=1) if limited else Limits()
    told = execution.output_of("cancelled")
    await execution.tell_others(tx, workspace_id, run, RunState.CANCELLED, told, limits)
    await execution.note(tx, workspace_id, run_id, "cancelled", why, caller.name)
    await outbox.add(tx, caller, events.run("cancelled", run))
    for child in children:
        await cancel_if_unfinished(tx, caller, child, why)
    return True


async def end_called(
    tx: Tx, caller: Caller, run_id: UUID, *, since: int = 0, why: str = ""
) -> None:
    """End what a run has called, by that step or a later one, and still waits for."""
    for child in await runs.children(tx, caller.workspace_id, run_id, since=since):
        await cancel_if_unfinished(tx, caller, child, why)


async def end_waits(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    """A run that has ended waits for nothing."""
    await journal.drop_waits_of(tx, workspace_id, [run_id])
