"""Commit changes of many runs together: while one transaction is under way, the next ones gather.

Nobody waits for company: a change that comes alone is committed alone, at once. Where some came
meanwhile, the next transaction begins after as long as the last one took, a few milliseconds at
most: others are about to come as well.
"""

import asyncio
import contextvars
import time
from collections.abc import Sequence
from uuid import UUID

from kit import crash
from kit.db import Database
from kit.errors import ServiceError, Unavailable
from services.automation.operations import journal
from services.automation.operations.journal import Change, Verdict

_MOST = 100  # changes of one transaction
_LONGEST_REST = 0.006  # seconds
_TRIES = 5  # of a transaction that collided with another

Waiting = tuple[Change, "asyncio.Future[Verdict]"]


class Journal:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[UUID, list[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def commit(self, change: Change) -> Verdict:
        """What became of it. ServiceError when the database does not answer: nobody knows then,
        and the run goes on from what is stored."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        workspace_id = change.claim.workspace_id
        waiting = self._waiting.get(workspace_id)
        if waiting is not None:
            waiting.append((change, future))
        else:
            self._waiting[workspace_id] = [(change, future)]
            work = self._flush(workspace_id)
            # Without a span of its own: what is committed belongs to several traces.
            task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _flush(self, workspace_id: UUID) -> None:
        waiting = self._waiting[workspace_id]
        try:
            while waiting:
                batch, waiting[:] = waiting[:_MOST], waiting[_MOST:]
                began = time.monotonic()
                await self._store(workspace_id, batch)
                if 0 < len(waiting) < _MOST:
                    await asyncio.sleep(min(time.monotonic() - began, _LONGEST_REST))
        finally:
            del self._waiting[workspace_id]
            for _, future in waiting:  # we are leaving: their runs go on with the next lease
                future.cancel()

    async def _store(
        self, workspace_id: UUID, batch: Sequence[Waiting], tries: int = _TRIES
    ) -> None:
        try:
            verdicts = await self._attempt(workspace_id, [change for change, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as exc:  # noqa: BLE001 -- raised where each change was made
            collided = isinstance(exc, Unavailable) and exc.reason == "CONFLICT"
            if collided and tries > 1:  # rolled back: nothing is stored
                await self._store(workspace_id, batch, tries - 1)
            elif len(batch) > 1 and not isinstance(exc, ServiceError):
                for one in batch:  # find the one that can't be stored
                    await self._store(workspace_id, [one])
            else:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(exc)
            return
        for (_, future), verdict in zip(batch, verdicts, strict=True):
            if not future.done():
                future.set_result(verdict)

    async def _attempt(self, workspace_id: UUID, changes: Sequence[Change]) -> list[Verdict]:
        async with self._db.transaction(workspace_id) as tx:
            verdicts = await journal.apply(tx, workspace_id, changes)
            crash.point("automation.before_commit")
        return verdicts
