"""Choose how to find a page of records; explicit, because Postgres can't know our fields apart.

A sort is cut into segments that one index can give in order: for a select or boolean, one for each
option; for any other indexed field, its values and then the records without one. Within a segment,
an index condition that matches few records drives and its matches are sorted in memory; otherwise
the first sort key's index drives and the filter is checked on each document, in order, until the
page is full.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from schema.field_types import FIELD_TYPES
from schema.field_types import Kind as IndexKind
from schema.filters.index import IndexCondition
from schema.filters.tree import And, Condition, Kind, Path, Tree
from schema.sorts import SortKey
from services.records.logic.documents import slot_of

SELECTIVE = 2000  # an index condition with fewer matches than this drives
FEW = 200  # so few matches are sorted faster than anything is decided
SIZED = 30_000  # an index with more entries than this is not walked where a condition could drive
_CHOICES = 2  # leading selects or booleans that are cut into their options
_COLUMNS = {"record_id", "create_time", "position"}  # platform columns with an index of their own
_KINDS = {
    Kind.TEXT: IndexKind.TEXT,
    Kind.NUMBER: IndexKind.NUMBER,
    Kind.DATE: IndexKind.DATE,
    Kind.DATE_TIME: IndexKind.TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class Drive:
    """An index that gives records in the order of a sort key."""

    kind: IndexKind | None  # None: a platform column
    slot: UUID | None
    column: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the order: what its records have in common, and how the rest is sorted."""

    fixed: tuple[Tree, ...]  # conditions that hold in this segment alone
    keys: tuple[SortKey, ...]  # what still sorts within it
    drive: Drive | None  # None: sort everything in memory
    rank: tuple[int, ...] = ()  # place among the segments, in order


def segments(keys: Sequence[SortKey]) -> Iterator[Segment]:
    """The segments of a sort, in its order."""
    yield from _cut(tuple(keys), (), (), depth=0)


def _cut(
    keys: tuple[SortKey, ...],
    fixed: tuple[Tree, ...],
    rank: tuple[int, ...],
    depth: int,
) -> Iterator[Segment]:
    first, rest = keys[0], keys[1:]
    leaf = first.leaf
    if leaf.column:
        drive = None
        if leaf.column in _COLUMNS:
            drive = Drive(None, None, leaf.column, first.descending)
        yield Segment(fixed, keys, drive, rank)
        return
    if depth < _CHOICES and _is_choice(first):
        yield from _by_choice(first, rest, fixed, rank, depth)
        return
    indexed = _indexed(first)
    if indexed is None:
        yield Segment(fixed, keys, None, rank)
        return
    empty = (Condition(Path((), leaf), "is_empty", True),)
    with_value = Segment(
        (*fixed, Condition(Path((), leaf), "is_empty", False)), keys, indexed, (*rank, 1)
    )
    place = 0 if first.nulls_first else 2
    if first.nulls_first:
        yield from _cut(rest, (*fixed, *empty), (*rank, place), depth + 1)
        yield with_value
    else:
        yield with_value
        yield from _cut(rest, (*fixed, *empty), (*rank, place), depth + 1)


def _is_choice(key: SortKey) -> bool:
    found = key.leaf.field
    return found is not None and found.indexed and key.leaf.kind in {Kind.SELECT, Kind.BOOLEAN}


def _by_choice(
    key: SortKey,
    rest: tuple[SortKey, ...],
    fixed: tuple[Tree, ...],
    rank: tuple[int, ...],
    depth: int,
) -> Iterator[Segment]:
    leaf = key.leaf
    assert leaf.field is not None
    values: list[Any] = [False, True]
    if leaf.kind is Kind.SELECT:
        values = [option.value for option in leaf.field.options]
    if key.descending:
        values.reverse()
    cases: list[Any] = [None, *values] if key.nulls_first else [*values, None]
    for place, value in enumerate(cases):
        if value is None:
            condition = Condition(Path((), leaf), "is_empty", True)
            yield from _cut(rest, (*fixed, condition), (*rank, place), depth + 1)
            continue
        condition = Condition(Path((), leaf), "eq", value)
        yield from _cut(rest, (*fixed, condition), (*rank, place), depth + 1)


def _indexed(key: SortKey) -> Drive | None:
    leaf = key.leaf
    found = leaf.field
    kind = _KINDS.get(leaf.kind)
    if found is None or kind is None or not found.indexed or leaf.each:
        return None
    spec = FIELD_TYPES[found.type]
    if not spec.indexable or spec.multi_valued:
        return None
    if kind is IndexKind.TEXT and found.settings.get("max_length", 10_000) > 10_000:
        return None
    part = ".".join(leaf.parts)
    if part and part not in spec.parts:
        return None
    if not part and spec.parts:
        return None
    return Drive(kind, slot_of(found.index_id, part), "", key.descending)


def walks(matches: int, entries: int, limit: int) -> bool:
    """Whether a page comes sooner by walking the sort's index than by sorting all matches.

    With matches spread evenly, the walk sees `limit * entries / matches` records. They may lie
    unevenly, so it must promise a third of the work.
    """
    return matches > FEW and entries < SIZED and 3 * limit * entries < matches * matches


def rank_of(keys: Sequence[SortKey], values: Sequence[Any]) -> tuple[int, ...]:
    """The segment in which a place in the order lies; `values` are the sort's, as texts."""
    rank: list[int] = []
    at = 0
    for depth, key in enumerate(keys):
        width = len(key.components)
        value = values[at]
        at += width
        if key.leaf.column:
            break
        if depth < _CHOICES and _is_choice(key):
            rank.append(_choice_rank(key, value))
            continue
        if _indexed(key) is None:
            break
        if value is not None:
            rank.append(1)
            break
        rank.append(0 if key.nulls_first else 2)
    return tuple(rank)


def _choice_rank(key: SortKey, value: Any) -> int:
    """As `_by_choice` numbers its cases; of a select the value is the option's place from 1."""
    assert key.leaf.field is not None
    several = 2 if key.leaf.kind is Kind.BOOLEAN else len(key.leaf.field.options)
    if value is None:
        return 0 if key.nulls_first else several
    place = int(value == "true") if key.leaf.kind is Kind.BOOLEAN else int(value) - 1
    if key.descending:
        place = several - 1 - place
    return place + 1 if key.nulls_first else place


def narrowed(tree: Tree | None, segment: Segment) -> Tree | None:
    """The filter with what holds in the segment."""
    parts = [*([tree] if tree is not None else []), *segment.fixed]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def bounds_for(drive: Drive, conditions: Sequence[IndexCondition]) -> IndexCondition | None:
    """A range that the filter sets on the very value that drives."""
    for condition in conditions:
        if (
            drive.slot is not None
            and condition.op == "range"
            and condition.kind is drive.kind
            and slot_of(condition.field_id, condition.part) == drive.slot
        ):
            return condition
    return None
