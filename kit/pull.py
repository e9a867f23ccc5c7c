"""Take messages from a durable JetStream consumer in batches, one pull request at a time.

nats-py's own `fetch` asks twice, waits for each message by a task of its own, and stands still for
its whole timeout when the consumer or the server goes away; this costs a callback per message, and
missing heartbeats say within seconds that something is gone.
"""

import asyncio
import time
from collections import deque
from typing import Self

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

_EXPIRES = 30.0
_HEARTBEAT = 2.0
_SILENCE = 2.5 * _HEARTBEAT  # without message or heartbeat: the request is lost
_ENDED = {"404", "408", "409"}  # this request is over; ask again


class PullLost(Exception):
    """The consumer or the server is gone, or was: subscribe again."""


class Pull:
    """Messages of one consumer. At most `batch` wait here, so the rest stays for other processes.

    `take` returns what is there as soon as anything is.
    """

    def __init__(self, client: Client, stream: str, consumer: str, batch: int) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._batch = batch
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._waiting: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._asked = 0  # messages that the open request may still bring
        self._heard = time.monotonic()
        self._lost = ""

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(self._inbox, cb=self._on_message)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()

    async def take(self) -> list[Msg]:
        """At least one message, as many as have come; PullLost when none can come any more."""
        while not self._waiting:
            if self._lost:
                raise PullLost(self._lost)
            if self._asked <= 0:
                await self._ask()
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), _HEARTBEAT)
            except TimeoutError:
                if time.monotonic() - self._heard > _SILENCE:
                    raise PullLost("no heartbeat came") from None
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    async def _ask(self) -> None:
        self._asked = self._batch
        self._heard = time.monotonic()
        request = {
            "batch": self._batch,
            "expires": int(_EXPIRES * 1e9),
            "idle_heartbeat": int(_HEARTBEAT * 1e9),
        }
        await self._client.publish(self._subject, msgspec.json.encode(request), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        self._heard = time.monotonic()
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None:
            self._asked -= 1
            self._waiting.append(message)
        elif status in _ENDED:
            self._asked = 0
            if "Consumer Deleted" in (message.headers or {}).get("Description", ""):
                self._lost = "the consumer was deleted"
        elif status == "503":
            self._lost = "no such consumer"
        elif status != "100":
            self._lost = f"status {status}"
        if status != "100":
            self._arrived.set()
