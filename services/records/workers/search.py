"""Keep search quick, and give the records from before there was search their entries.

Both may be killed anywhere: the index's queue is emptied piece by piece, and a build goes on behind
the last records that it committed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import structlog

from kit import crash
from kit.db import Database
from kit.errors import ServiceError
from schema.compiled import Workspace
from services.records.operations import indexing
from services.records.store import search as store

log = structlog.get_logger()

_TIDY_SECONDS = 2.0
_BUILD_SECONDS = 5.0

WorkspaceOf = Callable[[UUID], Awaitable[Workspace]]


async def tidy_search(worker_db: Database) -> None:
    """For ever: put what writes have queued into the index."""
    while True:
        try:
            async with worker_db.across_workspaces() as tx:
                await store.tidy(tx)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("the search index's queue waits", error=str(exc))
        await asyncio.sleep(_TIDY_SECONDS)


async def build_search(db: Database, worker_db: Database, workspace_of: WorkspaceOf) -> None:
    """For ever: build the entries of workspaces that lack them."""
    while True:
        try:
            await build_all(db, worker_db, workspace_of)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("building search entries waits", error=str(exc))
        await asyncio.sleep(_BUILD_SECONDS)


async def build_all(db: Database, worker_db: Database, workspace_of: WorkspaceOf) -> None:
    """Until no workspace lacks entries."""
    async with worker_db.across_workspaces() as tx:
        waiting = await store.builds(tx)
    for workspace_id in waiting:
        workspace = await workspace_of(workspace_id)
        left = True
        while left:
            async with db.transaction(workspace_id) as tx:
                left = await indexing.build_some(tx, workspace_id, workspace)
                crash.point("records.search_build")
