"""A psycopg connection that sends the statements of a pipeline together.

psycopg hands each statement of a pipeline to the kernel by itself: ten statements are ten packets,
each of which wakes the server. Here a statement stays in libpq's buffer until somebody waits for a
result or the pipeline ends, and all that has gathered goes out at once. What psycopg promises
stays: the order, the results, and the errors, which come when one next waits.

This leans on names that psycopg does not promise; tests/integration/kit/test_connection.py would
tell of a release that changes them.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn
from psycopg.waiting import READY_R, WAIT_RW

R = TypeVar("R")
_EXECUTE = "_execute_gen"  # the generator of every `execute`


class Connection(AsyncConnection[Any]):
    """Like its parent but for when statements leave."""

    async def wait(
        self,
        gen: PQGen[R],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> R:
        if self._pipeline is None:
            return await super().wait(gen, interval, timeout)
        if getattr(gen, "__name__", "") == _EXECUTE:
            next(gen)  # to where it would send what it has queued
            gen.close()
            gen = self._prepared.maintain_gen(self)  # type: ignore[assignment]
            return await super().wait(gen, interval, timeout)
        together = _together(self.pgconn, self._pipeline.command_queue, gen)
        return await super().wait(together, interval, timeout)


def _together(pgconn: PGconn, queue: deque[Callable[[], Any]], gen: PQGen[R]) -> PQGen[R]:
    """`gen`, behind everything that is queued before it and by it."""

    def _value(done: StopIteration) -> R:
        found: R = done.value
        return found

    _buffer(queue)
    try:
        state = next(gen)
    except StopIteration as done:
        return _value(done)
    _buffer(queue)
    while pgconn.flush():
        if (yield WAIT_RW) & READY_R:
            pgconn.consume_input()
    while True:
        ready = yield state
        try:
            state = gen.send(ready)
        except StopIteration as done:
            return _value(done)


def _buffer(queue: deque[Callable[[], Any]]) -> None:
    while queue:
        queue.popleft()()
