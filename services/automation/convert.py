"""Turn what clients write into what the plane speaks of, and back."""

from collections.abc import Iterable, Sequence

from armature.automation.v1 import rule_pb2, run_pb2

from kit.clock import to_timestamp
from kit.errors import InvalidArgument, Violation
from schema import jsonio
from schema.problems import Invalid, Problem
from services.automation.logic.drafts import Draft, DraftAction
from services.automation.model import Attempt, Definition, Entry, Kind, Rule, RuleState, Run, Step


def draft(rule: rule_pb2.Rule) -> Draft:
    return Draft(
        name=rule.name,
        description=rule.description,
        trigger_type=rule.trigger.type,
        object=rule.trigger.object,
        fields=tuple(rule.trigger.fields),
        condition_json=rule.condition_json,
        actions=tuple(DraftAction(one.type, one.name, one.input_json) for one in rule.actions),
    )


def changed_draft(present: Rule, changes: rule_pb2.Rule, paths: Sequence[str]) -> Draft:
    """The rule as it will be once `paths` of it are those of `changes`."""
    whole = rule(present)
    for path in paths:
        match path:
            case "name":
                whole.name = changes.name
            case "description":
                whole.description = changes.description
            case "trigger":
                whole.trigger.CopyFrom(changes.trigger)
            case "condition_json":
                whole.condition_json = changes.condition_json
            case "actions":
                del whole.actions[:]
                whole.actions.extend(changes.actions)
    return draft(whole)


def state(text: str, problems: list[Problem]) -> RuleState:
    """enabled when empty; a problem for what a person can't set."""
    if text in ("", RuleState.ENABLED):
        return RuleState.ENABLED
    if text != RuleState.DISABLED:
        message = "a rule is made enabled or disabled; the platform alone pauses it"
        problems.append(Problem("state", "UNKNOWN_STATE", message))
    return RuleState.DISABLED


def invalid(problems: Iterable[Problem]) -> InvalidArgument:
    """INVALID_ARGUMENT / RULE_INVALID with all that is wrong."""
    found = Invalid(list(problems))
    violations = [Violation(p.path, p.code, p.message) for p in found.problems]
    return InvalidArgument("RULE_INVALID", str(found), violations=violations)


def rule(one: Rule) -> rule_pb2.Rule:
    definition = one.definition
    return rule_pb2.Rule(
        id=str(one.id),
        name=definition.name,
        description=definition.description,
        trigger=_trigger(definition),
        condition_json=b"" if not definition.condition else jsonio.dumps(definition.condition),
        actions=[
            rule_pb2.Action(type=a.type, name=a.name, input_json=jsonio.dumps(a.input))
            for a in definition.actions
        ],
        state=one.state,
        state_reason=one.state_reason,
        version=one.version,
        owner_id=one.owner_id,
        create_time=to_timestamp(one.create_time),
        update_time=to_timestamp(one.update_time),
    )


def _trigger(definition: Definition) -> rule_pb2.Trigger:
    trigger = definition.trigger
    return rule_pb2.Trigger(type=trigger.type, object=trigger.object, fields=trigger.fields)


def run(
    one: Run,
    steps: Sequence[Step] = (),
    attempts: Sequence[Attempt] = (),
    history: Sequence[Entry] = (),
) -> run_pb2.Run:
    of_rule = one.kind is Kind.RULE
    by_step: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_step.setdefault(attempt.step_index, []).append(attempt)
    return run_pb2.Run(
        id=str(one.id),
        kind=one.kind,
        rule_id=str(one.rule_id) if of_rule else "",
        rule_name=one.rule_name if of_rule else "",
        rule_version=one.rule_version if of_rule else 0,
        workflow_id="" if of_rule else str(one.rule_id),
        workflow_name="" if of_rule else one.rule_name,
        workflow_version=0 if of_rule else one.rule_version,
        event_id=str(one.event_id),
        event_type=one.event_type,
        object=one.object,
        record_id=str(one.record_id) if one.record_id.int else "",
        state=one.state,
        error=one.error,
        trace_id=one.trace_id,
        depth=one.depth,
        epoch=one.epoch,
        output_json=one.output.encode(),
        parent_run_id="" if one.parent_run_id is None else str(one.parent_run_id),
        create_time=to_timestamp(one.create_time),
        start_time=to_timestamp(one.start_time),
        finish_time=to_timestamp(one.finish_time),
        steps=[_step(s, by_step.get(s.index, ())) for s in steps],
        history=[entry(line) for line in history],
    )


def entry(one: Entry) -> run_pb2.HistoryEntry:
    return run_pb2.HistoryEntry(
        time=to_timestamp(one.time), kind=one.kind, text=one.text, actor=one.actor
    )


def _step(one: Step, attempts: Sequence[Attempt]) -> run_pb2.Step:
    took = 0.0
    if one.start_time is not None and one.finish_time is not None:
        took = (one.finish_time - one.start_time).total_seconds()
    return run_pb2.Step(
        index=one.index,
        name=one.name,
        type=one.type,
        state=one.state,
        input_json=one.input.encode(),
        output_json=one.output.encode(),
        error=one.error,
        attempts=[_attempt(a) for a in attempts],
        start_time=to_timestamp(one.start_time),
        finish_time=to_timestamp(one.finish_time),
        path=one.path,
        epoch=one.epoch,
        retry_time=to_timestamp(one.retry_at),
        duration_ms=max(0, round(took * 1000)),
    )


def _attempt(one: Attempt) -> run_pb2.StepAttempt:
    return run_pb2.StepAttempt(
        number=one.number,
        start_time=to_timestamp(one.start_time),
        finish_time=to_timestamp(one.finish_time),
        outcome=one.outcome,
        error=one.error,
        trace_id=one.trace_id,
    )
