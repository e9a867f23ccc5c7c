"""Make an action's inputs final: templates filled in, defaults put in place, kinds checked.

What comes out is stored with the step before its first attempt, so that every attempt sends the
same, whatever the time is by then.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from services.automation.logic import durations, formulas, templates
from services.automation.logic.inputs import INPUTS, MAX_DAYS, METHODS, PRIORITIES, Input, Kind
from services.automation.model import ActionType, Node

_WITH_TARGETS = (ActionType.CREATE_TODO, ActionType.CREATE_NOTE)


class InputError(Exception):
    """The inputs can't be made from what there is: the step fails for good, without effect."""


def render(value: Any, scope: Mapping[str, Any], time_zone: str, path: str = "") -> Any:
    """A JSON document with its templates and formulas filled in; InputError where one fails."""
    try:
        if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(formulas.KEY), str):
            return formulas.evaluate(value[formulas.KEY], scope)
        if isinstance(value, dict):
            return {
                key: render(one, scope, time_zone, f"{path}.{key}" if path else str(key))
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [render(one, scope, time_zone, f"{path}.{i}") for i, one in enumerate(value)]
        if isinstance(value, str) and templates.is_template(value):
            return templates.render(value, scope, time_zone, path)
    except (templates.TemplateError, formulas.FormulaError) as exc:
        at = f"{path}: " if path and isinstance(exc, formulas.FormulaError) else ""
        raise InputError(f"{at}{exc}") from exc
    return value


def prepare(
    action: Node, scope: Mapping[str, Any], time_zone: str, now: datetime
) -> dict[str, Any]:
    """The final inputs; `now` is in the workspace's time zone."""
    rendered = render(action.input, scope, time_zone)
    given: dict[str, Any] = {}
    for name, spec in INPUTS[action.type].items():
        value = _checked(name, spec, rendered.get(name))
        if value is not None:
            given[name] = value
    record = scope["trigger"]["record"]
    if action.type in (ActionType.UPDATE_RECORD, ActionType.DELETE_RECORD):
        if record is None and not ("object" in given and "id" in given):
            raise InputError("object, id: nothing started this that is a record; name one")
        given.setdefault("object", record["object"] if record else "")
        given.setdefault("id", record["id"] if record else "")
    if action.type is ActionType.LINK and "source" not in given:
        if record is None:
            raise InputError("source: nothing started this that is a record; name one")
        given["source"] = {"kind": record["object"], "id": record["id"]}
    if action.type in _WITH_TARGETS and "targets" not in given and scope["trigger"]["after"]:
        given["targets"] = [{"kind": record["object"], "id": record["id"]}]
    if (days := given.pop("due_in_days", None)) is not None:
        given["due"] = (now + timedelta(days=days)).date().isoformat()
    if action.type is ActionType.SEND_WEBHOOK and "body" not in given:
        event = scope["trigger"]["event"]
        given["body"] = {
            "type": event["type"],
            "timestamp": event["occurred_at"],
            "rule": scope["rule"],
            "run": scope["run"],
            "event": event,
            "record": record,
        }
    return given


def _checked(name: str, spec: Input, value: Any) -> Any:
    if value is None or (value == "" and spec.kind is not Kind.ANY):
        if spec.required:
            raise InputError(f"{name}: nothing is left of it, and it is needed")
        return None
    match spec.kind:
        case Kind.TEXT | Kind.NAME | Kind.URL | Kind.DUE:
            return _text(name, value)
        case Kind.FIELDS:
            if not isinstance(value, dict):
                raise _wrong(name, "an object", value)
        case Kind.HEADERS:
            if not isinstance(value, dict):
                raise _wrong(name, "an object", value)
            return {key: _header(f"{name}.{key}", one) for key, one in value.items()}
        case Kind.DAYS:
            return _days(name, value)
        case Kind.PRIORITY:
            if value not in PRIORITIES:
                raise _wrong(name, f"one of {', '.join(PRIORITIES)}", value)
        case Kind.TEXTS:
            if not isinstance(value, list):
                raise _wrong(name, "a list", value)
            return [_text(f"{name}.{i}", one) for i, one in enumerate(value)]
        case Kind.TARGETS:
            if not isinstance(value, list) or not all(_is_target(one) for one in value):
                raise _wrong(name, 'a list of {"kind", "id"}', value)
        case Kind.NODE:
            if not _is_target(value):
                raise _wrong(name, '{"kind", "id"}', value)
        case Kind.FILTER | Kind.VALUES:
            if not isinstance(value, dict):
                raise _wrong(name, "an object", value)
        case Kind.METHOD:
            if value not in METHODS:
                raise _wrong(name, f"one of {', '.join(METHODS)}", value)
        case Kind.COUNT:
            if not str(value).isdigit() or not 1 <= int(value) <= 1000:
                raise _wrong(name, "a whole number, 1 to 1000", value)
            return int(value)
        case Kind.BOOLEAN:
            if not isinstance(value, bool):
                raise _wrong(name, "true or false", value)
        case Kind.DURATION:
            seconds = durations.seconds(value)
            if seconds is None:
                raise _wrong(name, "seconds, or like 15m, 2h, 3d", value)
            return seconds
        case Kind.MOMENT:
            try:
                datetime.fromisoformat(str(value))
            except ValueError:
                raise _wrong(name, "an RFC 3339 time or YYYY-MM-DD", value) from None
            return str(value)
        case Kind.EVENT:
            return _text(name, value)
        case Kind.STAGES | Kind.FORM:
            if not isinstance(value, list):
                raise _wrong(name, "a list", value)
    return value


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise _wrong(name, "a text", value)


def _header(name: str, value: Any) -> str:
    """Its value is for nobody to read, and so not for an error either."""
    try:
        return _text(name, value)
    except InputError:
        raise InputError(f"{name}: must be a text") from None


def _days(name: str, value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdigit() or int(text) > MAX_DAYS:
        raise _wrong(name, f"a whole number of days, 0 to {MAX_DAYS}", value)
    return int(text)


def _is_target(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(k), str) for k in ("kind", "id"))


def _wrong(name: str, wanted: str, value: Any) -> InputError:
    return InputError(f"{name}: must be {wanted}, and is {str(value)[:80]!r}")
