"""Answer questions that come while one of their kind is under way by one question together.

A question that finds nobody asking is asked at once and alone, so that nobody waits for company.
Those that come meanwhile are put in one when it has been answered: under load the cost of asking is
shared, and without load nothing changes.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)  # what kind of question: those of one kind can be put in one
A = TypeVar("A", bound=Hashable)
R = TypeVar("R")


class Together(Generic[K, A, R]):
    """`ask(kind, one)` gives what `answer(kind, [one])` has for it, or None."""

    def __init__(
        self, answer: Callable[[K, Sequence[A]], Awaitable[Mapping[A, R]]], most: int = 50
    ) -> None:
        """`answer` is called for at most so many at once. It must not depend on who asks: for
        several it runs in a context of its own."""
        self._answer = answer
        self._most = most
        self._waiting: dict[K, deque[tuple[A, asyncio.Future[R | None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, kind: K, one: A) -> R | None:
        """What `answer` raises, it raises for the one who asked alone: of a question that failed
        for several, each asks again."""
        waiting = self._waiting.get(kind)
        if waiting is None:
            self._waiting[kind] = deque()
            try:
                return (await self._answer(kind, [one])).get(one)
            finally:
                self._go_on(kind)
        found: asyncio.Future[R | None] = asyncio.get_running_loop().create_future()
        waiting.append((one, found))
        try:
            return await found
        except _Failed:
            return (await self._answer(kind, [one])).get(one)

    def _go_on(self, kind: K) -> None:
        """Ask for those that wait, if any do."""
        waiting = self._waiting[kind]
        while waiting and waiting[0][1].done():  # who asked has gone
            waiting.popleft()
        if not waiting:
            del self._waiting[kind]
            return
        some = [waiting.popleft() for _ in range(min(len(waiting), self._most))]
        task = asyncio.get_running_loop().create_task(
            self._several(kind, some), context=contextvars.Context()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _several(self, kind: K, some: Sequence[tuple[A, "asyncio.Future[R | None]"]]) -> None:
        try:
            answers = await self._answer(kind, list(dict.fromkeys(one for one, _ in some)))
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 -- each asks again, and hears it
            for _, found in some:
                if not found.done():
                    found.set_exception(_Failed())
        else:
            for one, found in some:
                if not found.done():
                    found.set_result(answers.get(one))
        finally:
            self._go_on(kind)


class _Failed(Exception):
    """Never leaves this module."""
