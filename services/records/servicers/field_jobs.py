"""Answer FieldJobService: show what changes of definitions do to the data, and stop it."""

from collections.abc import Sequence
from uuid import UUID

from armature.records.v1 import field_job_pb2
from armature.records.v1 import field_job_service_pb2 as pb
from armature.records.v1 import field_job_service_pb2_grpc as rpc

from kit import clock, idempotency, paging
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.records import convert
from services.records.model import FieldJob, FieldJobState, Offender
from services.records.operations import field_jobs
from services.records.store import field_jobs as store

S = FieldJobState
_RUNNING = field_job_pb2.FIELD_JOB_STATE_RUNNING
_SUCCEEDED = field_job_pb2.FIELD_JOB_STATE_SUCCEEDED
_STATES = {
    S.QUEUED: field_job_pb2.FIELD_JOB_STATE_QUEUED,
    S.RUNNING: _RUNNING,
    S.REVIEWING: _RUNNING,
    S.ENFORCING: _RUNNING,
    S.SETTLED: _SUCCEEDED,
    S.ANNOUNCING: _SUCCEEDED,
    S.CLEANING: _SUCCEEDED,
    S.SUCCEEDED: _SUCCEEDED,
    S.FAILING: _RUNNING,
    S.FAILED: field_job_pb2.FIELD_JOB_STATE_FAILED,
    S.CANCELLING: _RUNNING,
    S.CANCELLED: field_job_pb2.FIELD_JOB_STATE_CANCELLED,
}


class FieldJobServicer(rpc.FieldJobServiceServicer):
    def __init__(self, db: Database) -> None:
        self._db = db

    async def GetFieldJob(
        self, request: pb.GetFieldJobRequest, context: Context
    ) -> pb.GetFieldJobResponse:
        caller = current_caller()
        caller.require("schema")
        wanted = _parse(request.id)
        async with self._db.reading(caller.workspace_id) as tx:
            found = await store.get(tx, caller.workspace_id, wanted) if wanted else None
            if found is None:
                raise field_jobs.not_found(request.id)
            some: Sequence[Offender] = ()
            if found.finish_time is not None:
                some = await store.problems(
                    tx, caller.workspace_id, found.id, None, field_jobs.SHOWN
                )
        return pb.GetFieldJobResponse(field_job=_message(found, some))

    async def ListFieldJobs(
        self, request: pb.ListFieldJobsRequest, context: Context
    ) -> pb.ListFieldJobsResponse:
        caller = current_caller()
        caller.require("schema")
        limit = paging.clamp(request.page_size)
        bound = ("ListFieldJobs", str(caller.workspace_id))
        place = paging.decode(request.page_token, *bound)
        after = UUID(place[0]) if place else None
        async with self._db.reading(caller.workspace_id) as tx:
            found = await store.page(tx, caller.workspace_id, after, limit + 1)
        token = paging.encode([str(found[limit - 1].id)], *bound) if len(found) > limit else ""
        return pb.ListFieldJobsResponse(
            field_jobs=[_message(one) for one in found[:limit]], next_page_token=token
        )

    async def CancelFieldJob(
        self, request: pb.CancelFieldJobRequest, context: Context
    ) -> pb.CancelFieldJobResponse:
        caller = current_caller()
        caller.require("schema")
        wanted = _parse(request.id)

        async def work(tx: Tx) -> pb.CancelFieldJobResponse:
            found = await store.get(tx, caller.workspace_id, wanted, lock=True) if wanted else None
            if found is None:
                raise field_jobs.not_found(request.id)
            stopped = await field_jobs.cancel(tx, caller.workspace_id, found)
            return pb.CancelFieldJobResponse(field_job=_message(stopped))

        return await idempotency.once(self._db, caller, request, pb.CancelFieldJobResponse, work)


def _message(job: FieldJob, some: Sequence[Offender] = ()) -> field_job_pb2.FieldJob:
    state = _STATES[job.state]
    if job.dry_run and job.state is S.CLEANING:
        state = _RUNNING
    return field_job_pb2.FieldJob(
        id=str(job.id),
        object_id=str(job.object_id),
        field_id=str(job.field_id) if job.field_id else "",
        kind=job.kind,
        dry_run=job.dry_run,
        state=state,
        checked=job.checked,
        changed=job.changed,
        problem_count=job.problems,
        problems=[
            field_job_pb2.FieldJobProblem(
                record_id=str(one.record_id), code=one.code, message=one.message
            )
            for one in some
        ],
        failure=job.failure,
        created_by=convert.actor(job.created_by),
        create_time=clock.to_timestamp(job.create_time),
        update_time=clock.to_timestamp(job.update_time),
        finish_time=clock.to_timestamp(job.finish_time),
    )


def _parse(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
