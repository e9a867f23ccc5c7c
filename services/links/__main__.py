"""Run the links plane: edges between any two nodes, kept true by what events tell."""

from armature.links.v1.link_service_pb2_grpc import add_LinkServiceServicer_to_server
from armature.links.v1.link_version_service_pb2_grpc import (
    add_LinkVersionServiceServicer_to_server,
)

from kit import clients, service
from kit.service import App, Service, Wiring
from planes.authenticator import Authenticator
from planes.definitions import Definitions
from planes.journal import journal
from planes.nodes import Nodes
from services.links.consumer import Projector
from services.links.servicers.link import LinkServicer
from services.links.servicers.version import LinkVersionServicer
from services.links.settings import LinksSettings
from services.links.tables import metadata
from services.links.workers.cascades import CascadeWorker


async def wire(app: App[LinksSettings]) -> Wiring:
    config = app.settings
    defined = clients.channel(config.metadata_address)
    records = clients.channel(config.records_address)
    artifacts = clients.channel(config.artifacts_address)
    definitions = Definitions(defined, config.internal_secret, app.plane)
    servicer = LinkServicer(app.db, definitions, Nodes(records, artifacts))
    versions = LinkVersionServicer(app.db)
    projector = Projector(definitions)
    cascades = CascadeWorker(
        app.db,
        app.worker_db,
        records,
        artifacts,
        config.internal_secret,
        concurrency=config.cascade_concurrency,
        lease_seconds=config.cascade_lease_seconds,
    )
    return Wiring(
        servicers={
            "armature.links.v1.LinkService": lambda server: add_LinkServiceServicer_to_server(
                servicer, server
            ),
            "armature.links.v1.LinkVersionService": lambda server: (
                add_LinkVersionServiceServicer_to_server(versions, server)
            ),
        },
        authenticate=Authenticator(defined, config.internal_secret, app.plane).authenticate,
        journal=journal(defined, config.internal_secret, app.plane),
        consumers=[(projector.options(), projector.handle)],
        workers=[cascades.run],
        background=[lambda: definitions.listen(app.bus)],
        closing=[defined.close, records.close, artifacts.close],
    )


if __name__ == "__main__":
    service.main(Service("links", "services.links", LinksSettings, metadata, wire), __doc__)
