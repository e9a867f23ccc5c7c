"""Check what a step names beside its object's fields, and whether a value fits where it is put.

Only what is certain is refused: a name that is nowhere, and a field that holds another kind of
value than the one it is put into can take.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.model import PLATFORM_FIELDS, Field, FieldType
from schema.problems import Invalid, Problem, nearest
from schema.sorts import parse_sort
from services.automation.logic import formulas, templates
from services.automation.model import ActionType

ARTIFACTS = ("note", "todo", "file")
_ITS_FIELD = re.compile(
    r"^\{\{-?\s*trigger\.(?:after|before|record\.fields)\.([a-z_]\w*)\s*-?\}\}$"
)
_NUMBERS = (FieldType.NUMBER, FieldType.DECIMAL, FieldType.RATING)
_TEXTS = (
    FieldType.TEXT,
    FieldType.SELECT,
    FieldType.DATE,
    FieldType.DATE_TIME,
    FieldType.UUID,
)
# Of those that are neither, values fit their own type alone; of the others nothing is said.
_OWN = (
    FieldType.BOOLEAN,
    FieldType.CURRENCY,
    FieldType.FULL_NAME,
    FieldType.EMAILS,
    FieldType.PHONES,
    FieldType.ADDRESS,
)
# Which fields take what a formula makes: JSON takes anything, and of others nothing is said.
_NUMBER = ("a number", (*_NUMBERS, FieldType.JSON))
_TEXT = (
    "a text",
    (
        *_TEXTS,
        FieldType.RICH_TEXT,
        FieldType.DECIMAL,
        FieldType.EMAILS,
        FieldType.PHONES,
        FieldType.LINKS,
        FieldType.RELATION,
        FieldType.JSON,
    ),
)
_LIST = (
    "a list",
    (FieldType.MULTI_SELECT, FieldType.ARRAY, FieldType.FILE, FieldType.JSON),
)
_TAKEN: dict[str, tuple[str, tuple[FieldType, ...]]] = {
    "BOOL": ("true or false", (FieldType.BOOLEAN, FieldType.JSON)),
    "INT": _NUMBER,
    "UINT": _NUMBER,
    "DOUBLE": _NUMBER,
    "STRING": _TEXT,
    "TIMESTAMP": _TEXT,
    "DURATION": _TEXT,
    "LIST": _LIST,
}
_JUDGED = {*_OWN, *_NUMBER[1], *_TEXT[1], *_LIST[1]}


def check(
    kind: ActionType, given: Mapping[str, Any], workspace: Workspace, path: str
) -> Iterator[Problem]:
    """What the inputs of a step name that is not there."""
    if kind in (ActionType.LINK, ActionType.UNLINK):
        yield from _link(given, workspace, path)
    name = given.get("object")
    obj = workspace.object(name) if isinstance(name, str) and name else None
    if obj is None:
        return
    if kind is ActionType.UPSERT_RECORD:
        yield from _match(given.get("match"), obj, f"{path}.match")
    elif kind is ActionType.FIND_RECORDS:
        yield from _shown(given, workspace, obj, path)


def unfit(text: str, target: Field, subject: CompiledObject | None, path: str) -> list[Problem]:
    """Where a template is one field of the trigger's record, and its values never fit."""
    source = field_of(text, subject)
    if source is None or _fits(source.type, target.type):
        return []
    message = f"{target.name} is a {target.type} field, and {source.name} holds a {source.type}"
    return [Problem(path, "WRONG_TYPE", message)]


def unfit_result(text: str, target: Field, path: str) -> list[Problem]:
    """Where a formula's result is of a kind that the field never takes."""
    kind = formulas.result(text)
    if kind not in _TAKEN or target.type not in _JUDGED or target.type in _TAKEN[kind][1]:
        return []
    message = f"{target.name} is a {target.type} field, and the formula makes {_TAKEN[kind][0]}"
    return [Problem(path, "WRONG_TYPE", message)]


def field_of(value: Any, subject: CompiledObject | None) -> Field | None:
    """The field of the trigger's record whose value a template or formula is, where it is one."""
    text = value
    if isinstance(value, dict) and set(value) == {formulas.KEY}:
        text = f"{{{{ {value[formulas.KEY]} }}}}"
    match = _ITS_FIELD.match(text) if isinstance(text, str) else None
    return subject.fields.get(match[1]) if match and subject else None


def _fits(source: FieldType, target: FieldType) -> bool:
    if source is target:
        return True
    if target in _NUMBERS:
        return source not in _TEXTS and source not in _OWN
    if target in _TEXTS:
        return source not in _NUMBERS and source not in _OWN
    if target in _OWN:
        return source not in (*_TEXTS, *_NUMBERS, *_OWN)
    return True


def _link(given: Mapping[str, Any], workspace: Workspace, path: str) -> Iterator[Problem]:
    name = given.get("type")
    if isinstance(name, str) and is_literal_name(name):
        known = {t.name for t in workspace.link_types.values()}
        known |= {t.inverse_name for t in workspace.link_types.values()}
        if name not in known and name not in workspace.link_types_by_id:
            message = f"there is no link type {name!r}{nearest(name, known)}"
            yield Problem(f"{path}.type", "UNKNOWN_LINK_TYPE", message)
    for end in ("source", "target"):
        node = given.get(end)
        kind = node.get("kind") if isinstance(node, dict) else None
        if not isinstance(kind, str) or not is_literal_name(kind) or kind in ARTIFACTS:
            continue
        if workspace.object(kind) is None:
            hint = nearest(kind, [*workspace.objects, *ARTIFACTS])
            message = f"there is no object {kind!r}{hint}"
            yield Problem(f"{path}.{end}.kind", "UNKNOWN_OBJECT", message)


def _match(names: Any, obj: CompiledObject, path: str) -> Iterator[Problem]:
    if not isinstance(names, list):
        return
    for i, name in enumerate(names):
        if not isinstance(name, str) or not is_literal_name(name):
            continue
        field = obj.fields.get(name.partition(".")[0])
        if field is None:
            message = f"{obj.name} has no field {name!r}{nearest(name, obj.fields)}"
            yield Problem(f"{path}.{i}", "UNKNOWN_FIELD", message)
        elif len(names) == 1 and not field.unique:
            unique = [one.name for one in obj.fields.values() if one.unique]
            hint = f"; unique are: {', '.join(unique)}" if unique else ""
            yield Problem(f"{path}.{i}", "NOT_UNIQUE", f"{name!r} is not unique{hint}")


def _shown(
    given: Mapping[str, Any], workspace: Workspace, obj: CompiledObject, path: str
) -> Iterator[Problem]:
    sort, fields = given.get("sort"), given.get("fields")
    if isinstance(sort, str) and is_literal_name(sort):
        try:
            parse_sort(workspace, obj, sort, path=f"{path}.sort")
        except Invalid as invalid:
            yield from invalid.problems
    if isinstance(fields, str) and is_literal_name(fields):
        for name in (one.strip().partition(".")[0] for one in fields.split(",")):
            if name and name not in obj.fields and name not in PLATFORM_FIELDS:
                message = f"{obj.name} has no field {name!r}{nearest(name, obj.fields)}"
                yield Problem(f"{path}.fields", "UNKNOWN_FIELD", message)


def is_literal_name(value: Any) -> bool:
    """Whether it names something as it is, without a template."""
    return isinstance(value, str) and bool(value) and not templates.is_template(value)
