"""Make dead letters of events that the stream has given up: those that kill who takes them."""

import asyncio

import msgspec
import nats.errors
import psycopg
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, RawStreamMsg
from nats.js.errors import NotFoundError

from kit import envelope, letters, outbox, payloads
from kit.bus import ADVISORIES, STREAM, Bus
from kit.db import Database
from kit.errors import ServiceError
from kit.pull import Pull, PullLost
from services.events.operations import dead_letters

log = structlog.get_logger()

NAME = "events-poison"
_BATCH = 20
_RETRY_SECONDS = 0.5
_ACK_SECONDS = 30.0


class _Advisory(msgspec.Struct):
    """What the server says when it delivers a message no more."""

    stream: str
    consumer: str
    stream_seq: int
    deliveries: int


class PoisonWorker:
    """Runs until cancelled. Several may run; a repeat finds its letter there."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus

    async def run(self) -> None:
        while True:
            try:
                await self._bus.ensure_streams()
                await self._ensure_consumer()
                async with Pull(self._bus.client, ADVISORIES, NAME, _BATCH) as pull:
                    while True:
                        for message in await pull.take():
                            await self._take(message)
            except (PullLost, nats.errors.Error, TimeoutError, OSError) as exc:
                log.warning("advisories wait", error=str(exc))
            except (ServiceError, psycopg.Error) as exc:
                log.warning("advisories wait for the database", error=str(exc))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _ensure_consumer(self) -> None:
        try:
            await self._bus.js.consumer_info(ADVISORIES, NAME)
        except NotFoundError:
            config = ConsumerConfig(
                durable_name=NAME, ack_policy=AckPolicy.EXPLICIT, ack_wait=_ACK_SECONDS
            )
            await self._bus.js.add_consumer(ADVISORIES, config)

    async def _take(self, message: Msg) -> None:
        try:
            found = msgspec.json.decode(message.data, type=_Advisory)
            if found.stream == STREAM:
                await self._bury(found)
        except (msgspec.ValidationError, msgspec.DecodeError):
            log.exception("no advisory of ours", subject=message.subject)
        await message.ack()

    async def _bury(self, found: _Advisory) -> None:
        """The letter, where admins look and as an event for who wants to be told."""
        message = await self._message(found)
        if message is None:
            return
        event = envelope.decode(message.data or b"")
        times = found.deliveries
        reason = f"its processing never ended in {times} deliveries; it may kill the process"
        log.error("poison", consumer=found.consumer, event_id=str(event.id), deliveries=times)
        embed = payloads.HEADER not in (message.headers or {})
        made = letters.letter(event, found.consumer, found.stream_seq, reason, times, embed=embed)
        if made is None:
            return
        data = made.event.data
        assert not isinstance(data, bytes)
        async with self._db.transaction(event.workspace_id) as tx:
            await dead_letters.keep(tx, event.workspace_id, made.event.event_id, dict(data))
            await outbox.add(tx, made.caller, made.event)

    async def _message(self, found: _Advisory) -> RawStreamMsg | None:
        """What the stream holds there; None where that is gone."""
        try:
            return await self._bus.js.get_msg(STREAM, found.stream_seq)
        except NotFoundError:
            log.error(  # noqa: TRY400 -- said once, with all that is known of it
                "poison is lost", consumer=found.consumer, sequence=found.stream_seq
            )
            return None
