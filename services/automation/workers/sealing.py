"""Seal headers that an older release stored in the clear: once in each workspace, then never again.

How far it has got is stored with every page, so that a process that goes leaves the rest to others.
"""

import asyncio
from uuid import UUID

import psycopg
import structlog

from kit.db import Database
from kit.errors import ServiceError
from kit.webhooks import Sealer
from services.automation.operations import sealing
from services.automation.store import rules
from services.automation.store import sealing as store

log = structlog.get_logger()

_STEP = 200  # rows of one transaction
_RETRY_SECONDS = 5.0


class Sealing:
    def __init__(
        self, worker_db: Database, db: Database, sealer: Sealer, *, step: int = _STEP
    ) -> None:
        self._worker_db = worker_db
        self._db = db
        self._sealer = sealer
        self._step = step

    async def run(self) -> None:
        """Until it is done; then for ever, doing nothing."""
        done = False
        while not done:
            try:
                done = await self.sweep()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("headers wait to be sealed", error=str(exc))
            if not done:
                await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.Event().wait()

    async def sweep(self) -> bool:
        """Whether it is done; not while another process is at some of it."""
        async with self._worker_db.across_workspaces() as tx:
            workspaces = await rules.workspaces_across_workspaces(tx)
        done = True
        for workspace_id in workspaces:
            for part in await self._left(workspace_id):
                while await self._go_on(workspace_id, part):
                    continue
                done = done and part not in await self._left(workspace_id)
        return done

    async def _left(self, workspace_id: UUID) -> list[store.Part]:
        async with self._db.reading(workspace_id) as tx:
            return await store.left(tx, workspace_id)

    async def _go_on(self, workspace_id: UUID, part: store.Part) -> bool:
        async with self._db.transaction(workspace_id) as tx:
            return await sealing.step(tx, workspace_id, part, self._sealer, self._step)
