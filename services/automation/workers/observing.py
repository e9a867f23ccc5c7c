"""Keep the gauge of what is due, whoever takes it."""

import asyncio

import psycopg
import structlog

from kit.db import Database
from kit.errors import ServiceError
from services.automation.operations.figures import DUE
from services.automation.store import queue

log = structlog.get_logger()

_SECONDS = 10.0


class Observing:
    """Runs until cancelled."""

    def __init__(self, worker_db: Database, seconds: float = _SECONDS) -> None:
        self._worker_db = worker_db
        self._seconds = seconds

    async def run(self) -> None:
        while True:
            try:
                async with self._worker_db.across_workspaces() as tx:
                    due = await queue.due_across_workspaces(tx)
            except (ServiceError, psycopg.Error) as exc:
                log.info("what is due is unknown", error=str(exc))
            else:
                DUE.set(due)
            await asyncio.sleep(self._seconds)
