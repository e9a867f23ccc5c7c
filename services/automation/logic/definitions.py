"""Read a workflow's document: trigger, condition, inputs, variables, steps, limits, retention.

`judge` tells everything wrong with its shape; `read` takes one that was judged when it was stored.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from schema.problems import Problem, nearest
from services.automation.logic import durations, formulas, graph, templates
from services.automation.logic.inputs import EVENT_TYPE, FORM_TYPES
from services.automation.model import (
    Graph,
    InputField,
    Limits,
    Retention,
    TriggerType,
    WorkflowDefinition,
    WorkflowTrigger,
)

MEMBERS = ("trigger", "condition", "when", "inputs", "variables", "steps", "limits", "retention")
MAX_INPUTS = 50
MAX_REENTRY = 50
MIN_INTERVAL = 1.0
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")
NAMED = "a name has letters, digits and underscores, at most 63, and begins with no digit"
_PRIORITIES = {"low": 0, "normal": 1, "high": 2}
_RECORD = ("object",)
_ON_SCHEDULE = ("cron", "interval", "time_zone", "overlap", "misfire", "misfire_cap", "jitter")
# What each trigger says beside its type.
TRIGGER_MEMBERS: dict[TriggerType, tuple[str, ...]] = {
    TriggerType.RECORD_CREATED: _RECORD,
    TriggerType.RECORD_UPDATED: ("object", "fields", "changes"),
    TriggerType.RECORD_DELETED: _RECORD,
    TriggerType.RECORD_UNDELETED: _RECORD,
    TriggerType.LINK_CREATED: ("link_type",),
    TriggerType.LINK_DELETED: ("link_type",),
    TriggerType.NOTE_ADDED: (),
    TriggerType.TODO_ADDED: (),
    TriggerType.FILE_ADDED: (),
    TriggerType.EVENT: ("event",),
    TriggerType.MANUAL: _RECORD,
    TriggerType.SCHEDULE: _ON_SCHEDULE,
    TriggerType.WEBHOOK: ("signed",),
    TriggerType.WORKFLOW: ("workflow", "on"),
}
RECORD_TRIGGERS = (
    TriggerType.RECORD_CREATED,
    TriggerType.RECORD_UPDATED,
    TriggerType.RECORD_DELETED,
    TriggerType.RECORD_UNDELETED,
)
_CHOICES = {
    "overlap": ("skip", "queue", "replace"),
    "misfire": ("skip", "once", "all"),
    "on": ("succeeded", "failed", "finished"),
}


def read(document: Mapping[str, Any]) -> WorkflowDefinition:
    """What was judged when it was stored: a later release may judge otherwise, and reads it."""
    found, _ = judge(document)
    limits, trigger = found.limits, found.trigger
    if trigger.type is TriggerType.SCHEDULE and trigger.overlap == "queue":
        limits = replace(limits, concurrency=limits.concurrency or 1)
    return replace(found, limits=limits)


def judge(document: Mapping[str, Any]) -> tuple[WorkflowDefinition, list[Problem]]:
    """The definition as far as it can be read, and everything wrong with its shape."""
    problems: list[Problem] = []

    def wrong(path: str, code: str, message: str) -> None:
        problems.append(Problem(path, code, message))

    for name in document:
        if name not in MEMBERS:
            hint = f"{nearest(name, MEMBERS)}; allowed: {', '.join(MEMBERS)}"
            wrong(name, "UNKNOWN_MEMBER", f"a workflow has no {name!r}{hint}")
    reader = graph.Reader(problems)
    nodes = reader.sequence(document.get("steps") or [], "steps")
    if not document.get("steps"):
        wrong("steps", "REQUIRED", "a workflow has at least one step")
    variables = _object(document.get("variables"), "variables", wrong)
    for name in variables:
        if not is_name(name):
            wrong(f"variables.{name}", "NAME_INVALID", NAMED)
    condition = _object(document.get("condition"), "condition", wrong)
    when = document.get("when") or ""
    if not isinstance(when, str):
        wrong("when", "WRONG_KIND", "must be a CEL formula")
        when = ""
    elif when and (mistake := formulas.check(when, boolean=True)):
        wrong("when", "FORMULA_INVALID", mistake)
    trigger = _trigger(_object(document.get("trigger"), "trigger", wrong), wrong)
    inputs = form(document.get("inputs"), "inputs", problems)
    found = WorkflowDefinition(
        trigger=trigger,
        condition=condition or None,
        when=when,
        inputs=inputs,
        graph=Graph(nodes, variables),
        limits=_limits(_object(document.get("limits"), "limits", wrong), wrong),
        retention=_retention(_object(document.get("retention"), "retention", wrong), wrong),
    )
    return found, problems


def with_object_id(trigger: WorkflowTrigger, object_id: str) -> WorkflowTrigger:
    """The trigger as it is once published."""
    return replace(trigger, object_id=object_id)


Wrong = Callable[[str, str, str], None]


def _object(value: Any, path: str, wrong: Wrong) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong(path, "WRONG_KIND", "must be an object")
        return {}
    return value


def _known(given: Mapping[str, Any], allowed: Iterable[str], path: str, wrong: Wrong) -> None:
    names = list(allowed)
    for name in given:
        if name not in names:
            hint = f"{nearest(name, names)}; allowed: {', '.join(names)}"
            wrong(f"{path}.{name}", "UNKNOWN_MEMBER", f"there is no {name!r} here{hint}")


def _trigger(given: dict[str, Any], wrong: Wrong) -> WorkflowTrigger:
    kind = given.get("type")
    if kind not in list(TriggerType):
        hint = f"{nearest(str(kind), TriggerType)}; allowed: {', '.join(TriggerType)}"
        wrong("trigger.type", "UNKNOWN_TRIGGER", f"there is no trigger {kind!r}{hint}")
        return WorkflowTrigger(TriggerType.MANUAL)
    kind = TriggerType(kind)
    # The object's id is ours: it is put there at publish, and keeps what a rename would lose.
    _known(given, ("type", "object_id", *TRIGGER_MEMBERS[kind]), "trigger", wrong)
    texts = {}
    for name in ("object", "object_id", "link_type", "event", "workflow", "time_zone", "cron"):
        value = given.get(name) or ""
        if not isinstance(value, str):
            wrong(f"trigger.{name}", "WRONG_KIND", "must be a text")
            value = ""
        texts[name] = value
    needed = {TriggerType.EVENT: "event", TriggerType.WORKFLOW: "workflow"}
    needed |= dict.fromkeys(RECORD_TRIGGERS, "object")
    if kind in needed and not texts[needed[kind]]:
        wrong(f"trigger.{needed[kind]}", "REQUIRED", f"{kind} needs {needed[kind]!r}")
    if texts["event"] and not EVENT_TYPE.match(texts["event"]):
        wrong("trigger.event", "WRONG_KIND", "must be an event's type, like record.updated")
    signed = given.get("signed", False)
    if not isinstance(signed, bool):
        wrong("trigger.signed", "WRONG_KIND", "must be true or false")
    chosen = {}
    for name, allowed in _CHOICES.items():
        value = given.get(name) or {"overlap": "skip", "misfire": "once", "on": "finished"}[name]
        if value not in allowed:
            wrong(f"trigger.{name}", "UNKNOWN_OPTION", f"must be one of {', '.join(allowed)}")
            value = allowed[0]
        chosen[name] = value
    fields = given.get("fields") or []
    if not isinstance(fields, list) or not all(isinstance(one, str) for one in fields):
        wrong("trigger.fields", "WRONG_KIND", "must be a list of fields")
        fields = []
    changes = _object(given.get("changes"), "trigger.changes", wrong)
    for name, change in changes.items():
        if not isinstance(change, dict) or not change or not set(change) <= {"from", "to"}:
            wrong(f"trigger.changes.{name}", "WRONG_KIND", 'must be {"from", "to"}, or one of them')
    interval = durations.seconds(given.get("interval") or 0)
    jitter = durations.seconds(given.get("jitter") or 0)
    for name, value in (("interval", interval), ("jitter", jitter)):
        if value is None:
            wrong(f"trigger.{name}", "WRONG_KIND", "must be seconds, or like 15m, 2h, 3d")
    if kind is TriggerType.SCHEDULE:
        _schedule(texts["cron"], interval or 0.0, texts["time_zone"], wrong)
    cap = given.get("misfire_cap", 100)
    if not isinstance(cap, int) or isinstance(cap, bool) or not 1 <= cap <= 1000:
        wrong("trigger.misfire_cap", "OUT_OF_RANGE", "must be 1 to 1000")
        cap = 100
    return WorkflowTrigger(
        type=kind,
        object=texts["object"],
        object_id=texts["object_id"],
        fields=tuple(fields),
        changes=changes or None,
        link_type=texts["link_type"],
        event=texts["event"],
        workflow=texts["workflow"],
        on=chosen["on"],
        cron=texts["cron"],
        interval_seconds=interval or 0.0,
        time_zone=texts["time_zone"],
        overlap=chosen["overlap"],
        misfire=chosen["misfire"],
        misfire_cap=cap,
        jitter_seconds=jitter or 0.0,
        signed=signed is True,
    )


def _schedule(cron: str, interval: float, time_zone: str, wrong: Wrong) -> None:
    if bool(cron) == bool(interval):
        wrong("trigger.cron", "REQUIRED", "give either cron or interval")
    if interval and interval < MIN_INTERVAL:
        wrong("trigger.interval", "OUT_OF_RANGE", f"must be at least {MIN_INTERVAL:g} s")
    if cron:
        try:
            next(CronSim(cron, datetime.now(UTC)))
        except (CronSimError, StopIteration) as exc:
            wrong("trigger.cron", "CRON_INVALID", f"is no cron expression that comes: {exc}")
    if time_zone and not _is_zone(time_zone):
        message = f"there is no time zone {time_zone!r}; it is an IANA name like Europe/Berlin"
        wrong("trigger.time_zone", "UNKNOWN_TIME_ZONE", message)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def form(value: Any, path: str, problems: list[Problem]) -> tuple[InputField, ...]:
    """A list of inputs, of a workflow or of a form."""
    found: list[InputField] = []
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_INPUTS:
        problems.append(Problem(path, "WRONG_KIND", f"must be a list of at most {MAX_INPUTS}"))
        return ()
    for i, one in enumerate(value):
        at = f"{path}.{i}"
        allowed = {"name", "type", "required", "options", "label"}
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or set(one) - allowed:
            message = 'an input is {"name", "type"?, "required"?, "options"?, "label"?}'
            problems.append(Problem(at, "WRONG_KIND", message))
            continue
        if not is_name(one["name"]):
            problems.append(Problem(f"{at}.name", "NAME_INVALID", NAMED))
            continue
        if any(one["name"] == known.name for known in found):
            message = f"there is an input {one['name']!r} before this one"
            problems.append(Problem(f"{at}.name", "NAME_TAKEN", message))
            continue
        kind = one.get("type", "text")
        if kind not in FORM_TYPES:
            hint = f"must be one of {', '.join(FORM_TYPES)}{nearest(str(kind), FORM_TYPES)}"
            problems.append(Problem(f"{at}.type", "UNKNOWN_TYPE", hint))
            continue
        options = one.get("options") or []
        if not isinstance(options, list) or not all(isinstance(o, str) for o in options):
            problems.append(Problem(f"{at}.options", "WRONG_KIND", "must be a list of texts"))
            continue
        label = str(one.get("label", ""))
        required = bool(one.get("required"))
        found.append(InputField(one["name"], kind, required, tuple(options), label))
    return tuple(found)


def is_name(text: str) -> bool:
    """Whether templates and formulas can name it behind inputs. and vars."""
    return bool(_NAME.match(text))


def stages(value: Any, path: str) -> list[Problem]:
    """What is wrong with an escalation; texts may be templates."""
    problems: list[Problem] = []
    for i, one in enumerate(value if isinstance(value, list) else ()):
        at = f"{path}.{i}"
        members = set(one) if isinstance(one, dict) else set()
        if "after" not in members or not members <= {"after", "assignees"}:
            message = 'a stage of an escalation is {"after", "assignees"}'
            problems.append(Problem(at, "WRONG_KIND", message))
            continue
        after, asked = one["after"], one.get("assignees", [])
        told = templates.has_template(after) or isinstance(after, dict)  # by a formula
        if not told and durations.seconds(after) is None:
            message = "must be seconds, or like 15m, 2h, 3d"
            problems.append(Problem(f"{at}.after", "WRONG_KIND", message))
        if not isinstance(asked, list) or not all(isinstance(who, str) for who in asked):
            problems.append(Problem(f"{at}.assignees", "WRONG_KIND", "must be a list of texts"))
    return problems


def fill_form(
    fields: Iterable[InputField], given: Mapping[str, Any], path: str
) -> tuple[dict[str, Any], list[Problem]]:
    """What somebody filled in, and everything wrong with it."""
    problems: list[Problem] = []
    known = {one.name: one for one in fields}
    values: dict[str, Any] = dict.fromkeys(known)
    for name, value in given.items():
        at = f"{path}.{name}"
        if name not in known:
            hint = f"{nearest(name, known)}; allowed: {', '.join(known)}"
            problems.append(Problem(at, "UNKNOWN_INPUT", f"there is no input {name!r}{hint}"))
            continue
        if value is not None and (mistake := _mistake(known[name], value)):
            problems.append(Problem(at, "WRONG_KIND", mistake))
        values[name] = value
    for name, one in known.items():
        if one.required and given.get(name) in (None, ""):
            problems.append(Problem(f"{path}.{name}", "REQUIRED", f"{name!r} is needed"))
    return values, problems


def _mistake(field: InputField, value: Any) -> str:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    match field.type:
        case "number" if not is_number:
            return "must be a number"
        case "boolean" if not isinstance(value, bool):
            return "must be true or false"
        case "text" | "date" | "select" if not isinstance(value, str):
            return "must be a text"
        case "select" if field.options and value not in field.options:
            return f"must be one of {', '.join(field.options)}{nearest(value, field.options)}"
        case "date":
            try:
                datetime.fromisoformat(value)
            except ValueError:
                return "must be YYYY-MM-DD or an RFC 3339 time"
    return ""


def _limits(given: dict[str, Any], wrong: Wrong) -> Limits:
    allowed = ("concurrency", "rate", "debounce", "priority", "reentry")
    _known(given, allowed, "limits", wrong)

    def whole(value: Any, path: str, most: int) -> int:
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            wrong(path, "OUT_OF_RANGE", f"must be a whole number, 0 to {most}")
            return 0
        return value

    rate = _object(given.get("rate"), "limits.rate", wrong)
    _known(rate, ("limit", "per"), "limits.rate", wrong)
    per = durations.seconds(rate.get("per", 60))
    debounce = _object(given.get("debounce"), "limits.debounce", wrong)
    _known(debounce, ("key", "for"), "limits.debounce", wrong)
    seconds = durations.seconds(debounce.get("for", 0))
    if rate and not rate.get("limit"):
        wrong("limits.rate.limit", "REQUIRED", "say how many may start in that time")
    if debounce and not debounce.get("for"):
        wrong("limits.debounce.for", "REQUIRED", "say how long it waits for another")
    if per is None or per <= 0:
        wrong("limits.rate.per", "WRONG_KIND", "must be seconds, or like 1m, 1h")
    if seconds is None:
        wrong("limits.debounce.for", "WRONG_KIND", "must be seconds, or like 30s, 5m")
    key = debounce.get("key", "")
    if not isinstance(key, str):
        wrong("limits.debounce.key", "WRONG_KIND", "must be a template")
        key = ""
    elif templates.is_template(key):
        try:
            templates.parse(key)
        except templates.TemplateError as exc:
            wrong("limits.debounce.key", "TEMPLATE_INVALID", str(exc))
    priority = given.get("priority", "normal")
    if priority not in _PRIORITIES:
        wrong("limits.priority", "UNKNOWN_OPTION", f"must be one of {', '.join(_PRIORITIES)}")
        priority = "normal"
    return Limits(
        concurrency=whole(given.get("concurrency"), "limits.concurrency", 100_000),
        rate=whole(rate.get("limit"), "limits.rate.limit", 1_000_000),
        per=per or 60.0,
        debounce_key=key,
        debounce=seconds or 0.0,
        priority=_PRIORITIES[priority],
        reentry=whole(given.get("reentry"), "limits.reentry", MAX_REENTRY),
    )


def _retention(given: dict[str, Any], wrong: Wrong) -> Retention:
    _known(given, ("succeeded_days", "failed_days"), "retention", wrong)
    days = []
    for name, usual in (("succeeded_days", 30), ("failed_days", 90)):
        value = given.get(name, usual)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 3650:
            wrong(f"retention.{name}", "OUT_OF_RANGE", "must be 1 to 3650 days")
            value = usual
        days.append(value)
    return Retention(*days)
