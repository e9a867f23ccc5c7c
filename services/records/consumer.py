"""Follow the other planes: take on the jobs that changes of definitions need, and their end; keep
what filters need to know of links."""

from uuid import UUID

from kit.consumer import Options
from kit.db import Tx
from kit.envelope import Envelope
from planes.nodes import ARTIFACT_KINDS
from services.records.operations import field_jobs, linking
from services.records.store import field_jobs as store
from services.records.store.record_links import Link

NAME = "records-field-jobs"
_KNOWN_SECONDS = 1.0
_LATER = {"number", "release", "unroll", "restore"}
SUBJECTS = (
    "armature.evt.metadata.field_job_requested.*",
    "armature.evt.metadata.field_job_applied.*",
)
LINK_SUBJECTS = tuple(
    f"armature.evt.links.link_{verb}.*" for verb in ("created", "updated", "deleted", "undeleted")
)


class RecordLinks:
    """Keeps the newest version of each link between records; events may repeat, and overtake."""

    def options(self) -> Options:
        return Options("records-links", LINK_SUBJECTS, batched=True)

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        newest: dict[UUID, Link] = {}
        for event in events:
            data = event.document()
            source, target = data["source"], data["target"]
            if frozenset(ARTIFACT_KINDS).intersection((source["kind"], target["kind"])):
                continue
            known = newest.get(event.aggregate_id)
            if known is None or known.version < event.aggregate_version:
                newest[event.aggregate_id] = Link(
                    event.aggregate_id,
                    UUID(data["type_id"]),
                    UUID(source["id"]),
                    UUID(target["id"]),
                    event.aggregate_version,
                    event.type != "link.deleted",
                )
        if newest:
            await linking.heard(tx, events[0].workspace_id, list(newest.values()))


class FieldJobs:
    """Queues a job with the inbox row of its event, so once; writers behind the times have
    `grace_seconds` to learn of the new definition."""

    def __init__(self, grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds

    def options(self) -> Options:
        return Options(NAME, SUBJECTS)

    async def handle(self, tx: Tx, event: Envelope) -> None:
        data = event.document()
        workspace_id, job_id = event.workspace_id, UUID(data["job_id"])
        if event.type == "field_job.requested":
            await store.create(
                tx,
                workspace_id,
                job_id,
                UUID(data["object_id"]),
                UUID(data["field_id"]) if data["field_id"] else None,
                data["kind"],
                data["plan"],
                event.actor,
                dry_run=data["dry_run"],
                # Nobody writes a record without a number, or claims for a constraint that has
                # gone, or folds into a rollup that has, once all know of it.
                delay=_KNOWN_SECONDS if data["kind"] in _LATER else 0.0,
            )
            return
        job = await store.get(tx, workspace_id, job_id, lock=True)
        if job is not None:
            version = int(data["metadata_version"])
            await field_jobs.apply(tx, workspace_id, job, version, self._grace_seconds)
