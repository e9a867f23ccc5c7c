"""Look for schedules that are due, and fire each in a transaction of its workspace."""

import asyncio
from collections.abc import Callable

import psycopg
import structlog

from kit import crash
from kit.db import Database
from kit.errors import ServiceError
from planes.definitions import Definitions
from services.automation.operations import schedules
from services.automation.store import schedules as store
from services.automation.workers.timers import undisturbed

log = structlog.get_logger()

_BATCH = 200


class Schedules:
    """Runs until cancelled; several may: a time fires once."""

    def __init__(
        self,
        worker_db: Database,
        db: Database,
        definitions: Definitions,
        wake: Callable[[], None],
        *,
        poll: float,
    ) -> None:
        self._worker_db = worker_db
        self._db = db
        self._definitions = definitions
        self._wake = wake
        self._poll = poll

    async def run(self) -> None:
        while True:
            try:
                fired = await undisturbed(self.fire())
            except (ServiceError, psycopg.Error) as exc:
                log.warning("schedules wait", error=str(exc))
                fired = 0
            if fired < _BATCH:
                await asyncio.sleep(self._poll)

    async def fire(self) -> int:
        """Fire what is due; how many schedules that were."""
        async with self._worker_db.across_workspaces() as tx:
            found = await store.due_across_workspaces(tx, _BATCH)
        for one in found:
            try:
                zone = (await self._definitions.workspace(one.workspace_id)).time_zone
                async with self._db.transaction(one.workspace_id) as tx:
                    made = await schedules.fire(tx, one.workspace_id, one.workflow_id, zone)
                    crash.point("automation.schedule_fire")
            except ServiceError as exc:  # of one workspace: the others go on
                log.warning("a schedule waits", workflow_id=str(one.workflow_id), error=str(exc))
                continue
            if made:
                self._wake()
        return len(found)
