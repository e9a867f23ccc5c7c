"""Read links in where filters are to go through them, and compare what is known once a day."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

import psycopg
import structlog

from kit import deadlines, metrics
from kit.db import Database
from kit.errors import ServiceError
from services.records.operations.linking import LinkIndex
from services.records.store import link_states

log = structlog.get_logger()

_POLL_SECONDS = 1.0
_TOGETHER = 20  # workspaces that are read in by turns
_PAUSE_SECONDS = 10.0  # between two looks for what is due for a comparison


class LinkKeeper:
    """Runs until cancelled; several may run: no step depends on who did the one before, a
    comparison has one keeper at a time, and who is overtaken leaves it alone."""

    def __init__(self, worker_db: Database, index: LinkIndex, every: timedelta) -> None:
        self._worker_db = worker_db
        self._index = index
        self._every = every
        self._looked = 0.0

    async def run(self) -> None:
        """For ever; while Postgres or the links plane does not answer, it waits."""
        while True:
            try:
                await self.work_once()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("knowing links waits", error=str(exc))
            await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> None:
        """Build what is to be built, to its end; compare one workspace, where one is due."""
        deadlines.set_remaining(None)
        while waiting := await self._building():
            for workspace_id in waiting:
                await self._index.build_some(workspace_id)
        if time.monotonic() - self._looked < _PAUSE_SECONDS:
            return
        self._looked = time.monotonic()
        async with self._worker_db.across_workspaces() as tx:
            due = await link_states.claim(tx, self._every)
        if due is not None:
            await self._compare(due)

    async def _building(self) -> list[UUID]:
        async with self._worker_db.across_workspaces() as tx:
            return await link_states.building(tx, _TOGETHER)

    async def _compare(self, workspace_id: UUID) -> None:
        more = True
        while more:
            wrong, more = await self._index.compare_some(workspace_id)
            if wrong:
                metrics.KEPT_WRONG.labels("record links").inc(wrong)
                log.error(
                    "what was kept was wrong",
                    kind="record links",
                    workspace_id=str(workspace_id),
                    links=wrong,
                )
