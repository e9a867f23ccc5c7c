"""Judge what an aggregate asks: its keys, measures, having and sort; every mistake at once."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from schema.compiled import CompiledObject, Workspace
from schema.filters.paths import leaf_names, resolve_path
from schema.filters.ranges import UNITS
from schema.filters.tree import Kind, Leaf
from schema.model import FieldType
from schema.problems import Invalid, Problem, nearest
from schema.sorts import SortKey
from services.records.logic.aggregate_parts import (
    DATES,
    EXTREMES,
    NUMBERS,
    SUMS,
    Aggregate,
    Key,
    Measure,
    is_money,
    type_of,
)
from services.records.logic.group_names import names_of, order_of, renamed

MAX_KEYS = 3
MAX_MEASURES = 20
FUNCTIONS = ("count", "count_distinct", "sum", "avg", "min", "max", "percentile")
_GROUPS = {
    Kind.TEXT,
    Kind.NUMBER,
    Kind.POSITION,
    Kind.DATE,
    Kind.DATE_TIME,
    Kind.BOOLEAN,
    Kind.SELECT,
    Kind.RELATION,
    Kind.UUID,
    Kind.ACTOR,
}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}")


class AskedKey(NamedTuple):
    """A key as the request has it."""

    field: str
    bucket: str
    name: str


class AskedMeasure(NamedTuple):
    """A measure as the request has it."""

    fn: str
    field: str
    name: str
    p: float | None


def judge(
    workspace: Workspace,
    obj: CompiledObject,
    keys: Sequence[AskedKey],
    measures: Sequence[AskedMeasure],
    having: object,
    sort: str,
) -> Aggregate:
    """The aggregate; Invalid names every mistake with what is allowed."""
    problems: list[Problem] = []
    found = _keys(workspace, obj, keys, problems)
    figures = _measures(workspace, obj, measures, problems)
    seen: set[str] = set()
    named = [(f"group_by.{n}", key.name) for n, key in enumerate(found)]
    named += [(f"measures.{n}", measure.name) for n, measure in enumerate(figures)]
    for path, name in named:
        if name in seen:
            message = f"the name {name!r} stands twice; give one of them another with as"
            problems.append(Problem(f"{path}.as", "DUPLICATE", message))
        seen.add(name)
    if problems:  # what having and sort may name is not known
        raise Invalid(problems)
    names = names_of(workspace, obj, found, figures)
    document = renamed(having, names, "having", problems)
    order: tuple[SortKey, ...] = ()
    if sort.strip():
        order = order_of(sort, names, problems)
    if problems:
        raise Invalid(problems)
    return Aggregate(tuple(found), tuple(figures), names, document, order)


def _keys(
    workspace: Workspace, obj: CompiledObject, asked: Sequence[AskedKey], problems: list[Problem]
) -> list[Key]:
    if len(asked) > MAX_KEYS:
        message = f"an aggregate groups by at most {MAX_KEYS} keys, not {len(asked)}"
        problems.append(Problem("group_by", "GROUP_LIMIT", message))
    found = []
    for n, one in enumerate(asked[:MAX_KEYS]):
        at = f"group_by.{n}"
        leaf = _leaf(workspace, obj, one.field, f"{at}.field", problems)
        _check_name(one.name, f"{at}.as", problems)
        if leaf is None:
            continue
        if leaf.kind not in _GROUPS or type_of(leaf) is FieldType.RICH_TEXT:
            allowed = ", ".join(_groupable(workspace, obj))
            message = f"{one.field!r} ({_said(leaf)}) does not group; allowed: {allowed}"
            problems.append(Problem(f"{at}.field", "NOT_ELIGIBLE", message))
            continue
        if one.bucket and leaf.kind not in DATES:
            message = f"{one.field!r} ({_said(leaf)}) has no buckets: they are for dates"
            problems.append(Problem(f"{at}.bucket", "NOT_ELIGIBLE", message))
        elif one.bucket and one.bucket not in UNITS:
            message = (
                f"there is no bucket {one.bucket!r}{nearest(one.bucket, UNITS)};"
                f" allowed: {', '.join(UNITS)}"
            )
            problems.append(Problem(f"{at}.bucket", "UNKNOWN", message))
        found.append(Key(one.name or one.field, leaf, one.bucket))
    return found


def _measures(
    workspace: Workspace,
    obj: CompiledObject,
    asked: Sequence[AskedMeasure],
    problems: list[Problem],
) -> list[Measure]:
    if not asked:
        return [Measure("count", "count")]
    if len(asked) > MAX_MEASURES:
        message = f"an aggregate has at most {MAX_MEASURES} measures, not {len(asked)}"
        problems.append(Problem("measures", "MEASURE_LIMIT", message))
    found = []
    for n, one in enumerate(asked[:MAX_MEASURES]):
        measure = _measure(workspace, obj, one, f"measures.{n}", problems)
        if measure is not None:
            found.append(measure)
    return found


def _measure(
    workspace: Workspace,
    obj: CompiledObject,
    one: AskedMeasure,
    at: str,
    problems: list[Problem],
) -> Measure | None:
    _check_name(one.name, f"{at}.as", problems)
    if one.fn not in FUNCTIONS:
        allowed = f"allowed: {', '.join(FUNCTIONS)}"
        message = f"there is no fn {one.fn!r}{nearest(one.fn, FUNCTIONS)}; {allowed}"
        problems.append(Problem(f"{at}.fn", "UNKNOWN", message))
        return None
    if one.fn == "percentile":
        if one.p is None or not 0 <= one.p <= 1:
            message = "percentile takes p, the share from 0 to 1, such as 0.9"
            problems.append(Problem(f"{at}.p", "OUT_OF_RANGE", message))
    elif one.p is not None:
        problems.append(Problem(f"{at}.p", "UNKNOWN", f"{one.fn} takes no p; percentile does"))
    if one.fn == "count" and not one.field:
        return Measure("count", one.name or "count")
    if not one.field:
        allowed = ", ".join(_measurable(workspace, obj, one.fn))
        message = f"{one.fn} needs a field; allowed: {allowed or 'none here'}"
        problems.append(Problem(f"{at}.field", "REQUIRED", message))
        return None
    leaf = _leaf(workspace, obj, one.field, f"{at}.field", problems)
    if leaf is None:
        return None
    if not _takes(one.fn, leaf):
        allowed = ", ".join(_measurable(workspace, obj, one.fn))
        message = (
            f"{one.fn} does not take {one.field!r} ({_said(leaf)}); allowed: {allowed or 'none'}"
        )
        problems.append(Problem(f"{at}.field", "NOT_ELIGIBLE", message))
        return None
    name = one.name or f"{one.fn}_{one.field.replace('.', '_')}"
    return Measure(one.fn, name, leaf, one.p or 0.0)


def _takes(fn: str, leaf: Leaf) -> bool:
    if fn in SUMS:
        return leaf.kind in NUMBERS or is_money(leaf)
    if fn in EXTREMES:
        return leaf.kind in NUMBERS | DATES or is_money(leaf)
    return fn == "count" or leaf.kind in _GROUPS or is_money(leaf)


def _leaf(
    workspace: Workspace, obj: CompiledObject, name: str, at: str, problems: list[Problem]
) -> Leaf | None:
    try:
        path = resolve_path(workspace, obj, name, at)
    except Invalid as invalid:
        problems += invalid.problems
        return None
    if path.hops:
        message = f"{name!r} is of a related record, which an aggregate does not follow"
        problems.append(Problem(at, "NOT_ELIGIBLE", message))
        return None
    return path.leaf


def _leaves(workspace: Workspace, obj: CompiledObject) -> list[Leaf]:
    return [resolve_path(workspace, obj, name, "").leaf for name in leaf_names(obj)]


def _groupable(workspace: Workspace, obj: CompiledObject) -> list[str]:
    return [
        leaf.name
        for leaf in _leaves(workspace, obj)
        if leaf.kind in _GROUPS and type_of(leaf) is not FieldType.RICH_TEXT
    ]


def _measurable(workspace: Workspace, obj: CompiledObject, fn: str) -> list[str]:
    return [leaf.name for leaf in _leaves(workspace, obj) if _takes(fn, leaf)]


def _said(leaf: Leaf) -> str:
    kind = type_of(leaf)
    return kind.value if kind is not None and not leaf.parts else leaf.kind.value


def _check_name(name: str, at: str, problems: list[Problem]) -> None:
    if name and not _NAME.fullmatch(name):
        message = "a name is a letter, then up to 62 letters, digits and underscores"
        problems.append(Problem(at, "INVALID_NAME", message))
