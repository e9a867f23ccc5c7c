"""Which runs a process may begin as it makes them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from kit import telemetry
from kit.db import Database, Tx
from services.automation.model import Claim, Job
from services.automation.workers.engine import Engine
from services.automation.workers.places import Pace

OURS, THEIRS = UUID(int=1), UUID(int=2)


class Queue:
    """What is due, as the engine's one query of it answers."""

    def __init__(self) -> None:
        self.due: list[Claim] = []
        self.looks = 0
        self.given_back: list[Any] = []

    @asynccontextmanager
    async def across_workspaces(self) -> AsyncIterator["Queue"]:
        self.looks += 1
        yield self

    async def run(self, _sql: str, given: Sequence[Any]) -> int:
        self.given_back.append(given)
        return 0

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

    def take(self, workspace_id: UUID, runs: Sequence[UUID]) -> list[Claim]:
        return self.engine.take(cast("Tx", self), workspace_id, runs)

    def after_failure(self, action: Callable[[], None]) -> None:
        self.rollback = action

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
    claims = work.take(OURS, runs)
    assert [one.run_id for one in claims] == runs
    assert len({one.token for one in claims}) == 4
    assert all(one.token < 0 and not one.previous_owner for one in claims)
    work.engine.begin(OURS, claims)
    await work.settled()
    assert work.begun.keys() == set(runs)
    assert work.queue.looks == 1, "the one at the start"


async def test_nobody_has_places_before_the_queue_was_seen(work: Work) -> None:
    assert Work().take(OURS, some(1)) == []


async def test_a_workspace_leaves_room_for_others_and_what_is_queued_comes_first(
    work: Work,
) -> None:
    claims = work.take(OURS, some(9))
    assert len(claims) == 6
    work.engine.begin(OURS, claims)
    await work.settled()
    assert work.take(THEIRS, some(1)) == [], "three are queued, and were not looked for"
    work.queue.due = [Claim(OURS, one, n + 1, "") for n, one in enumerate(some(3))]
    work.engine.wake()
    await work.settled()
    assert len(work.begun) == 6, "the workspace has all its places"
    assert work.take(THEIRS, some(1)) == [], "as long as others of it wait for one"
    work.begun[claims[0].run_id].set()
    await work.settled()
    assert len(work.begun) == 7
    for claim in claims[1:]:
        work.begun[claim.run_id].set()
        await work.settled()
    assert len(work.begun) == 9
    assert len(work.take(THEIRS, some(2))) == 2, "nothing is queued any more"


@pytest.mark.parametrize("leads_on", [False, True])
async def test_an_end_is_a_reason_to_look_where_others_may_go_on(
    work: Work, leads_on: bool
) -> None:
    work.leads_on = leads_on
    (claim,) = work.take(OURS, some(1))
    work.engine.begin(OURS, [claim])
    await work.settled()
    looks = work.queue.looks
    work.begun[claim.run_id].set()
    await work.settled()
    assert work.queue.looks - looks == int(leads_on)


async def test_what_ends_during_a_look_is_a_reason_for_another(work: Work) -> None:
    """A workspace has all its places; of the look that finds nothing for it, one run ends."""
    claims = work.take(OURS, some(6))
    work.engine.begin(OURS, claims)
    await work.settled()
    work.queue.due = [Claim(OURS, one, n + 1, "") for n, one in enumerate(some(3))]
    ask: Any = work.queue.all

    async def slowly(sql: str, given: Any) -> Any:
        found = await ask(sql, given)
        work.begun[claims[0].run_id].set()  # while Postgres answers
        await work.settled()
        assert work.take(THEIRS, some(1)) == [], "nobody knows yet what is queued"
        return found

    work.queue.all = cast("Any", slowly)  # type: ignore[method-assign]
    work.engine.wake()
    await work.settled()
    work.queue.all = ask  # type: ignore[method-assign]
    await work.settled()
    for claim in claims[1:]:
        work.begun[claim.run_id].set()
    await work.settled()
    assert len(work.begun) == 9, "none waits for the poll"


async def test_a_place_is_taken_once_and_free_again_when_the_transaction_fails(work: Work) -> None:
    first = work.take(OURS, some(5))
    second = work.take(THEIRS, some(4))
    assert (len(first), len(second)) == (5, 3)
    work.queue.looks = 0
    work.rollback()
    await work.settled()
    assert work.queue.looks == 1, "what may be there all the same is looked for"
    assert [given[2] for given in work.queue.given_back] == [[one.token for one in second]]
    assert len(work.take(THEIRS, some(4))) == 3


async def test_a_run_is_not_of_the_trace_of_what_its_consumer_did(work: Work) -> None:
    seen: list[str] = []
    execute = work.engine._execute  # noqa: SLF001

    async def noting(claim: Claim, job: Any) -> bool:
        seen.append(telemetry.trace_id())
        return await execute(claim, job)

    work.engine._execute = noting  # noqa: SLF001
    others = NonRecordingSpan(SpanContext(5, 7, is_remote=False))
    token = otel_context.attach(trace.set_span_in_context(others))
    work.engine.begin(OURS, work.take(OURS, some(1)))
    otel_context.detach(token)
    await work.settled()
    assert seen == [""]
