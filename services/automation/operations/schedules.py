"""Fire schedules: each time once across all replicas, with what overlap and misfires ask for."""

from datetime import datetime
from uuid import UUID, uuid5

from kit.caller import Caller
from kit.db import Tx
from services.automation.logic import occasion, times
from services.automation.model import (
    Fire,
    NewRun,
    RunQuery,
    RunState,
    Starter,
    TriggerType,
    WorkflowTrigger,
)
from services.automation.operations import calling, starting
from services.automation.store import runs as run_store
from services.automation.store import schedules as store
from services.automation.store import workflows

NOBODY = UUID(int=0)
_MOST = 1100  # times that one look goes back
_NO_RATE = 1_000_000_000  # a schedule has its own pace
_UNFINISHED = (RunState.RUNNING, RunState.WAITING, RunState.QUEUED)


async def arrange(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, trigger: WorkflowTrigger, time_zone: str
) -> None:
    """Have it fire from now on, or not any more when it has no schedule."""
    if trigger.type is not TriggerType.SCHEDULE:
        await store.drop(tx, workspace_id, workflow_id)
        return
    first = times.next_after(trigger, await tx.time(), time_zone)
    await store.put(tx, workspace_id, workflow_id, first)


async def drop(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> None:
    """Have it fire no more."""
    await store.drop(tx, workspace_id, workflow_id)


async def fire(tx: Tx, workspace_id: UUID, workflow_id: UUID, time_zone: str) -> int:
    """Start what is due of one schedule; how many runs that makes."""
    first = await store.take(tx, workspace_id, workflow_id)
    now = await tx.time()
    if first is None or first > now:
        return 0
    starter = await workflows.find_starter(tx, workspace_id, workflow_id)
    if starter is None or starter.trigger.type is not TriggerType.SCHEDULE:
        await store.drop(tx, workspace_id, workflow_id)
        return 0
    trigger = starter.trigger
    come, following = times.due(trigger, first, now, time_zone, _MOST)
    await store.put(tx, workspace_id, workflow_id, following)
    begin, missed = times.to_start(trigger, come, now)
    await store.note_fires(
        tx, workspace_id, workflow_id, [Fire(one, "missed", None, now) for one in missed]
    )
    made = 0
    for moment in begin:
        made += await _start(tx, workspace_id, starter, moment, time_zone)
    return made


async def _start(
    tx: Tx, workspace_id: UUID, starter: Starter, moment: datetime, time_zone: str
) -> int:
    run_id = uuid5(starter.id, f"{starter.version}/{moment.isoformat()}")
    new, document = _run(starter, run_id, moment, time_zone)
    outcome = "started"
    under_way: list[UUID] = []
    if new.state is RunState.QUEUED:
        for state in _UNFINISHED:
            query = RunQuery(rule_id=starter.id, state=state)
            found = await run_store.list_runs(tx, workspace_id, query, None, 100)
            under_way += [run.id for run in found]
    if under_way:
        outcome = {"skip": "skipped", "queue": "queued", "replace": "replaced"}[
            starter.trigger.overlap
        ]
    skips = outcome == "skipped"
    rests = new.state is RunState.SKIPPED
    noted = Fire(moment, "skipped" if rests else outcome, None if skips else run_id, moment)
    if not await store.note_fires(tx, workspace_id, starter.id, [noted]) or skips:
        return 0
    if outcome == "replaced":
        caller = Caller(workspace_id, str(starter.id), "automation", starter.name)
        for one in under_way:
            await calling.cancel_if_unfinished(tx, caller, one)
    delays = {run_id: times.jitter(starter.trigger, starter.id, moment)}
    await starting.insert(tx, workspace_id, [new], {new.event_id: document}, _NO_RATE, delays)
    return 1


def _run(
    starter: Starter, run_id: UUID, moment: datetime, time_zone: str
) -> tuple[NewRun, dict[str, object]]:
    event = {
        "id": str(run_id),
        "type": "schedule.fired",
        "occurred_at": moment.isoformat(),
        "actor": {"kind": "automation", "id": str(starter.id), "name": starter.name},
        "root_id": str(run_id),
        "depth": 0,
        "chain": [],
    }
    document = occasion.of_person(event, None, {}, starter.trigger.time_zone or time_zone)
    state, error = RunState.SKIPPED, starter.paused
    if not starter.paused:
        state, error = starting.judge(starter, document)
    new = NewRun(
        id=run_id,
        rule=starter,
        event_id=run_id,
        event_type="schedule.fired",
        object="",
        record_id=NOBODY,
        state=state,
        error=error[:2000],
        traceparent="",
        trace_id="",
        depth=1,
    )
    return new, document
