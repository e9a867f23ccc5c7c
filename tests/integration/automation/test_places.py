"""Places and turns of the engine, over the real queue."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest

from kit import ids
from services.automation.model import Claim, Job
from services.automation.store import queue
from services.automation.workers.engine import Engine
from services.automation.workers.places import Pace
from tests.integration.automation.harness import Platform, eventually


class Work:
    """The engine over the real queue; runs are but a rest and the end of their row."""

    def __init__(self, platform: Platform, pace: Pace, seconds: float = 0.02) -> None:
        self.db, self.seconds = platform.db, seconds
        self.begun: list[tuple[UUID, UUID]] = []
        self.ended = 0
        self.most = 0
        self.at_work = 0
        self.gate: asyncio.Event | None = None
        self.engine = Engine(platform.worker_db, self.load, self.execute, pace)

    async def load(self, _: UUID, claims: Sequence[Claim], *__: Any) -> list[tuple[Claim, Job]]:
        return [(claim, cast("Job", None)) for claim in claims]

    async def execute(self, claim: Claim, _: Job) -> bool:
        self.begun.append((claim.workspace_id, claim.run_id))
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        if self.gate:
            await self.gate.wait()
        await asyncio.sleep(self.seconds)
        async with self.db.transaction(claim.workspace_id) as tx:
            await queue.remove(tx, claim.workspace_id, claim.run_id)
        self.at_work -= 1
        self.ended += 1
        return False


@asynccontextmanager
async def working(work: Work) -> AsyncIterator[None]:
    running = asyncio.create_task(work.engine.run())
    try:
        yield
    finally:
        if work.gate:
            work.gate.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(autouse=True)
async def nothing_queued(platform: Platform) -> None:
    owner = platform.started["postgres"]["roles"]["armature_owner"]
    async with await psycopg.AsyncConnection.connect(owner, autocommit=True) as connection:
        await connection.execute("TRUNCATE automation.run_queue")


async def fill(platform: Platform, workspace_id: UUID, count: int) -> list[UUID]:
    runs = [uuid4() for _ in range(count)]
    async with platform.db.transaction(workspace_id) as tx:
        await queue.insert_due(tx, workspace_id, runs)
    return runs


async def seen(work: Work) -> None:
    """The engine knows that nothing is queued."""

    async def caught_up() -> bool:
        return not work.engine._is_behind  # noqa: SLF001

    await eventually(caught_up, "the queue was seen")


async def held(platform: Platform, work: Work, workspace_id: UUID, count: int) -> list[Claim]:
    """As what makes runs does it."""
    async with platform.db.transaction(workspace_id) as tx:
        claims = work.engine.take(tx, workspace_id, [uuid4() for _ in range(count)])
        if claims:
            await queue.insert_held(tx, claims, work.engine.owner, work.engine.lease)
    return claims


async def test_a_backlog_of_one_workspace_keeps_its_places_filled(platform: Platform) -> None:
    """A run that ends during a look is a reason for another: else all places are empty until the
    poll, which comes once a minute here."""
    work = Work(platform, Pace(poll=60.0))
    await fill(platform, ids.new_id(), 600)
    async with working(work):

        async def done() -> bool:
            return work.ended == 600

        await eventually(done, "all ended", 50)
    assert work.most <= 48


async def test_what_a_share_left_behind_is_known_to_be_behind(platform: Platform) -> None:
    work = Work(platform, Pace(poll=60.0))
    work.gate = asyncio.Event()
    spaces = sorted(ids.new_id() for _ in range(4))
    for one in spaces:
        await fill(platform, one, 2)
    async with working(work):

        async def begun() -> bool:
            return len(work.begun) == 8

        await eventually(begun, "the first look")
        await fill(platform, spaces[0], 40)
        work.engine.wake()

        async def all_begun() -> bool:
            return len(work.begun) == 48

        await eventually(all_begun, "the rest begins while there are places")


@pytest.mark.parametrize("how", ["one workspace", "many workspaces"])
async def test_places_are_taken_once(platform: Platform, how: str) -> None:
    """Also by transactions that have not committed."""
    work = Work(platform, Pace(poll=60.0))
    work.gate = asyncio.Event()
    async with working(work):
        await seen(work)
        same, taken = ids.new_id(), list[tuple[UUID, list[Claim]]]()
        for _ in range(8):
            one = same if how == "one workspace" else ids.new_id()
            taken.append((one, await held(platform, work, one, 20)))
        for one, claims in taken:
            work.engine.begin(one, claims)
        assert sum(len(claims) for _, claims in taken) == (48 if how == "one workspace" else 64)
        work.gate.set()

        async def none() -> bool:
            return bool(work.ended) and work.at_work == 0

        await eventually(none, "all ended")


async def test_an_engine_that_leaves_gives_back_what_it_took(platform: Platform) -> None:
    """The commit of the consumer's transaction and the end of the engine meet."""
    work = Work(platform, Pace(poll=60.0))
    one = ids.new_id()
    async with working(work):
        await seen(work)
        claims = await held(platform, work, one, 1)
        work.engine.begin(one, [])
        work.engine._places.promised.clear()  # noqa: SLF001 -- whoever was to begin it went meanwhile
    assert len(claims) == 1
    successor = Work(platform, Pace(poll=0.1))
    async with working(successor):

        async def begun() -> bool:
            return bool(successor.begun)

        await eventually(begun, "the next process begins it before the lease of 30 s ends", 5)


async def test_a_consumer_cancelled_in_its_commit_leaves_no_run_behind(platform: Platform) -> None:
    """As every stop of a process under load does: committed, and nobody was told."""
    work = Work(platform, Pace(concurrency=400, per_workspace=400, poll=60.0))
    one, begun = ids.new_id(), set[UUID]()
    async with working(work):
        await seen(work)

        async def handle(run_id: UUID) -> None:
            async with platform.db.transaction(one) as tx:
                claims = work.engine.take(tx, one, [run_id])
                await queue.insert_held(tx, claims, work.engine.owner, work.engine.lease)
                tx.after_commit(partial(work.engine.begin, one, claims))
                begun.add(run_id)

        for n in range(300):
            task = asyncio.create_task(handle(uuid4()))
            for _ in range(2 * n):  # a little later each time: from before BEGIN to behind COMMIT
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        async def nothing_left() -> bool:
            async with platform.db.transaction(one) as tx:
                return not await tx.value("SELECT count(*) FROM run_queue")

        assert len(begun) > 100
        await eventually(nothing_left, "whatever was committed has been carried out", 20)
