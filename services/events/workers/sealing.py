"""Seal the headers of subscriptions that were stored in the clear, before values were sealed.

Once at each start, a subscription after the other: what was not reached, the next start finds.
"""

import asyncio
import json
from uuid import UUID

import psycopg
import structlog

from kit.db import Database
from kit.errors import ServiceError
from kit.webhooks import Sealer
from services.events.logic import headers
from services.events.operations import subscriptions
from services.events.store import queue
from services.events.store import subscriptions as store

log = structlog.get_logger()

_PAGE = 200
_RETRY_SECONDS = 5.0


class Sealing:
    """Several may run: each subscription is locked while it is looked at again and changed."""

    def __init__(self, db: Database, worker_db: Database, sealer: Sealer) -> None:
        self._db = db
        self._worker_db = worker_db
        self._sealer = sealer

    async def run(self) -> None:
        """Until it is done; then for ever, doing nothing."""
        while True:
            try:
                await self.sweep()
                break
            except (ServiceError, psycopg.Error) as exc:
                log.warning("headers wait to be sealed", error=str(exc))
            await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.Event().wait()

    async def sweep(self) -> None:
        async with self._worker_db.across_workspaces() as tx:
            found = await queue.workspaces(tx)
        for workspace_id in found:
            await self._sweep(workspace_id)

    async def _sweep(self, workspace_id: UUID) -> None:
        after: UUID | None = None
        while True:
            async with self._db.reading(workspace_id) as tx:
                page = await store.headers_page(tx, workspace_id, after, limit=_PAGE)
            for subscription_id, text in page:
                await self._shut(workspace_id, subscription_id, text)
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    async def _shut(self, workspace_id: UUID, subscription_id: UUID, text: str) -> None:
        """One that can't be read is told of, and holds up no other."""
        try:
            if not headers.has_open(json.loads(text)):
                return
            async with self._db.transaction(workspace_id) as tx:
                await subscriptions.shut_headers(tx, workspace_id, subscription_id, self._sealer)
        except (ServiceError, psycopg.Error):
            raise
        except Exception:
            log.exception("headers not sealed", subscription_id=str(subscription_id))
