"""Fold what writers append to rollups into the records that have them, soon after the commit."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import structlog

from kit import deadlines
from kit.db import Database
from kit.errors import ServiceError
from schema import rollups as definitions
from schema.compiled import Workspace
from services.records.operations import rollups
from services.records.store import rollups as store

log = structlog.get_logger()

_POLL_SECONDS = 0.2


class RollupFolder:
    """Runs until cancelled; several may run, and pass by the records that somebody else holds."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        definitions_of: Callable[[UUID], Awaitable[Workspace]],
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._definitions_of = definitions_of

    async def run(self) -> None:
        """For ever; while Postgres or metadata does not answer, it waits."""
        while True:
            try:
                worked = await self.work_once()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("rollups wait", error=str(exc))
                worked = False
            if not worked:
                await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> bool:
        """Fold some of what there is; False where nothing could be."""
        deadlines.set_remaining(None)
        async with self._worker_db.across_workspaces() as tx:
            waiting = await store.waiting(tx)
        by_workspace: dict[UUID, set[str]] = defaultdict(set)
        for workspace_id, rollup_id in waiting:
            by_workspace[workspace_id].add(str(rollup_id))
        worked = False
        for workspace_id, rollup_ids in by_workspace.items():
            try:
                worked |= await self._work(workspace_id, rollup_ids)
            except (ServiceError, psycopg.Error) as exc:  # the others go on
                log.warning("rollups wait", workspace_id=str(workspace_id), error=str(exc))
        return worked

    async def _work(self, workspace_id: UUID, rollup_ids: set[str]) -> bool:
        """Those that these definitions do not know are being built, or taken away."""
        workspace = await self._definitions_of(workspace_id)
        kept = [one for one in definitions.of(workspace).values() if one.id in rollup_ids]
        if not kept:
            return False
        async with self._db.reading(workspace_id) as tx:
            parents = await rollups.pending(tx, workspace_id, kept, None, rollups.AT_ONCE)
        worked = False
        for object_id, own in sorted(parents.items()):
            async with self._db.transaction(workspace_id) as tx:
                worked |= await rollups.fold(tx, workspace, object_id, kept, own, passing=True)
        return worked
