"""Wake whoever watches a workspace's log, in this process, when any process appended to it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from nats.aio.msg import Msg

from kit.bus import Bus


class Wakeups:
    """Pings are only hints: one that is lost costs the watcher its short poll."""

    def __init__(self, bus: Bus, subject: str) -> None:
        self._bus = bus
        self._subject = subject
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Listen until cancelled."""
        subscription = await self._bus.client.subscribe(f"{self._subject}.*", cb=self._on_ping)
        try:
            await asyncio.Event().wait()
        finally:
            if not self._bus.client.is_closed and not self._bus.client.is_draining:
                await subscription.unsubscribe()

    async def _on_ping(self, message: Msg) -> None:
        for event in self._waiting.get(message.subject.rpartition(".")[2], ()):
            event.set()

    @contextmanager
    def of(self, workspace_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when the workspace's log has grown."""
        event, key = asyncio.Event(), str(workspace_id)
        self._waiting[key].add(event)
        try:
            yield event
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]
