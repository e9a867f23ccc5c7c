"""Answer questions that come while one of their kind is under way by one question together.

A question that finds nobody asking is asked at once and alone, so that nobody waits for company.
Those that come meanwhile are put in one when it has been answered: under load the cost of asking is
shared, and without load nothing changes.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar

K = TypeVar("K", bound=Hashable)  # what kind of question: those of one kind can be put in one
A = TypeVar("A", bound=Hashable)
R = TypeVar("R")
# What is asked, its answer, and whether who asked has it, or has gone.
_Waiting: TypeAlias = tuple[A, asyncio.Future[R | None], asyncio.Future[None]]


class Together(Generic[K, A, R]):
    """`ask(kind, one)` gives what `answer(kind, [one])` has for it, or None."""

    def __init__(
        self,
        answer: Callable[[K, Sequence[A]], Awaitable[Mapping[A, R]]],
        most: int = 50,
        *,
        size: Callable[[A], int] = lambda _: 0,
        most_size: int = 0,
        apart: Callable[[A], Hashable] | None = None,
        again: Callable[[BaseException, A], bool] = lambda _failure, _one: True,
    ) -> None:
        """`answer` is called for at most so many at once, which together have at most a size. It
        must not depend on who asks: for several it runs in a context of its own.

        Two questions that `apart` says the same of are never in one, and are answered in their
        order. `again` says of what `answer` raised for several whether one of them may ask
        again, alone: where nothing can have come of it, or it does no harm twice.
        """
        self._answer = answer
        self._most = most
        self._size = size
        self._most_size = most_size
        self._apart = apart
        self._again = again
        self._waiting: dict[K, deque[_Waiting[A, R]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, kind: K, one: A) -> R | None:
        """What `answer` raises, it raises for the one who asked alone: of a question that failed
        for several, each that may asks again."""
        waiting = self._waiting.get(kind)
        if waiting is None:
            self._waiting[kind] = deque()
            try:
                return (await self._answer(kind, [one])).get(one)
            finally:
                self._go_on(kind)
        loop = asyncio.get_running_loop()
        found: asyncio.Future[R | None] = loop.create_future()
        over: asyncio.Future[None] = loop.create_future()
        waiting.append((one, found, over))
        try:
            return await found
        except _AskAgain:
            return (await self._answer(kind, [one])).get(one)
        finally:
            over.set_result(None)

    def _go_on(self, kind: K) -> None:
        """Ask for those that wait, if any do."""
        some = self._next(self._waiting[kind])
        if not some:
            del self._waiting[kind]
            return
        task = asyncio.get_running_loop().create_task(
            self._several(kind, some), context=contextvars.Context()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _next(self, waiting: deque[_Waiting[A, R]]) -> list[_Waiting[A, R]]:
        """Take those that can be asked in one, the first of all among them."""
        some: list[_Waiting[A, R]] = []
        later: list[_Waiting[A, R]] = []
        taken: set[Hashable] = set()
        size = 0
        while waiting and len(some) < self._most:
            asked = waiting.popleft()
            one, found, _ = asked
            if found.done():  # who asked has gone
                continue
            mark = self._apart(one) if self._apart else None
            if mark is not None and mark in taken:
                later.append(asked)
                continue
            size += self._size(one)
            if some and size > self._most_size:
                later.append(asked)
                break
            taken.add(mark)
            some.append(asked)
        waiting.extendleft(reversed(later))
        return some

    async def _several(self, kind: K, some: Sequence[_Waiting[A, R]]) -> None:
        try:
            again = await self._answer_to(kind, some)
            if again:  # before any that came after them
                await asyncio.wait(again)
        finally:
            self._go_on(kind)

    async def _answer_to(
        self, kind: K, some: Sequence[_Waiting[A, R]]
    ) -> "list[asyncio.Future[None]]":
        """Where it fails, ask for each half: of many, few have what makes all of them fail. What is
        returned is over when those have their answers that ask again."""
        try:
            answers = await self._answer(kind, list(dict.fromkeys(one for one, _, _ in some)))
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 -- whoever asked hears it
            again = []
            for asked in some:
                if self._again(exc, asked[0]):
                    again.append(asked)
                elif not asked[1].done():
                    asked[1].set_exception(exc)
            if len(again) > 2 and isinstance(exc, Exception):
                half = len(again) // 2
                first = await self._answer_to(kind, again[:half])
                return first + await self._answer_to(kind, again[half:])
            for _, found, _ in again:
                if not found.done():
                    found.set_exception(_AskAgain())
            return [over for _, _, over in again]
        for one, found, _ in some:
            if not found.done():
                found.set_result(answers.get(one))
        return []


class _AskAgain(Exception):
    """Never leaves this module."""
