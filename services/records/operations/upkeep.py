"""Keep what stands beside an object's records and follows every write: statistics, view entries."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from kit.errors import Unavailable
from schema.compiled import CompiledObject, Workspace
from schema.filters.closure import Predicate
from services.records.logic import stats, viewing
from services.records.logic.sort_bytes import TooLong
from services.records.model import Stored
from services.records.store import stats as stats_store
from services.records.store import view_entries, view_states
from services.records.store.view_entries import Placed

STALE = "the view has changed"
TOO_LONG = "the values that it sorts by are too long to be kept in order"

# A record as it was and as it is; None: not there, or deleted.
Moved = tuple[Stored | None, Stored | None]


async def note(
    tx: Tx,
    workspace: Workspace,
    obj: CompiledObject,
    moved: Sequence[Moved],
    kept: stats_store.Kept | None = None,
) -> None:
    """Have statistics and view entries follow records; part of every transaction that changes
    them. UNAVAILABLE / METADATA_BEHIND where these definitions are older than what is kept."""
    workspace_id, object_id = UUID(workspace.id), UUID(obj.id)
    moved = [(_live(before), _live(after)) for before, after in moved]
    kept = kept or await stats_store.kept(tx, workspace_id, object_id)
    plain = [one for one in kept.statistics if stats.OF_VIEW not in one[1]]
    statistics = stats.known(obj.full, plain)
    if statistics is None:
        message = "the object's definitions are newer than what this replica knows; try again"
        raise Unavailable("METADATA_BEHIND", message)
    documents = [(b.doc if b else None, a.doc if a else None) for b, a in moved]
    deltas = stats.deltas(statistics, documents)
    if len(plain) < len(kept.statistics):
        of_views = [one for one in kept.statistics if stats.OF_VIEW in one[1]]
        deltas += await _figures(tx, workspace, workspace_id, of_views, moved)
    await stats_store.add_deltas(tx, workspace_id, deltas)
    if kept.sets:
        await _follow(tx, workspace, workspace_id, object_id, kept.sets, moved)


def _live(record: Stored | None) -> Stored | None:
    return record if record is not None and record.delete_time is None else None


async def _figures(
    tx: Tx,
    workspace: Workspace,
    workspace_id: UUID,
    kept: Sequence[tuple[UUID, str]],
    moved: Sequence[Moved],
) -> list[stats.Delta]:
    """What the moves change in statistics of views with a filter; those of a filter that these
    definitions do not have are left, in this very transaction."""
    deltas: list[stats.Delta] = []
    stale: list[UUID] = []
    for stat_id, definition in kept:
        statistic = figures_of(workspace, definition)
        if statistic is None or statistic.id != stat_id or statistic.holds is None:
            stale.append(stat_id)
            continue
        documents = [
            (_document(statistic.holds, before), _document(statistic.holds, after))
            for before, after in moved
        ]
        deltas += stats.deltas([statistic], documents)
    if stale:
        await stats_store.leave(tx, workspace_id, stale)
    return deltas


def _document(holds: Predicate, record: Stored | None) -> dict[str, Any] | None:
    if record is None or not holds(viewing.as_record(record)):
        return None
    return record.doc


def figures_of(workspace: Workspace, definition: str) -> stats.Statistic | None:
    """The statistic of a view with a filter that has this definition, by the view as it is now."""
    plan = plan_of(workspace, UUID(definition.split(stats.OF_VIEW, maxsplit=1)[0]))
    figures = plan.figures if plan is not None else None
    return figures if figures is not None and figures.definition == definition else None


async def _follow(
    tx: Tx,
    workspace: Workspace,
    workspace_id: UUID,
    object_id: UUID,
    sets: Sequence[tuple[UUID, UUID]],
    moved: Sequence[Moved],
) -> None:
    gone: list[Placed] = []
    made: list[Placed] = []
    stale: list[UUID] = []
    for set_id, view_id in sets:
        kept = plan_of(workspace, view_id)
        if kept is None or kept.set_id != set_id:
            # Either the view has changed or this replica does not know yet: what nobody can keep
            # right is left, in this very transaction, and built anew.
            stale.append(set_id)
            continue
        try:
            old, new = _moves(kept, moved)
        except TooLong:
            await view_states.leave(tx, workspace_id, object_id, [set_id], TOO_LONG)
            continue
        gone += old
        made += new
    if stale:
        await view_states.leave(tx, workspace_id, object_id, stale, STALE)
    await view_entries.move(tx, workspace_id, gone, made)


def plan_of(workspace: Workspace, view_id: UUID) -> viewing.Kept | None:
    """How a view's entries are kept by these definitions, if they can be."""
    view = workspace.full.views.get(str(view_id))
    if view is None or view.materialized == "off":
        return None
    found = viewing.plan(workspace, view)
    return found if isinstance(found, viewing.Kept) else None


def _moves(kept: viewing.Kept, moved: Sequence[Moved]) -> tuple[list[Placed], list[Placed]]:
    gone: list[Placed] = []
    made: list[Placed] = []
    for before, after in moved:
        old = viewing.entry(kept, viewing.as_record(before)) if before is not None else None
        new = viewing.entry(kept, viewing.as_record(after)) if after is not None else None
        if old == new:
            continue
        if old is not None and before is not None:
            gone.append(Placed(kept.set_id, *old, before.id))
        if new is not None and after is not None:
            made.append(Placed(kept.set_id, *new, after.id))
    return gone, made
