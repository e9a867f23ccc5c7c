"""Run the records service: serve its API, relay its events, work in the background, migrate."""

from functools import partial

from kit import clients, service
from kit.service import App, Service, Wiring
from planes.authenticator import Authenticator
from planes.definitions import Definitions
from services.records import workers
from services.records.servicers import RecordServicer, servicers
from services.records.servicers.guard import DeleteGuard
from services.records.settings import RecordsSettings
from services.records.tables import metadata

PLANE = "records"


async def wire(app: App[RecordsSettings]) -> Wiring:
    settings = app.settings
    to_metadata = clients.channel(settings.metadata_address)
    to_links = clients.channel(settings.links_address)
    secret = settings.internal_secret
    definitions = Definitions(to_metadata, secret, PLANE)
    servicer = RecordServicer(app.db, definitions, DeleteGuard(to_links), settings.max_batch)
    return Wiring(
        servicers=servicers(servicer),
        authenticate=Authenticator(to_metadata, secret, PLANE).authenticate,
        workers=[partial(workers.compact_statistics, app.worker_db)],
        closing=[to_metadata.close, to_links.close],
    )


# Every statement of ours is driven by an index; statistics over mixed fields mislead Postgres into
# reading whole tables instead.
PLANNER = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
SERVICE = Service(PLANE, "services.records", RecordsSettings, metadata, wire, planner=PLANNER)

if __name__ == "__main__":
    service.main(SERVICE, __doc__)
