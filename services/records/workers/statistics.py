"""Fold statistics' deltas into their base rows."""

import asyncio

import psycopg
import structlog

from kit import crash
from kit.db import Database
from kit.errors import ServiceError
from services.records.store import stats

log = structlog.get_logger()

_COMPACT_SECONDS = 2.0


async def compact_statistics(db: Database) -> None:
    """For ever; a crash in the middle leaves base and deltas as they were."""
    while True:
        try:
            async with db.across_workspaces() as tx:
                if await stats.compact(tx):
                    crash.point("records.compaction")
        except (ServiceError, psycopg.Error) as exc:
            log.warning("compaction waits", error=str(exc))
        await asyncio.sleep(_COMPACT_SECONDS)
