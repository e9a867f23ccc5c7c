"""Turn what clients write into what the plane speaks of, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from armature.automation.v1 import rule_pb2, run_pb2, workflow_pb2

from kit.clock import to_timestamp
from kit.errors import InvalidArgument, Violation
from schema import jsonio
from schema.problems import Invalid, Problem, nearest
from services.automation.logic import definitions, headers
from services.automation.logic.drafts import Draft, DraftAction
from services.automation.model import (
    ActionType,
    Attempt,
    Definition,
    Entry,
    InputField,
    Kind,
    Rule,
    RuleState,
    Run,
    RunInput,
    Step,
    Workflow,
    WorkflowVersion,
)


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
            rule_pb2.Action(type=a.type, name=a.name, input_json=_shown(a.type, a.input))
            for a in definition.actions
        ],
        state=one.state,
        state_reason=one.state_reason,
        version=one.version,
        owner_id=one.owner_id,
        create_time=to_timestamp(one.create_time),
        update_time=to_timestamp(one.update_time),
    )


def _shown(kind: ActionType, given: Mapping[str, Any]) -> bytes:
    return jsonio.dumps(headers.masked_input(kind, given))


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


def run_input(one: RunInput) -> run_pb2.RunInput:
    is_workflow = one.kind is Kind.WORKFLOW
    return run_pb2.RunInput(
        run_id=str(one.run_id),
        step=one.path,
        title=one.title,
        form_json=jsonio.dumps(one.form),
        assignees=one.assignees,
        escalated=one.escalated,
        escalate_time=to_timestamp(one.escalate_time),
        expire_time=to_timestamp(one.expire_time),
        create_time=to_timestamp(one.create_time),
        workflow_id=str(one.source_id) if is_workflow else "",
        workflow_name=one.source_name if is_workflow else "",
        object=one.object,
        record_id=str(one.record_id) if one.record_id.int else "",
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
        input_json=_input_of(one),
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


def _input_of(one: Step) -> bytes:
    """What it was given, without the values of headers: those are not for reading."""
    if one.type not in headers.SENDING or not one.input:
        return one.input.encode()
    return _shown(one.type, jsonio.loads_stored(one.input.encode()))


def _attempt(one: Attempt) -> run_pb2.StepAttempt:
    return run_pb2.StepAttempt(
        number=one.number,
        start_time=to_timestamp(one.start_time),
        finish_time=to_timestamp(one.finish_time),
        outcome=one.outcome,
        error=one.error,
        trace_id=one.trace_id,
    )


MAX_NAME = 255
MAX_DESCRIPTION = 2000
MAX_DOCUMENT = 256 * 1024  # bytes of each member
_DOCUMENTS = tuple(name for name in definitions.MEMBERS if name != "when")
WORKFLOW_PATHS = ("name", "description", "when", *(f"{name}_json" for name in _DOCUMENTS))


def workflow_invalid(problems: Iterable[Problem]) -> InvalidArgument:
    """INVALID_ARGUMENT / WORKFLOW_INVALID with all that is wrong."""
    found = Invalid(list(problems))
    violations = [Violation(p.path, p.code, p.message) for p in found.problems]
    return InvalidArgument("WORKFLOW_INVALID", str(found), violations=violations)


def workflow_draft(given: workflow_pb2.Workflow) -> dict[str, Any]:
    """The draft as it is kept: what was given, unfinished as it may be."""
    problems = _texts(given.name, given.description)
    draft = _documents(given, _DOCUMENTS, problems)
    if problems:
        raise workflow_invalid(problems)
    if given.when:
        draft["when"] = given.when
    return draft


def workflow_paths(paths: Sequence[str]) -> list[str]:
    """What an update names; WORKFLOW_INVALID for what can't be changed."""
    problems = [
        Problem(
            f"update_mask.{path}",
            "UNKNOWN_PATH",
            f"{path!r} can't be changed{nearest(path, WORKFLOW_PATHS)};"
            f" allowed: {', '.join(WORKFLOW_PATHS)}",
        )
        for path in paths
        if path not in WORKFLOW_PATHS
    ]
    if not paths:
        message = f"name what to change; allowed: {', '.join(WORKFLOW_PATHS)}"
        problems.append(Problem("update_mask", "REQUIRED", message))
    if problems:
        raise workflow_invalid(problems)
    return list(paths)


def changed_workflow(
    present: Workflow, changes: workflow_pb2.Workflow, paths: Sequence[str]
) -> tuple[str, str, dict[str, Any]]:
    """Name, description and draft once `paths` of them are those of `changes`."""
    name = changes.name if "name" in paths else present.name
    description = changes.description if "description" in paths else present.description
    problems = _texts(name, description)
    named = [one.removesuffix("_json") for one in paths if one.endswith("_json")]
    given = _documents(changes, named, problems)
    if problems:
        raise workflow_invalid(problems)
    draft = {key: value for key, value in present.draft.items() if key not in named} | given
    if "when" in paths:
        draft["when"] = changes.when
    return name, description, draft


def _texts(name: str, description: str) -> list[Problem]:
    problems = []
    if not 1 <= len(name.strip()) <= MAX_NAME or "\0" in name:
        message = f"a name has 1 to {MAX_NAME} characters"
        problems.append(Problem("name", "LENGTH", message))
    if len(description) > MAX_DESCRIPTION or "\0" in description:
        message = f"a description has at most {MAX_DESCRIPTION} characters"
        problems.append(Problem("description", "LENGTH", message))
    return problems


def _documents(
    given: workflow_pb2.Workflow, names: Iterable[str], problems: list[Problem]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        document: bytes = getattr(given, f"{name}_json")
        if len(document) > MAX_DOCUMENT:
            problems.append(Problem(name, "TOO_LONG", f"has at most {MAX_DOCUMENT} bytes"))
        elif document.strip():
            try:
                found[name] = jsonio.loads_exact(document)
            except Invalid as invalid:
                problems += [
                    Problem(f"{name}.{p.path}" if p.path else name, p.code, p.message)
                    for p in invalid.problems
                ]
    return found


def workflow(one: Workflow) -> workflow_pb2.Workflow:
    found = workflow_pb2.Workflow(
        id=str(one.id),
        name=one.name,
        description=one.description,
        when=str(one.draft.get("when") or ""),
        state=one.state,
        state_reason=one.state_reason,
        published_version=one.version,
        version=one.revision,
        owner_id=one.owner_id,
        create_time=to_timestamp(one.create_time),
        update_time=to_timestamp(one.update_time),
    )
    draft = headers.in_draft(one.draft, headers.masked)
    for name in _DOCUMENTS:
        if draft.get(name) is not None:
            setattr(found, f"{name}_json", jsonio.dumps(draft[name]))
    return found


def workflow_version(one: WorkflowVersion) -> workflow_pb2.WorkflowVersion:
    return workflow_pb2.WorkflowVersion(
        version=one.version,
        owner_id=one.owner_id,
        definition_json=jsonio.dumps(headers.in_draft(one.document, headers.masked)),
        create_time=to_timestamp(one.create_time),
    )


def filled(form: Iterable[InputField], document: bytes) -> dict[str, Any]:
    """What somebody filled in; INVALID_ARGUMENT / INPUT_INVALID with all that is wrong."""
    given = object_of(document, "inputs")
    values, problems = definitions.fill_form(form, given, "inputs")
    if problems:
        raise _input_invalid(problems)
    return values


def object_of(document: bytes, path: str) -> dict[str, Any]:
    """A JSON object that a person has written; empty where there is nothing."""
    try:
        given = jsonio.loads_exact(document) if document.strip() else {}
    except Invalid as invalid:
        raise _input_invalid([Problem(path, p.code, p.message) for p in invalid.problems]) from None
    if not isinstance(given, dict):
        raise _input_invalid([Problem(path, "WRONG_KIND", "must be one JSON object")])
    return given


def _input_invalid(problems: Sequence[Problem]) -> InvalidArgument:
    violations = [Violation(p.path, p.code, p.message) for p in problems]
    message = "; ".join(f"{p.path}: {p.message}" for p in problems)
    return InvalidArgument("INPUT_INVALID", message, violations=violations)
