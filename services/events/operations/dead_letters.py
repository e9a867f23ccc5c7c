"""Keep dead letters, and settle them."""

from typing import Any
from uuid import UUID

from kit import envelope
from kit.caller import Caller
from kit.db import Tx
from services.events.logic.letter_kinds import DELIVERY
from services.events.model import DeadLetter, LoggedEvent
from services.events.operations import deliveries, log
from services.events.store import dead_letters as store
from services.events.store import log as log_store


async def keep(tx: Tx, workspace_id: UUID, letter_id: UUID, data: dict[str, Any]) -> None:
    """A letter as it was announced: a consumer's with the event it could not process, a run's with
    the run as its subject."""
    subject = data.get("subject_id")
    await store.insert(
        tx,
        workspace_id,
        letter_id,
        kind=data["consumer"],
        event_id=UUID(data["event_id"]),
        event_type=data["event_type"],
        subject_id=UUID(subject) if subject else None,
        reason=data["reason"],
        attempts=data["attempts"],
        trace_id=data["trace_id"],
        envelope=data.get("envelope", ""),
    )


async def event_of(tx: Tx, workspace_id: UUID, letter: DeadLetter) -> LoggedEvent | None:
    """What it is about: as the log has it, or the letter itself; None where neither does."""
    logged = await log_store.get(tx, workspace_id, letter.event_id)
    if logged is not None or not letter.envelope:
        return logged
    return log.logged_of(envelope.decode(letter.envelope.encode()))


async def replay(tx: Tx, caller: Caller, letter_id: UUID) -> DeadLetter:
    """Settle it as replayed; a delivery is pending again by that. The event of a consumer's letter
    was sent to the consumer before, and a run was resumed."""
    letter = await store.settle(tx, caller.workspace_id, letter_id, "replayed")
    if letter.kind == DELIVERY and letter.subject_id is not None:
        await deliveries.redeliver(tx, caller.workspace_id, letter.subject_id)
    return letter


async def discard(tx: Tx, caller: Caller, letter_id: UUID, reason: str) -> DeadLetter:
    return await store.settle(tx, caller.workspace_id, letter_id, "discarded", reason)
