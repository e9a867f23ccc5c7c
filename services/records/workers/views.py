"""Keep the entries of views: advise which, build, fold and drop them, for all workspaces.

Everything is done in small transactions that may be killed anywhere; several workers may run, each
piece is one worker's.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import monotonic
from uuid import UUID

import psycopg
import structlog

from kit import crash, deadlines
from kit.db import Database
from kit.errors import NotFound, ServiceError
from schema.compiled import Workspace
from services.records.logic import advice, stats, viewing
from services.records.operations import compaction, upkeep, view_builds
from services.records.operations.usage import Uses
from services.records.store import stats as stats_store
from services.records.store import view_buckets, view_states, view_uses
from services.records.store.view_states import State

log = structlog.get_logger()

_POLL_SECONDS = 0.5
_ADVISE_SECONDS = 3.0
_RECENTLY = timedelta(seconds=30)  # what was used within it is looked at that often
_COMPACT_SECONDS = 1.0
_LOOK_THROUGH_SECONDS = 3600.0  # all workspaces, also those that nobody uses
_SLICE = 20  # pieces of a build or drop before it is the next one's turn
_FLUSH_SECONDS = 2.0
_STATISTICS_STAY = 7  # times longer than entries of views: they cost less to keep
_RETRY_OFF = timedelta(hours=1)  # after it a view that could not be kept is tried again

WorkspaceOf = Callable[[UUID], Awaitable[Workspace]]


async def flush_uses(db: Database, uses: Uses, bar: advice.Bar) -> None:
    """Write what this process has noted."""
    views, statistics = uses.take()
    by_workspace: dict[UUID, list[tuple[UUID, UUID, int, int]]] = defaultdict(list)
    for (workspace_id, view_id), spent in views.items():
        row = (view_id, spent.object_id, spent.costly, spent.cost_us)
        by_workspace[workspace_id].append(row)
    asked: dict[UUID, list[UUID]] = defaultdict(list)
    for workspace_id, stat_id in statistics:
        asked[workspace_id].append(stat_id)
    for workspace_id in by_workspace.keys() | asked.keys():
        async with db.transaction(workspace_id) as tx:
            if rows := by_workspace.get(workspace_id):
                await view_uses.add(tx, workspace_id, rows, bar.window)
            if ids := asked.get(workspace_id):
                await view_uses.use_statistics(tx, workspace_id, ids)


async def flush_for_ever(db: Database, uses: Uses, bar: advice.Bar) -> None:
    """Every few seconds; what can't be written is forgotten: it is advice."""
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        try:
            await flush_uses(db, uses, bar)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("the use of views is forgotten", error=str(exc))


class ViewKeeper:
    """Runs until cancelled."""

    def __init__(
        self, db: Database, worker_db: Database, workspace_of: WorkspaceOf, bar: advice.Bar
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._workspace_of = workspace_of
        self._bar = bar
        self._advised = self._compacted = 0.0
        self._looked_through = monotonic()

    async def run(self) -> None:
        """For ever; while Postgres or metadata do not answer, it waits."""
        while True:
            try:
                await self.work_once()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("keeping view entries waits", error=str(exc))
            await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> None:
        """All that is due: advice now and then, compaction, and builds and drops to their end, in
        turns, so that a big one holds nobody up."""
        deadlines.set_remaining(None)
        moving = True
        while moving:
            await self._attend()
            async with self._worker_db.across_workspaces() as tx:
                waiting = await view_states.waiting(tx)
            moved = [
                await (self.build(s, _SLICE) if s.state == "building" else self._drop(s))
                for s in waiting
            ]
            moving = any(moved)

    async def _attend(self) -> None:
        now = monotonic()
        if now - self._advised > _ADVISE_SECONDS:
            self._advised = now
            await self.advise(_RECENTLY)
        if now - self._compacted > _COMPACT_SECONDS:
            self._compacted = now
            await self.compact()
        if now - self._looked_through > _LOOK_THROUGH_SECONDS:
            self._looked_through = now
            await self.advise()
            await self.tidy_statistics()
            folded = True
            while folded:
                folded = await self.compact(least=0) > 0

    async def build(self, state: State, pieces: int | None = None) -> bool:
        """Go on with a set's build, to its end or for so many pieces; whether there is more."""
        done, left = 0, True
        while left and done != pieces:
            workspace = await self._known(state.workspace_id)
            if workspace is None:
                return False
            async with self._db.transaction(state.workspace_id) as tx:
                left = await view_builds.build_some(tx, workspace, state)
            done += 1
        return left

    async def _drop(self, state: State) -> bool:
        """Go on with dropping a set; whether there is more."""
        async with self._db.transaction(state.workspace_id) as tx:
            left = await view_builds.drop_begin(tx, state)
        done = 0
        while left and done < _SLICE:
            async with self._db.transaction(state.workspace_id) as tx:
                left = await view_builds.drop_some(tx, state)
            done += 1
        return left

    async def compact(self, *, least: int = 500) -> int:
        """Fold the deltas of sets that have many."""
        async with self._worker_db.across_workspaces() as tx:
            due = await view_buckets.due(tx, least=least)
        folded = 0
        for workspace_id, object_id, set_id in due:
            async with self._db.transaction(workspace_id) as tx:
                folded += await compaction.compact(tx, workspace_id, object_id, set_id)
                crash.point("records.view_compaction")
        return folded

    async def _known(self, workspace_id: UUID) -> Workspace | None:
        try:
            return await self._workspace_of(workspace_id)
        except NotFound:
            return None

    async def advise(self, within: timedelta | None = None) -> None:
        """Start the sets that views deserve, and leave those that are stale or idle: in workspaces
        where a view was used within that time, or in all."""
        async with self._worker_db.across_workspaces() as tx:
            uses = await view_uses.everything(tx, within)
            states = await view_states.everything(tx)
        if within is not None:
            active = {one.workspace_id for one in uses}
            states = [s for s in states if s.workspace_id in active]
        used: dict[UUID, list[view_uses.Use]] = defaultdict(list)
        for one in uses:
            used[one.workspace_id].append(one)
        kept: dict[UUID, list[State]] = defaultdict(list)
        for state in states:
            kept[state.workspace_id].append(state)
        for workspace_id in used.keys() | kept.keys():
            workspace = await self._known(workspace_id)
            if workspace is not None:
                await self._advise_one(workspace, used[workspace_id], kept[workspace_id])

    async def _advise_one(
        self, workspace: Workspace, used: Sequence[view_uses.Use], states: Sequence[State]
    ) -> None:
        uses = {one.view_id: one for one in used}
        running = {s.view_id: s for s in states if s.state in {"building", "ready"}}
        for state in running.values():
            await self._leave_unless_due(workspace, state, uses.get(state.view_id))
        for one in used:
            view = workspace.views.get(str(one.view_id))
            if view is None:
                async with self._db.transaction(one.workspace_id) as tx:
                    await view_uses.forget(tx, one.workspace_id, one.view_id)
                continue
            if one.view_id not in running:
                await self._start_if_due(workspace, one)
        await self._retry([s for s in states if s.state == "off"], uses)

    async def _leave_unless_due(
        self, workspace: Workspace, state: State, use: view_uses.Use | None
    ) -> None:
        view = workspace.views.get(str(state.view_id))
        plan = upkeep.plan_of(workspace, state.view_id)
        if view is None:
            why = "the view is gone"
        elif plan is None or plan.set_id != state.set_id:
            why = upkeep.STALE
        else:
            used = _used(use) if use is not None else None
            now = use.now if use is not None else state.change_time
            if advice.verdict(view.materialized, used, now, self._bar, kept=True):
                return
            why = "nobody asks for it any more"
        async with self._db.transaction(state.workspace_id) as tx:
            sets = [state.set_id]
            await view_states.leave(tx, state.workspace_id, state.object_id, sets, why)
            await view_uses.decide(tx, state.workspace_id, state.view_id, f"left: {why}")

    async def _start_if_due(self, workspace: Workspace, use: view_uses.Use) -> None:
        view = workspace.views[str(use.view_id)]
        why = advice.verdict(view.materialized, _used(use), use.now, self._bar, kept=False)
        if why is None:
            return
        plan = viewing.plan(workspace, view)
        async with self._db.transaction(use.workspace_id) as tx:
            if isinstance(plan, viewing.Refused):
                refused = plan.why
            else:
                refused = await view_builds.start(tx, use.workspace_id, plan, why)
            decision = f"not kept: {refused}" if refused else f"kept: {why}"
            await view_uses.decide(tx, use.workspace_id, use.view_id, decision)

    async def tidy_statistics(self) -> None:
        """Stop keeping statistics that no view needs any more and nobody asks for."""
        async with self._worker_db.across_workspaces() as tx:
            rows = await stats_store.everything(tx)
        idle: dict[UUID, list[UUID]] = defaultdict(list)
        for row in rows:
            workspace_id, stat_id = row["workspace_id"], row["stat_id"]
            workspace = await self._known(workspace_id)
            if workspace is None:
                continue
            of_use = _is_of_use(workspace, row["object_id"], stat_id, row["measures"])
            if not of_use or row["idle"] > self._bar.idle * _STATISTICS_STAY:
                idle[workspace_id].append(stat_id)
        for workspace_id, stat_ids in idle.items():
            async with self._db.transaction(workspace_id) as tx:
                await stats_store.leave(tx, workspace_id, stat_ids)
        async with self._worker_db.across_workspaces() as tx:
            await stats_store.sweep(tx)

    async def _retry(self, states: Sequence[State], uses: dict[UUID, view_uses.Use]) -> None:
        """Forget, after a while, that a set could not be kept."""
        for state in states:
            use = uses.get(state.view_id)
            if use is None or use.now - state.change_time > _RETRY_OFF:
                async with self._db.transaction(state.workspace_id) as tx:
                    await view_states.end(tx, state, off=False)


def _is_of_use(workspace: Workspace, object_id: UUID, stat_id: UUID, definition: str) -> bool:
    """Whether a view or a count could still ask for the statistic."""
    obj = workspace.objects_by_id.get(str(object_id))
    if obj is None:
        return False
    if stats.OF_VIEW in definition:
        return upkeep.figures_of(workspace, definition) is not None
    if any(s.id == stat_id for s in stats.statistics(workspace, obj)):
        return True
    found = stats.known(obj, [(stat_id, definition)])
    return found is not None and not found[0].sums


def _used(use: view_uses.Use) -> advice.Used:
    return advice.Used(use.queries, use.cost_us / 1000, use.last_time)
