"""Sort orders: read from `-amount,name:nulls_first`, ordered alike in SQL, in Python, by token."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.filters.columns import Fragment, Params
from schema.filters.paths import resolve_path
from schema.filters.scalars import Record
from schema.filters.sort_parts import Component, Measure, components
from schema.filters.tree import Kind, Leaf
from schema.problems import Invalid, Problem, nearest, refuse

MAX_KEYS = 5

_TERM = re.compile(r"\s*([+-]?)([^\s:,]+?)(?::([^\s,]*))?\s*")
_NULLS = {"nulls_first": True, "nulls_last": False}
_ID = Leaf("id", Kind.UUID, None, (), "record_id")


@dataclass(frozen=True, slots=True)
class SortKey:
    """One field of a sort; empty values come last, in both directions, unless asked otherwise."""

    leaf: Leaf
    descending: bool = False
    nulls_first: bool = False

    @property
    def components(self) -> tuple[Component, ...]:
        return components(self.leaf)


ID_KEY = SortKey(_ID)


def parse_sort(
    workspace: Workspace, obj: CompiledObject, raw: object, *, path: str = "sort"
) -> tuple[SortKey, ...]:
    """The keys of a sort, in text form or as a list of {"field", "direction", "nulls"}; always
    ends in the id. Invalid names every problem."""
    terms = _text_terms(raw, path) if isinstance(raw, str) else _list_terms(raw, path)
    if len(terms) > MAX_KEYS:
        raise refuse(path, "SORT_LIMIT", f"a sort has at most {MAX_KEYS} keys, not {len(terms)}")
    problems: list[Problem] = []
    keys: list[SortKey] = []
    for at, name, descending, nulls_first in terms:
        try:
            leaf = _sortable(workspace, obj, name, at)
        except Invalid as invalid:
            problems += invalid.problems
            continue
        if any(_place(key.leaf) == _place(leaf) for key in keys):
            problems.append(Problem(at, "DUPLICATE_SORT", f"{name!r} is already sorted by"))
        keys.append(SortKey(leaf, descending, nulls_first))
    if problems:
        raise Invalid(problems)
    ends = next((i for i, key in enumerate(keys) if key.leaf == _ID), None)
    return (*keys, ID_KEY) if ends is None else tuple(keys[: ends + 1])


def order_by_sql(keys: Sequence[SortKey], params: Params | None = None, row: str = "r") -> Fragment:
    """What follows ORDER BY."""
    params = params if params is not None else Params()
    terms = [
        f"{component.sql(row, params)} {'DESC' if key.descending else 'ASC'}"
        f" NULLS {'FIRST' if key.nulls_first else 'LAST'}"
        for key in keys
        for component in key.components
    ]
    return Fragment(", ".join(terms), params.values)


def sort_values(keys: Sequence[SortKey], record: Record) -> list[Any]:
    """A record's place in the order, as JSON scalars for a page token."""
    return [c.token(c.getter()(record)) for key in keys for c in key.components]


def keyset_sql(
    keys: Sequence[SortKey],
    values: Sequence[Any],
    params: Params | None = None,
    row: str = "r",
) -> Fragment:
    """Whether a row comes after the place that `sort_values` gave: true or false, never NULL.

    Raises ValueError when the values are not those of these keys."""
    params = params if params is not None else Params()
    places = [(key, component) for key in keys for component in key.components]
    text = "false"
    for (key, component), value in reversed(list(zip(places, values, strict=True))):
        found = component.sql(row, params)
        if value is None:
            later = f"({found} IS NOT NULL)" if key.nulls_first else "false"
            text = f"({later} OR ({found} IS NULL AND {text}))"
            continue
        bound = params.add(value, component.cast)
        later = f"({found} {'<' if key.descending else '>'} {bound}) IS TRUE"
        if not key.nulls_first:
            later = f"{later} OR {found} IS NULL"
        text = f"({later} OR (({found} = {bound}) IS TRUE AND {text}))"
    return Fragment(text, params.values)


def record_key(keys: Sequence[SortKey]) -> Callable[[Record], Any]:
    """A key for `sorted` that puts records in memory in the order that SQL gives."""
    places = [(c.getter(), k.descending, k.nulls_first) for k in keys for c in k.components]

    def compare(left: list[Any], right: list[Any]) -> int:
        return _compared(left, right, places)

    as_key = cmp_to_key(compare)
    return lambda record: as_key([get(record) for get, _, _ in places])


def _compared(left: list[Any], right: list[Any], places: list[tuple[Any, bool, bool]]) -> int:
    for one, other, (_, descending, nulls_first) in zip(left, right, places, strict=True):
        if one is None or other is None:
            if one is not other:
                return -1 if (one is None) == nulls_first else 1
        elif one != other:
            return -1 if (one < other) != descending else 1
    return 0


_Term = tuple[str, str, bool, bool]  # where it stands, the name, descending, nulls first


def _text_terms(raw: str, path: str) -> list[_Term]:
    if not raw.strip():
        return []
    terms: list[_Term] = []
    problems: list[Problem] = []
    for index, part in enumerate(raw.split(",")):
        at = f"{path}.{index}"
        match = _TERM.fullmatch(part)
        if match is None:
            message = f"{part.strip()!r} is no sort key such as -amount or name:nulls_first"
            problems.append(Problem(at, "SYNTAX", message))
        elif match[3] is not None and match[3] not in _NULLS:
            message = f"there is no {match[3]!r}{nearest(match[3], _NULLS)}; {_NULLS_ALLOWED}"
            problems.append(Problem(at, "SYNTAX", message))
        else:
            terms.append((at, match[2], match[1] == "-", match[3] == "nulls_first"))
    if problems:
        raise Invalid(problems)
    return terms


_NULLS_ALLOWED = "allowed: nulls_first, nulls_last"
_LIST_FORM = 'a sort is a text such as "-amount,name" or a list of {"field", "direction", "nulls"}'


def _list_terms(raw: object, path: str) -> list[_Term]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise refuse(path, "WRONG_TYPE", _LIST_FORM)
    terms: list[_Term] = []
    problems: list[Problem] = []
    for index, item in enumerate(raw):
        at = f"{path}.{index}"
        if not isinstance(item, dict) or not isinstance(name := item.get("field"), str):
            problems.append(Problem(at, "WRONG_TYPE", _LIST_FORM))
            continue
        allowed = {"field": (name,), "direction": ("asc", "desc"), "nulls": ("first", "last")}
        for part, value in item.items():
            if part not in allowed:
                message = f"there is no {part!r}; allowed: field, direction, nulls"
                problems.append(Problem(f"{at}.{part}", "UNKNOWN_PART", message))
            elif value not in allowed[part]:
                message = f"must be {' or '.join(allowed[part])}"
                problems.append(Problem(f"{at}.{part}", "WRONG_TYPE", message))
        terms.append((at, name, item.get("direction") == "desc", item.get("nulls") == "first"))
    if problems:
        raise Invalid(problems)
    return terms


def _sortable(workspace: Workspace, obj: CompiledObject, name: str, at: str) -> Leaf:
    found = resolve_path(workspace, obj, name, at)
    if found.hops:
        message = f"{name!r} goes through a relation; sort by a field of {obj.name} itself"
        raise refuse(at, "UNSORTABLE", message)
    if not components(found.leaf):
        kind = found.leaf.field.type if found.leaf.field is not None else found.leaf.kind
        raise refuse(at, "UNSORTABLE", f"{name!r} is {kind.value}, which has no order")
    return found.leaf


def _place(leaf: Leaf) -> list[tuple[str, tuple[str, ...], Measure]]:
    """What a leaf compares: two spellings of one value are one key."""
    return [(c.leaf.column, c.leaf.keys, c.measure) for c in components(leaf)]
