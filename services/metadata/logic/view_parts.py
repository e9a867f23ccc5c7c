"""Read the lists inside a view: its columns, its groups and its aggregates."""

from collections.abc import Mapping, Sequence
from typing import Any

from schema.field_types import type_of_values
from schema.field_types.refusals import (
    Problems,
    check_parts,
    did_you_mean,
    listing,
    shown,
)
from schema.field_types.settings import check_name
from schema.model import PLATFORM_FIELDS, Field, FieldType, Object
from schema.problems import refuse
from services.metadata.logic.catalog import Draft
from services.metadata.logic.eligibility import FUNCTIONS, can_figure

_MAX_WIDTH = 10_000
_COLUMN = ("field", "position", "width", "visible", "aggregate")
_GROUP = ("value", "label", "position", "visible", "color")
_AGGREGATE = ("fn", "field", "as")


def columns_of(draft: Draft, obj: Object, raw: object, path: str) -> tuple[dict[str, Any], ...]:
    """As given, in their order; a position that is given moves a column there."""
    problems = Problems()
    found: list[dict[str, Any]] = []
    for i, one in enumerate(_list(raw, path)):
        at = f"{path}.{i}"
        with problems.collect():
            one = {"field": one} if isinstance(one, str) else _mapping(one, at)  # noqa: PLW2901
            check_parts(at, one, _COLUMN)
            field_id = _field_id(draft, obj, one.get("field"), f"{at}.field")
            if any(column["field_id"] == field_id for column in found):
                raise refuse(f"{at}.field", "DUPLICATE", f"{one['field']!r} has a column already")
            found.append(
                {
                    "field_id": field_id,
                    "position": i,
                    "width": _integer(one.get("width"), _MAX_WIDTH, f"{at}.width"),
                    "visible": _boolean(one.get("visible"), f"{at}.visible"),
                    "aggregate": _foot(draft, field_id, one.get("aggregate"), f"{at}.aggregate"),
                }
            )
    problems.raise_any()
    return tuple(found)


def groups_of(
    field: Field, old: Sequence[Mapping[str, Any]], raw: object, path: str
) -> tuple[dict[str, Any], ...]:
    """The groups in the order given; those not named follow as they were."""
    if field.type is FieldType.RELATION:
        message = f"the groups of a board by {field.name} are the records that it leads to"
        raise refuse(path, "NOT_OF_THIS_TYPE", message)
    values = {o.value: (o.id, o.color) for o in field.options} | {"": ("", "gray")}
    if type_of_values(field) is FieldType.BOOLEAN:
        values = {"false": ("false", "gray"), "true": ("true", "green"), "": ("", "gray")}
    before = {group["option_id"]: dict(group) for group in old}
    problems = Problems()
    found: dict[str, dict[str, Any]] = {}
    for i, one in enumerate(_list(raw, path)):
        at = f"{path}.{i}"
        with problems.collect():
            one = {"value": one} if isinstance(one, str) else _mapping(one, at)  # noqa: PLW2901
            check_parts(at, one, _GROUP)
            value = one.get("value") or ""
            if value not in values:
                names = [v for v in values if v]
                message = f"{field.name} has no option {shown(value)}{did_you_mean(value, names)}"
                raise refuse(f"{at}.value", "UNKNOWN_OPTION", message)
            option_id, color = values[value]
            if option_id in found:
                raise refuse(f"{at}.value", "DUPLICATE", f"{value!r} has a group already")
            was = before.get(option_id, {})
            visible = one.get("visible", was.get("visible"))
            found[option_id] = {
                "option_id": option_id,
                "position": 0,
                "visible": _boolean(visible, f"{at}.visible"),
                "color": str(one.get("color") or was.get("color") or color),
            }
    problems.raise_any()
    rest = [group for option_id, group in before.items() if option_id not in found]
    return tuple({**group, "position": i} for i, group in enumerate([*found.values(), *rest]))


def aggregates_of(draft: Draft, obj: Object, raw: object, path: str) -> tuple[dict[str, Any], ...]:
    problems = Problems()
    found: list[dict[str, Any]] = []
    for i, one in enumerate(_list(raw, path)):
        at = f"{path}.{i}"
        with problems.collect():
            one = _mapping(one, at)  # noqa: PLW2901
            check_parts(at, one, _AGGREGATE)
            fn = _function(one.get("fn"), f"{at}.fn")
            field_id = ""
            if one.get("field"):
                field_id = _field_id(draft, obj, one["field"], f"{at}.field")
            elif fn != "count":
                raise refuse(f"{at}.field", "REQUIRED", f"{fn} needs a field")
            _check_figure(draft, fn, field_id, f"{at}.field")
            default = f"{fn}_{one['field']}"[:63] if field_id else fn
            name = check_name(one.get("as") or default, f"{at}.as")
            if any(aggregate["as"] == name for aggregate in found):
                raise refuse(f"{at}.as", "DUPLICATE", f"{name!r} names another aggregate")
            found.append({"fn": fn, "field_id": field_id, "as": name})
    problems.raise_any()
    return tuple(found)


def _field_id(draft: Draft, obj: Object, raw: object, at: str) -> str:
    """The id of a field, or the name of a platform field."""
    if isinstance(raw, str):
        if raw in PLATFORM_FIELDS:
            return raw
        if found := draft.field(obj.id, raw):
            return found.id
    names = [*(f.name for f in draft.fields_of(obj.id)), *PLATFORM_FIELDS]
    message = f"{obj.name} has no field {shown(raw)}{did_you_mean(raw, names)}"
    raise refuse(at, "UNKNOWN_FIELD", message)


def _foot(draft: Draft, field_id: str, raw: object, at: str) -> str:
    if not raw:
        return ""
    fn = _function(raw, at)
    _check_figure(draft, fn, field_id, at)
    return fn


def _function(raw: object, at: str) -> str:
    if not isinstance(raw, str) or raw not in FUNCTIONS:
        message = f"must be one of {listing(FUNCTIONS)}{did_you_mean(raw, FUNCTIONS)}"
        raise refuse(at, "UNKNOWN_CHOICE", message)
    return raw


def _check_figure(draft: Draft, fn: str, field_id: str, at: str) -> None:
    field = draft.fields.get(field_id)
    if fn == "count" or (field is not None and can_figure(fn, field)):
        return
    what = field.type if field is not None else PLATFORM_FIELDS[field_id]
    raise refuse(at, "NOT_AGGREGATABLE", f"there is no {fn} of {what}")


def _list(raw: object, path: str) -> Sequence[Any]:
    if not isinstance(raw, list | tuple):
        raise refuse(path, "WRONG_TYPE", "must be a list")
    return raw


def _mapping(raw: object, path: str) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise refuse(path, "WRONG_TYPE", "must be an object")
    return raw


def _integer(raw: object, largest: int, path: str) -> int:
    if raw is None:
        return 0
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw <= largest:
        raise refuse(path, "OUT_OF_RANGE", f"must be a whole number from 0 to {largest:,}")
    return raw


def _boolean(raw: object, path: str) -> bool:
    if raw is None:
        return True
    if not isinstance(raw, bool):
        raise refuse(path, "WRONG_TYPE", "must be true or false")
    return raw
