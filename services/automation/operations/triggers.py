"""Start runs: match events with rules, judge conditions, guard against loops and floods.

What must not run is recorded all the same, with the reason: nothing is dropped in silence.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from kit import ids, outbox
from kit.caller import Caller
from kit.clock import now
from kit.db import Tx
from schema.compiled import CompiledObject, Workspace
from schema.problems import Invalid, refuse
from services.automation import events
from services.automation.logic import conditions, guard
from services.automation.model import NewRun, Rule, Run, RunState, TriggerType
from services.automation.store import queue
from services.automation.store import rules as rule_store
from services.automation.store import runs as store
from services.automation.store.steps import insert_steps

Key = tuple[TriggerType, str]  # what happened, to a record of which object


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The enabled rules of a workspace at one version, by what starts them."""

    version: int
    by_trigger: Mapping[Key, tuple[Rule, ...]]

    def has(self, trigger: TriggerType) -> bool:
        return any(kind is trigger for kind, _ in self.by_trigger)

    def waiting_for(
        self, key: Key, obj: CompiledObject | None, changed: Iterable[str]
    ) -> list[Rule]:
        """Those that such a change starts. Fields are known by their key, which survives renames;
        a rule that waits for one that is gone is not passed over: its run will say so."""
        rules = self.by_trigger.get(key, ())
        if not any(rule.definition.trigger.fields for rule in rules):
            return list(rules)
        keys = {conditions.key_of(obj, name) for name in changed}
        return [
            rule
            for rule in rules
            if not (names := rule.definition.trigger.fields)
            or any(found is None or found in keys for found in _keys(obj, names))
        ]


@dataclass(frozen=True, slots=True)
class Happening:
    """One event that some rule waits for."""

    event_id: UUID
    record_id: UUID
    trigger: TriggerType
    object_id: str
    occasion: dict[str, Any]
    rules: Sequence[Rule]
    traceparent: str

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


def _keys(obj: CompiledObject | None, names: Iterable[str]) -> list[str | None]:
    return [conditions.key_of(obj, name) for name in names]


async def rule_set(tx: Tx, workspace_id: UUID, held: RuleSet | None) -> RuleSet:
    """The present rules: what is held, if that is their version."""
    version = await rule_store.set_version(tx, workspace_id)
    if held is not None and held.version == version:
        return held
    by_trigger: dict[Key, list[Rule]] = {}
    for rule in await rule_store.enabled_rules(tx, workspace_id):
        trigger = rule.definition.trigger
        by_trigger.setdefault((trigger.type, trigger.object_id), []).append(rule)
    return RuleSet(version, {key: tuple(rules) for key, rules in by_trigger.items()})


async def start_runs(
    tx: Tx, workspace: Workspace, happenings: Sequence[Happening], per_minute: int
) -> int:
    """Insert a run for each rule and event whose condition holds; how many are queued."""
    workspace_id = UUID(workspace.id)
    planned = [
        run for one in happenings for rule in one.rules if (run := _plan(workspace, one, rule))
    ]
    planned = await _within_rate(tx, workspace_id, planned, per_minute)
    if not planned:
        return 0
    new = await store.insert_runs(tx, workspace_id, planned)
    made = [run for run in planned if run.id in new]
    needed = {run.event_id for run in made}
    occasions = {one.event_id: one.occasion for one in happenings if one.event_id in needed}
    queued = [run for run in made if run.state is RunState.QUEUED]
    async with tx.pipeline():
        await store.keep_occasions(tx, workspace_id, occasions)
        if queued:
            steps = [(run.id, run.rule.definition.actions) for run in queued]
            await insert_steps(tx, workspace_id, steps)
            await queue.insert_due(tx, workspace_id, [run.id for run in queued])
        for run in made:
            if run.state is not RunState.QUEUED:
                await _announce(tx, workspace_id, run, occasions[run.event_id])
    return len(queued)


def _plan(workspace: Workspace, happening: Happening, rule: Rule) -> NewRun | None:
    """The run of a rule for an event; None when its condition does not hold."""
    occasion = happening.occasion
    state, error = RunState.QUEUED, ""
    obj = workspace.object(happening.object_id)
    try:
        if not _holds(workspace, obj, rule, occasion):
            return None
    except Invalid as invalid:
        state, error = RunState.FAILED, f"the rule can't be judged: {invalid}"
    depth = occasion["event"]["depth"] + 1
    chain = occasion["event"]["chain"]
    if refused := guard.refusal(rule.id, happening.record_id, chain, depth):
        state, error = RunState.BLOCKED, refused
    return NewRun(
        id=ids.new_id(),
        rule=rule,
        event_id=happening.event_id,
        event_type=occasion["event"]["type"],
        object=occasion["record"]["object"],
        record_id=happening.record_id,
        state=state,
        error=error[:2000],
        traceparent=happening.traceparent,
        trace_id=happening.trace_id,
        depth=min(depth, 32_767),
    )


def _holds(
    workspace: Workspace, obj: CompiledObject | None, rule: Rule, occasion: Mapping[str, Any]
) -> bool:
    """Whether the condition holds; Invalid when the rule speaks of what is gone."""
    trigger = rule.definition.trigger
    if obj is None:
        if trigger.fields or rule.definition.condition is not None:
            raise refuse("trigger", "OBJECT_NOT_FOUND", f"there is no {trigger.object} any more")
        return True
    for name in trigger.fields:
        if conditions.key_of(obj, name) is None:
            message = f"{obj.name} has no field {name!r} any more"
            raise refuse("trigger.fields", "UNKNOWN_FIELD", message)
    return conditions.holds(workspace, obj, rule.definition.condition, occasion, rule.owner_id)


async def _within_rate(
    tx: Tx,
    workspace_id: UUID,
    planned: list[NewRun],
    per_minute: int,
) -> list[NewRun]:
    """The same, with what is over a rule's limit blocked and the rule paused."""
    counting = (RunState.QUEUED, RunState.FAILED)
    counts = Counter(run.rule.id for run in planned if run.state in counting)
    if not counts:
        return planned
    totals = await rule_store.count_triggers(tx, workspace_id, counts)
    over = {one: total - per_minute for one, total in totals.items() if total > per_minute}
    if not over:
        return planned
    reason = f"more than {per_minute} triggers within a minute"
    rules = {run.rule.id: run.rule for run in planned}
    for rule_id in sorted(over):
        await rule_store.bump_set(tx, workspace_id)
        paused = await rule_store.pause_rule(tx, workspace_id, rule_id, reason)
        caller = Caller(workspace_id, str(rule_id), "automation", rules[rule_id].definition.name)
        await outbox.add(tx, caller, events.rule("paused", paused))
    within = {one: counts[one] - excess for one, excess in over.items()}
    result = []
    for run in planned:
        if run.state in counting and run.rule.id in within:
            within[run.rule.id] -= 1
            if within[run.rule.id] < 0:
                blocked = f"the rule was paused: {reason}"
                result.append(replace(run, state=RunState.BLOCKED, error=blocked))
                continue
        result.append(run)
    return result


async def _announce(tx: Tx, workspace_id: UUID, new: NewRun, occasion: dict[str, Any]) -> None:
    """Say that a run did not begin, and why."""
    run = _as_run(new)
    caller = events.actor(workspace_id, run, occasion["event"])
    if new.state is RunState.BLOCKED:
        await outbox.add(tx, caller, events.run("blocked", run, new.error))
        return
    letter = events.dead_letter(run, new.error, 1, new.trace_id)
    await outbox.add(tx, caller, events.run("failed", run, new.error), letter)


def _as_run(new: NewRun) -> Run:
    return Run(
        id=new.id,
        rule_id=new.rule.id,
        rule_name=new.rule.definition.name,
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
    )
