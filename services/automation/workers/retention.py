"""Forget runs whose time to be kept is over, a workspace after the other, in small steps."""

import asyncio

import psycopg
import structlog

from kit.db import Database
from kit.errors import ServiceError
from services.automation.operations import retention
from services.automation.store import rules

log = structlog.get_logger()

_STEP = 500  # runs of one transaction


class Retention:
    def __init__(self, worker_db: Database, db: Database, *, seconds: float) -> None:
        self._worker_db = worker_db
        self._db = db
        self._seconds = seconds

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.sweep()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("retention waits", error=str(exc))

    async def sweep(self) -> int:
        """Forget everything that is due; how many runs that were."""
        async with self._worker_db.across_workspaces() as tx:
            workspaces = await rules.workspaces_across_workspaces(tx)
        gone = 0
        for workspace_id in workspaces:
            more = _STEP
            while more >= _STEP:
                async with self._db.transaction(workspace_id) as tx:
                    more = await retention.forget(tx, workspace_id, _STEP)
                gone += more
        return gone
