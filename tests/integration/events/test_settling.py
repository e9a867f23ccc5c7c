"""Attempts that end together are recorded together, each as if it had come alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from kit.db import Tx
from services.events.logic.retries import BREAKER_FAILURES
from services.events.model import (
    Attempted,
    DeliveryState,
    Outcome,
    SubscriptionState,
)
from services.events.operations import deliveries
from services.events.store import deliveries as store
from services.events.store import subscriptions
from tests.integration.events.conftest import Plane
from tests.integration.events.lanes import DOWN, GONE, GOOD, LAST, a_lane, attempts, claimed


class Counted:
    """A transaction that counts what goes out through it."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        if name in ("all", "one", "maybe", "value", "run", "send", "ask"):
            self.statements += 1
        return getattr(self._tx, name)


async def settle(tx: Any, workspace: UUID, made: Sequence[Attempted]) -> dict[Any, DeliveryState]:
    return await deliveries.settle(
        tx, workspace, made, breaker_seconds=30, disable_after=timedelta(days=5)
    )


async def test_each_attempt_ends_by_itself_and_each_endpoint_by_all_of_its_own(
    plane: Plane, workspace: UUID
) -> None:
    async with plane.db.transaction(workspace) as tx:
        mixed, broken, gone = [await a_lane(tx, workspace) for _ in range(3)]
        outcomes = {
            mixed: [DOWN, GOOD, DOWN, LAST],
            broken: [DOWN] * BREAKER_FAILURES,
            gone: [GOOD, GONE],
        }
        made = []
        for lane, ends in outcomes.items():
            claims = await claimed(tx, workspace, lane, len(ends))
            made += await attempts(tx, workspace, claims, ends)
        found = await settle(tx, workspace, made)
        states = [found[one].value for one in made]
        assert states[:4] == ["pending", "succeeded", "pending", "dead"]
        assert states[4:-2] == ["pending"] * BREAKER_FAILURES
        assert states[-2:] == ["succeeded", "dead"]
        stored = {one.claim.delivery_id: await store.get(tx, workspace, one.claim.delivery_id)
                  for one in made}  # fmt: skip
        for one in made:
            kept = stored[one.claim.delivery_id]
            assert (kept.state, kept.last_error) == (found[one], one.outcome.error)
            assert (kept.next_attempt_time is None) == (found[one] is not DeliveryState.PENDING)
            assert (kept.finish_time is None) == (found[one] is DeliveryState.PENDING)
            [attempt] = await store.attempts(tx, workspace, one.claim.delivery_id)
            assert (attempt.status, attempt.latency_ms) == (one.outcome.status, 3)
        queued = await tx.all("SELECT delivery_id, lease_time > now() AS held FROM delivery_queue")
        waiting = {one.claim.delivery_id for one in made if found[one] is DeliveryState.PENDING}
        assert {row["delivery_id"] for row in queued} == waiting
        assert not any(row["held"] for row in queued)
        lanes = {
            row["subscription_id"]: row
            for row in await tx.all("SELECT *, open_until > now() AS rests FROM delivery_lanes")
        }
        assert (lanes[mixed]["failures"], lanes[mixed]["rests"]) == (2, None)
        assert (lanes[broken]["failures"], lanes[broken]["rests"]) == (BREAKER_FAILURES, True)
        assert await tx.value("SELECT count(*) FROM dead_letters") == 2
        ended = await subscriptions.get(tx, workspace, gone)
        assert (ended.state, "410" in ended.state_reason) == (SubscriptionState.FAILED, True)
        failing = await tx.all("SELECT id FROM subscriptions WHERE failing_since IS NOT NULL")
        assert {row["id"] for row in failing} == {mixed, broken}


async def test_a_lease_that_was_lost_settles_nothing_of_its_own_and_all_of_the_others(
    plane: Plane, workspace: UUID
) -> None:
    async with plane.db.transaction(workspace) as tx:
        lane = await a_lane(tx, workspace)
        claims = await claimed(tx, workspace, lane, 3)
        made = await attempts(tx, workspace, claims, [DOWN, GOOD, GOOD])
        lost = claims[0].delivery_id
        await tx.run(
            "UPDATE delivery_queue SET token = token + 1"
            " WHERE workspace_id = %s AND delivery_id = %s",
            [workspace, lost],
        )
        found = await settle(tx, workspace, made)
        assert set(found) == set(made[1:])
        assert (await store.get(tx, workspace, lost)).state is DeliveryState.DELIVERING
        assert await tx.value("SELECT failures FROM delivery_lanes") == 0
        assert not await settle(tx, workspace, made), "nothing is settled twice"
        assert await store.begin_attempts(tx, workspace, claims) == {}


@pytest.mark.parametrize("stale_first", [True, False])
@pytest.mark.parametrize(("stale", "fresh"), [(GONE, GOOD), (GOOD, DOWN), (DOWN, GOOD)])
async def test_a_stale_lease_settles_nothing_beside_the_fresh_one_of_its_delivery(
    plane: Plane, workspace: UUID, stale: Outcome, fresh: Outcome, *, stale_first: bool
) -> None:
    async with plane.db.transaction(workspace) as tx:
        lane = await a_lane(tx, workspace)
        [claim] = await claimed(tx, workspace, lane, 1)
        old, new = replace(claim, token=6), claim
        await tx.run("UPDATE delivery_queue SET token = 6 WHERE workspace_id = %s", [workspace])
        [lost] = await attempts(tx, workspace, [old], [stale])
        await tx.run("UPDATE delivery_queue SET token = 7 WHERE workspace_id = %s", [workspace])
        [ours] = await attempts(tx, workspace, [new], [fresh])
        found = await settle(tx, workspace, [lost, ours] if stale_first else [ours, lost])
        state = DeliveryState.SUCCEEDED if fresh.succeeded else DeliveryState.PENDING
        assert found == {ours: state}
        assert (await store.get(tx, workspace, new.delivery_id)).state is state
        queued = await tx.value("SELECT count(*) FROM delivery_queue")
        assert queued == (state is DeliveryState.PENDING)
        assert (await subscriptions.get(tx, workspace, lane)).state is SubscriptionState.ENABLED


async def test_what_was_given_back_is_settled_no_more(plane: Plane, workspace: UUID) -> None:
    async with plane.db.transaction(workspace) as tx:
        lane = await a_lane(tx, workspace)
        made = await attempts(tx, workspace, await claimed(tx, workspace, lane, 1), [DOWN])
        assert await settle(tx, workspace, made)
        assert await settle(tx, workspace, made) == {}
        assert await tx.value("SELECT failures FROM delivery_lanes") == 1


async def test_fifty_attempts_take_the_statements_of_one(plane: Plane, workspace: UUID) -> None:
    counts = []
    async with plane.db.transaction(workspace) as tx:
        for count in (1, 50):
            lane = await a_lane(tx, workspace)
            claims = await claimed(tx, workspace, lane, count)
            counted: Any = Counted(tx)
            begun = await store.begin_attempts(counted, workspace, claims)
            made = [Attempted(one, begun[one.delivery_id], GOOD) for one in claims]
            await settle(counted, workspace, made)
            counts.append(counted.statements)
    assert counts[0] == counts[1] <= 9
