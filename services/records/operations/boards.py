"""Answer boards: every group of a field with its count, figures and first records.

The groups are a select's options, both values of a boolean, or the records that a relation leads
to. Counts and sums of an unfiltered board come from group statistics, which cost the same at a
million records as at a hundred; the first such request builds them. A filtered board is counted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.compiled import Workspace
from schema.field_types import Kind as IndexKind
from schema.filters.index import IndexCondition
from schema.filters.tree import And, Condition, Kind, Leaf, Path
from schema.fold import fold
from schema.model import Field, FieldType
from services.records.logic import stats
from services.records.model import Page, Query
from services.records.operations import entries, labels, reads
from services.records.operations.usage import uses
from services.records.store import grouping
from services.records.store import stats as stats_store

MAX_COLUMNS = 200  # of a board by a relation
_AVERAGE = Context(prec=50)  # the digits of a quotient; sums are exact


Choice = tuple[Any, str, str]  # key, label and colour of a group


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: count, or sum, avg, min, max of a field."""

    fn: str
    name: str
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class Column:
    key: Any  # an option's value, a boolean, a record's id, or None
    label: str
    color: str
    count: int
    values: Mapping[str, Any]
    page: Page = field(default_factory=lambda: Page([]))


@dataclass(frozen=True, slots=True)
class Board:
    """The columns in order, and whether a relation leads to more records than there are columns."""

    columns: list[Column]
    more: bool = False


def choices(group_field: Field) -> list[Choice]:
    """Every group that the definition names, in order, the empty one last."""
    if group_field.type is FieldType.BOOLEAN:
        known: list[Choice] = [(False, "No", "gray"), (True, "Yes", "green")]
    else:
        known = [(o.value, o.label, o.color) for o in group_field.options]
    return [*known, (None, f"No {group_field.label or group_field.name}".strip(), "gray")]


async def heading(
    tx: Tx, workspace_id: UUID, workspace: Workspace, group_field: Field, key: Any
) -> tuple[str, str]:
    """The label and the colour of one column."""
    if group_field.type is FieldType.RELATION and key is not None:
        found = await labels.of(tx, workspace_id, workspace, group_field, [key])
        return found.get(key, key), "gray"
    return next((label, color) for k, label, color in choices(group_field) if k == key)


async def _groups(
    tx: Tx, workspace_id: UUID, workspace: Workspace, group_field: Field, sums: "Sums"
) -> tuple[list[Choice], bool]:
    """The board's groups, and whether there are more. Of a relation those with the most records,
    by label; a record that the caller can't see, or that is gone, is named by its id."""
    known = choices(group_field)
    if group_field.type is not FieldType.RELATION:
        return known, False
    counts = {
        group: count
        for (group, measure), (count, _) in sums.items()
        if measure == stats.COUNT and count > 0 and group != stats.EMPTY
    }
    largest = sorted(counts, key=lambda group: (-counts[group], group))[:MAX_COLUMNS]
    named = await labels.of(tx, workspace_id, workspace, group_field, largest)
    found = [(key, named.get(key, key), "gray") for key in largest]
    found.sort(key=lambda choice: (fold(choice[1]), choice[1], choice[0]))
    return [*found, *known], len(counts) > MAX_COLUMNS


async def board(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    query: Query,
    group_field: Field,
    measures: Sequence[Measure],
) -> Board:
    """All columns, or stats.NotKept. `query.limit` is the number of records in each."""
    sums = await _sums(tx, workspace_id, workspace, query, group_field, measures)
    groups, more = await _groups(tx, workspace_id, workspace, group_field, sums)
    counts = [sums.get((_group_key(key), stats.COUNT), (0, Decimal(0)))[0] for key, _, _ in groups]

    async def first(key: Any, count: int) -> Page:
        if not count:
            return Page([])
        within = _within(query, group_field, key)
        matches = {} if query.tree is not None else {_probe(group_field, key): count}
        return await reads.page(tx, workspace_id, workspace, within, matches)

    # Side by side on one pipeline: all columns' queries go out before the first answer is awaited.
    # All are awaited, whatever one raises: none may go on with a connection that is given back.
    found = await asyncio.gather(
        *(first(key, count) for (key, _, _), count in zip(groups, counts, strict=True)),
        return_exceptions=True,
    )
    pages = [_raised(page) for page in found]
    columns = [
        Column(
            key,
            label,
            color,
            count,
            {m.name: _value(m, _group_key(key), count, sums) for m in measures},
            page,
        )
        for (key, label, color), count, page in zip(groups, counts, pages, strict=True)
    ]
    return Board(columns, more)


async def figures(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    query: Query,
    group_field: Field,
    measures: Sequence[Measure],
) -> list[Column]:
    """All columns without their records, or stats.NotKept."""
    sums = await _sums(tx, workspace_id, workspace, query, group_field, measures)
    found = []
    groups, _ = await _groups(tx, workspace_id, workspace, group_field, sums)
    for key, label, color in groups:
        group = _group_key(key)
        count = sums.get((group, stats.COUNT), (0, Decimal(0)))[0]
        values = {m.name: _value(m, group, count, sums) for m in measures}
        found.append(Column(key, label, color, count, values))
    return found


def _raised(page: Page | BaseException) -> Page:
    if isinstance(page, BaseException):
        raise page
    return page


def _probe(group_field: Field, key: Any) -> IndexCondition:
    """The index condition of a column, whose matches the statistics have counted already."""
    if group_field.type is FieldType.RELATION and key is not None:
        return IndexCondition(group_field.index_id, "", IndexKind.REF, "eq", (key,))
    text = (fold(_group_key(key)),)
    return IndexCondition(group_field.index_id, "", IndexKind.TEXT, "eq", text)


async def column(
    tx: Tx, workspace_id: UUID, workspace: Workspace, query: Query, group_field: Field, key: Any
) -> Page:
    """A further page of one column."""
    return await reads.page(tx, workspace_id, workspace, _within(query, group_field, key))


def _group_key(key: Any) -> str:
    if key is None:
        return stats.EMPTY
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


_KINDS = {
    FieldType.SELECT: Kind.SELECT,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.RELATION: Kind.RELATION,
}


def _within(query: Query, group_field: Field, key: Any) -> Query:
    leaf = Path((), Leaf(group_field.name, _KINDS[group_field.type], group_field))
    condition = Condition(leaf, "is_empty", True) if key is None else Condition(leaf, "eq", key)
    tree = condition if query.tree is None else And((query.tree, condition))
    return entries.within(replace(query, tree=tree), _group_key(key))


Sums = Mapping[tuple[str, str], tuple[int, Decimal]]


async def _sums(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    query: Query,
    group_field: Field,
    measures: Sequence[Measure],
) -> Sums:
    """(count, total) by (group, measure), as the statistics keep them."""
    measured = {m.field.id for m in measures if m.field is not None}
    needs_rows = any(m.fn in {"min", "max"} for m in measures)
    if query.tree is None and not needs_rows:
        # Kept for everybody alike: without the fields that a role hides they would be others.
        for statistic in stats.statistics(workspace.full, query.object.full):
            kept = {f.id for f in statistic.sums}
            by = statistic.group_field
            if by is not None and by.id == group_field.id and measured <= kept:
                sums = await stats_store.read(tx, workspace_id, statistic.id)
                if sums is None:
                    raise stats.NotKept(statistic)
                uses.note_statistic(workspace_id, statistic.id)
                return sums
    told = None if needs_rows else await _of_entries(tx, workspace_id, query, measured)
    if told is not None:
        return told
    fields = {m.field.id: m.field for m in measures if m.field is not None}
    return await grouping.sums(tx, workspace_id, query, group_field, list(fields.values()))


async def _of_entries(tx: Tx, workspace_id: UUID, query: Query, measured: set[str]) -> Sums | None:
    """The figures of a kanban with a filter whose entries are kept: the counts are theirs, the sums
    those of a statistic."""
    counts = await entries.counts(tx, workspace_id, query)
    if counts is None:
        return None
    sums = {(group, stats.COUNT): (n, Decimal(0)) for group, n in counts.items()}
    if not measured:
        return sums
    statistic = query.use.kept.figures
    if statistic is None or not measured <= {f.id for f in statistic.sums}:
        return None
    found = await stats_store.read(tx, workspace_id, statistic.id)
    if found is None:
        raise stats.NotKept(statistic)
    uses.note_statistic(workspace_id, statistic.id)
    return found


def _value(measure: Measure, group: str, count: int, sums: Sums) -> Any:
    if measure.fn == "count":
        return count
    found = measure.field
    assert found is not None
    if found.type is FieldType.CURRENCY:
        return _by_currency(measure, group, found, sums)
    n, total = sums.get((group, found.id), (0, Decimal(0)))
    return _figure(measure.fn, n, total, sums.get((group, f"{found.id}|{measure.fn}")))


def _by_currency(measure: Measure, group: str, found: Field, sums: Sums) -> list[dict[str, Any]]:
    totals: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for (key, name), value in sums.items():
        lead, _, code = name.partition(":")
        if key == group and lead == found.id and code and value[0]:
            totals[code] = value
    answers = []
    for code, (n, total) in sorted(totals.items()):
        extreme = sums.get((group, f"{found.id}|{measure.fn}:{code}"))
        amount = _figure(measure.fn, n, total, extreme)
        answers.append({"currency_code": code, "amount_micros": amount})
    return answers


def _figure(
    fn: str, count: int, total: Decimal, extreme: tuple[int, Decimal] | None
) -> int | Decimal | None:
    if fn == "sum":
        return _plain(total)
    if fn == "avg":
        return _plain(_AVERAGE.divide(total, Decimal(count))) if count else None
    return _plain(extreme[1]) if extreme is not None else None


def _plain(value: Decimal) -> int | Decimal:
    whole = int(value)
    if whole != value:
        return stats.EXACT.normalize(value)
    return whole if whole.bit_length() < 64 else value  # JSON writers take no longer int
