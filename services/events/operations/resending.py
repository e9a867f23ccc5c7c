"""Send what a dead letter is about again: a consumer's event, or a run; not yet a delivery."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec

from kit import ids
from kit.bus import Bus, Message, PublishUnknown
from kit.db import Database
from kit.errors import NotFound, Unavailable
from services.events.logic.letter_kinds import DELIVERY, RUN
from services.events.model import DeadLetter
from services.events.operations import log
from services.events.store import log as log_store

# Resumes a run, for a letter, with a credential.
Resume = Callable[[UUID, UUID, str], Awaitable[None]]


class Resender:
    """Outside any transaction, and before the letter is settled: dying between the two does it
    twice, which the consumer's inbox and the run's idempotency key see through."""

    def __init__(self, db: Database, bus: Bus, resume: Resume) -> None:
        self._db = db
        self._bus = bus
        self._resume = resume

    async def send(self, workspace_id: UUID, letter: DeadLetter, credential: str) -> None:
        """UNREACHABLE while the stream does not answer; a run's own refusals; EVENT_NOT_FOUND where
        neither the letter nor the log has the event."""
        if letter.state != "open" or letter.kind == DELIVERY:
            return
        if letter.kind == RUN and letter.subject_id is not None:
            await self._resume(letter.subject_id, letter.id, credential)
            return
        whole = letter.envelope.encode() or await self._from_log(workspace_id, letter)
        subject = f"armature.replay.{letter.kind}"
        try:
            await self._bus.publish(Message(subject, f"replay-{ids.new_id()}", whole))
        except PublishUnknown as exc:
            raise Unavailable("UNREACHABLE", "the event stream does not answer; try again") from exc

    async def _from_log(self, workspace_id: UUID, letter: DeadLetter) -> bytes:
        """A large event is not in its letter."""
        async with self._db.transaction(workspace_id) as tx:
            found = await log_store.get(tx, workspace_id, letter.event_id)
        if found is None:
            raise NotFound("EVENT_NOT_FOUND", f"there is no event {letter.event_id}")
        return msgspec.json.encode(log.envelope_of(workspace_id, found))
