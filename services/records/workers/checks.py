"""Check what is kept beside the records against them, bit by bit, and put right what differs.

Every statistic, every set of view entries and every rollup has its turn once a day. A statistic is
recounted, and what it lacks is added; a set is counted, a stretch of it is compared entry by entry,
and one that is wrong is built anew; a rollup is recounted record by record. What is found is a
fault of ours: it is logged, and counted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import structlog

from kit import clock, deadlines, metrics
from kit.db import Database, Row
from kit.errors import NotFound, ServiceError
from schema.compiled import CompiledObject, Workspace
from schema.filters import parse_json
from schema.filters.context import EvalContext
from services.records.logic import stats, viewing
from services.records.model import Query
from services.records.operations import rollup_checks, upkeep
from services.records.store import checks as store
from services.records.store import grouping, view_states
from services.records.store import records as records_store
from services.records.store import rollup_checks as rollup_store
from services.records.store import stats as stats_store
from services.records.store.rollup_checks import Due

log = structlog.get_logger()

WorkspaceOf = Callable[[UUID], Awaitable[Workspace]]

_PAUSE_SECONDS = 10.0  # between two: a check costs as much as a count
_COMPARED = 1000  # entries of a set, one by one
WRONG = "a check found it wrong"


class Checker:
    """Runs until cancelled; several share the work."""

    def __init__(
        self, db: Database, worker_db: Database, workspace_of: WorkspaceOf, every: timedelta
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._workspace_of = workspace_of
        self._every = every

    async def run(self) -> None:
        while True:
            try:
                await self.check_some()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("checking what is kept waits", error=str(exc))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def check_some(self) -> bool:
        """One statistic, one set and one rollup, where any are due; whether there was one."""
        deadlines.set_remaining(None)
        async with self._worker_db.across_workspaces() as tx:
            statistic = await store.claim_statistic(tx, self._every)
        if statistic is not None and await self._is_wrong_statistic(statistic):
            _tell("statistic", statistic, str(statistic["stat_id"]))
        async with self._worker_db.across_workspaces() as tx:
            entries = await store.claim_set(tx, self._every)
        if entries is not None and await self._is_wrong_set(entries):
            _tell("view entries", entries, str(entries["view_id"]))
        async with self._worker_db.across_workspaces() as tx:
            rollup = await rollup_store.claim(tx, self._every)
        if rollup is not None:
            await self._recount(rollup)
        return any(one is not None for one in (statistic, entries, rollup))

    async def _recount(self, due: Due) -> None:
        """To its end, unless somebody else goes on with it."""
        left: Due | None = due
        while left is not None:
            try:
                workspace = await self._workspace_of(due.workspace_id)
            except NotFound:
                return
            wrong, left = await rollup_checks.recount_some(self._db, workspace, left)
            if wrong:
                log.error(
                    "what was kept was wrong",
                    kind="rollup",
                    workspace_id=str(due.workspace_id),
                    id=str(due.rollup_id),
                    records=wrong,
                )
                metrics.KEPT_WRONG.labels("rollup").inc(wrong)

    async def _is_wrong_statistic(self, row: Row) -> bool:
        """Put right by then."""
        workspace_id, stat_id, definition = row["workspace_id"], row["stat_id"], row["measures"]
        known = await self._known(workspace_id, row["object_id"])
        if known is None:
            return False
        workspace, obj = known
        query: Query | None = _everything(workspace, obj)
        if stats.OF_VIEW in definition:
            statistic = upkeep.figures_of(workspace, definition)
            if statistic is not None and statistic.of is not None:
                query = _of_view(workspace, obj, statistic.of[0])
        else:
            found = stats.known(obj, [(stat_id, definition)])
            statistic = found[0] if found else None
        if statistic is None or query is None or statistic.id != stat_id:
            return False  # nobody needs it any more: others tidy up
        async with self._db.transaction(workspace_id) as tx:
            await stats_store.take_turn(tx, stat_id)
            if not await stats_store.is_ready(tx, workspace_id, stat_id):
                return False
            missing = await grouping.missing(tx, workspace_id, query, statistic)
            if missing:
                await stats_store.add_base(tx, workspace_id, stat_id, missing)
        return bool(missing)

    async def _is_wrong_set(self, row: Row) -> bool:
        """Left by then, to be built anew."""
        workspace_id, object_id, set_id = row["workspace_id"], row["object_id"], row["set_id"]
        known = await self._known(workspace_id, object_id)
        if known is None:
            return False
        workspace, obj = known
        kept = upkeep.plan_of(workspace, row["view_id"])
        query = _of_view(workspace, obj, row["view_id"])
        if kept is None or kept.set_id != set_id or query is None:
            return False
        async with self._db.transaction(workspace_id) as tx:
            counts = await store.counts(tx, workspace_id, query, set_id)
            some = await store.some(tx, workspace_id, set_id, _COMPARED)
            if counts.agree and all(_is_right(kept, one) for one in some):
                return False
            await view_states.leave(tx, workspace_id, object_id, [set_id], WRONG)
        return True

    async def _known(
        self, workspace_id: UUID, object_id: UUID
    ) -> tuple[Workspace, CompiledObject] | None:
        try:
            workspace = await self._workspace_of(workspace_id)
        except NotFound:
            return None
        obj = workspace.objects_by_id.get(str(object_id))
        return None if obj is None else (workspace, obj)


def _everything(workspace: Workspace, obj: CompiledObject) -> Query:
    context = EvalContext(clock.now(), workspace.time_zone, workspace.week_start, "")
    return Query(obj, context=context)


def _of_view(workspace: Workspace, obj: CompiledObject, view_id: UUID) -> Query | None:
    view = workspace.views.get(str(view_id))
    if view is None:
        return None
    plain = _everything(workspace, obj)
    if not view.filter:
        return plain
    return Query(obj, parse_json.parse(workspace, obj, view.filter), context=plain.context)


def _is_right(kept: viewing.Kept, row: Row) -> bool:
    """Whether the record of an entry is there, and stands where the entry says."""
    if row["record_id"] is None or row["delete_time"] is not None:
        return False
    record = viewing.as_record(records_store.stored(row))
    return viewing.entry(kept, record) == (row["group_key"], bytes(row["sort_key"]))


def _tell(kind: str, row: Row, name: str) -> None:
    log.error(
        "what was kept was wrong",
        kind=kind,
        workspace_id=str(row["workspace_id"]),
        object_id=str(row["object_id"]),
        id=name,
    )
    metrics.KEPT_WRONG.labels(kind).inc()
