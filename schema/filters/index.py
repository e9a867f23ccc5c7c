"""The conditions of a filter that the typed value tables can answer, for the planner."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schema.field_types import FIELD_TYPES
from schema.field_types import Kind as IndexKind
from schema.filters.tree import And, Condition, Hop, Kind, Leaf, Some, Tree, Via
from schema.fold import fold


@dataclass(frozen=True, slots=True)
class IndexCondition:
    """A condition that every record of the answer meets; it may let others through, so the
    whole filter is still checked on the document."""

    field_id: str
    part: str  # "amount_micros", or empty: the field's own value
    kind: IndexKind  # TEXT holds folds: of texts, options, actors, and "true" and "false"
    op: str  # eq | in | range | prefix | contains | linked
    values: tuple[Any, ...] = ()  # of eq (one), in, prefix (one), and contains (all of them)
    low: Any = None  # of a range; None: open
    high: Any = None
    low_inclusive: bool = True
    high_inclusive: bool = True
    # The object whose records have the value in a platform column with an index, which `field_id`
    # then names; empty where the value tables have it.
    object_id: str = ""
    # Of `linked`: the link that leads to what is sought; `field_id` is the link type's id.
    through: "Through | None" = None


@dataclass(frozen=True, slots=True)
class Through:
    """A link of the record: which end it is, and what an index says of the other end, if any."""

    outward: bool
    symmetric: bool
    far: IndexCondition | None = None


_KINDS = {
    Kind.TEXT: IndexKind.TEXT,
    Kind.SELECT: IndexKind.TEXT,
    Kind.BOOLEAN: IndexKind.TEXT,
    Kind.MULTI_SELECT: IndexKind.TEXT,
    Kind.ARRAY: IndexKind.TEXT,
    Kind.NUMBER: IndexKind.NUMBER,
    Kind.POSITION: IndexKind.NUMBER,
    Kind.DATE: IndexKind.DATE,
    Kind.DATE_TIME: IndexKind.TIMESTAMP,
    Kind.UUID: IndexKind.REF,
    Kind.RELATION: IndexKind.REF,
    Kind.ACTOR: IndexKind.TEXT,
}
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LISTS = (Kind.MULTI_SELECT, Kind.ARRAY)
_PREFIXES = ("starts_with", "istarts_with")
_CONTAINS = ("contains", "icontains", "ends_with", "iends_with", "search")
# Platform actors whose ids have an index, and need no fold: they are compared as they are.
_ACTORS = ("created_by", "updated_by")
LEAST_NEEDLE = 3  # shorter ones are in too many texts to look for
_Range = dict[str, Any]


def indexable(tree: Tree | None, object_id: str = "") -> list[IndexCondition]:
    """What the top-level conjunction says of indexed values, in the filter's order, the bounds
    of one value joined to one range; then what it says of links. With `object_id` also what it
    says of the actors of that object's records. Takes a tree that `resolve_relative` has been
    through."""
    found: list[IndexCondition] = []
    ranges: dict[tuple[str, str, IndexKind], list[tuple[str, Any]]] = {}
    for condition in _conjunction(tree):
        leaf = condition.path.leaf
        kind = _KINDS.get(leaf.kind)
        if object_id and (found_actor := _actor(condition, object_id)):
            found.append(found_actor)
            continue
        if condition.path.hops or leaf.field is None or kind is None or not _is_indexed(leaf):
            continue
        place = (leaf.field.index_id, ".".join(leaf.parts), kind)
        for op, values in _answers(condition):
            if op in ("eq", "in", "prefix", "contains"):
                found.append(IndexCondition(*place, op, values))
            else:
                ranges.setdefault(place, []).append((op, values[0]))
    found += [_range(place, bounds) for place, bounds in ranges.items()]
    return [*found, *_linked(tree)]


def _linked(tree: Tree | None) -> Iterator[IndexCondition]:
    """Of each link that the record must have: what an index says of its other end, and that there
    is one at all."""
    match tree:
        case Some(path, child) if not path.hops and path.many.via is Via.LINK:
            for far in indexable(child, path.many.object_id):
                yield _through(path.many, far)
            yield _through(path.many, None)
        case And(children):
            for one in children:
                yield from _linked(one)


def _through(hop: Hop, far: IndexCondition | None) -> IndexCondition:
    through = Through(hop.outward, hop.symmetric, far)
    return IndexCondition(hop.link_type_id, "", IndexKind.REF, "linked", through=through)


def _actor(condition: Condition, object_id: str) -> IndexCondition | None:
    """A condition on who created or last changed a record, by id."""
    leaf, op, value = condition.path.leaf, condition.op, condition.value
    if condition.path.hops or leaf.column not in _ACTORS or leaf.kind is not Kind.ACTOR:
        return None
    if op not in ("eq", "in"):
        return None
    values = (value,) if op == "eq" else tuple(dict.fromkeys(value))
    return IndexCondition(leaf.column, "id", IndexKind.TEXT, op, values, object_id=object_id)


def _conjunction(tree: Tree | None) -> Iterator[Condition]:
    match tree:
        case Condition():
            yield tree
        case And(children):
            for child in children:
                yield from _conjunction(child)


def _is_indexed(leaf: Leaf) -> bool:
    assert leaf.field is not None
    spec = FIELD_TYPES[leaf.field.type]
    known = not leaf.parts or ".".join(leaf.parts) in spec.parts
    return leaf.field.indexed and spec.indexable and known


def _answers(condition: Condition) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What an index can be asked so that it gives at least the records of the condition."""
    op, leaf, value = condition.op, condition.path.leaf, condition.value
    if leaf.kind in _LISTS:
        if op == "contains_any":
            yield "in", _indexed(leaf, value)
        elif op == "contains_all":
            for item in _indexed(leaf, value):
                yield "eq", (item,)
    elif op in ("eq", "ieq"):
        yield "eq", _indexed(leaf, (value,))
    elif op == "in":
        yield "in", _indexed(leaf, value)
    elif op in _PREFIXES:
        if prefix := fold(value):
            yield "prefix", (prefix,)
    elif leaf.kind is Kind.TEXT and op in _CONTAINS:
        folded = fold(value)
        needles = folded.split() if op == "search" else [folded]
        if long := tuple(n for n in dict.fromkeys(needles) if len(n) >= LEAST_NEEDLE):
            yield "contains", long
    elif leaf.kind is Kind.SELECT and op in ("lt", "lte", "gt", "gte", "between"):
        yield "in", _indexed(leaf, _options(leaf, op, value))
    elif op == "between":
        yield "gte", _indexed(leaf, value[:1])
        yield "lte", _indexed(leaf, value[1:])
    elif op in ("lt", "lte", "gt", "gte"):
        yield op, _indexed(leaf, (value,))


def _indexed(leaf: Leaf, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values as `schema.ordering.index_entries` has them (of text the fold), without repeats."""
    kind = _KINDS[leaf.kind]
    if leaf.kind is Kind.BOOLEAN:
        values = tuple("true" if value else "false" for value in values)
    elif kind is IndexKind.TEXT:
        values = tuple(map(fold, values))
    elif kind is IndexKind.TIMESTAMP:
        values = tuple(map(datetime.fromisoformat, values))
    elif kind is IndexKind.DATE:
        values = tuple(map(date.fromisoformat, values))
    elif kind is IndexKind.REF:  # `me` may be somebody whose id is no UUID, whom nothing names
        values = tuple(filter(_UUID.fullmatch, values))
    return tuple(dict.fromkeys(values))


def _options(leaf: Leaf, op: str, value: Any) -> tuple[str, ...]:
    """The options of a range: their order is not the order of an index."""
    assert leaf.field is not None
    options = [option.value for option in leaf.field.options]
    if op == "between":
        low, high = map(options.index, value)
        return tuple(options[low : high + 1])
    place = options.index(value)
    match op:
        case "lt":
            return tuple(options[:place])
        case "lte":
            return tuple(options[: place + 1])
        case "gt":
            return tuple(options[place + 1 :])
    return tuple(options[place:])


def _range(place: tuple[str, str, IndexKind], bounds: list[tuple[str, Any]]) -> IndexCondition:
    """The tightest range of several bounds; of equal bounds the exclusive one."""
    lows = [(bound, op == "gt") for op, bound in bounds if op in ("gt", "gte")]
    highs = [(bound, op != "lt") for op, bound in bounds if op in ("lt", "lte")]
    low, low_excluded = max(lows, default=(None, False))
    high, high_included = min(highs, default=(None, True))
    return IndexCondition(
        *place,
        "range",
        low=low,
        high=high,
        low_inclusive=not low_excluded,
        high_inclusive=high_included,
    )
