"""Run the artifacts plane: files, notes, todos and the timeline of any record."""

import asyncio

import structlog
from armature.artifacts.v1.artifact_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from armature.artifacts.v1.file_service_pb2_grpc import add_FileServiceServicer_to_server
from armature.artifacts.v1.note_service_pb2_grpc import add_NoteServiceServicer_to_server
from armature.artifacts.v1.timeline_service_pb2_grpc import add_TimelineServiceServicer_to_server
from armature.artifacts.v1.todo_service_pb2_grpc import add_TodoServiceServicer_to_server

from kit import clients, service
from kit.db import Database
from kit.errors import Unavailable
from kit.server import Servicers
from kit.service import App, Service, Wiring
from planes.authenticator import Authenticator
from planes.definitions import Definitions
from planes.journal import journal
from planes.nodes import Nodes
from services.artifacts import consumer
from services.artifacts.operations.rights import Rights
from services.artifacts.operations.uploads import Uploads
from services.artifacts.servicers.artifact import ArtifactServicer
from services.artifacts.servicers.desk import Desk
from services.artifacts.servicers.file import FileServicer
from services.artifacts.servicers.note import NoteServicer
from services.artifacts.servicers.timeline import TimelineServicer
from services.artifacts.servicers.todo import TodoServicer
from services.artifacts.settings import ArtifactsSettings
from services.artifacts.store.objects import ObjectStore
from services.artifacts.tables import metadata
from services.artifacts.workers.store_jobs import StoreJobs

log = structlog.get_logger()


async def wire(app: App[ArtifactsSettings]) -> Wiring:
    config = app.settings
    defined = clients.channel(config.metadata_address)
    records = clients.channel(config.records_address)
    definitions = Definitions(defined, config.internal_secret, app.plane)
    store = ObjectStore(
        config.s3_endpoint,
        config.s3_access_key,
        config.s3_secret_key,
        config.s3_bucket,
        config.s3_region,
        public_endpoint=config.s3_public_endpoint,
    )
    desk = Desk(app.db, definitions, Rights(app.db, Nodes(records, None)))
    cleaning = StoreJobs(
        app.db,
        app.worker_db,
        store,
        lease_seconds=config.store_job_lease_seconds,
        grace_seconds=config.upload_seconds,
    )
    return Wiring(
        servicers=servicers(app.db, desk, store, config),
        authenticate=Authenticator(defined, config.internal_secret, app.plane).authenticate,
        journal=journal(defined, config.internal_secret, app.plane),
        consumers=[(consumer.options(), consumer.handle)],
        workers=[cleaning.run],
        background=[lambda: have_bucket(store), lambda: definitions.listen(app.bus)],
        closing=[defined.close, records.close],
    )


def servicers(db: Database, desk: Desk, store: ObjectStore, config: ArtifactsSettings) -> Servicers:
    uploads = Uploads(db, store, config.upload_seconds)
    artifact, note, todo = ArtifactServicer(desk), NoteServicer(desk), TodoServicer(desk)
    file, timeline = FileServicer(desk, uploads, config.max_file_bytes), TimelineServicer(desk)
    package = "armature.artifacts.v1"
    return {
        f"{package}.ArtifactService": lambda s: add_ArtifactServiceServicer_to_server(artifact, s),
        f"{package}.FileService": lambda s: add_FileServiceServicer_to_server(file, s),
        f"{package}.NoteService": lambda s: add_NoteServiceServicer_to_server(note, s),
        f"{package}.TodoService": lambda s: add_TodoServiceServicer_to_server(todo, s),
        f"{package}.TimelineService": lambda s: add_TimelineServiceServicer_to_server(timeline, s),
    }


async def have_bucket(store: ObjectStore) -> None:
    """Make the bucket if it is missing, as soon as the store answers; only files wait for it."""
    while True:
        try:
            await store.ensure_bucket()
        except Unavailable:
            log.warning("the file store does not answer yet")
            await asyncio.sleep(2.0)
        else:
            break
    await asyncio.Event().wait()  # a background task ends with its process


if __name__ == "__main__":
    service.main(
        Service("artifacts", "services.artifacts", ArtifactsSettings, metadata, wire), __doc__
    )
