"""Run the events plane: the log of what changed, subscriptions, and their deliveries."""

from datetime import timedelta

from armature.events.v1 import event_admin_service_pb2_grpc as admin_rpc
from armature.events.v1 import event_service_pb2_grpc as event_rpc
from armature.events.v1 import subscription_service_pb2_grpc as subscription_rpc

from kit import clients
from kit.egress import Egress
from kit.service import App, Service, Wiring, main
from kit.webhooks import Sealer
from planes.authenticator import Authenticator
from planes.definitions import Definitions
from services.events import consumer, tables
from services.events.servicers.admin import EventAdminServicer
from services.events.servicers.events import EventServicer
from services.events.servicers.subscriptions import SubscriptionServicer
from services.events.servicers.wakeups import Wakeups
from services.events.settings import EventsSettings
from services.events.workers.deliveries import DeliveryWorker, Policy, forget_old

LOG_DAYS = 400


async def wire(app: App[EventsSettings]) -> Wiring:
    settings, db = app.settings, app.db
    channel = clients.channel(settings.metadata_address)
    authenticator = Authenticator(channel, settings.internal_secret, app.plane)
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
    fanout = consumer.FanoutConsumer(db, definitions, sending.wake)
    events = EventServicer(db, wakeups, authenticator.authenticate, settings.watch_poll_seconds)
    subscriptions = SubscriptionServicer(db, egress, definitions, Sealer(settings.internal_secret))
    to_automation = clients.channel(settings.automation_address)
    admin = EventAdminServicer(db, app.bus, to_automation)
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
        },
        authenticate=authenticator.authenticate,
        consumers=[
            (log.options, log.handle),
            (fanout.options, fanout.handle),
            (consumer.LETTER_OPTIONS, consumer.keep_letter),
        ],
        workers=[
            sending.run,
            lambda: forget_old(db, app.worker_db, settings.delivery_days),
        ],
        background=[wakeups.run],
        closing=[channel.close, to_automation.close, egress.close],
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
