"""Tell other processes of a new metadata version, and wait for one: best effort, by NATS.

Nothing is lost when a message is: whoever waits looks at the database every few seconds as well.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID

import nats.errors
import structlog
from nats.aio.msg import Msg

from kit.bus import Bus
from planes.definitions import VERSION_SUBJECT

log = structlog.get_logger()


class Versions:
    """The newest metadata version of each workspace that somebody here waits for."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._publishing: set[asyncio.Task[None]] = set()

    def announce(self, workspace_id: UUID, version: int) -> None:
        """After a commit: wake those who wait here, and send word to the others."""
        self._wake(workspace_id)
        task = asyncio.get_running_loop().create_task(self._publish(workspace_id, version))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    @contextlib.contextmanager
    def waiting(self, workspace_id: UUID) -> Iterator[Callable[[float], Awaitable[None]]]:
        """Hear, from the beginning of the block, of new versions: what it gives returns when
        there is one, or after that many seconds. So nothing falls between looking and waiting."""
        event = asyncio.Event()
        self._waiting[workspace_id].add(event)

        async def changed(seconds: float) -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)

        try:
            yield changed
        finally:
            self._waiting[workspace_id].discard(event)
            if not self._waiting[workspace_id]:
                del self._waiting[workspace_id]

    async def listen(self) -> None:
        """Hear of versions that other processes made, for ever."""
        await self._bus.hear(f"{VERSION_SUBJECT}.*", self._hear)

    def _hear(self, message: Msg) -> None:
        try:
            self._wake(UUID(message.subject.rpartition(".")[2]))
        except ValueError:
            log.warning("no workspace", subject=message.subject)

    def _wake(self, workspace_id: UUID) -> None:
        for event in self._waiting.get(workspace_id, ()):
            event.set()

    async def _publish(self, workspace_id: UUID, version: int) -> None:
        try:
            await self._bus.client.publish(
                f"{VERSION_SUBJECT}.{workspace_id}", str(version).encode()
            )
        except (nats.errors.Error, OSError) as exc:
            log.warning("a version went unsaid", error=str(exc))
