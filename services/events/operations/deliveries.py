"""Queue deliveries, settle their attempts, and send them again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from kit import ids
from kit.db import Tx
from services.events.logic import merging, retries
from services.events.model import Claim, Delivery, DeliveryState, NewDelivery, Outcome, Sending
from services.events.operations import subscriptions
from services.events.store import dead_letters, deliveries, queue


async def add(tx: Tx, workspace_id: UUID, new: Sequence[NewDelivery]) -> None:
    """Queue what is new of them; a repeat of an event makes none. Updates for which a window is
    open join what waits there; anything else about the same thing ends its window."""
    windowed = sorted({one.subscription_id for one in new if one.window})
    for subscription_id in windowed:
        await queue.lock_lane(tx, workspace_id, subscription_id)
    touched = set(windowed)
    plain = [one for one in new if one.subscription_id not in touched]
    if plain:
        touched |= {found for found, _ in await deliveries.insert(tx, workspace_id, plain)}
    for one in new:
        if one.window:
            await _join_or_open(tx, workspace_id, one)
    for subscription_id in sorted(touched):
        await queue.wake_lane(tx, workspace_id, subscription_id)


async def _join_or_open(tx: Tx, workspace_id: UUID, new: NewDelivery) -> None:
    if not merging.is_update(new.event_type):
        await deliveries.close_windows(tx, workspace_id, new.subscription_id, new.aggregate_id)
        await deliveries.insert(tx, workspace_id, [replace(new, window=0)])
        return
    waiting = await deliveries.joinable(tx, workspace_id, new)
    body = merging.merged(waiting, new) if waiting is not None else None
    if waiting is not None and body is not None and waiting.event_id != new.event_id:
        await deliveries.join(tx, workspace_id, new, waiting.id, body)
    else:
        await deliveries.insert(tx, workspace_id, [new])


async def add_again(
    tx: Tx, workspace_id: UUID, subscription_id: UUID, new: Sequence[NewDelivery], *, missed: bool
) -> int:
    """Queue events of the log for one subscription, known to it or not; of known ones only those
    that are dead with `missed`. Returns how many are on their way by that."""
    if not new:
        return 0
    await queue.lock_lane(tx, workspace_id, subscription_id)
    made = await deliveries.insert(tx, workspace_id, new, always=True)
    fresh = {event_id for _, event_id in made}
    known = [one.event_id for one in new if one.event_id not in fresh]
    states = [DeliveryState.DEAD] if missed else [DeliveryState.DEAD, DeliveryState.SUCCEEDED]
    again = await deliveries.pend_many(tx, workspace_id, subscription_id, known, states)
    await queue.wake_lane(tx, workspace_id, subscription_id)
    return len(fresh) + again


async def settle(
    tx: Tx,
    claim: Claim,
    sending: Sending,
    outcome: Outcome,
    *,
    breaker_seconds: float,
    disable_after: timedelta,
) -> DeliveryState | None:
    """Record how an attempt ended and what follows; None, and nothing, when our lease was lost."""
    workspace_id, subscription_id = claim.workspace_id, claim.subscription_id
    failures = await queue.lock_lane(tx, workspace_id, subscription_id)
    if failures is None or not await queue.still_ours(tx, claim):
        return None
    if outcome.succeeded:
        state = DeliveryState.SUCCEEDED
    elif outcome.retry_in is None:
        state = DeliveryState.DEAD
    else:
        state = DeliveryState.PENDING
    await deliveries.end_attempt(tx, claim, outcome, state)
    if state is DeliveryState.PENDING and outcome.retry_in is not None:
        await queue.requeue(tx, claim, outcome.retry_in)
    else:
        await queue.remove(tx, workspace_id, claim.delivery_id)
    if state is DeliveryState.DEAD:
        await _bury(tx, claim, sending, outcome)
    failures = failures + 1 if outcome.endpoint_down else 0
    pause = retries.pause(failures, breaker_seconds)
    await queue.settle_lane(tx, workspace_id, subscription_id, failures, pause)
    if outcome.succeeded:
        await deliveries.works(tx, workspace_id, subscription_id)
    elif outcome.gone:
        reason = "the endpoint answered 410 Gone"
        await subscriptions.fail(tx, workspace_id, subscription_id, reason)
    else:
        await _note_failure(tx, workspace_id, subscription_id, disable_after)
    return state


async def _bury(tx: Tx, claim: Claim, sending: Sending, outcome: Outcome) -> None:
    await dead_letters.insert(
        tx,
        claim.workspace_id,
        ids.new_id(),
        kind="delivery",
        event_id=sending.event_id,
        event_type=sending.event_type,
        subject_id=claim.delivery_id,
        reason=outcome.error,
        attempts=outcome.number,
        trace_id=outcome.trace_id,
    )


async def _note_failure(
    tx: Tx, workspace_id: UUID, subscription_id: UUID, disable_after: timedelta
) -> None:
    found = await deliveries.failing_since(tx, workspace_id, subscription_id)
    if found is None:
        return
    since, now, notices = found
    if now - since >= disable_after:
        days = disable_after / timedelta(days=1)
        reason = f"every delivery failed for {days:g} days"
        await subscriptions.fail(tx, workspace_id, subscription_id, reason)
    elif (due := retries.notices_due(since, now)) > notices:
        await deliveries.noticed(tx, workspace_id, subscription_id, due)
        await subscriptions.warn(tx, workspace_id, subscription_id)


async def postpone(tx: Tx, claim: Claim, seconds: float) -> None:
    """Give a claim back untried."""
    if await queue.lock_lane(tx, claim.workspace_id, claim.subscription_id) is None:
        return
    await queue.requeue(tx, claim, seconds)
    await queue.wake_lane(tx, claim.workspace_id, claim.subscription_id)


async def redeliver(tx: Tx, workspace_id: UUID, delivery_id: UUID) -> Delivery:
    """Pending again, whatever its state, with the whole schedule before it."""
    known = await deliveries.get(tx, workspace_id, delivery_id)
    await queue.lock_lane(tx, workspace_id, known.subscription_id)
    pending = await deliveries.pend_again(tx, workspace_id, delivery_id)
    await queue.wake_lane(tx, workspace_id, known.subscription_id)
    return pending
