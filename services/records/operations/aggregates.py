"""Answer aggregates: figures of the groups of an object's records, exact, in the order asked.

Counts by a select or boolean, and the sums of its kanban, come from a maintained statistic, which
the first such question of a large object builds; plain counts by an indexed select, boolean or
relation of others from its index; everything else from one scan of the documents
that the filter selects, and one more for each currency field that is measured.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.compiled import Workspace
from schema.filters.tree import Kind
from services.records.logic import groups, stats
from services.records.logic.aggregate_parts import Aggregate, Measure
from services.records.logic.groups import Figures, Found, Group, amount, figure_of, keys_of
from services.records.model import Query
from services.records.operations import reads
from services.records.store import aggregates as store
from services.records.store import queries
from services.records.store import stats as stats_store

_WORTHWHILE = 5_000  # of more records than this a statistic is kept


@dataclass(frozen=True, slots=True)
class Answer:
    """The groups up to the limit, whether there are more, and what was chosen."""

    groups: list[Group]
    more: bool
    plan: dict[str, Any] = field(default_factory=dict)


async def aggregate(
    tx: Tx, workspace_id: UUID, workspace: Workspace, query: Query, asked: Aggregate
) -> Answer:
    """The groups, or stats.NotKept; Invalid where having is no filter over keys and figures."""
    keep = groups.having(asked, query.context)
    found, plan = await _figures(tx, workspace_id, workspace, query, asked)
    arranged = groups.arranged(found, asked, keep)
    return Answer(arranged[: asked.limit], len(arranged) > asked.limit, plan)


async def _figures(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    query: Query,
    asked: Aggregate,
) -> tuple[Found, dict[str, Any]]:
    if query.tree is None:
        kept = await _kept(tx, workspace_id, workspace, query, asked)
        if kept is not None:
            return kept, {"strategy": "statistics"}
        only_counts = all(m.fn == "count" and m.leaf is None for m in asked.measures)
        if len(asked.keys) == 1 and only_counts and store.may_walk(asked.keys[0]):
            rows = await store.walked(tx, workspace_id, query, asked.keys[0])
            walked = {(k,): {m.name: n for m in asked.measures} for k, n in rows}
            return walked, {"strategy": "index", "field": asked.keys[0].leaf.name}
    return await _counted(tx, workspace_id, query, asked)


async def _kept(
    tx: Tx, workspace_id: UUID, workspace: Workspace, query: Query, asked: Aggregate
) -> Found | None:
    """The figures that a maintained statistic tells; None where none could, or where there is
    little to count; stats.NotKept where one is worth building first."""
    if len(asked.keys) != 1 or asked.keys[0].choices is None or asked.keys[0].leaf.parts:
        return None
    group_field = asked.keys[0].leaf.field
    measured = {m.leaf.field.id for m in asked.measures if m.leaf and m.leaf.field}
    if group_field is None or not all(_is_kept(m) for m in asked.measures):
        return None
    # Kept for everybody alike: a role's rule is part of the tree, which is none here.
    one = stats.counting(workspace.full, query.object.full, group_field)
    if not measured <= {f.id for f in one.sums}:
        return None
    sums = await stats_store.read(tx, workspace_id, one.id)
    if sums is not None:
        return _from_sums(sums, asked)
    if await queries.count(tx, workspace_id, query, None, bound=_WORTHWHILE) < _WORTHWHILE:
        return None
    raise stats.NotKept(one)


def _is_kept(measure: Measure) -> bool:
    if measure.fn == "count":
        return measure.leaf is None
    leaf = measure.leaf
    plain = leaf is not None and leaf.field is not None and not leaf.parts
    return plain and measure.fn in {"sum", "avg"}


def _from_sums(sums: Mapping[tuple[str, str], tuple[int, Decimal]], asked: Aggregate) -> Found:
    boolean = asked.keys[0].leaf.kind is Kind.BOOLEAN
    found: Found = {}
    codes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for group, name in sums:
        lead, _, code = name.partition(":")
        if code:
            codes[group, lead].append(code)
    for (group, name), (count, _) in sums.items():
        if name != stats.COUNT or not count:
            continue
        key: Any = None if group == stats.EMPTY else group
        if boolean and key is not None:
            key = key == "true"
        figures: Figures = {}
        for measure in asked.measures:
            if measure.leaf is None or measure.leaf.field is None:
                figures[measure.name] = count
                continue
            field_id = measure.leaf.field.id
            if measure.by_currency:
                amounts = [
                    (code, *sums[group, f"{field_id}:{code}"])
                    for code in sorted(codes[group, field_id])
                ]
                figures[measure.name] = [
                    amount(code, figure_of(measure, total, n)) for code, n, total in amounts if n
                ]
                continue
            n, total = sums.get((group, field_id), (0, Decimal(0)))
            figures[measure.name] = figure_of(measure, total, n)
        found[(key,)] = figures
    return found


async def _counted(
    tx: Tx, workspace_id: UUID, query: Query, asked: Aggregate
) -> tuple[Found, dict[str, Any]]:
    """By reading what the filter selects."""
    condition = await reads.driving(tx, workspace_id, query)
    plan = {"strategy": "scan"}
    if condition:
        plan = {"strategy": "condition", **reads.named(condition)}
    plain = [m for m in asked.measures if not m.by_currency]
    money: dict[str, list[Measure]] = defaultdict(list)
    for measure in asked.measures:
        if measure.by_currency and measure.leaf is not None:
            money[measure.leaf.name].append(measure)
    arguments = (tx, workspace_id, query, condition, asked.keys)
    wide = len(asked.keys)
    found: Found = {}
    # The count finds the groups where no plain figure is asked for.
    for row in await store.plain(*arguments, plain or [Measure("count", "")]):
        figures: Figures = {}
        for n, measure in enumerate(plain):
            figures[measure.name] = figure_of(measure, *row[wide + 2 * n : wide + 2 * n + 2])
        figures |= {m.name: [] for m in asked.measures if m.by_currency}
        found[keys_of(asked.keys, row)] = figures
    for measures in money.values():
        for row in await store.by_currency(*arguments, measures):
            keys, code = keys_of(asked.keys, row), row[wide]
            for n, measure in enumerate(measures):
                at = wide + 1 + 2 * n
                one = amount(code, figure_of(measure, *row[at : at + 2]))
                found.setdefault(keys, groups.empty(asked))[measure.name].append(one)
    for figures in found.values():
        for measure in asked.measures:
            if measure.by_currency:
                figures[measure.name].sort(key=lambda one: one["currency_code"])
    return found, plan
