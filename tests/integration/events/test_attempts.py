"""What can't be stored of attempts fails by itself; what the database has no time for waits."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from kit import deadlines
from kit.db import Database
from kit.errors import ResourceExhausted
from services.events.model import Attempted, DeliveryState
from services.events.store import deliveries as store
from services.events.workers.attempts import Attempts
from tests.integration.events.conftest import Plane
from tests.integration.events.lanes import DOWN, GOOD, a_lane, attempts, claimed


def of(db: Database) -> Attempts:
    return Attempts(db, breaker_seconds=30, disable_after=timedelta(days=5))


async def made(plane: Plane, workspace: UUID, count: int) -> list[Attempted]:
    async with plane.db.transaction(workspace) as tx:
        claims = await claimed(tx, workspace, await a_lane(tx, workspace), count)
        return await attempts(tx, workspace, claims, [GOOD] * count)


@pytest.fixture
async def narrow(plane: Plane) -> AsyncIterator[Database]:
    """One connection for all."""
    db = Database(plane.settings["ARMATURE_DATABASE_URL"], "events", size=1)
    await db.open()
    yield db
    await db.close()


async def test_an_outcome_that_cannot_be_stored_fails_by_itself_and_once(
    plane: Plane, workspace: UUID
) -> None:
    """The others are settled with one try, and so is it, without what can't be kept of it."""
    good = await made(plane, workspace, 12)
    bad = replace(good[7], outcome=replace(DOWN, number=1, error="\0", response_body="\0"))
    found = await asyncio.gather(*map(of(plane.db).settle, [*good[:7], bad, *good[8:]]))
    assert found[7] is DeliveryState.PENDING
    assert {*found[:7], *found[8:]} == {DeliveryState.SUCCEEDED}
    async with plane.db.transaction(workspace) as tx:
        [kept] = await store.attempts(tx, workspace, bad.claim.delivery_id)
    assert (kept.status, kept.error) == (500, "what came of it can't be kept")


async def test_an_attempt_that_cannot_begin_leaves_the_others_alone(
    plane: Plane, workspace: UUID
) -> None:
    async with plane.db.transaction(workspace) as tx:
        claims = [
            claim
            for _ in range(3)
            for claim in await claimed(tx, workspace, await a_lane(tx, workspace), 2)
        ]
        broken = claims[2].subscription_id
        await tx.run("UPDATE subscriptions SET headers = 'none' WHERE id = %s", [broken])
    begun = await of(plane.db).begin(workspace, claims)
    assert set(begun) == {one.delivery_id for one in claims if one.subscription_id != broken}


async def test_what_ended_is_stored_when_the_database_has_time_again(
    plane: Plane, workspace: UUID, narrow: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = await made(plane, workspace, 3)
    refused = asyncio.Event()
    monkeypatch.setattr(deadlines, "shorter_of", lambda seconds: min(seconds, 0.2))

    class Refusing(Attempts):
        async def _store(self, *given: object) -> dict[Attempted, DeliveryState]:
            try:
                return await super()._store(*given)  # type: ignore[arg-type]
            except ResourceExhausted:
                refused.set()
                raise

    busy = Refusing(narrow, breaker_seconds=30, disable_after=timedelta(days=5))
    async with narrow.transaction(workspace):
        settling = asyncio.gather(*map(busy.settle, ended))
        await asyncio.wait_for(refused.wait(), 10)
    assert await asyncio.wait_for(settling, 30) == [DeliveryState.SUCCEEDED] * 3
