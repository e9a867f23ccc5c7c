"""Check the names that templates use before anything runs: what no run can know is refused."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from schema.compiled import CompiledObject
from schema.problems import Problem, nearest
from services.automation.logic import occasion, templates
from services.automation.logic.inputs import OPEN_OUTPUTS, OUTPUTS
from services.automation.model import ActionType, TriggerType

ROOTS = ("trigger", "steps", "rule", "run")
WORKFLOW_ROOTS = ("trigger", "steps", "workflow", "run", "inputs", "vars", "event")
IN_LOOP = ("item", "index")
_NAME = re.compile(
    r"(?<![\w.\"'\]])(steps|inputs|vars|trigger)\.([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)"
)
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


@dataclass(frozen=True, slots=True)
class Known:
    """What the templates of one step can name."""

    trigger_type: TriggerType | None
    object: CompiledObject | None
    steps: Mapping[str, ActionType | None]  # the steps before it
    inputs: tuple[str, ...] | None = None  # of a workflow; a rule has none
    variables: tuple[str, ...] = ()
    loop: bool = False
    open: bool = False  # what starts it may be about anything

    @property
    def roots(self) -> tuple[str, ...]:
        if self.inputs is None:
            return ROOTS
        return WORKFLOW_ROOTS + (IN_LOOP if self.loop else ())

    def with_steps(self, steps: Mapping[str, ActionType | None]) -> "Known":
        return replace(self, steps=dict(steps))

    def in_loop(self) -> "Known":
        return replace(self, loop=True)


def check(text: str, known: Known, path: str) -> list[Problem]:
    """Everything wrong with one template."""
    try:
        template = templates.parse(text)
    except templates.TemplateError as exc:
        return [Problem(path, "TEMPLATE_INVALID", str(exc))]
    problems = []
    for name in templates.unknown_filters(template):
        hint = nearest(name, templates.filter_names())
        problems.append(Problem(path, "UNKNOWN_FILTER", f"there is no filter {name!r}{hint}"))
    seen: set[str] = set()
    for segments in templates.names(template):
        parts = [part if isinstance(part, str | int) else None for part in segments]
        if problem := _check_name(parts, known, path):
            if problem.message not in seen:
                problems.append(problem)
            seen.add(problem.message)
    return problems


def check_formula(text: str, known: Known, path: str) -> list[Problem]:
    """What a formula names that no run can know, as far as its text tells."""
    problems = []
    for match in _NAME.finditer(_TEXT.sub('""', text)):
        parts: list[str | int | None] = [match[1], match[2], *match[3].split(".")[1:]]
        if problem := _check_name(parts, known, path):
            problems.append(problem)
    return problems


def _check_name(parts: list[str | int | None], known: Known, path: str) -> Problem | None:
    root, *rest = parts
    if root not in known.roots:
        return _unknown(path, "name", str(root), known.roots)
    if not rest or rest[0] is None:
        return None
    first = str(rest[0])
    match root:
        case "item" | "index" | "event":
            return None
        case "inputs":
            return _among(path, "inputs", first, known.inputs or ())
        case "vars":
            return _among(path, "vars", first, known.variables)
        case "rule" | "workflow":
            return _among(path, str(root), first, occasion.RULE_PARTS)
        case "run":
            return _among(path, "run", first, occasion.RUN_PARTS)
        case "steps":
            return _step(rest, known, path)
    return _trigger(rest, known, path)


def _step(rest: list[str | int | None], known: Known, path: str) -> Problem | None:
    name = str(rest[0])
    if name not in known.steps:
        return _unknown(path, "step before this one", name, list(known.steps))
    kind = known.steps[name]
    if kind is None or len(rest) < 2 or rest[1] is None:
        return None
    part: str | int | None = rest[1]
    more = rest[2:]
    if part == "error":
        return None
    if part == "output":
        part = more[0] if more else None
    if part is None or kind in OPEN_OUTPUTS:
        return None
    return _among(path, f"steps.{name}", str(part), OUTPUTS[kind])


def _trigger(rest: list[str | int | None], known: Known, path: str) -> Problem | None:
    first, *more = rest
    if problem := _among(path, "trigger", str(first), occasion.TRIGGER_PARTS):
        return problem
    if first == "after" and known.trigger_type is TriggerType.RECORD_DELETED:
        message = "a deleted record has no trigger.after; use trigger.before"
        return Problem(path, "UNKNOWN_NAME", message)
    if first == "before" and known.trigger_type is TriggerType.RECORD_CREATED:
        message = "a created record has no trigger.before; use trigger.after"
        return Problem(path, "UNKNOWN_NAME", message)
    if not more or more[0] is None:
        return None
    second = str(more[0])
    if first == "inputs" or known.open:
        return None
    if first == "event":
        return _among(path, "trigger.event", second, occasion.EVENT_PARTS)
    if first == "record":
        if problem := _among(path, "trigger.record", second, occasion.RECORD_PARTS):
            return problem
        if second != "fields" or len(more) < 2 or more[1] is None:
            return None
        return _field(str(more[1]), known, path)
    return None if second == "id" else _field(second, known, path)


def _field(name: str, known: Known, path: str) -> Problem | None:
    if known.object is None or name in known.object.fields:
        return None
    return _unknown(path, f"field of {known.object.name}", name, known.object.fields)


def _among(path: str, of: str, name: str, names: Iterable[str]) -> Problem | None:
    return None if name in names else _unknown(path, f"part of {of}", name, names)


def _unknown(path: str, what: str, name: str, known: Iterable[str]) -> Problem:
    names = list(known)
    allowed = f"; allowed: {', '.join(names[:30])}" if names else "; there is none"
    return Problem(
        path, "UNKNOWN_NAME", f"there is no {what} {name!r}{nearest(name, names)}{allowed}"
    )
