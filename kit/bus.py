"""Speak to NATS JetStream: the stream of all events, and atomic batches into it.

What was measured decides: `discard: new` so that a full stream holds the outbox instead of losing
unread events, an atomic batch because a fully synced single publish costs as much as a batch of
hundreds, and a timeout on every publish because futures stay pending when the server dies.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from kit import ids, payloads

log = structlog.get_logger()

STREAM = "ARMATURE_EVENTS"
SUBJECTS = ["armature.evt.>", "armature.replay.>"]
ADVISORIES = "ARMATURE_ADVISORIES"
ADVISORY_SUBJECT = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"
DEDUP_SECONDS = 300
MAX_BATCH = 500
MAX_BYTES = 16 * 1024**3  # of the stream; when full, the outbox holds
_DAY = 86_400
_DUPLICATE_IN_BATCH = 10201
_FULL = ("maximum bytes exceeded", "maximum messages exceeded", "insufficient storage")
_PUBLISH_TIMEOUT = 5.0


class PublishUnknown(Exception):
    """No answer came: the message may or may not be stored."""


class StreamFull(PublishUnknown):
    """The stream takes no more until what is consumed goes; nothing of the message is stored."""


class BatchHasDuplicates(Exception):
    """One of the batch's messages is stored already, so the server stored none of it now."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish; `message_id` lets the stream drop a repeat within five minutes."""

    subject: str
    message_id: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Bus:
    """One connection to NATS, which reconnects for ever."""

    def __init__(self, url: str, name: str, *, max_bytes: int = MAX_BYTES) -> None:
        self._url = url
        self._name = name
        self._max_bytes = max_bytes
        self.client = Client()
        self.js: JetStreamContext
        self._disconnected: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Connect, waiting for as long as it takes, and see that the streams exist."""
        while True:
            try:
                await self.client.connect(
                    self._url,
                    name=self._name,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type] # any number does
                    ping_interval=15,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    allow_reconnect=True,
                    connect_timeout=2,
                    pending_size=0,  # what can't be sent now is refused now, not sent some day
                )
                break
            except (OSError, nats.errors.Error, TimeoutError) as exc:
                log.warning("nats does not answer yet", error=str(exc))
                await asyncio.sleep(0.5)
        self.js = self.client.jetstream(timeout=_PUBLISH_TIMEOUT)
        while True:
            try:
                await self.ensure_streams()
                return
            except (nats.errors.Error, TimeoutError) as exc:
                log.warning("jetstream does not answer yet", error=str(exc))
                await asyncio.sleep(0.5)

    async def ensure_streams(self) -> None:
        """Create the streams where they are missing: at a first start, or after a lost volume."""
        await self._ensure(
            StreamConfig(
                name=STREAM,
                subjects=SUBJECTS,
                storage=StorageType.FILE,
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.NEW,
                max_age=7 * _DAY,
                max_bytes=self._max_bytes,
                duplicate_window=DEDUP_SECONDS,
                allow_atomic=True,
            )
        )
        await self._ensure(
            StreamConfig(
                name=payloads.STREAM,
                subjects=[f"{payloads.SUBJECT}.>"],
                storage=StorageType.FILE,
                discard=DiscardPolicy.NEW,
                max_age=8 * _DAY,  # longer than any event that needs them
                max_bytes=self._max_bytes,
                max_msgs_per_subject=1,
                allow_direct=True,
            )
        )
        await self._ensure(
            StreamConfig(
                name=ADVISORIES,
                subjects=[ADVISORY_SUBJECT],
                storage=StorageType.FILE,
                max_age=7 * _DAY,
                max_bytes=64 * 1024**2,
            )
        )

    async def _ensure(self, config: StreamConfig) -> None:
        try:
            await self.js.stream_info(config.name or "")
        except NotFoundError:
            await self.js.add_stream(config)

    async def stream_made(self) -> datetime:
        """When the stream of events was created; another moment means another, empty stream."""
        answer = await self.client.request(
            f"$JS.API.STREAM.INFO.{STREAM}", b"", timeout=_PUBLISH_TIMEOUT
        )
        created: str = msgspec.json.decode(answer.data)["created"]
        return msgspec.convert(created, datetime)

    async def close(self) -> None:
        if self.client.is_connected:
            await self.client.drain()
        elif not self.client.is_closed:
            await self.client.close()

    async def hear(self, subject: str, take: Callable[[Msg], None]) -> None:
        """Hand over what comes on a subject from now on, until cancelled. What comes while the
        connection is broken is lost, and the subscription goes on behind it."""

        async def on_message(message: Msg) -> None:
            take(message)

        while True:
            try:
                subscription = await self.client.subscribe(subject, cb=on_message)
                break
            except nats.errors.Error as exc:
                log.warning("nothing is heard yet", subject=subject, error=str(exc))
                await asyncio.sleep(1)
        try:
            await asyncio.Event().wait()
        finally:
            # What nobody takes any more would hold up the end of the connection.
            if not self.client.is_closed and not self.client.is_draining:
                await subscription.unsubscribe()

    def is_healthy(self) -> bool:
        return bool(self.client.is_connected)

    async def publish(self, message: Message) -> None:
        """Store one message; PublishUnknown when no ack comes in time, StreamFull when there is no
        room for it."""
        message = await self._outsourced(message)
        headers = dict(message.headers) | {"Nats-Msg-Id": message.message_id}
        try:
            _check(await self._request(message, headers), committed=True)
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise PublishUnknown(str(exc)) from exc

    async def publish_batch(self, messages: Sequence[Message]) -> None:
        """Store all messages or none, with one ack after the sync.

        BatchHasDuplicates when one of them is stored already (nothing was stored now);
        PublishUnknown when no ack came in time, StreamFull when there is no room.
        """
        if len(messages) == 1:
            await self.publish(messages[0])
            return
        messages = [await self._outsourced(message) for message in messages]
        batch = ids.new_id().hex
        last = len(messages)
        try:
            for number, message in enumerate(messages, start=1):
                headers = dict(message.headers) | {
                    "Nats-Msg-Id": message.message_id,
                    "Nats-Batch-Id": batch,
                    "Nats-Batch-Sequence": str(number),
                }
                if number == last:
                    headers["Nats-Batch-Commit"] = "1"
                if number in {1, last}:
                    _check(await self._request(message, headers), committed=number == last)
                else:
                    written = _written(headers)
                    await self.client.publish(message.subject, message.payload, headers=written)
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise PublishUnknown(str(exc)) from exc

    async def _outsourced(self, message: Message) -> Message:
        """The message itself, or one with a reference to data whose parts are stored by then."""
        if len(message.payload) <= payloads.INLINE_BYTES:
            return message
        payload, key, parts = payloads.split(message.payload)
        try:
            for subject, part in parts:
                answer = await self._request(Message(subject, "", part), {})
                _check(answer, committed=True)
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise PublishUnknown(str(exc)) from exc
        headers = dict(message.headers) | {payloads.HEADER: key}
        return Message(message.subject, message.message_id, payload, headers)

    async def _request(self, message: Message, headers: dict[str, str]) -> Msg:
        """The answer; TimeoutError at once when the connection breaks, for none can come then."""
        if self._disconnected is None or self._disconnected.done():
            self._disconnected = asyncio.get_running_loop().create_future()
        asking: asyncio.Future[Msg] = asyncio.ensure_future(
            self.client.request(
                message.subject, message.payload, timeout=_PUBLISH_TIMEOUT, headers=headers
            )
        )
        waiting: set[asyncio.Future[Any]] = {asking, self._disconnected}
        await asyncio.wait(
            waiting,
            timeout=_PUBLISH_TIMEOUT + 1,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if asking.done():
            return asking.result()
        asking.cancel()
        raise TimeoutError("the connection broke before an answer came")

    async def _on_disconnect(self) -> None:
        if self._disconnected is not None and not self._disconnected.done():
            self._disconnected.set_result(None)

    async def _on_error(self, error: Exception) -> None:
        log.warning("nats connection", error=str(error) or type(error).__name__)


class _Lines(str):
    """Several headers in the value of the first, as they go out. The client cleans each header by
    itself, which took half of its time with a batch; of ours none needs it."""

    __slots__ = ()

    def strip(self, _chars: str | None = None, /) -> str:
        return self

    def translate(self, _table: Any, /) -> str:
        return self


def _written(headers: Mapping[str, str]) -> dict[str, str]:
    """ValueError where one would break the lines: nothing that others wrote belongs here."""
    (first, value), *others = headers.items()
    lines = "\r\n".join([value, *(f"{name}: {text}" for name, text in others)])
    if lines.count("\n") != len(others) or lines.count("\r") != len(others):
        raise ValueError("a header of an event has several lines")
    return {first: _Lines(lines)}


def _check(answer: Msg, *, committed: bool) -> None:
    if not answer.data:
        if committed:
            raise PublishUnknown("the commit of a batch was answered without an ack")
        return
    reply: dict[str, Any] = msgspec.json.decode(answer.data)
    if error := reply.get("error"):
        if error.get("err_code") == _DUPLICATE_IN_BATCH:
            raise BatchHasDuplicates
        description = str(error.get("description"))
        if description.startswith(_FULL):
            raise StreamFull(description)
        raise PublishUnknown(description)
