"""Which runs a process may begin as it makes them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from kit.db import Database
from services.automation.model import Claim, Job
from services.automation.workers.engine import Engine, Pace

OURS, THEIRS = UUID(int=1), UUID(int=2)


class Queue:
    """What is due, as the engine's one query of it answers."""

    def __init__(self) -> None:
        self.due: list[Claim] = []
        self.looks = 0

    @asynccontextmanager
    async def across_workspaces(self) -> AsyncIterator["Queue"]:
        self.looks += 1
        yield self

    async def all(self, _sql: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        rooms = dict(zip(given["held"], given["rooms"], strict=True))
        taken: list[Claim] = []
        for one in self.due:
            has = sum(other.workspace_id == one.workspace_id for other in taken)
            if has < rooms.get(one.workspace_id, given["room"]) and len(taken) < given["limit"]:
                taken.append(one)
        self.due = [one for one in self.due if one not in taken]
        return [
            {name: getattr(one, name) for name in ("workspace_id", "run_id", "token")}
            | {"previous_owner": ""}
            for one in taken
        ]


class Work:
    """Runs that last until they are told to end."""

    def __init__(self) -> None:
        self.queue = Queue()
        self.begun: dict[UUID, asyncio.Event] = {}
        self.leads_on = False
        self.engine = Engine(
            cast("Database", self.queue),
            self._load,
            self._execute,
            Pace(concurrency=8, per_workspace=6, poll=60.0),
        )

    async def _load(
        self, _: UUID, claims: Sequence[Claim], _loaded: Mapping[UUID, Any]
    ) -> list[tuple[Claim, Job]]:
        return [(claim, cast("Job", None)) for claim in claims]

    async def _execute(self, claim: Claim, _: Job) -> bool:
        self.begun[claim.run_id] = asyncio.Event()
        await self.begun[claim.run_id].wait()
        return self.leads_on

    async def settled(self) -> None:
        """Until everything that can go on has."""
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    found = Work()
    running = asyncio.create_task(found.engine.run())
    await found.settled()
    yield found
    for one in found.begun.values():
        one.set()
    await found.settled()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def some(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


async def test_what_has_a_place_is_held_from_the_beginning(work: Work) -> None:
    runs = some(4)
    claims = work.engine.take(OURS, runs)
    assert [one.run_id for one in claims] == runs
    assert len({one.token for one in claims}) == 4
    assert all(one.token < 0 and not one.previous_owner for one in claims)
    work.engine.begin(OURS, claims)
    await work.settled()
    assert work.begun.keys() == set(runs)
    assert work.queue.looks == 1, "the one at the start"


async def test_nobody_has_places_before_the_queue_was_seen(work: Work) -> None:
    assert Work().engine.take(OURS, some(1)) == []


async def test_a_workspace_leaves_room_for_others_and_what_is_queued_comes_first(
    work: Work,
) -> None:
    claims = work.engine.take(OURS, some(9))
    assert len(claims) == 6
    work.engine.begin(OURS, claims)
    await work.settled()
    assert work.engine.take(THEIRS, some(1)) == [], "three are queued, and were not looked for"
    work.queue.due = [Claim(OURS, one, n + 1, "") for n, one in enumerate(some(3))]
    work.engine.wake()
    await work.settled()
    assert len(work.begun) == 6, "the workspace has all its places"
    assert work.engine.take(THEIRS, some(1)) == [], "as long as others of it wait for one"
    work.begun[claims[0].run_id].set()
    await work.settled()
    assert len(work.begun) == 7
    for claim in claims[1:]:
        work.begun[claim.run_id].set()
        await work.settled()
    assert len(work.begun) == 9
    assert len(work.engine.take(THEIRS, some(2))) == 2, "nothing is queued any more"


@pytest.mark.parametrize("leads_on", [False, True])
async def test_an_end_is_a_reason_to_look_where_others_may_go_on(
    work: Work, leads_on: bool
) -> None:
    work.leads_on = leads_on
    (claim,) = work.engine.take(OURS, some(1))
    work.engine.begin(OURS, [claim])
    await work.settled()
    looks = work.queue.looks
    work.begun[claim.run_id].set()
    await work.settled()
    assert work.queue.looks - looks == int(leads_on)
