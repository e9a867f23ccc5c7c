"""Begin replays, count what they would do, and take them on by one step."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from kit import ids
from kit.caller import Caller
from kit.db import Tx
from kit.envelope import Envelope
from services.events.logic import patterns, selections
from services.events.model import (
    EventQuery,
    NewDelivery,
    Replay,
    ReplayClaim,
    ReplayKind,
    ReplayState,
    Subscription,
)
from services.events.operations import deliveries, log
from services.events.store import dead_letters as letter_store
from services.events.store import log as log_store
from services.events.store import replays as store


async def count_letters(tx: Tx, workspace_id: UUID, wanted: selections.Letters) -> int:
    return await letter_store.count(tx, workspace_id, wanted.query())


async def count_events(tx: Tx, workspace_id: UUID, wanted: selections.Events) -> int:
    """Before the subscription's filter of records."""
    query = event_query(wanted)
    return await log_store.count(tx, workspace_id, query, wanted.after, wanted.up_to)


async def begin(
    tx: Tx,
    caller: Caller,
    kind: ReplayKind,
    wanted: selections.Letters | selections.Events,
    *,
    rate: int,
    total: int,
    subscription_id: UUID | None = None,
    workflow_id: UUID | None = None,
) -> Replay:
    return await store.insert(
        tx,
        caller.workspace_id,
        ids.new_id(),
        kind=kind,
        subscription_id=subscription_id,
        workflow_id=workflow_id,
        selection=selections.written(wanted),
        rate=rate,
        total=total,
        created_by=caller.principal_id,
    )


async def next_events(
    tx: Tx, workspace_id: UUID, replay: Replay, *, limit: int
) -> tuple[list[Envelope], int]:
    """What comes behind the cursor, and the position that it ends with."""
    wanted = selections.events(replay.selection)
    after = int(replay.cursor or wanted.after)
    found = await log_store.between(
        tx, workspace_id, event_query(wanted), after, wanted.up_to, limit=limit
    )
    end = found[-1].position if found else wanted.up_to
    return [log.envelope_of(workspace_id, one) for one in found], end


async def send_events(
    tx: Tx,
    claim: ReplayClaim,
    new: Sequence[NewDelivery],
    *,
    cursor: int,
    seen: int,
    pause: float,
) -> bool:
    """Queue deliveries and move the cursor, in one transaction; False, and nothing, when the replay
    was cancelled or is another worker's."""
    replay = await store.lock(tx, claim)
    if replay is None or replay.subscription_id is None:
        return False
    missed = replay.kind is ReplayKind.RECOVERY
    done = await deliveries.add_again(
        tx, claim.workspace_id, replay.subscription_id, new, missed=missed
    )
    await store.advance(tx, claim, str(cursor), seen=seen, done=done, failed=0, pause=pause)
    return True


async def end(tx: Tx, claim: ReplayClaim, state: ReplayState, error: str = "") -> None:
    """Unless it was cancelled, or is another's by now."""
    if await store.lock(tx, claim) is not None:
        await store.finish(tx, claim.workspace_id, claim.replay_id, state, error)


def event_query(wanted: selections.Events) -> EventQuery:
    exact, likes = patterns.split(wanted.types)
    return EventQuery(exact, likes, from_time=wanted.from_time, to_time=wanted.to_time)


def narrowed(subscription: Subscription, wanted: selections.Events) -> Subscription:
    """The subscription as a replay sees it: of the types that were asked for, if any were."""
    return replace(subscription, event_types=wanted.types) if wanted.types else subscription
