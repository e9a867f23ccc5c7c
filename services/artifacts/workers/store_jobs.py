"""Remove from the store what nothing needs any more: retried until the store has done it."""

import asyncio

import psycopg
import structlog

from kit import crash, deadlines
from kit.db import Database
from kit.errors import ServiceError
from services.artifacts.model import Job, JobKind
from services.artifacts.operations import files as operations
from services.artifacts.store import files, jobs, objects
from services.artifacts.store.objects import ObjectStore

log = structlog.get_logger()

_BATCH = 32
_POLL_SECONDS = 1.0
_AT_ONCE = 4


class StoreJobs:
    """Runs until cancelled. Several may run; each job has one holder at a time."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        store: ObjectStore,
        *,
        lease_seconds: int = 60,
        grace_seconds: int = 3600,
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._store = store
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Work for ever; a failure of Postgres is waited out."""
        while True:
            try:
                done = await self.work_once()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("store jobs wait", error=str(exc))
                done = 0
            if done < _BATCH:
                await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> int:
        """Take what is due and do it; returns how many."""
        async with self._worker_db.across_workspaces() as tx:
            claimed = await jobs.claim(tx, self._lease_seconds, _BATCH)
        outcomes = await asyncio.gather(*map(self._try, claimed), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(claimed)

    async def _try(self, job: Job) -> None:
        async with self._gate:
            deadlines.set_remaining(None)
            try:
                await self._do(job)
            except ServiceError as exc:
                log.warning("store job", kind=job.kind, job_id=str(job.id), error=exc.message)
                seconds = min(3600.0, 2.0 ** min(job.attempts, 12))
                async with self._db.transaction(job.workspace_id) as tx:
                    await jobs.postpone(tx, job, seconds)

    async def _do(self, job: Job) -> None:
        match job.kind:
            case JobKind.REAP_UPLOAD:
                assert job.file_id is not None
                async with self._db.transaction(job.workspace_id) as tx:
                    await operations.refuse_upload(tx, job.workspace_id, job.file_id)
                    await jobs.finish(tx, job)
            case JobKind.REMOVE_UPLOAD:
                assert job.file_id is not None
                await self._store.remove(objects.upload_key(job.workspace_id, job.file_id))
                await self._finish(job)
            case JobKind.COLLECT_CONTENT:
                await self._collect(job)

    async def _collect(self, job: Job) -> None:
        """Remove content that no file has; while somebody may be storing it, look again later."""
        async with self._db.transaction(job.workspace_id) as tx:
            ours = await files.start_removing(tx, job.workspace_id, job.sha256, self._grace_seconds)
            if not ours:
                if await files.being_stored(tx, job.workspace_id, job.sha256):
                    await jobs.postpone(tx, job, self._grace_seconds)
                else:
                    await jobs.finish(tx, job)
                return
        crash.point("artifacts.before_remove")
        await self._store.remove(objects.content_key(job.workspace_id, job.sha256))
        async with self._db.transaction(job.workspace_id) as tx:
            await files.removed(tx, job.workspace_id, job.sha256)
            await jobs.finish(tx, job)

    async def _finish(self, job: Job) -> None:
        async with self._db.transaction(job.workspace_id) as tx:
            await jobs.finish(tx, job)
