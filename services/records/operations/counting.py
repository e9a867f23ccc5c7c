"""Count what a query selects, exactly: from a statistic where there is much to count.

A statistic is built by the first count that needs it, and kept by every write from then on; what
few records match is counted, so that small objects keep nothing.
"""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from kit.db import Tx
from schema.compiled import Workspace
from services.records.logic import stats
from services.records.model import Query
from services.records.operations import entries, reads
from services.records.operations.usage import uses
from services.records.store import grouping, queries
from services.records.store import stats as stats_store

_WORTHWHILE = 5_000  # of more records than this a statistic is kept


async def exact(tx: Tx, workspace_id: UUID, workspace: Workspace, query: Query) -> int:
    """How many records match, or stats.NotKept."""
    groups = await entries.counts(tx, workspace_id, query)
    if groups is not None:
        return sum(groups.values())
    chosen = None if query.show_deleted else stats.choices(query.tree, query.context)
    if chosen is None:
        return await reads.count(tx, workspace_id, query, exact=True)
    # Kept for everybody alike: a role's rule is part of the tree.
    statistic = stats.counting(workspace.full, query.object.full, chosen.field)
    sums = await stats_store.read(tx, workspace_id, statistic.id)
    if sums is not None:
        uses.note_statistic(workspace_id, statistic.id)
        return chosen.count(sums)
    condition = await reads.driving(tx, workspace_id, query)
    if condition is not None:
        return await queries.count(tx, workspace_id, query, condition)
    found = await queries.count(tx, workspace_id, query, None, bound=_WORTHWHILE)
    if found < _WORTHWHILE:
        return found
    raise stats.NotKept(statistic)


async def build(tx: Tx, workspace_id: UUID, query: Query, statistic: stats.Statistic) -> None:
    """Count everything once; writers of the object wait until it is done."""
    await stats_store.lock_object(tx, workspace_id, statistic.object_id)
    if await stats_store.is_ready(tx, workspace_id, statistic.id):
        return
    tree = query.tree if statistic.of is not None else None  # which is the view's filter
    everything = replace(query, tree=tree, show_deleted=False)
    if statistic.group_field is None:
        n = await queries.count(tx, workspace_id, everything, None)
        rows = [(stats.ALL, stats.COUNT, n, Decimal(0))]
    else:
        sums = await grouping.sums(
            tx, workspace_id, everything, statistic.group_field, statistic.sums
        )
        rows = [(group, measure, n, total) for (group, measure), (n, total) in sums.items()]
    await stats_store.replace_base(tx, workspace_id, statistic, rows)
