"""Judge a rule as somebody wrote it: a definition that can run, or everything wrong at once."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from kit.masking import MASK
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.problems import Invalid, Problem, nearest
from services.automation.logic import conditions, headers, names
from services.automation.logic.literals import check_inputs
from services.automation.logic.permits import Permits
from services.automation.model import (
    RULE_ACTIONS,
    RULE_TRIGGERS,
    Action,
    ActionType,
    Definition,
    Trigger,
    TriggerType,
)

MAX_NAME = 255
MAX_DESCRIPTION = 2000
MAX_ACTIONS = 20
MAX_JSON = 64 * 1024
_STEP_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")

# Why a literal URL or header is refused; empty when it is not.
CheckUrl = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class DraftAction:
    type: str
    name: str
    input_json: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as a caller wrote it."""

    name: str
    description: str
    trigger_type: str
    object: str
    fields: tuple[str, ...]
    condition_json: bytes
    actions: tuple[DraftAction, ...]


def judge(draft: Draft, workspace: Workspace, check_url: CheckUrl, permits: Permits) -> Definition:
    """The definition; Invalid lists every problem of the rule."""
    problems: list[Problem] = []
    _check_texts(draft, problems)
    obj = workspace.object(draft.object)
    if obj is None:
        problems.append(_unknown("trigger.object", "object", draft.object, workspace.objects))
    kind = _trigger_type(draft, problems)
    _check_fields(draft, obj, kind, problems)
    condition = _condition(draft, workspace, permits.seen(workspace), obj, problems)
    actions = _actions(draft, workspace, names.Known(kind, obj, {}), check_url, problems)
    for index, action in enumerate(actions):
        at = f"actions.{index}"
        lacks = permits.problem(action.type, action.input, workspace, obj, at)
        if lacks is not None:
            problems.append(lacks)
    if problems:
        raise Invalid(problems)
    assert obj is not None
    assert kind is not None
    trigger = Trigger(kind, obj.name, obj.id, draft.fields)
    return Definition(draft.name, draft.description, trigger, condition, tuple(actions))


def with_kept(draft: Draft, stored: headers.Document, *, anywhere: bool) -> Draft:
    """The draft with the values of headers that are stored, where it sends their mask back; with
    `anywhere` nothing has changed that says where to."""
    taken: dict[str, ActionType | None] = {}
    actions = []
    for action in draft.actions:
        name = action.name or _free_name(action.type, taken)
        taken[name] = None
        actions.append(_with_kept(action, name, stored, anywhere=anywhere))
    return replace(draft, actions=tuple(actions))


def _with_kept(
    action: DraftAction, name: str, stored: headers.Document, *, anywhere: bool
) -> DraftAction:
    if MASK.encode() not in action.input_json:
        return action
    try:
        given = jsonio.loads_exact(action.input_json)
    except Invalid:  # told when it is judged
        return action
    step = {"id": name, "type": action.type, "input": given}
    kept = headers.restored(step, stored, anywhere=anywhere)["input"]
    return replace(action, input_json=jsonio.dumps(kept))


def _check_texts(draft: Draft, problems: list[Problem]) -> None:
    if not 1 <= len(draft.name.strip()) <= MAX_NAME:
        problems.append(Problem("name", "LENGTH", f"a name has 1 to {MAX_NAME} characters"))
    if len(draft.description) > MAX_DESCRIPTION:
        message = f"a description has at most {MAX_DESCRIPTION} characters"
        problems.append(Problem("description", "LENGTH", message))
    for path, text in (("name", draft.name), ("description", draft.description)):
        if "\0" in text:
            problems.append(Problem(path, "CONTROL_CHARACTER", "must not hold the character NUL"))


def _trigger_type(draft: Draft, problems: list[Problem]) -> TriggerType | None:
    if draft.trigger_type in RULE_TRIGGERS:
        return TriggerType(draft.trigger_type)
    problems.append(_unknown("trigger.type", "trigger", draft.trigger_type, RULE_TRIGGERS))
    return None


def _check_fields(
    draft: Draft, obj: CompiledObject | None, kind: TriggerType | None, problems: list[Problem]
) -> None:
    if draft.fields and kind not in (None, TriggerType.RECORD_UPDATED):
        message = "only record_updated can wait for certain fields"
        problems.append(Problem("trigger.fields", "NOT_ALLOWED", message))
    for index, name in enumerate(draft.fields):
        if obj is not None and name not in obj.fields:
            what = f"field of {obj.name}"
            problems.append(_unknown(f"trigger.fields.{index}", what, name, obj.fields))


def _condition(
    draft: Draft,
    workspace: Workspace,
    seen: Workspace,
    obj: CompiledObject | None,
    problems: list[Problem],
) -> "dict[str, object] | None":
    if not draft.condition_json.strip():
        return None
    noted = len(problems)
    document = _json(draft.condition_json, "condition", problems)
    if len(problems) > noted or obj is None or document == {}:
        return None
    try:
        conditions.check(workspace, seen, obj, document, "condition")
    except Invalid as invalid:
        problems += invalid.problems
    return document if isinstance(document, dict) else None


def _json(document: bytes, path: str, problems: list[Problem]) -> object:
    """What it says; None when it is empty or, noted, no JSON."""
    if not document.strip():
        return None
    if len(document) > MAX_JSON:
        problems.append(Problem(path, "TOO_LONG", f"has at most {MAX_JSON} bytes"))
        return None
    try:
        found: object = jsonio.loads_exact(document)
    except Invalid as invalid:
        for problem in invalid.problems:
            at = f"{path}.{problem.path}" if problem.path else path
            problems.append(Problem(at, problem.code, problem.message))
        return None
    return found


def _actions(
    draft: Draft,
    workspace: Workspace,
    known: names.Known,
    check_url: CheckUrl,
    problems: list[Problem],
) -> list[Action]:
    if not 1 <= len(draft.actions) <= MAX_ACTIONS:
        problems.append(Problem("actions", "LENGTH", f"a rule has 1 to {MAX_ACTIONS} actions"))
    before: dict[str, ActionType | None] = {}
    actions: list[Action] = []
    for index, action in enumerate(draft.actions[:MAX_ACTIONS]):
        path = f"actions.{index}"
        kind = ActionType(action.type) if action.type in RULE_ACTIONS else None
        if kind is None:
            problems.append(_unknown(f"{path}.type", "action", action.type, RULE_ACTIONS))
        name = action.name or _free_name(action.type, before)
        if not _STEP_NAME.match(name):
            message = "a name has lower-case letters, digits and underscores, at most 63"
            problems.append(Problem(f"{path}.name", "NAME_INVALID", message))
        elif name in before:
            message = f"there is an action {name!r} before this one"
            problems.append(Problem(f"{path}.name", "NAME_TAKEN", message))
        noted = len(problems)
        given = _json(action.input_json, f"{path}.input", problems)
        if given is None and len(problems) == noted:
            given = {}
        here = names.Known(known.trigger_type, known.object, dict(before))
        if isinstance(given, dict) and kind is not None:
            problems += check_inputs(kind, given, workspace, here, check_url, f"{path}.input")
            actions.append(Action(kind, name, given))
        elif given is not None and not isinstance(given, dict):
            message = "an action's inputs are one JSON object"
            problems.append(Problem(f"{path}.input", "WRONG_KIND", message))
        before[name] = kind
    return actions


def _free_name(kind: str, taken: "dict[str, ActionType | None]") -> str:
    if kind not in taken:
        return kind
    number = 2
    while f"{kind}_{number}" in taken:
        number += 1
    return f"{kind}_{number}"


def _unknown(path: str, what: str, name: str, known: Iterable[str]) -> Problem:
    names_ = [str(one) for one in known]
    allowed = f"; allowed: {', '.join(names_[:50])}"
    code = f"UNKNOWN_{what.split(maxsplit=1)[0].upper()}"
    return Problem(path, code, f"there is no {what} {name!r}{nearest(name, names_)}{allowed}")
