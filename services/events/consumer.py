"""Take every plane's events: into the log, out to subscriptions, dead letters to their place."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
import nats.errors
import structlog

from kit import ids
from kit.bus import Bus
from kit.clock import now
from kit.consumer import Options
from kit.db import Database, Tx
from kit.envelope import Envelope
from kit.errors import NotFound
from planes.definitions import Definitions
from schema.problems import Invalid
from services.events.logic import bodies, matching
from services.events.model import NewDelivery, Subscription
from services.events.operations import dead_letters, deliveries, log, subscriptions
from services.events.store import subscriptions as store

logger = structlog.get_logger()

LOG = "events-log"
FANOUT = "events-fanout"
LETTERS = "events-dead-letters"
APPENDED = "armature.events.appended"
_COMPILED_SECONDS = 10.0  # relative dates in filters move on
_MAX_COMPILED = 10_000


class LogConsumer:
    """Appends to the log, and tells watchers of every process."""

    options = Options(LOG, batch=500, batched=True, linger=0.02)

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._pings: set[asyncio.Task[None]] = set()

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        await log.append(tx, events)
        workspace_id = events[0].workspace_id
        tx.after_commit(lambda: self._ping(workspace_id))

    def _ping(self, workspace_id: UUID) -> None:
        task = asyncio.create_task(self._send(workspace_id))
        self._pings.add(task)
        task.add_done_callback(self._pings.discard)

    async def _send(self, workspace_id: UUID) -> None:
        try:
            await self._bus.client.publish(f"{APPENDED}.{workspace_id}")
        except (nats.errors.Error, OSError) as exc:
            logger.info("watchers will poll", error=str(exc))


@dataclass(slots=True)
class _Matches:
    """What a batch of events leads to, found before the transaction."""

    new: dict[UUID, list[NewDelivery]] = field(default_factory=dict)  # by event
    broken: dict[UUID, str] = field(default_factory=dict)  # subscription: why its filter fails


class FanoutConsumer:
    """Makes a delivery for each subscription that wants an event."""

    def __init__(
        self, db: Database, definitions: Definitions, wake: Callable[[], None] = lambda: None
    ) -> None:
        self.options = Options(FANOUT, batch=500, batched=True, linger=0.02, prepare=self.prepare)
        self._db = db
        self._definitions = definitions
        self._wake = wake  # called when there is something to send
        self._matches: dict[UUID, _Matches] = {}  # by workspace; a lane works on one batch
        self._compiled: dict[tuple[UUID, object, int, int], matching.Predicate] = {}

    async def prepare(self, events: list[Envelope]) -> None:
        """Match with the subscriptions as they are now, which is after the events happened."""
        workspace_id = events[0].workspace_id
        async with self._db.transaction(workspace_id) as tx:
            found = await store.enabled(tx, workspace_id)
        matches = _Matches()
        for event in events:
            wanted = [s for s in found if s.id not in matches.broken and matching.wants(s, event)]
            new = [_delivery(s, event) for s in wanted if await self._passes(s, event, matches)]
            if new:
                matches.new[event.id] = new
        self._matches[workspace_id] = matches

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        workspace_id = events[0].workspace_id
        matches = self._matches.pop(workspace_id)
        for subscription_id in sorted(matches.broken):
            reason = matches.broken[subscription_id]
            await subscriptions.fail(tx, workspace_id, subscription_id, reason)
        new = [one for event in events for one in matches.new.get(event.id, ())]
        if new:
            await deliveries.add(tx, workspace_id, new)
            tx.after_commit(self._wake)

    async def _passes(self, subscription: Subscription, event: Envelope, matches: _Matches) -> bool:
        if not subscription.filter_json:
            return True
        if event.aggregate_type != "record":
            return False
        try:
            holds = await self._predicate(subscription, event.workspace_id)
        except (Invalid, NotFound) as exc:
            matches.broken[subscription.id] = f"its filter no longer fits the object: {exc}"
            return False
        return holds(event.document())

    async def _predicate(
        self, subscription: Subscription, workspace_id: UUID
    ) -> matching.Predicate:
        workspace, obj = await self._definitions.object(workspace_id, subscription.object)
        moment = now()
        window = int(moment.timestamp() // _COMPILED_SECONDS)
        key = (subscription.id, subscription.update_time, workspace.version, window)
        if key not in self._compiled:
            if len(self._compiled) >= _MAX_COMPILED:
                self._compiled.clear()
            self._compiled[key] = matching.compile_filter(
                workspace, obj, subscription.filter_json, moment
            )
        return self._compiled[key]


def _delivery(subscription: Subscription, event: Envelope) -> NewDelivery:
    return NewDelivery(
        id=ids.new_id(),
        subscription_id=subscription.id,
        event_id=event.id,
        event_type=event.type,
        aggregate_id=event.aggregate_id,
        aggregate_version=event.aggregate_version,
        body=bodies.body(event, subscription.payload),
        traceparent=event.traceparent,
        trace_id=log.trace_id_of(event.traceparent),
    )


LETTER_OPTIONS = Options(LETTERS, subjects=("armature.evt.*.dead_letter_created.>",))


async def keep_letter(tx: Tx, event: Envelope) -> None:
    """A consumer could not process an event: keep the letter where admins look."""
    data = msgspec.json.decode(event.data)
    await dead_letters.keep(tx, event.workspace_id, event.id, data)
