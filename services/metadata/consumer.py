"""Hear of the ends of jobs that definitions wait for."""

from uuid import UUID

from kit.caller import Caller
from kit.consumer import Options
from kit.db import Tx
from kit.envelope import Envelope
from services.metadata.operations import field_jobs
from services.metadata.operations.catalogues import Catalogues

NAME = "metadata-field-jobs"
SUBJECTS = tuple(
    f"armature.evt.records.field_job_{verb}.*" for verb in ("succeeded", "failed", "cancelled")
)


class FieldJobs:
    def __init__(self, catalogues: Catalogues) -> None:
        self._catalogues = catalogues

    def options(self) -> Options:
        return Options(NAME, SUBJECTS)

    async def handle(self, tx: Tx, event: Envelope) -> None:
        actor = event.actor
        caller = Caller(
            event.workspace_id,
            actor["id"],
            actor["kind"],
            actor["name"],
            cause=event.cause_of_next(),
        )
        succeeded = event.type == "field_job.succeeded"
        job_id = UUID(event.document()["job_id"])
        await field_jobs.ended(tx, caller, self._catalogues, job_id, succeeded=succeeded)
