"""Count what a query selects, exactly: from a statistic where there is much to count.

A statistic is built by the first count that needs it, and kept by every write from then on; what
few records match is counted, so that small objects keep nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from kit import crash
from kit.db import Database, Tx
from kit.errors import Unavailable
from schema.compiled import Workspace
from services.records.logic import stats
from services.records.model import Query
from services.records.operations import entries, reads
from services.records.operations.usage import uses
from services.records.store import grouping, queries
from services.records.store import stats as stats_store

T = TypeVar("T")
_ATTEMPTS = 5  # a change of definitions may drop a statistic between its build and its use
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


async def estimated(tx: Tx, workspace_id: UUID, query: Query) -> int:
    """How many records match, exactly where that costs nothing, and up to 10,000."""
    groups = await entries.counts(tx, workspace_id, query)
    if groups is not None:
        return sum(groups.values())
    return await reads.count(tx, workspace_id, query, exact=False)


async def told(
    db: Database, workspace_id: UUID, query: Query, ask: Callable[[Tx], Awaitable[T]]
) -> T:
    """What `ask` answers, once the statistics that it needs are built."""
    for _ in range(_ATTEMPTS):
        try:
            async with db.reading(workspace_id) as tx:
                return await ask(tx)
        except stats.NotKept as missing:
            await build(db, workspace_id, query, missing.statistic)
    message = "the definitions that the figures go by keep changing; try again"
    raise Unavailable("CONFLICT", message)


async def build(db: Database, workspace_id: UUID, query: Query, statistic: stats.Statistic) -> None:
    """Count everything once, beside the writers: these keep the statistic first, and what a recount
    finds and they did not note is added. Killed anywhere, the next request goes on."""
    async with db.transaction(workspace_id) as tx:
        if await stats_store.is_ready(tx, workspace_id, statistic.id) is None:
            await stats_store.lock_object(tx, workspace_id, statistic.object_id)
            if await stats_store.is_ready(tx, workspace_id, statistic.id) is None:
                await stats_store.begin(tx, workspace_id, statistic)
    tree = query.tree if statistic.of is not None else None  # which is the view's filter
    everything = replace(query, tree=tree, show_deleted=False)
    async with db.transaction(workspace_id) as tx:
        await stats_store.take_turn(tx, statistic.id)
        if await stats_store.is_ready(tx, workspace_id, statistic.id) is False:
            sums = await grouping.missing(tx, workspace_id, everything, statistic)
            await stats_store.add_base(tx, workspace_id, statistic.id, sums)
            crash.point("records.statistic_build")
