"""Tell the watches of this process which records change, on whichever replica.

An ephemeral consumer of the stream, of headers alone, which exists while anybody watches. Its
messages are numbered: when one is missing, or the consumer had to be made anew, everything that is
watched is asked again, so that nothing is passed over.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from kit import ids
from kit.bus import STREAM, Bus
from kit.pull import Pull, PullLost
from services.records.operations.watches import Watches

log = structlog.get_logger()

_RECORDS = "armature.evt.records.>"
_METADATA = "armature.evt.metadata.>"
_BATCH = 500
_UNUSED_SECONDS = 60.0  # after it the server forgets a consumer that nobody asks
_IDLE_SECONDS = 30.0  # without a watch before we stop asking
_AGAIN_SECONDS = 0.5
_KNOWN_SECONDS = 0.9  # then no answer about rights or definitions is older than the change


class Feed:
    """One for the process."""

    def __init__(self, bus: Bus, watches: Watches) -> None:
        self._bus = bus
        self._watches = watches
        self._seen = 0

    async def run(self) -> None:
        """Listen until cancelled, whenever somebody watches."""
        try:
            while True:
                await self._watches.wanted.wait()
                try:
                    await self._listen()
                except (PullLost, nats.errors.Error, TimeoutError, OSError) as exc:
                    log.warning("the feed of changes begins again", error=str(exc))
                    await asyncio.sleep(_AGAIN_SECONDS)
                finally:
                    self._watches.listening.clear()
        finally:
            self._watches.close()

    async def _listen(self) -> None:
        """Take what changes from now on; return when nobody has watched for a while."""
        name = f"records-watch-{ids.new_id().hex}"
        config = ConsumerConfig(
            name=name,
            filter_subjects=[_RECORDS, _METADATA],
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.NONE,
            headers_only=True,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=_UNUSED_SECONDS,
        )
        await self._bus.js.add_consumer(STREAM, config)
        self._seen = 0
        async with Pull(self._bus.client, STREAM, name, _BATCH) as pull:
            self._watches.listening.set()
            self._watches.expire()
            while await self._is_wanted():
                taking = asyncio.ensure_future(pull.take())
                try:
                    await asyncio.wait([taking], timeout=_IDLE_SECONDS)
                finally:
                    taking.cancel()
                    await asyncio.wait([taking])
                if not taking.cancelled():
                    self._tell(taking.result())

    async def _is_wanted(self) -> bool:
        if self._watches.wanted.is_set():
            return True
        try:
            await asyncio.wait_for(self._watches.wanted.wait(), _IDLE_SECONDS)
        except TimeoutError:
            return False
        return True

    def _tell(self, messages: Sequence[Msg]) -> None:
        changed: defaultdict[UUID, list[UUID]] = defaultdict(list)
        redefined: set[UUID] = set()
        for message in messages:
            number = message.metadata.sequence.consumer
            if number != self._seen + 1:
                self._watches.expire()
            self._seen = number
            _, _, plane, kind, workspace = message.subject.split(".", 4)
            workspace_id = UUID(workspace)
            if self._watches.watched(workspace_id) is None:
                continue
            if plane == "metadata":
                redefined.add(workspace_id)
            elif kind.startswith("record_"):
                changed[workspace_id].append(UUID((message.headers or {})["ce-subject"]))
        for workspace_id, records in changed.items():
            if topic := self._watches.watched(workspace_id):
                topic.mark(records)
        for workspace_id in redefined:
            asyncio.get_running_loop().call_later(_KNOWN_SECONDS, self._redefine, workspace_id)

    def _redefine(self, workspace_id: UUID) -> None:
        if topic := self._watches.watched(workspace_id):
            topic.redefine()
