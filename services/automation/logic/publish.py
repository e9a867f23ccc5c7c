"""Judge a workflow against what its workspace defines, before it is frozen: all mistakes at once.

What a template or formula names must be there: a field of the trigger's object, an input, a step
that has come before. What only a run can know is left to it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.model import Field
from schema.problems import Invalid, Problem, nearest
from schema.values.write import patch
from services.automation.logic import (
    conditions,
    definitions,
    formulas,
    names,
    references,
    switches,
    templates,
)
from services.automation.logic.graph import every_node
from services.automation.logic.inputs import ON_TIMEOUT
from services.automation.logic.literals import check_inputs
from services.automation.logic.permits import Permits
from services.automation.model import (
    ActionType,
    Node,
    WorkflowDefinition,
)

CheckUrl = Callable[[str], str]
CUSTOM = "custom."


def judge(
    document: Mapping[str, Any],
    workspace: Workspace,
    check_url: CheckUrl,
    permits: Permits,
    workflows: Collection[str],
) -> tuple[WorkflowDefinition, list[Problem]]:
    """The definition, and everything that publishing refuses; `workflows` are the names and ids of
    those that there are."""
    found, problems = definitions.judge(document)
    trigger = found.trigger
    obj = _object(trigger.object, workspace, problems)
    if obj is not None:
        for i, name in enumerate(trigger.fields):
            if name not in obj.fields:
                problems.append(_no_field(f"trigger.fields.{i}", obj, name))
        for name, change in (trigger.changes or {}).items():
            at = f"trigger.changes.{name}"
            if name not in obj.fields:
                problems.append(_no_field(at, obj, name))
            elif isinstance(change, dict):
                problems += _wrong_values(obj.fields[name], change, at)
    if trigger.workflow and trigger.workflow not in workflows:
        problems.append(_no_workflow("trigger.workflow", trigger.workflow, workflows))
    if trigger.link_type and trigger.link_type not in workspace.link_types:
        inverse = {t.inverse_name for t in workspace.link_types.values()}
        if trigger.link_type not in inverse:
            hint = nearest(trigger.link_type, workspace.link_types)
            message = f"there is no link type {trigger.link_type!r}{hint}"
            problems.append(Problem("trigger.link_type", "UNKNOWN_LINK_TYPE", message))
    if found.condition is not None:
        _check_condition(found, workspace, permits.seen(workspace), obj, problems)
    known = names.Known(
        trigger.type,
        obj,
        {},
        inputs=tuple(one.name for one in found.inputs),
        variables=_variables(found),
        open=trigger.type not in definitions.RECORD_TRIGGERS,
    )
    if found.when and not any(one.path == "when" for one in problems):
        # It is judged before there is a run, which is what has variables.
        problems += names.check_formula(found.when, replace(known, variables=()), "when")
    checker = _Checker(workspace, check_url, permits, workflows, problems)
    key = found.limits.debounce_key
    if templates.is_template(key):
        checker.check_value(key, known, "limits.debounce.key")
    for name, value in found.graph.variables.items():
        checker.check_value(value, known, f"variables.{name}")
    checker.sequence(found.graph.nodes, "steps", known)
    return found, problems


def _object(name: str, workspace: Workspace, problems: list[Problem]) -> CompiledObject | None:
    if not name:
        return None
    found = workspace.object(name)
    if found is None:
        hint = f"{nearest(name, workspace.objects)}; allowed: {', '.join(workspace.objects)}"
        message = f"there is no object {name!r}{hint}"
        problems.append(Problem("trigger.object", "UNKNOWN_OBJECT", message))
    return found


def _no_field(path: str, obj: CompiledObject, name: str) -> Problem:
    hint = f"{nearest(name, obj.fields)}; allowed: {', '.join(list(obj.fields)[:50])}"
    return Problem(path, "UNKNOWN_FIELD", f"{obj.name} has no field {name!r}{hint}")


def _no_workflow(path: str, name: str, known: Collection[str]) -> Problem:
    message = f"there is no workflow {name!r}{nearest(name, known)}"
    return Problem(path, "UNKNOWN_WORKFLOW", message)


def _wrong_values(field: Field, change: Mapping[str, Any], path: str) -> list[Problem]:
    """What a field can't have been before, or become."""
    problems: list[Problem] = []
    for end in ("from", "to"):
        if change.get(end) is not None:
            try:
                patch(field, None, change[end], f"{path}.{end}")
            except Invalid as invalid:
                problems += invalid.problems
    return problems


def _check_condition(
    found: WorkflowDefinition,
    workspace: Workspace,
    seen: Workspace,
    obj: CompiledObject | None,
    problems: list[Problem],
) -> None:
    if found.trigger.type not in definitions.RECORD_TRIGGERS:
        message = "only a record trigger has a record to filter; use `when`"
        problems.append(Problem("condition", "NOT_ALLOWED", message))
    elif obj is not None:
        try:
            conditions.check(workspace, seen, obj, found.condition, "condition")
        except Invalid as invalid:
            problems += invalid.problems


def _variables(found: WorkflowDefinition) -> tuple[str, ...]:
    """All that any step sets: a variable is one from the beginning."""
    named = list(found.graph.variables)
    for node in every_node(found.graph.nodes):
        if node.type is ActionType.SET_VARIABLES and isinstance(node.input.get("values"), dict):
            named += node.input["values"]
    return tuple(dict.fromkeys(named))


class _Checker:
    def __init__(
        self,
        workspace: Workspace,
        check_url: CheckUrl,
        permits: Permits,
        workflows: Collection[str],
        problems: list[Problem],
    ) -> None:
        self._workspace = workspace
        self._check_url = check_url
        self._permits = permits
        self._workflows = workflows
        self._problems = problems

    def sequence(
        self, nodes: Sequence[Node], path: str, known: names.Known
    ) -> dict[str, ActionType | None]:
        """Check each step with what is before it; all that is known behind the last."""
        before = dict(known.steps)
        for i, node in enumerate(nodes):
            here = known.with_steps(before)
            self._node(node, f"{path}.{i}", here)
            before |= self._inside(node, f"{path}.{i}", here)
            before[node.id] = node.type
        return before

    def _inside(self, node: Node, path: str, known: names.Known) -> Mapping[str, ActionType | None]:
        """What steps inside a step can be named by those behind it: not those of a loop."""
        found: dict[str, ActionType | None] = {}
        for position, block in enumerate(node.blocks):
            at = f"{path}.{block.name}"
            if node.type is ActionType.SWITCH and block.name != "default":
                at = f"{path}.cases.{block.name}.steps"
            elif node.type is ActionType.PARALLEL:
                at = f"{path}.branches.{position}.steps"
            if node.type is ActionType.FOR_EACH:
                self.sequence(block.nodes, at, known.in_loop())
            else:
                found |= self.sequence(block.nodes, at, known)
        return found

    def _node(self, node: Node, path: str, known: names.Known) -> None:
        flat = node.type in (
            ActionType.IF,
            ActionType.SWITCH,
            ActionType.FOR_EACH,
            ActionType.PARALLEL,
        )
        at = path if flat else f"{path}.input"
        given = {name: value for name, value in node.input.items() if name != "cases"}
        self._problems += check_inputs(
            node.type, given, self._workspace, known, self._check_url, at
        )
        lacks = self._permits.problem(node.type, given, self._workspace, known.object, path)
        if lacks is not None:
            self._problems.append(lacks)
        self._special(node, given, at, known)

    def _special(self, node: Node, given: Mapping[str, Any], at: str, known: names.Known) -> None:
        def wrong(name: str, code: str, message: str) -> None:
            self._problems.append(Problem(f"{at}.{name}", code, message))

        match node.type:
            case ActionType.IF:
                when = given.get("when")
                if not isinstance(when, str):
                    wrong("when", "WRONG_KIND", "must be a CEL formula")
                elif mistake := formulas.check(when, boolean=True):
                    wrong("when", "FORMULA_INVALID", mistake)
                else:
                    self._problems += names.check_formula(when, known, f"{at}.when")
            case ActionType.SWITCH:
                cases = node.input.get("cases", ())
                self._problems += switches.check(given.get("value"), cases, known, f"{at}.cases")
            case ActionType.EMIT_EVENT:
                event = given.get("event")
                if isinstance(event, str) and not event.startswith(CUSTOM):
                    wrong("event", "NOT_ALLOWED", f"an event of your own begins with {CUSTOM!r}")
            case ActionType.PARALLEL:
                join, count = given.get("join", "all"), len(node.blocks)
                is_number = isinstance(join, int) and not isinstance(join, bool)
                if join not in ("all", "any") and not (is_number and 1 <= join <= count):
                    wrong("join", "UNKNOWN_OPTION", f"must be all, any, or 1 to {count}")
            case ActionType.WAIT_FOR_EVENT | ActionType.WAIT_FOR_INPUT:
                if given.get("on_timeout", "continue") not in ON_TIMEOUT:
                    wrong("on_timeout", "UNKNOWN_OPTION", "must be continue or fail")
                if given.get("form") is not None:
                    definitions.form(given["form"], f"{at}.form", self._problems)
                escalation = given.get("escalation")
                self._problems += definitions.stages(escalation, f"{at}.escalation")
            case ActionType.CALL_WORKFLOW if references.is_literal_name(given.get("workflow")):
                if given["workflow"] not in self._workflows:
                    at_name = f"{at}.workflow"
                    found = _no_workflow(at_name, given["workflow"], self._workflows)
                    self._problems.append(found)
            case ActionType.SET_VARIABLES if isinstance(given.get("values"), dict):
                for name in given["values"]:
                    if not definitions.is_name(name):
                        wrong(f"values.{name}", "NAME_INVALID", definitions.NAMED)
            case ActionType.UNLINK:
                if not given.get("id") and not (given.get("source") and given.get("target")):
                    wrong("id", "REQUIRED", "unlink needs the link's id, or source and target")
            case ActionType.LINK | ActionType.DELETE_RECORD if known.open:
                needs = "source" if node.type is ActionType.LINK else "id"
                if not given.get(needs) and known.object is None:
                    wrong(needs, "REQUIRED", "nothing starts this that is a record; name one")

    def check_value(self, value: Any, known: names.Known, path: str) -> None:
        for where, text in templates.texts(value, path):
            if templates.is_template(text):
                self._problems += names.check(text, known, where)


def problems_of(found: Iterable[Problem]) -> list[Problem]:
    """Each mistake once."""
    return list(dict.fromkeys(found))
