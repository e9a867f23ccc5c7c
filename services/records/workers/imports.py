"""Work imports off, block by block, and take back those that are undone.

A lease says who looks after an import; what makes each block happen once is that its rows go, its
records come and its counts grow in one transaction. A worker killed anywhere leaves whole blocks.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import psycopg
import structlog

from kit import crash, deadlines, ids, telemetry
from kit.caller import Caller
from kit.db import Database
from kit.errors import FailedPrecondition, ResourceExhausted, ServiceError, Unavailable
from schema.compiled import CompiledObject, Workspace
from services.records.model import Import, ImportMode, ImportState
from services.records.operations import import_blocks, imports
from services.records.operations.targets import Target
from services.records.store import imports as store

log = structlog.get_logger()

_POLL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_AHEAD = 64
_TRANSIENT = (Unavailable, ResourceExhausted, psycopg.OperationalError)

CallerOf = Callable[[UUID, str], Awaitable[Caller]]
TargetOf = Callable[[Caller, Import], Awaitable[Target]]
Guard = Callable[[Caller, Workspace, CompiledObject, Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rights:
    """How the worker gets to act as an import's creator, with what they may do at that moment."""

    caller_of: CallerOf
    target_of: TargetOf
    undo_target_of: TargetOf
    guard: Guard  # FailedPrecondition where links forbid a deletion


class ImportWorker:
    """Runs until cancelled; several may run."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        rights: Rights,
        *,
        concurrency: int = 3,
        lease_seconds: float = 4.0,
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._rights = rights
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._holder = ids.new_id()

    async def run(self) -> None:
        """Work for ever; while Postgres or another plane does not answer, it waits."""
        while True:
            try:
                worked = await self.work_once()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("imports wait", error=str(exc))
                worked = False
                await asyncio.sleep(_RETRY_SECONDS)
            if not worked:
                await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> bool:
        """Take one import that is due, and do all of it; False when none is."""
        deadlines.set_remaining(None)
        async with self._worker_db.across_workspaces() as tx:
            claimed = await store.claim(tx, self._holder, self._lease_seconds)
        if claimed is None:
            return False
        workspace_id, import_id = claimed
        async with self._db.transaction(workspace_id) as tx:
            found = await store.get(tx, workspace_id, import_id)
        if found is None:
            return True
        renewing = asyncio.create_task(self._renew(workspace_id, import_id))
        working = asyncio.create_task(self._work(workspace_id, found))
        try:
            await asyncio.wait([renewing, working], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
            else:
                log.warning("an import was taken over", import_id=str(import_id))
        finally:
            for task in (renewing, working):
                task.cancel()
            await asyncio.gather(renewing, working, return_exceptions=True)
        return True

    async def _renew(self, workspace_id: UUID, import_id: UUID) -> None:
        """Keep the lease; return when it is somebody else's."""
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            with contextlib.suppress(ServiceError, psycopg.Error):
                async with self._worker_db.across_workspaces() as tx:
                    if not await store.renew(
                        tx, workspace_id, import_id, self._holder, self._lease_seconds
                    ):
                        return

    async def _work(self, workspace_id: UUID, found: Import) -> None:
        with telemetry.span(f"import {found.state}", armature__import_id=str(found.id)):
            match found.state:
                case ImportState.RUNNING:
                    await self._finished(workspace_id, found, self._write, ImportState.SUCCEEDED)
                case ImportState.UNDOING:
                    await self._finished(workspace_id, found, self._take_back, ImportState.UNDONE)
                case ImportState.RECEIVING:
                    failure = "its content did not come within 24 hours"
                    await self._end(workspace_id, found, ImportState.FAILED, failure)
                case _:
                    async with self._db.transaction(workspace_id) as tx:
                        await store.forget(tx, workspace_id, found.id)

    async def _finished(
        self,
        workspace_id: UUID,
        found: Import,
        work: Callable[[UUID, Import], Awaitable[None]],
        state: ImportState,
    ) -> None:
        """Do the work to its end; what can't be done at all fails the import, and says why."""
        try:
            await work(workspace_id, found)
        except import_blocks.Stopped:
            return
        except _TRANSIENT:
            async with self._db.transaction(workspace_id) as tx:
                await store.schedule(tx, workspace_id, found.id, _RETRY_SECONDS)
            raise
        except ServiceError as exc:
            await self._end(workspace_id, found, ImportState.FAILED, f"{exc.reason}: {exc.message}")
        except Exception:  # an import that can't be worked off must not end the process
            log.exception("import failed", import_id=str(found.id))
            failure = "INTERNAL: an error on our side, which we have logged"
            await self._end(workspace_id, found, ImportState.FAILED, failure)
        else:
            await self._end(workspace_id, found, state)

    async def _end(
        self, workspace_id: UUID, found: Import, state: ImportState, failure: str = ""
    ) -> None:
        async with self._db.transaction(workspace_id) as tx:
            await imports.finish(tx, workspace_id, found, state, failure[:1000])

    async def _caller(self, workspace_id: UUID, found: Import) -> Caller:
        """The creator, shown as the import."""
        caller = await self._rights.caller_of(workspace_id, found.principal_id)
        name = str(found.created_by.get("name") or caller.name)
        return replace(caller, kind="import", name=name)

    async def _write(self, workspace_id: UUID, found: Import) -> None:
        """Rows that create do not depend on one another, so their blocks go side by side; rows
        that match go in their order."""
        alone = found.options.mode is not ImportMode.CREATE
        gate = asyncio.Semaphore(1 if alone else self._concurrency)
        after = -1
        while True:
            async with self._db.transaction(workspace_id) as tx:
                blocks = await store.pending(tx, workspace_id, found.id, after, _AHEAD)
            if not blocks:
                return
            # Anew for every few blocks: rights and definitions may change under way.
            target = await self._rights.target_of(await self._caller(workspace_id, found), found)
            target = replace(target, caller=self._shown(target.caller, found))
            try:
                async with asyncio.TaskGroup() as group:
                    for block in blocks:
                        group.create_task(self._write_block(gate, target, found, block))
            except ExceptionGroup as failed:  # of blocks side by side, one says it for all
                raise failed.exceptions[0] from failed
            after = blocks[-1]

    async def _write_block(
        self, gate: asyncio.Semaphore, target: Target, found: Import, block: int
    ) -> None:
        async with gate, self._db.transaction(target.workspace_id) as tx:
            await import_blocks.write(tx, target, found, block)
        crash.point("records.import_block_done")

    def _shown(self, caller: Caller, found: Import) -> Caller:
        """As events and records show who did it: the import, by its creator's name."""
        return replace(caller, principal_id=str(found.id))

    async def _take_back(self, workspace_id: UUID, found: Import) -> None:
        async with self._db.transaction(workspace_id) as tx:
            stands = await import_blocks.stands_of(tx, workspace_id, found)
        before = found.blocks
        while True:
            async with self._db.transaction(workspace_id) as tx:
                blocks = await store.written(tx, workspace_id, found.id, before, _AHEAD)
            if not blocks:
                return
            caller = await self._caller(workspace_id, found)
            target = await self._rights.undo_target_of(caller, found)
            for block in blocks:
                restricted = await self._restricted(target, found, block)
                shown = replace(target, caller=self._shown(target.caller, found))
                async with self._db.transaction(workspace_id) as tx:
                    stands |= await import_blocks.take_back(
                        tx, shown, found, block, stands, restricted
                    )
            before = blocks[-1]

    async def _restricted(self, target: Target, found: Import, block: int) -> frozenset[UUID]:
        """Of what the block created, what links forbid deleting."""
        async with self._db.transaction(target.workspace_id) as tx:
            effects = await import_blocks.effects_of(tx, target.workspace_id, found, block)
        waiting = [[str(e.record_id) for e in effects if e.outcome != "updated"]]
        held: set[UUID] = set()
        while waiting:
            some = waiting.pop()
            try:
                await self._rights.guard(target.caller, target.workspace, target.object, some)
            except FailedPrecondition:
                if len(some) == 1:
                    held.add(UUID(some[0]))
                else:
                    half = len(some) // 2
                    waiting += [some[:half], some[half:]]
        return frozenset(held)
