"""What those hear whose writes were put together, and how long they wait."""

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import pytest
from armature.artifacts.v1 import todo_service_pb2 as pb
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from kit import calls, deadlines
from kit.caller import Caller
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError
from kit.joining import Joined


class Db:
    def __init__(self) -> None:
        self.tries = 0
        self.gate = asyncio.Event()

    @asynccontextmanager
    async def transaction(self, _: UUID) -> Any:
        self.tries += 1
        if self.tries == 1:
            await self.gate.wait()
        raise ResourceExhausted("DATABASE_BUSY", "no connection")
        yield


def caller() -> Caller:
    return Caller(UUID(int=1), "ada", "user", "Ada", credential="c")


async def work(_tx: Any, asked: Sequence[Any]) -> list[Any]:
    return [pb.CreateTodoResponse() for _ in asked]


async def test_a_busy_database_is_not_asked_again_by_halves() -> None:
    """With keys, a batch that finds no connection (10 s each in the pool) tries all its halves."""
    db = Db()
    joined: Any = Joined(
        cast("Any", db), pb.CreateTodoResponse, work, size=lambda _: 1, names=lambda _: ""
    )
    writes = [
        asyncio.create_task(
            joined.write("c", pb.CreateTodoRequest(request_id=f"k{n}"), caller(), n)
        )
        for n in range(65)
    ]
    for _ in range(10):
        await asyncio.sleep(0)
    first = writes[0]
    assert db.tries == 1
    db.gate.set()
    await asyncio.gather(*writes, return_exceptions=True)
    assert first.done()
    # The first one's, that of all others, and theirs: each the write, and the look for a twin.
    assert db.tries <= 2 + 1 + 2 * 64


async def test_who_waits_in_line_waits_no_longer_than_its_deadline() -> None:
    """A client that set no deadline has the server's default, which gRPC does not enforce."""
    db = Db()
    joined: Any = Joined(
        cast("Any", db), pb.CreateTodoResponse, work, size=lambda _: 1, names=lambda _: ""
    )
    first = asyncio.create_task(joined.write("c", pb.CreateTodoRequest(), caller(), 0))
    await asyncio.sleep(0)

    async def second() -> None:
        deadlines.set_remaining(0.2)
        await joined.write("c", pb.CreateTodoRequest(), caller(), 1)

    waiting = asyncio.create_task(second())
    done, _ = await asyncio.wait([waiting], timeout=10)
    db.gate.set()
    await asyncio.gather(first, waiting, return_exceptions=True)
    assert done
    with pytest.raises(DeadlineExceeded):
        await waiting


async def test_each_has_an_error_of_its_own() -> None:
    """What the door adds to it, the trace of who asked, is added once and told to all."""
    db = Db()
    joined: Any = Joined(
        cast("Any", db), pb.CreateTodoResponse, work, size=lambda _: 1, names=lambda _: ""
    )

    async def ask(n: int) -> str:
        span = NonRecordingSpan(SpanContext(n + 1, n + 1, is_remote=False))
        otel_context.attach(trace.set_span_in_context(span))
        with pytest.raises(ServiceError) as told:
            await joined.write("c", pb.CreateTodoRequest(), caller(), n)
        return calls._failure("/x", told.value, None).metadata["trace_id"]  # noqa: SLF001

    tasks = [asyncio.create_task(ask(n)) for n in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
    db.gate.set()
    assert await asyncio.gather(*tasks) == [f"{n + 1:032x}" for n in range(4)]
