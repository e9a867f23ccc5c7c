"""Work field jobs off, some records at a time.

A lease says who looks after a job; what makes each step happen once is that the job's row is locked
for it, and that its progress is written with the records. A worker killed anywhere leaves whole
steps.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import psycopg
import structlog

from kit import deadlines, ids, telemetry
from kit.db import Database, Tx
from kit.errors import ResourceExhausted, ServiceError, Unavailable
from planes.definitions import Definitions
from schema.compiled import CompiledObject
from services.records.model import FieldJob, FieldJobState
from services.records.operations import announcing, field_jobs, restoring
from services.records.operations.restoring import Taken
from services.records.operations.targets import Target
from services.records.store import field_jobs as store

log = structlog.get_logger()

S = FieldJobState
# (workspace, job, page token) -> what the job changed of records, newest first; the next token
TakenBy = Callable[[UUID, UUID, str], Awaitable[tuple[list[Taken], str]]]
_POLL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_TRANSIENT = (Unavailable, ResourceExhausted, psycopg.OperationalError)
_CLEANING = {S.CLEANING, S.FAILING, S.CANCELLING}
_OVER = {S.SETTLED, S.SUCCEEDED, S.FAILED, S.CANCELLED}


class FieldJobWorker:
    """Runs until cancelled; several may run."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        definitions: Definitions,
        *,
        lease_seconds: float = 10.0,
        grace_seconds: float = 120.0,
        taken_by: TakenBy,
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._definitions = definitions
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._taken_by = taken_by
        self._holder = ids.new_id()

    async def run(self) -> None:
        """Work for ever; while Postgres or metadata does not answer, it waits."""
        while True:
            try:
                worked = await self.work_once()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("field jobs wait", error=str(exc))
                worked = False
                await asyncio.sleep(_RETRY_SECONDS)
            if not worked:
                await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> bool:
        """Take one job that is due, as far as it goes; False when none is."""
        deadlines.set_remaining(None)
        async with self._worker_db.across_workspaces() as tx:
            claimed = await store.claim(tx, self._holder, self._lease_seconds)
        if claimed is None:
            return False
        workspace_id, job_id = claimed
        renewing = asyncio.create_task(self._renew(workspace_id, job_id))
        working = asyncio.create_task(self._work(workspace_id, job_id))
        try:
            await asyncio.wait([renewing, working], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
            else:
                log.warning("a field job was taken over", job_id=str(job_id))
        finally:
            for task in (renewing, working):
                task.cancel()
            await asyncio.gather(renewing, working, return_exceptions=True)
        return True

    async def _renew(self, workspace_id: UUID, job_id: UUID) -> None:
        """Keep the lease; return when it is somebody else's."""
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            with contextlib.suppress(ServiceError, psycopg.Error):
                async with self._worker_db.across_workspaces() as tx:
                    if not await store.renew(
                        tx, workspace_id, job_id, self._holder, self._lease_seconds
                    ):
                        # Given up by ourselves, it waits for something; let the work say so.
                        await asyncio.sleep(self._lease_seconds)
                        return

    async def _work(self, workspace_id: UUID, job_id: UUID) -> None:
        with telemetry.span("field job", armature__field_job_id=str(job_id)):
            while await self._step(workspace_id, job_id):
                pass

    async def _step(self, workspace_id: UUID, job_id: UUID) -> bool:
        """One transaction of the job; whether another one can follow at once."""
        async with self._db.transaction(workspace_id) as tx:
            job = await store.get(tx, workspace_id, job_id)
        target = None
        wanted = job is not None and job.kind in {"change", "number"}
        if job is not None and wanted and job.state in {*field_jobs.OPEN, S.ANNOUNCING}:
            target = await self._target(workspace_id, job)
        try:
            if job is not None and job.kind == "restore" and job.state is S.RUNNING:
                return await self._restore(workspace_id, job)
            async with self._db.transaction(workspace_id) as tx:
                job = await store.get(tx, workspace_id, job_id, lock=True)
                if job is None or job.state in _OVER:
                    await store.unschedule(tx, workspace_id, job_id)
                    return False
                return await self._do(tx, workspace_id, job, target)
        except _TRANSIENT:
            raise
        except ServiceError as exc:
            failure = f"{exc.reason}: {exc.message}"[:1000]
            async with self._db.transaction(workspace_id) as tx:
                job = await store.get(tx, workspace_id, job_id, lock=True)
                if job is None or job.state not in field_jobs.OPEN:
                    raise
                await field_jobs.fail(tx, workspace_id, job, failure)
            return True

    async def _restore(self, workspace_id: UUID, job: FieldJob) -> bool:
        """Give records back what a job took, as the log tells: from the first on, whatever became
        of attempts before, as what is given back already stands no longer as that job left it."""
        target = await self._target(workspace_id, job)
        restores = field_jobs.change_of(job).restores
        async with self._db.transaction(workspace_id) as tx:
            source = await store.get(tx, workspace_id, UUID(restores)) if restores else None
        failure = restoring.refusal(job, target, source)
        if target is None or source is None or failure:
            async with self._db.transaction(workspace_id) as tx:
                if await self._running(tx, workspace_id, job):
                    await field_jobs.fail(tx, workspace_id, job, failure)
            return True
        await self._wait_for_log(workspace_id, job, source)
        async with self._db.transaction(workspace_id) as tx:
            await store.rewind(tx, workspace_id, job.id)
        async for taken in self._taken(workspace_id, source):
            async with self._db.transaction(workspace_id) as tx:
                if not await self._running(tx, workspace_id, job):
                    return False
                await restoring.restore_some(tx, target, job, taken)
        async with self._db.transaction(workspace_id) as tx:
            if await self._running(tx, workspace_id, job):
                await field_jobs.over(tx, workspace_id, job)
        return False

    async def _running(self, tx: Tx, workspace_id: UUID, job: FieldJob) -> bool:
        """Whether the job, locked from now on, still runs."""
        locked = await store.get(tx, workspace_id, job.id, lock=True)
        return locked is not None and locked.state is S.RUNNING

    async def _taken(self, workspace_id: UUID, source: FieldJob) -> AsyncIterator[list[Taken]]:
        token, more = "", True
        while more:
            taken, token = await self._taken_by(workspace_id, source.id, token)
            more = bool(token)
            if taken:
                yield taken

    async def _wait_for_log(self, workspace_id: UUID, job: FieldJob, source: FieldJob) -> None:
        """UNAVAILABLE / HISTORY_BEHIND, and the job is tried again soon, while the log does not
        have all that the source has told of."""
        seen = 0
        async for taken in self._taken(workspace_id, source):
            seen += len(taken)
        if seen < source.told:
            async with self._db.transaction(workspace_id) as tx:
                await store.schedule(tx, workspace_id, job.id, _RETRY_SECONDS)
            message = f"the log has {seen} of the {source.told} changes that are taken back"
            raise Unavailable("HISTORY_BEHIND", message)

    async def _do(self, tx: Tx, workspace_id: UUID, job: FieldJob, target: Target | None) -> bool:
        if job.state is S.QUEUED:
            await field_jobs.begin(tx, workspace_id, job, target)
        elif job.state is S.ANNOUNCING:
            if target is None or not await announcing.announce_some(tx, target, job):
                await announcing.announced(tx, workspace_id, job, self._grace_seconds)
                return False
        elif job.state in _CLEANING:
            await field_jobs.clean_some(tx, workspace_id, job)
        elif job.kind.startswith("purge"):
            await field_jobs.purge_some(tx, workspace_id, job)
        elif job.kind == "release":
            await field_jobs.release_some(tx, workspace_id, job)
        elif job.kind == "unroll":
            await field_jobs.unroll_some(tx, workspace_id, job)
        elif target is None:
            await field_jobs.fail(tx, workspace_id, job, "OBJECT_NOT_FOUND: the object has gone")
        elif job.kind == "number":
            await field_jobs.number_some(tx, target, job)
        elif job.state is S.REVIEWING:
            await field_jobs.review_some(tx, target, job)
        elif job.state is S.ENFORCING:
            return await field_jobs.enforce_some(tx, target, job)
        elif not await field_jobs.work_some(tx, target, job):
            await field_jobs.ended_scan(tx, workspace_id, job)
        return True

    async def _target(self, workspace_id: UUID, job: FieldJob) -> Target | None:
        """The job's object by the present definitions; None where there is none any more."""
        workspace = await self._definitions.workspace(workspace_id)
        obj = workspace.objects_by_id.get(str(job.object_id))
        if obj is None or not _knows(obj, str(job.field_id)):
            workspace = await self._definitions.refresh(workspace_id)
            obj = workspace.objects_by_id.get(str(job.object_id))
        if obj is None:
            return None
        return Target(field_jobs.caller_of(workspace_id, job), workspace, obj)


def _knows(obj: CompiledObject, part_id: str) -> bool:
    """Whether the field, or the unique constraint, that a job is for is among the definitions."""
    constraints = obj.definition.unique_constraints
    return part_id in obj.fields_by_id or any(one.id == part_id for one in constraints)
