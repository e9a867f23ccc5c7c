"""Take every plane's events: into the log, out to subscriptions, dead letters to their place."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec
import nats.errors
import structlog

from kit.bus import Bus
from kit.consumer import Options
from kit.db import Database, Tx
from kit.envelope import Envelope
from services.events.operations import dead_letters, deliveries, log, subscriptions, turns
from services.events.operations.matches import Matcher, Matches
from services.events.store import subscriptions as store

logger = structlog.get_logger()

LOG = "events-log"
FANOUT = "events-fanout"
LETTERS = "events-dead-letters"
APPENDED = "armature.events.appended"


class LogConsumer:
    """Appends to the log, each record's events in order, and tells watchers of every process."""

    def __init__(self, bus: Bus) -> None:
        self.options = Options(LOG, batch=500, batched=True, linger=0.05, turn=self.turn)
        self._bus = bus
        self._pings: set[asyncio.Task[None]] = set()

    async def turn(self, tx: Tx, events: list[Envelope]) -> set[UUID]:
        return await turns.early(tx, LOG, events)

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        await log.append(tx, events)
        await turns.taken(tx, LOG, events)
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


class FanoutConsumer:
    """Makes a delivery for each subscription that wants an event; a record's in order."""

    def __init__(
        self, db: Database, matcher: Matcher, wake: Callable[[], None] = lambda: None
    ) -> None:
        self.options = Options(
            FANOUT, batch=500, batched=True, linger=0.05, prepare=self.prepare, turn=self.turn
        )
        self._db = db
        self._matcher = matcher
        self._wake = wake  # called when there is something to send
        self._matches: dict[UUID, Matches] = {}  # by workspace; a lane works on one batch

    async def prepare(self, events: list[Envelope]) -> None:
        """Match with the subscriptions as they are now, which is after the events happened."""
        workspace_id = events[0].workspace_id
        async with self._db.transaction(workspace_id) as tx:
            found = await store.enabled(tx, workspace_id)
        self._matches[workspace_id] = await self._matcher.match(found, events)

    async def turn(self, tx: Tx, events: list[Envelope]) -> set[UUID]:
        return await turns.early(tx, FANOUT, events)

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        await turns.taken(tx, FANOUT, events)
        workspace_id = events[0].workspace_id
        matches = self._matches.pop(workspace_id)
        for subscription_id in sorted(matches.broken):
            reason = matches.broken[subscription_id]
            await subscriptions.fail(tx, workspace_id, subscription_id, reason)
        new = matches.of(events)
        if new:
            await deliveries.add(tx, workspace_id, new)
            tx.after_commit(self._wake)


LETTER_OPTIONS = Options(LETTERS, subjects=("armature.evt.*.dead_letter_created.>",))


async def keep_letter(tx: Tx, event: Envelope) -> None:
    """A consumer could not process an event: keep the letter where admins look."""
    data = msgspec.json.decode(event.data)
    await dead_letters.keep(tx, event.workspace_id, event.id, data)
