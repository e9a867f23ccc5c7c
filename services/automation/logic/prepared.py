"""Make an action's inputs final: templates filled in, defaults put in place, kinds checked.

What comes out is stored with the step before its first attempt, so that every attempt sends the
same, whatever the time is by then.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from services.automation.logic import templates
from services.automation.logic.inputs import INPUTS, MAX_DAYS, PRIORITIES, Input, Kind
from services.automation.model import Action, ActionType

_WITH_TARGETS = (ActionType.CREATE_TODO, ActionType.CREATE_NOTE)


class InputError(Exception):
    """The inputs can't be made from what there is: the step fails for good, without effect."""


def prepare(
    action: Action, scope: Mapping[str, Any], time_zone: str, now: datetime
) -> dict[str, Any]:
    """The final inputs; `now` is in the workspace's time zone."""
    try:
        rendered = templates.render(action.input, scope, time_zone)
    except templates.TemplateError as exc:
        raise InputError(str(exc)) from exc
    given: dict[str, Any] = {}
    for name, spec in INPUTS[action.type].items():
        value = _checked(name, spec, rendered.get(name))
        if value is not None:
            given[name] = value
    record = scope["trigger"]["record"]
    if action.type is ActionType.UPDATE_RECORD:
        given.setdefault("object", record["object"])
        given.setdefault("id", record["id"])
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
            return {key: _text(f"{name}.{key}", one) for key, one in value.items()}
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
    return value


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise _wrong(name, "a text", value)


def _days(name: str, value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdigit() or int(text) > MAX_DAYS:
        raise _wrong(name, f"a whole number of days, 0 to {MAX_DAYS}", value)
    return int(text)


def _is_target(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(k), str) for k in ("kind", "id"))


def _wrong(name: str, wanted: str, value: Any) -> InputError:
    return InputError(f"{name}: must be {wanted}, and is {str(value)[:80]!r}")
