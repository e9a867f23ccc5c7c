"""Queue deliveries, settle their attempts, and send them again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from kit import ids
from kit.db import Tx
from services.events.logic import merging, retries
from services.events.model import (
    Attempted,
    Claim,
    Delivery,
    DeliveryState,
    NewDelivery,
    Outcome,
)
from services.events.operations import subscriptions
from services.events.store import dead_letters, deliveries, queue


async def add(tx: Tx, workspace_id: UUID, new: Sequence[NewDelivery]) -> None:
    """Queue what is new of them; a repeat of an event makes none. Updates for which a window is
    open join what waits there; anything else about the same thing ends its window."""
    windowed = {one.subscription_id for one in new if one.window}
    # All of them, in their order, if any: who holds one and waits for another before it would wait
    # in a circle with who settles attempts of both.
    for subscription_id in sorted({one.subscription_id for one in new}) if windowed else ():
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
    workspace_id: UUID,
    attempted: Sequence[Attempted],
    *,
    breaker_seconds: float,
    disable_after: timedelta,
) -> dict[Attempted, DeliveryState]:
    """Record how attempts of one workspace ended, in this order, and what follows; nothing of one
    whose lease was lost, which is not among the answers."""
    lanes, held = await queue.lock_many(tx, workspace_id, [one.claim for one in attempted])
    ours = [
        one
        for one in attempted
        if (one.claim.delivery_id, one.claim.token) in held and one.claim.subscription_id in lanes
    ]
    if not ours:
        return {}
    states = {one: _state_after(one.outcome) for one in ours}
    await deliveries.end_attempts(tx, workspace_id, list(states.items()))
    pending = [
        (one.claim, one.outcome.retry_in)
        for one, state in states.items()
        if state is DeliveryState.PENDING and one.outcome.retry_in is not None
    ]
    await queue.requeue_many(tx, workspace_id, pending)
    over = [one for one, state in states.items() if state is not DeliveryState.PENDING]
    await queue.remove(tx, workspace_id, [one.claim.delivery_id for one in over])
    for one, state in states.items():
        if state is DeliveryState.DEAD:
            await _bury(tx, one)
    by_lane: dict[UUID, list[Outcome]] = {}
    for one in ours:
        by_lane.setdefault(one.claim.subscription_id, []).append(one.outcome)
    paces = {}
    for lane, outcomes in by_lane.items():
        failures = lanes[lane]
        for outcome in outcomes:
            failures = failures + 1 if outcome.endpoint_down else 0
        paces[lane] = (failures, retries.pause(failures, breaker_seconds))
    await queue.settle_lanes(tx, workspace_id, paces)
    working = [lane for lane, outcomes in by_lane.items() if any(o.succeeded for o in outcomes)]
    await deliveries.work(tx, workspace_id, working)
    for lane, outcomes in by_lane.items():
        if any(outcome.gone for outcome in outcomes):
            reason = "the endpoint answered 410 Gone"
            await subscriptions.fail(tx, workspace_id, lane, reason)
        elif not outcomes[-1].succeeded:
            await _note_failure(tx, workspace_id, lane, disable_after)
    return states


def _state_after(outcome: Outcome) -> DeliveryState:
    if outcome.succeeded:
        return DeliveryState.SUCCEEDED
    return DeliveryState.DEAD if outcome.retry_in is None else DeliveryState.PENDING


async def _bury(tx: Tx, one: Attempted) -> None:
    await dead_letters.insert(
        tx,
        one.claim.workspace_id,
        ids.new_id(),
        kind="delivery",
        event_id=one.sending.event_id,
        event_type=one.sending.event_type,
        subject_id=one.claim.delivery_id,
        reason=one.outcome.error,
        attempts=one.outcome.number,
        trace_id=one.outcome.trace_id,
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


async def postpone(tx: Tx, workspace_id: UUID, claims: Sequence[Claim], seconds: float) -> None:
    """Give claims back untried."""
    lanes, _ = await queue.lock_many(tx, workspace_id, claims)
    again = [(claim, seconds) for claim in claims if claim.subscription_id in lanes]
    await queue.requeue_many(tx, workspace_id, again)
    for subscription_id in sorted(lanes):
        await queue.wake_lane(tx, workspace_id, subscription_id)


async def redeliver(tx: Tx, workspace_id: UUID, delivery_id: UUID) -> Delivery:
    """Pending again, whatever its state, with the whole schedule before it."""
    known = await deliveries.get(tx, workspace_id, delivery_id)
    await queue.lock_lane(tx, workspace_id, known.subscription_id)
    pending = await deliveries.pend_again(tx, workspace_id, delivery_id)
    await queue.wake_lane(tx, workspace_id, known.subscription_id)
    return pending
