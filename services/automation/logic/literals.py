"""Check an action's inputs: every name of them, and every value that is no template."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from kit.egress import header_problem
from kit.masking import MASK
from schema.compiled import CompiledObject, Workspace
from schema.filters import parse_json
from schema.problems import Invalid, Problem, nearest
from schema.values.write import patch
from services.automation.logic import (
    durations,
    formulas,
    headers,
    names,
    references,
    templates,
)
from services.automation.logic.inputs import (
    EVENT_TYPE,
    INPUTS,
    MAX_DAYS,
    METHODS,
    PRIORITIES,
    Input,
    Kind,
)
from services.automation.model import ActionType, TriggerType

_UUID = re.compile(r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
_RECORD_ACTIONS = (
    ActionType.CREATE_RECORD,
    ActionType.UPDATE_RECORD,
    ActionType.UPSERT_RECORD,
    ActionType.DELETE_RECORD,
    ActionType.FIND_RECORDS,
)
_ITS_RECORD = (ActionType.UPDATE_RECORD, ActionType.DELETE_RECORD)


def check_inputs(
    kind: ActionType,
    given: Mapping[str, Any],
    workspace: Workspace,
    known: names.Known,
    check_url: Callable[[str], str],
    path: str,
) -> list[Problem]:
    """Everything wrong with the inputs of one action."""
    allowed = INPUTS[kind]
    problems: list[Problem] = []
    for name, value in given.items():
        at = f"{path}.{name}"
        if name not in allowed:
            hint = f"{nearest(name, allowed)}; allowed: {', '.join(allowed)}"
            problems.append(Problem(at, "UNKNOWN_INPUT", f"{kind} takes no {name!r}{hint}"))
            continue
        problems += check_names(value, known, at)
        if not _is_formula(value):
            problems += _literal(allowed[name], value, check_url, at)
    for name, spec in allowed.items():
        if spec.required and given.get(name) in (None, ""):
            problems.append(Problem(f"{path}.{name}", "REQUIRED", f"{kind} needs {name!r}"))
    if kind in _RECORD_ACTIONS:
        problems += _record_inputs(kind, given, workspace, known, path)
    problems += references.check(kind, given, workspace, path)
    if given.get("due") is not None and given.get("due_in_days") is not None:
        message = "give either due or due_in_days"
        problems.append(Problem(f"{path}.due_in_days", "NOT_ALLOWED", message))
    return problems


def check_names(value: Any, known: names.Known, path: str) -> list[Problem]:
    """Everything wrong with the templates and formulas of a JSON document."""
    problems: list[Problem] = []
    for where, text in templates.texts(value, path):
        if templates.is_template(text):
            problems += names.check(text, known, where)
    for where, text in _formulas(value, path):
        if mistake := formulas.check(text, boolean=False):
            problems.append(Problem(where, "FORMULA_INVALID", mistake))
        else:
            problems += names.check_formula(text, known, where)
    return problems


def is_literal(value: Any) -> bool:
    """Whether it is known before anything runs."""
    return not templates.has_template(value) and not any(_formulas(value, ""))


def _is_formula(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {formulas.KEY}


def _formulas(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every formula of a JSON document with its path."""
    if _is_formula(value):
        yield path, str(value[formulas.KEY])
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _formulas(one, f"{path}.{key}")
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _formulas(one, f"{path}.{i}")


def _record_inputs(
    kind: ActionType,
    given: Mapping[str, Any],
    workspace: Workspace,
    known: names.Known,
    path: str,
) -> list[Problem]:
    name = given.get("object")
    obj = known.object
    problems: list[Problem] = []
    if isinstance(name, str) and name and not templates.is_template(name):
        obj = workspace.object(name)
        if obj is None:
            hint = f"{nearest(name, workspace.objects)}; allowed: {', '.join(workspace.objects)}"
            message = f"there is no object {name!r}{hint}"
            return [Problem(f"{path}.object", "UNKNOWN_OBJECT", message)]
    elif kind not in _ITS_RECORD:
        return []  # already said: it is required
    if kind in _ITS_RECORD and not given.get("id"):
        if known.open and known.object is None:
            message = "nothing starts this that is a record; name one by its id"
            problems.append(Problem(f"{path}.id", "REQUIRED", message))
        elif known.object is not None and obj is not known.object:
            message = f"which {obj.name if obj else 'record'}? Its id is needed"
            problems.append(Problem(f"{path}.id", "REQUIRED", message))
        elif known.trigger_type is TriggerType.RECORD_DELETED:
            message = "the trigger's record is deleted; name another by its id"
            problems.append(Problem(f"{path}.id", "REQUIRED", message))
    fields = given.get("fields")
    if obj is not None and isinstance(fields, dict):
        create = kind is ActionType.CREATE_RECORD
        source = known.object
        problems += _field_values(obj, fields, f"{path}.fields", source, create=create)
    tree = given.get("filter")
    if obj is not None and isinstance(tree, dict) and is_literal(tree):
        try:
            parse_json.parse(workspace, obj, tree, path=f"{path}.filter")
        except Invalid as invalid:
            problems += invalid.problems
    return problems


def _field_values(
    obj: CompiledObject,
    given: Mapping[str, Any],
    path: str,
    source: CompiledObject | None,
    *,
    create: bool,
) -> list[Problem]:
    problems: list[Problem] = []
    for name, value in given.items():
        if name == "position":
            continue
        field = obj.fields.get(name)
        if field is None:
            hint = f"{nearest(name, obj.fields)}; allowed: {', '.join(obj.fields)}"
            message = f"{obj.name} has no field {name!r}{hint}"
            problems.append(Problem(f"{path}.{name}", "UNKNOWN_FIELD", message))
        elif is_literal(value):
            try:
                patch(field, None, value, f"{path}.{name}")
            except Invalid as invalid:
                problems += invalid.problems
        elif isinstance(value, str):
            problems += references.unfit(value, field, source, f"{path}.{name}")
        elif _is_formula(value):
            problems += references.unfit_result(str(value[formulas.KEY]), field, f"{path}.{name}")
    if create:
        for name, field in obj.fields.items():
            if field.required and field.default is None and given.get(name) is None:
                problems.append(Problem(f"{path}.{name}", "REQUIRED", f"{name!r} is required"))
    return problems


def _literal(spec: Input, value: Any, check_url: Callable[[str], str], at: str) -> list[Problem]:
    """What is wrong with a value that is no template."""
    if value is None or (isinstance(value, str) and templates.is_template(value)):
        if spec.kind is Kind.NAME and value is not None:
            message = "an object is named as it is, not by a template"
            return [Problem(at, "NOT_ALLOWED", message)]
        return []
    if spec.kind is Kind.HEADERS:
        return _headers(value, at)
    if spec.kind is Kind.TARGETS:
        return _targets(value, at)
    problem = _wrong(spec.kind, value, check_url)
    return [Problem(at, *problem)] if problem else []


def _wrong(kind: Kind, value: Any, check_url: Callable[[str], str]) -> tuple[str, str] | None:
    match kind:
        case Kind.NAME | Kind.TEXT:
            if not isinstance(value, str):
                return "WRONG_KIND", "must be a text"
        case Kind.FIELDS:
            if not isinstance(value, dict):
                return "WRONG_KIND", "must be an object of fields"
        case Kind.DUE:
            if not isinstance(value, str) or not _is_moment(value):
                return "INVALID_DATE", "must be YYYY-MM-DD or an RFC 3339 time"
        case Kind.DAYS:
            number = isinstance(value, int) and not isinstance(value, bool)
            if not number or not 0 <= value <= MAX_DAYS:
                return "OUT_OF_RANGE", f"must be a whole number of days, 0 to {MAX_DAYS}"
        case Kind.PRIORITY:
            if value not in PRIORITIES:
                hint = nearest(str(value), PRIORITIES)
                return "UNKNOWN_OPTION", f"must be one of {', '.join(PRIORITIES)}{hint}"
        case Kind.TEXTS:
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                return "WRONG_KIND", "must be a list of texts"
        case Kind.URL:
            if not isinstance(value, str):
                return "WRONG_KIND", "must be a text"
            if refused := check_url(value):
                return "URL_REFUSED", refused
        case Kind.METHOD:
            if value not in METHODS:
                return "UNKNOWN_OPTION", f"must be one of {', '.join(METHODS)}"
        case Kind.COUNT:
            number = isinstance(value, int) and not isinstance(value, bool)
            if not number or not 1 <= value <= 1000:
                return "OUT_OF_RANGE", "must be a whole number, 1 to 1000"
        case Kind.BOOLEAN:
            if not isinstance(value, bool):
                return "WRONG_KIND", "must be true or false"
        case Kind.DURATION:
            if durations.seconds(value) is None:
                return "WRONG_KIND", "must be seconds, or like 15m, 2h, 3d"
        case Kind.MOMENT:
            if not isinstance(value, str) or not _is_moment(value):
                return "INVALID_DATE", "must be YYYY-MM-DD or an RFC 3339 time"
        case Kind.EVENT:
            if not isinstance(value, str) or not EVENT_TYPE.match(value):
                return "WRONG_KIND", "must be an event's type, like record.updated"
        case Kind.NODE:
            if not isinstance(value, dict) or set(value) != {"kind", "id"}:
                return "WRONG_KIND", 'must be {"kind", "id"}'
        case Kind.FILTER | Kind.VALUES:
            if not isinstance(value, dict):
                return "WRONG_KIND", "must be an object"
        case Kind.FORM | Kind.STAGES:
            if not isinstance(value, list):
                return "WRONG_KIND", "must be a list"
    return None


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _headers(value: Any, at: str) -> list[Problem]:
    if value == MASK:
        return [Problem(at, "HEADER_MASKED", headers.REFUSED)]
    if not isinstance(value, dict):
        return [Problem(at, "WRONG_KIND", "must be an object of texts")]
    problems = []
    for name, text in value.items():
        if not isinstance(text, str):
            problems.append(Problem(f"{at}.{name}", "WRONG_KIND", "must be a text"))
            continue
        if text == MASK:
            problems.append(Problem(f"{at}.{name}", "HEADER_MASKED", headers.REFUSED))
            continue
        literal = "" if templates.is_template(text) else text
        if refused := header_problem(name, literal):
            problems.append(Problem(f"{at}.{name}", "HEADER_REFUSED", refused))
    return problems


def _targets(value: Any, at: str) -> list[Problem]:
    if not isinstance(value, list):
        return [Problem(at, "WRONG_KIND", 'must be a list of {"kind", "id"}')]
    problems = []
    for index, one in enumerate(value):
        if isinstance(one, str) and templates.is_template(one):
            continue
        if not isinstance(one, dict) or set(one) != {"kind", "id"}:
            message = 'a target is {"kind": an object\'s name, "id": a record\'s id}'
            problems.append(Problem(f"{at}.{index}", "WRONG_KIND", message))
        elif not templates.has_template(one["id"]) and not _UUID.match(str(one["id"])):
            problems.append(Problem(f"{at}.{index}.id", "INVALID_UUID", "must be a UUID"))
    return problems
