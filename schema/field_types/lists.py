"""Write a list: replace it, or change it by `{"$remove": [...], "$add": [...]}`."""

from collections.abc import Callable
from typing import Any

from schema.field_types.base import Write
from schema.field_types.refusals import Problems, shown, wrong_type
from schema.problems import refuse

OPERATORS = ("$add", "$remove")
_MAX_REFUSED = 20
_MAX_RAW_ITEMS = 1000  # before duplicates and blanks are dropped

Item = Callable[[object, str], Any]  # (what the caller sent, its path) -> canonical element


def items(raw: object, path: str, item: Item, wanted: str) -> list[Any]:
    """The canonical elements of a list; the first 20 that are refused are reported."""
    if not isinstance(raw, list):
        raise wrong_type(path, wanted, raw)
    if len(raw) > _MAX_RAW_ITEMS:
        raise too_many(path, _MAX_RAW_ITEMS, len(raw))
    problems = Problems()
    found: list[Any] = []
    for i, one in enumerate(raw):
        if len(problems) >= _MAX_REFUSED:
            break
        with problems.collect():
            found.append(item(one, f"{path}.{i}"))
    problems.raise_any()
    return found


def too_many(path: str, limit: int, found: int) -> Exception:
    message = f"must have at most {limit} values, this has {found}"
    return refuse(path, "TOO_MANY_VALUES", message)


def is_change(raw: object) -> bool:
    """Whether what was sent changes a list, instead of replacing it."""
    return isinstance(raw, dict) and any(key in raw for key in OPERATORS)


def changes(raw: dict[str, object], path: str, item: Item, wanted: str) -> tuple[list[Any], ...]:
    """What to remove and what to add, canonical; other keys beside them are refused."""
    problems = Problems()
    for key in raw:
        if key not in OPERATORS:
            message = f"{shown(key)} cannot stand beside $add and $remove"
            problems.add(path, "MIXED_CHANGE", message)
    sides: list[list[Any]] = [[], []]
    for side, operator in zip(sides, ("$remove", "$add"), strict=True):
        if operator in raw:
            with problems.collect():
                side.extend(items(raw[operator], f"{path}.{operator}", item, wanted))
    problems.raise_any()
    return tuple(sides)


def compile_list(
    item: Item, arranged: Callable[[list[Any]], list[Any]], wanted: str, limit: int
) -> Write:
    """A write of a list of scalars; `arranged` drops and orders as the type does."""

    def write(old: list[Any] | None, raw: object, path: str) -> list[Any] | None:
        if isinstance(raw, dict) and is_change(raw):
            removed, added = changes(raw, path, item, wanted)
            values = [value for value in old or () if value not in removed] + added
        else:
            values = items(raw, path, item, wanted)
        values = arranged(values)
        if len(values) > limit:
            raise too_many(path, limit, len(values))
        return values or None

    return write
