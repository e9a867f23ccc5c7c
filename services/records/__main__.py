"""Run the records service: serve its API, relay its events, work in the background, migrate."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from kit import clients, credentials, service
from kit.caller import Caller
from kit.service import App, Service, Wiring
from planes.authenticator import Authenticator
from planes.definitions import Definitions
from planes.journal import journal
from planes.nodes import Nodes
from services.records.consumer import FieldJobs, RecordLinks
from services.records.logic import advice
from services.records.operations.linking import LinkIndex
from services.records.operations.usage import uses
from services.records.operations.watches import Watches
from services.records.servicers import (
    RecordServicer,
    job_servicers,
    life_servicers,
    servicers,
    tabular_servicers,
    view_servicers,
    watch_servicers,
)
from services.records.servicers.feed import Feed
from services.records.servicers.files import FileCheck
from services.records.servicers.guard import DeleteGuard
from services.records.servicers.history import History
from services.records.servicers.importing import ImportServicer
from services.records.servicers.links import Links
from services.records.settings import RecordsSettings
from services.records.tables import metadata
from services.records.workers.checks import Checker
from services.records.workers.field_jobs import FieldJobWorker
from services.records.workers.imports import ImportWorker, Rights
from services.records.workers.links import LinkKeeper
from services.records.workers.rollups import RollupFolder
from services.records.workers.search import build_search, tidy_search
from services.records.workers.statistics import compact_statistics
from services.records.workers.views import ViewKeeper, flush_for_ever

PLANE = "records"


async def wire(app: App[RecordsSettings]) -> Wiring:
    settings = app.settings
    to_metadata = clients.channel(settings.metadata_address)
    to_links = clients.channel(settings.links_address)
    to_events = clients.channel(settings.events_address)
    secret = settings.internal_secret
    definitions = Definitions(to_metadata, secret, PLANE)
    authenticate = Authenticator(to_metadata, secret, PLANE).authenticate
    guard = DeleteGuard(to_links)
    history = History(to_events, secret)
    to_artifacts = clients.channel(settings.artifacts_address)
    files = FileCheck(Nodes(None, to_artifacts))
    servicer = RecordServicer(app.db, definitions, guard, settings.max_batch, files)
    servicer.history = history
    index = LinkIndex(app.db, Links(to_links, secret).find)
    servicer.links = index
    importing = ImportServicer(app.db, definitions, settings.import_max_bytes)

    async def caller_of(workspace_id: UUID, principal_id: str) -> Caller:
        own = credentials.Internal(PLANE, str(workspace_id), principal_id)
        return await authenticate(credentials.issue(secret, own))

    imports = ImportWorker(
        app.db,
        app.worker_db,
        Rights(caller_of, importing.target_for, importing.undo_target_for, guard.check),
        concurrency=settings.import_concurrency,
        lease_seconds=settings.import_lease_seconds,
    )
    bar = advice.Bar(idle=timedelta(seconds=settings.view_idle_seconds))
    views = ViewKeeper(app.db, app.worker_db, definitions.workspace, bar)
    checker = Checker(
        app.db, app.worker_db, definitions.workspace, timedelta(seconds=settings.check_seconds)
    )
    jobs = FieldJobWorker(
        app.db,
        app.worker_db,
        definitions,
        lease_seconds=settings.field_job_lease_seconds,
        grace_seconds=settings.field_job_grace_seconds,
        taken_by=history.of_job,
    )
    knowing = LinkKeeper(app.worker_db, index, timedelta(seconds=settings.check_seconds))
    following = FieldJobs(settings.field_job_grace_seconds)
    links = RecordLinks()
    watches = Watches(app.db)
    return Wiring(
        servicers={
            **servicers(servicer),
            **tabular_servicers(app.db, definitions, importing, index),
            **life_servicers(app.db, definitions, history),
            **view_servicers(app.db, definitions),
            **job_servicers(app.db),
            **watch_servicers(app.db, definitions, watches, authenticate, index),
        },
        authenticate=authenticate,
        journal=journal(to_metadata, secret, PLANE),
        consumers=[
            (following.options(), following.handle),
            (links.options(), links.handle),
        ],
        workers=[
            partial(compact_statistics, app.worker_db),
            imports.run,
            jobs.run,
            partial(tidy_search, app.worker_db),
            partial(build_search, app.db, app.worker_db, definitions.workspace),
            views.run,
            checker.run,
            RollupFolder(app.db, app.worker_db, definitions.workspace).run,
            knowing.run,
        ],
        background=[
            partial(flush_for_ever, app.db, uses, bar),
            Feed(app.bus, watches).run,
            partial(definitions.listen, app.bus),
        ],
        closing=[to_metadata.close, to_links.close, to_artifacts.close, to_events.close],
    )


# Every statement of ours is driven by an index; statistics over mixed fields mislead Postgres into
# reading whole tables instead.
# For the same reason a prepared statement is planned once: no value would change the plan.
PLANNER = (
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c plan_cache_mode=force_generic_plan"
)
# What a record's change starts is waited for.
SERVICE = Service(
    PLANE, "services.records", RecordsSettings, metadata, wire, relay_rest=0.01, planner=PLANNER
)

if __name__ == "__main__":
    service.main(SERVICE, __doc__)
