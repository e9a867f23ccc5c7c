"""Run the events plane: the log of what changed, subscriptions, and their deliveries."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from armature.automation.v1 import run_service_pb2 as run_pb
from armature.automation.v1 import run_service_pb2_grpc as run_rpc
from armature.automation.v1 import workflow_service_pb2 as workflow_pb
from armature.automation.v1 import workflow_service_pb2_grpc as workflow_rpc
from armature.events.v1 import event_admin_service_pb2_grpc as admin_rpc
from armature.events.v1 import event_service_pb2_grpc as event_rpc
from armature.events.v1 import replay_service_pb2_grpc as replay_rpc
from armature.events.v1 import subscription_service_pb2_grpc as subscription_rpc

from kit import clients
from kit.egress import Egress
from kit.service import App, Service, Wiring, main
from kit.webhooks import Sealer
from planes.authenticator import Authenticator
from planes.definitions import Definitions
from planes.journal import journal
from planes.relatives import Relatives
from services.events import consumer, tables
from services.events.operations.matches import Matcher
from services.events.operations.resending import Resender
from services.events.operations.running import Answered, Runner
from services.events.servicers.admin import EventAdminServicer
from services.events.servicers.events import EventServicer
from services.events.servicers.replays import ReplayServicer
from services.events.servicers.subscriptions import SubscriptionServicer
from services.events.servicers.wakeups import Wakeups
from services.events.settings import EventsSettings
from services.events.workers.deliveries import DeliveryWorker, Policy, forget_old
from services.events.workers.poison import PoisonWorker
from services.events.workers.replays import ReplayWorker
from services.events.workers.sealing import Sealing
from services.events.workers.stream import StreamWorker

LOG_DAYS = 400


async def wire(app: App[EventsSettings]) -> Wiring:
    settings, db = app.settings, app.db
    channel = clients.channel(settings.metadata_address)
    authenticator = Authenticator(channel, settings.internal_secret, app.plane, whole=True)
    definitions = Definitions(channel, settings.internal_secret, app.plane)
    egress = Egress(settings.allow_loopback_webhooks, settings.webhook_timeout_seconds)
    wakeups = Wakeups(app.bus, consumer.APPENDED)
    policy = Policy(
        internal_secret=settings.internal_secret,
        schedule=tuple(map(float, settings.webhook_schedule)),
        width=settings.webhook_concurrency,
        slots=settings.webhook_slots,
        breaker_seconds=settings.webhook_breaker_seconds,
        disable_after=timedelta(days=settings.webhook_disable_days),
    )
    sending = DeliveryWorker(db, app.worker_db, egress, authenticator.authenticate, policy)
    log = consumer.LogConsumer(app.bus)
    to_records = clients.channel(settings.records_address)
    people = Authenticator(channel, settings.internal_secret, app.plane).authenticate
    relatives = Relatives(
        to_records, definitions, people, secret=settings.internal_secret, plane=app.plane
    )
    matcher = Matcher(definitions, relatives)
    fanout = consumer.FanoutConsumer(db, matcher, sending.wake)
    events = EventServicer(db, wakeups, authenticator.authenticate, settings.watch_poll_seconds)
    sealer = Sealer(settings.internal_secret)
    subscriptions = SubscriptionServicer(db, egress, definitions, sealer)
    to_automation = clients.channel(settings.automation_address)
    runs = run_rpc.RunServiceStub(to_automation)

    async def resume(run_id: UUID, letter_id: UUID, credential: str) -> None:
        request = run_pb.ResumeRunRequest(id=str(run_id), request_id=str(letter_id))
        await clients.call(runs.ResumeRun, request, clients.metadata(credential))

    workflows = workflow_rpc.WorkflowServiceStub(to_automation)

    async def run(name: str, events: Sequence[UUID], key: str, credential: str) -> Answered:
        request = workflow_pb.RunWorkflowForEventsRequest(
            workflow=name, event_ids=[str(one) for one in events], request_id=key
        )
        call, headers = workflows.RunWorkflowForEvents, clients.metadata(credential)
        answer = await clients.call(call, request, headers)
        return Answered(UUID(answer.id), tuple(answer.event_types), answer.started)

    runner = Runner(run)
    resender = Resender(db, app.bus, resume)
    admin = EventAdminServicer(db, resender)
    replays = ReplayServicer(db, runner)
    replaying = ReplayWorker(db, app.worker_db, matcher, resender, runner, settings.internal_secret)
    poison = PoisonWorker(db, app.bus)
    stream = StreamWorker(app.bus, app.worker_db)
    return Wiring(
        servicers={
            "armature.events.v1.EventService": lambda s: (
                event_rpc.add_EventServiceServicer_to_server(events, s)
            ),
            "armature.events.v1.SubscriptionService": lambda s: (
                subscription_rpc.add_SubscriptionServiceServicer_to_server(subscriptions, s)
            ),
            "armature.events.v1.EventAdminService": lambda s: (
                admin_rpc.add_EventAdminServiceServicer_to_server(admin, s)
            ),
            "armature.events.v1.ReplayService": lambda s: (
                replay_rpc.add_ReplayServiceServicer_to_server(replays, s)
            ),
        },
        authenticate=authenticator.authenticate,
        journal=journal(channel, settings.internal_secret, app.plane),
        consumers=[
            (log.options, log.handle),
            (fanout.options, fanout.handle),
            (consumer.LETTER_OPTIONS, consumer.keep_letter),
        ],
        workers=[
            sending.run,
            replaying.run,
            poison.run,
            stream.run,
            Sealing(db, app.worker_db, sealer).run,
            lambda: forget_old(db, app.worker_db, settings.delivery_days),
        ],
        background=[wakeups.run, lambda: definitions.listen(app.bus)],
        closing=[channel.close, to_automation.close, to_records.close, egress.close],
    )


SERVICE = Service(
    plane="events",
    package="services.events",
    settings=EventsSettings,
    tables=tables.metadata,
    wire=wire,
    partitioned=(("outbox", 3), ("domain_events", LOG_DAYS)),
)

if __name__ == "__main__":
    main(SERVICE, __doc__)
