"""Insert runs, whatever asked for them: within limits, with what they were started by, announced
where they must not begin."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from kit import outbox
from kit.clock import now
from kit.db import Tx
from services.automation import events
from services.automation.logic import formulas, guard, occasion, prepared
from services.automation.model import Kind, NewRun, Run, RunState, Starter
from services.automation.operations import figures, flow, guarding
from services.automation.store import rules as rule_store
from services.automation.store import runs as store
from services.automation.store import workflows

_COUNTED = (RunState.QUEUED, RunState.FAILED)


def when_holds(starter: Starter, document: Mapping[str, Any]) -> bool:
    """Whether the starter's formula holds of an occasion; FormulaError where it can't be told."""
    if not starter.when:
        return True
    source = {"id": str(starter.id), "name": starter.name, "version": starter.version}
    return formulas.holds(starter.when, occasion.scope(document, source, {"id": "", "depth": 0}))


def judge(starter: Starter, document: Mapping[str, Any]) -> tuple[RunState, str]:
    """How a run begins that somebody or something asks for: where the formula does not hold, the
    answer is a run that was skipped, as whoever asked is to see it."""
    try:
        if when_holds(starter, document):
            return RunState.QUEUED, ""
    except formulas.FormulaError as invalid:
        return RunState.FAILED, f"the {starter.kind} can't be judged: {invalid}"
    return RunState.SKIPPED, "the condition does not hold"


async def insert(
    tx: Tx,
    workspace_id: UUID,
    planned: Sequence[NewRun],
    occasions: Mapping[UUID, dict[str, Any]],
    per_minute: int,
    delays: Mapping[UUID, float] | None = None,
    hands: flow.Hands | None = None,
) -> list[NewRun]:
    """Store those that are new; what of them begins is queued, some of it after a delay, or at once
    in the `hands` of this process. `occasions` are by event."""
    planned = await _within_rate(tx, workspace_id, planned, per_minute)
    if not planned:
        return []
    new = await store.insert_runs(tx, workspace_id, planned)
    made = [run for run in planned if run.id in new]
    if not made:
        return []
    needed = {run.event_id: occasions[run.event_id] for run in made}
    await store.keep_occasions(tx, workspace_id, needed)
    figures.count_unbegun(tx, made)
    queued = [run for run in made if run.state is RunState.QUEUED]
    keys = {
        run.id: _key(run, occasions[run.event_id]) for run in queued if run.rule.limits.debounce
    }
    held = await flow.admit(tx, workspace_id, queued, keys, delays or {}, hands)
    if hands and held:
        ours = {claim.run_id for claim in held}
        loaded = {
            run.id: store.Loaded(as_run(run), run.traceparent, False, occasions[run.event_id])
            for run in queued
            if run.id in ours
        }
        tx.after_commit(partial(hands.begin, workspace_id, held, loaded))
    for run in made:
        if run.state in (RunState.BLOCKED, RunState.FAILED):
            await _announce(tx, workspace_id, run, occasions[run.event_id])
    await _stop_loops(tx, workspace_id, made, occasions)
    return made


def _key(run: NewRun, document: Mapping[str, Any]) -> str:
    """What a later run with the same key takes the place of. One that can't be made is no key: the
    run then stands for itself."""
    template = run.rule.limits.debounce_key
    if not template:
        return str(run.record_id)
    source = {"id": str(run.rule.id), "name": run.rule.name, "version": run.rule.version}
    names = occasion.scope(document, source, {"id": str(run.id), "depth": run.depth})
    try:
        return str(prepared.render(template, names, str(document.get("time_zone") or "")))[:1000]
    except prepared.InputError:
        return str(run.id)


async def _stop_loops(
    tx: Tx,
    workspace_id: UUID,
    made: Sequence[NewRun],
    occasions: Mapping[UUID, dict[str, Any]],
) -> None:
    """Pause all that go round in a loop which the guard has just ended."""
    for run in made:
        if run.state is not RunState.BLOCKED or not run.error.startswith("loop:"):
            continue
        chain = occasions[run.event_id]["event"]["chain"]
        for member in guard.loop_of(run.rule.id, run.record_id, chain):
            reason = f"{run.error}; it goes through {run.rule.name!r} (run {run.id})"
            await guarding.pause_any(tx, workspace_id, member, reason)


async def _within_rate(
    tx: Tx, workspace_id: UUID, planned: Sequence[NewRun], per_minute: int
) -> list[NewRun]:
    """The same, with what is over the limit of its rule blocked and the rule paused."""
    counts = Counter(run.rule.id for run in planned if _counts(run))
    if not counts:
        return list(planned)
    totals = await rule_store.count_triggers(tx, workspace_id, counts)
    over = {one: total - per_minute for one, total in totals.items() if total > per_minute}
    if not over:
        return list(planned)
    reason = f"more than {per_minute} triggers within a minute"
    kinds = {run.rule.id: run.rule.kind for run in planned}
    for subject_id in sorted(over):
        await guarding.pause(tx, workspace_id, kinds[subject_id], subject_id, reason)
    within = {one: counts[one] - excess for one, excess in over.items()}
    result = []
    for run in planned:
        if _counts(run) and run.rule.id in within:
            within[run.rule.id] -= 1
            if within[run.rule.id] < 0:
                what = "rule" if run.rule.kind is Kind.RULE else "workflow"
                blocked = f"the {what} was paused: {reason}"
                result.append(replace(run, state=RunState.BLOCKED, error=blocked))
                continue
        result.append(run)
    return result


def _counts(run: NewRun) -> bool:
    """Whether a trigger came, and not during a pause."""
    skipped = run.state is RunState.SKIPPED and not run.rule.paused
    return skipped or run.state in _COUNTED


async def _announce(tx: Tx, workspace_id: UUID, new: NewRun, document: dict[str, Any]) -> None:
    """Say that a run did not begin, and why."""
    run = as_run(new)
    caller = events.actor(workspace_id, run, document["event"])
    if new.state is RunState.BLOCKED:
        if new.error.startswith("loop:"):
            await workflows.add_entry(
                tx, workspace_id, new.rule.id, "blocked", f"{new.error} (run {new.id})", "Armature"
            )
        await outbox.add(tx, caller, events.run("blocked", run, new.error))
        return
    letter = events.dead_letter(run, new.error, 1, new.trace_id)
    await outbox.add(tx, caller, events.run("failed", run, new.error), letter)


def as_run(new: NewRun) -> Run:
    return Run(
        id=new.id,
        rule_id=new.rule.id,
        rule_name=new.rule.name,
        rule_version=new.rule.version,
        event_id=new.event_id,
        event_type=new.event_type,
        object=new.object,
        record_id=new.record_id,
        state=new.state,
        error=new.error,
        trace_id=new.trace_id,
        depth=new.depth,
        create_time=now(),
        start_time=None,
        finish_time=None,
        kind=new.rule.kind,
        parent_run_id=new.parent_run_id,
        parent_step=new.parent_step,
    )
