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

from kit import deadlines
from kit.errors import DeadlineExceeded, ServiceError

K = TypeVar("K", bound=Hashable)  # what kind of question: those of one kind can be put in one
A = TypeVar("A", bound=Hashable)
R = TypeVar("R")


class _Asked(Generic[A, R]):
    """A question that waits: its answer, and whether who asked has it or has gone."""

    __slots__ = ("answer", "mark", "one", "over")

    def __init__(self, one: A, mark: Hashable) -> None:
        loop = asyncio.get_running_loop()
        self.one = one
        self.mark = mark
        self.answer: asyncio.Future[R | None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()

    def ask_again(self) -> None:
        if not self.answer.done():
            self.answer.set_exception(_AskAgain())


class _Line(Generic[A, R]):
    """Questions of one kind."""

    __slots__ = ("apart", "under_way", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Asked[A, R]] = deque()
        self.under_way = True  # something is being answered, after which those that wait are
        self.apart: set[Hashable] = set()  # marks of those that ask again, beside it


class Together(Generic[K, A, R]):
    """`ask(kind, one)` gives what `answer(kind, [one])` has for it, or None."""

    def __init__(
        self,
        answer: Callable[[K, Sequence[A]], Awaitable[Mapping[A, R]]],
        most: int = 50,
        *,
        size: Callable[[A], int] = lambda _: 0,
        most_size: int = 0,
        apart: Callable[[A], Hashable] = lambda _: None,
        again: Callable[[BaseException, A], bool] = lambda _failure, _one: True,
        halves: Callable[[BaseException], bool] = lambda _failure: True,
    ) -> None:
        """`answer` is called for at most so many at once, which together have at most a size. It
        must not depend on who asks: for several it runs in a context of its own, for one in that of
        the one who asks.

        Two questions that `apart` says the same of, and not None, are never in one, and are
        answered in their order. `again` says of what `answer` raised for several whether one of
        them may ask again, alone: where nothing can have come of it, or it does no harm twice.
        `halves`: whether half of them may fare better.
        """
        self._answer = answer
        self._most = most
        self._size = size
        self._most_size = most_size
        self._apart = apart
        self._again = again
        self._halves = halves
        self._lines: dict[K, _Line[A, R]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, kind: K, one: A) -> R | None:
        """What `answer` raises, it raises for the one who asked alone: of a question that failed
        for several, each that may asks again. DEADLINE_EXCEEDED for who waits in line for longer
        than its call has left."""
        line = self._lines.get(kind)
        if line is None:
            self._lines[kind] = _Line()
            try:
                return await self._alone(kind, one)
            finally:
                self._go_on(kind)
        asked: _Asked[A, R] = _Asked(one, self._apart(one))
        line.waiting.append(asked)
        if not line.under_way:
            self._go_on(kind)
        try:
            async with asyncio.timeout(deadlines.remaining()):
                return await asked.answer
        except _AskAgain:
            return await self._alone(kind, one)
        except TimeoutError as exc:
            message = "it was not answered in time"
            raise DeadlineExceeded("DEADLINE_EXCEEDED", message) from exc
        finally:
            asked.over.set_result(None)

    async def _alone(self, kind: K, one: A) -> R | None:
        return (await self._answer(kind, [one])).get(one)

    def _go_on(self, kind: K) -> None:
        """Ask for those that wait, if any do that can be asked for."""
        line = self._lines[kind]
        some = self._next(line)
        line.under_way = bool(some)
        if some:
            task = asyncio.get_running_loop().create_task(
                self._several(kind, line, some), context=contextvars.Context()
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif not line.waiting and not line.apart:
            del self._lines[kind]

    def _next(self, line: _Line[A, R]) -> list[_Asked[A, R]]:
        """Take those that can be asked in one, the first of all that can be among them."""
        some: list[_Asked[A, R]] = []
        later: list[_Asked[A, R]] = []
        taken = set(line.apart)
        size = 0
        while line.waiting and len(some) < self._most:
            asked = line.waiting.popleft()
            if asked.answer.done():  # who asked has gone
                continue
            if asked.mark in taken:
                later.append(asked)
                continue
            size += self._size(asked.one)
            if some and size > self._most_size:
                later.append(asked)
                break
            some.append(asked)
            if asked.mark is not None:
                taken.add(asked.mark)
        line.waiting.extendleft(reversed(later))
        return some

    async def _several(self, kind: K, line: _Line[A, R], some: Sequence[_Asked[A, R]]) -> None:
        try:
            if len(some) == 1:  # who asks alone does so in its own context
                some[0].ask_again()
                await asyncio.wait([some[0].over])
                return
            for asked in await self._answer_to(kind, some):
                asked.ask_again()
                if asked.mark is not None and not asked.over.done():
                    self._set_apart(kind, line, asked)
        finally:
            self._go_on(kind)

    def _set_apart(self, kind: K, line: _Line[A, R], asked: _Asked[A, R]) -> None:
        """Have those of the same mark wait until this one has asked again."""
        line.apart.add(asked.mark)

        def back(_: object) -> None:
            line.apart.discard(asked.mark)
            if not line.under_way:
                self._go_on(kind)

        asked.over.add_done_callback(back)

    async def _answer_to(self, kind: K, some: Sequence[_Asked[A, R]]) -> list[_Asked[A, R]]:
        """Where it fails, ask for each half: of many, few have what makes all of them fail. Those
        that are returned are to ask again by themselves."""
        if len(some) < 2:
            return list(some)
        try:
            answers = await self._answer(kind, list(dict.fromkeys(asked.one for asked in some)))
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 -- whoever asked hears it
            again = []
            for asked in some:
                if self._again(exc, asked.one):
                    again.append(asked)
                elif not asked.answer.done():
                    asked.answer.set_exception(_own(exc))
            if len(again) < 3 or not isinstance(exc, Exception) or not self._halves(exc):
                return again
            half = len(again) // 2
            first = await self._answer_to(kind, again[:half])
            return first + await self._answer_to(kind, again[half:])
        for asked in some:
            if not asked.answer.done():
                asked.answer.set_result(answers.get(asked.one))
        return []


def _own(failure: BaseException) -> BaseException:
    """The same for one of several: whoever hears an error adds to it what is its own."""
    return failure.copy() if isinstance(failure, ServiceError) else failure


class _AskAgain(Exception):
    """Never leaves this module."""
