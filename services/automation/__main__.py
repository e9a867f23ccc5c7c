"""Run the automation service: rules, the trigger consumer and the engine of runs."""

from functools import partial

from armature.automation.v1 import (
    rule_service_pb2,
    rule_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)

from kit import clients
from kit.consumer import Options
from kit.egress import Egress
from kit.service import App, Service, Wiring, main
from kit.webhooks import Sealer
from planes.authenticator import Authenticator
from planes.definitions import Definitions
from planes.journal import journal
from planes.relatives import Relatives
from services.automation.consumer import NAME, OTHER_SUBJECTS, OTHERS, SUBJECTS, Triggers
from services.automation.servicers.hooks import HookAuthenticator
from services.automation.servicers.neighbours import Neighbours
from services.automation.servicers.rules import RuleServicer
from services.automation.servicers.runs import RunServicer
from services.automation.servicers.workflows import WorkflowServicer
from services.automation.settings import Settings
from services.automation.tables import metadata
from services.automation.workers.actions import Actions
from services.automation.workers.engine import Engine
from services.automation.workers.execution import Executor
from services.automation.workers.observing import Observing
from services.automation.workers.places import Pace
from services.automation.workers.retention import Retention
from services.automation.workers.schedules import Schedules
from services.automation.workers.sealing import Sealing
from services.automation.workers.timers import Timers
from services.automation.workers.webhooks import Webhooks


async def wire(app: App[Settings]) -> Wiring:
    settings, secret = app.settings, app.settings.internal_secret
    metadata_channel = clients.channel(settings.metadata_address)
    records = clients.channel(settings.records_address)
    artifacts = clients.channel(settings.artifacts_address)
    links = clients.channel(settings.links_address)
    egress = Egress(settings.allow_loopback_webhooks, settings.webhook_timeout_seconds)
    sealer = Sealer(secret)
    definitions = Definitions(metadata_channel, secret, app.plane)
    actions = Actions(
        records,
        artifacts,
        links,
        Webhooks(egress, app.db, sealer),
        secret=secret,
        timeout=settings.action_timeout_seconds,
    )
    executor = Executor(app.db, actions, sealer)
    engine = Engine(
        app.worker_db,
        executor.load,
        executor.execute,
        Pace(
            concurrency=settings.run_concurrency,
            per_workspace=settings.run_workspace_concurrency,
            lease=settings.run_lease_seconds,
            heartbeat=settings.run_heartbeat_seconds,
            poll=settings.run_poll_seconds,
        ),
    )
    others = Authenticator(metadata_channel, secret, app.plane, whole=True).authenticate
    people = Authenticator(metadata_channel, secret, app.plane).authenticate
    relatives = Relatives(records, definitions, people, secret=secret, plane=app.plane)
    triggers = Triggers(
        definitions,
        relatives,
        per_minute=settings.rule_triggers_per_minute,
        hands=engine,
    )
    events = clients.channel(settings.events_address)
    neighbours = Neighbours(records, events, relatives)
    rules = RuleServicer(
        app.db, definitions, egress, sealer, neighbours, max_rules=settings.max_rules
    )
    workflows = WorkflowServicer(
        app.db,
        definitions,
        egress,
        sealer,
        neighbours,
        max_workflows=settings.max_workflows,
        per_minute=settings.rule_triggers_per_minute,
        hook_base_url=settings.hook_base_url,
    )
    runs = RunServicer(app.db, others)
    timers = Timers(
        app.worker_db,
        engine.wake,
        poll=settings.timer_poll_seconds,
        batch=settings.timer_batch,
    )
    # Nobody tells half a second of a schedule; each look costs, also where nothing is due.
    poll = 5 * settings.timer_poll_seconds
    schedules = Schedules(app.worker_db, app.db, definitions, engine.wake, poll=poll)
    sealing = Sealing(app.worker_db, app.db, sealer)
    retention = Retention(app.worker_db, app.db, seconds=settings.retention_seconds)
    observing = Observing(app.worker_db)
    channels = (metadata_channel, records, artifacts, links, events)
    # From a change to the first action is what people wait for: hardly any waiting for company.
    soon = partial(Options, batched=True, linger=0.002, longest_linger=0.02)
    consumers = [
        soon(NAME, SUBJECTS, prepare=triggers.prepare),
        soon(OTHERS, OTHER_SUBJECTS, linger=0.02, longest_linger=0.04, prepare=triggers.prepare),
    ]
    return Wiring(
        servicers={
            rule_service_pb2.DESCRIPTOR.services_by_name["RuleService"].full_name: (
                lambda server: rule_service_pb2_grpc.add_RuleServiceServicer_to_server(
                    rules, server
                )
            ),
            run_service_pb2.DESCRIPTOR.services_by_name["RunService"].full_name: (
                lambda server: run_service_pb2_grpc.add_RunServiceServicer_to_server(runs, server)
            ),
            workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"].full_name: (
                lambda server: workflow_service_pb2_grpc.add_WorkflowServiceServicer_to_server(
                    workflows, server
                )
            ),
        },
        authenticate=HookAuthenticator(app.db, others).authenticate,
        journal=journal(metadata_channel, secret, app.plane),
        consumers=[(options, triggers.handle) for options in consumers],
        workers=[work.run for work in (engine, timers, schedules, retention, sealing, observing)],
        background=[lambda: definitions.listen(app.bus)],
        closing=[c.close for c in channels] + [egress.close],
    )


if __name__ == "__main__":
    main(
        Service("automation", "services.automation", Settings, metadata, wire),
        __doc__,
    )
