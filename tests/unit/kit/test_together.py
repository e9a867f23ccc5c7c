"""Check that questions are put in one where they come together, and only there."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar

import pytest

from kit.together import Together


class Answers:
    """Squares; each question waits until it is let go."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.gate = asyncio.Event()
        self.failing = False

    async def answer(self, kind: str, some: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(list(some))
        self.begun.release()
        await self.gate.wait()
        if self.failing:
            raise ValueError(kind)
        return {one: one * one for one in some if one >= 0}


async def _begun(answers: Answers, questions: int) -> None:
    for _ in range(questions):
        await answers.begun.acquire()


async def test_the_first_is_asked_alone_and_those_after_it_together() -> None:
    answers = Answers()
    together: Together[str, int, int] = Together(answers.answer, most=3)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 2, 3, 2, 5, -1)]
    other = asyncio.create_task(together.ask("b", 7))
    await _begun(answers, 2)
    assert answers.asked == [[1], [7]]
    answers.gate.set()
    assert await asyncio.gather(*asking, other) == [1, 4, 9, 4, 25, None, 49]
    assert answers.asked[2:] == [[2, 3], [5, -1]]
    assert await together.ask("a", 4) == 16
    assert answers.asked[-1] == [4]


async def test_a_failure_is_heard_by_each_from_a_question_of_its_own() -> None:
    answers = Answers()
    together: Together[str, int, int] = Together(answers.answer)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 2, 3)]
    await _begun(answers, 1)
    answers.failing = True
    answers.gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(one) for one in found] == [ValueError] * 3
    assert len({id(one) for one in found}) == 3
    assert answers.asked == [[1], [2, 3], [2], [3]]


async def test_one_that_fails_takes_few_others_with_it() -> None:
    asked: list[list[int]] = []
    begun, gate = asyncio.Event(), asyncio.Event()

    async def answer(_kind: str, some: Sequence[int]) -> Mapping[int, int]:
        asked.append(list(some))
        begun.set()
        await gate.wait()
        if 13 in some:
            raise ValueError(some)
        return {one: -one for one in some}

    together: Together[str, int, int] = Together(answer)
    asking = [asyncio.create_task(together.ask("a", n)) for n in range(33)]
    await begun.wait()
    gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert [n for n, one in enumerate(found) if isinstance(one, ValueError)] == [13]
    assert [one for n, one in enumerate(found) if n != 13] == [-n for n in range(33) if n != 13]
    assert len(asked) < 14  # far from 33


async def test_what_must_stay_apart_is_never_in_one_and_keeps_its_order() -> None:
    answers = Answers()
    together: Together[str, int, int] = Together(answers.answer, apart=lambda n: n % 10)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 2, 12, 3, 22, 13, 4)]
    await _begun(answers, 1)
    answers.gate.set()
    assert await asyncio.gather(*asking) == [1, 4, 144, 9, 484, 169, 16]
    assert answers.asked == [[1], [2, 3, 4], [12, 13], [22]]


async def test_those_that_ask_again_do_so_before_any_that_came_later() -> None:
    answered: list[int] = []
    begun, gate = asyncio.Event(), asyncio.Event()

    async def answer(_kind: str, some: Sequence[int]) -> Mapping[int, int]:
        begun.set()
        await gate.wait()
        if len(some) > 1 and 12 in some:
            raise ValueError(some)
        if some == [12]:  # by itself it takes longer than what comes after it
            for _ in range(50):
                await asyncio.sleep(0)
        answered.extend(some)
        return {one: -one for one in some}

    together: Together[str, int, int] = Together(answer, apart=lambda n: n % 10)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 12, 3, 22)]
    await begun.wait()
    gate.set()
    assert await asyncio.gather(*asking) == [-1, -12, -3, -22]
    assert answered.index(12) < answered.index(22)


async def test_who_asks_again_holds_up_none_but_those_that_must_follow() -> None:
    answered: list[int] = []
    begun, gate, slow = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(_kind: str, some: Sequence[int]) -> Mapping[int, int]:
        begun.set()
        await gate.wait()
        if len(some) > 1 and 12 in some:
            raise ValueError(some)
        if some == [12]:
            await slow.wait()
        answered.extend(some)
        return {one: -one for one in some}

    together: Together[str, int, int] = Together(answer, apart=lambda n: n % 10)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 12, 3)]
    await begun.wait()
    after = [asyncio.create_task(together.ask("a", n)) for n in (22, 4, 5)]
    gate.set()
    others = asyncio.gather(*after[1:], together.ask("a", 6))
    assert await asyncio.wait_for(others, 5) == [-4, -5, -6]
    assert 22 not in answered
    slow.set()
    assert await asyncio.gather(*asking, after[0]) == [-1, -12, -3, -22]
    assert answered.index(12) < answered.index(22)
    assert await asyncio.wait_for(together.ask("a", 2), 5) == -2  # and nothing is left behind


async def test_who_is_answered_alone_is_so_in_its_own_context() -> None:
    """Also where nobody but it waited, and where it is what is left of several that failed."""
    mine: ContextVar[int] = ContextVar("mine", default=0)
    seen: dict[int, int] = {}
    begun, gate = asyncio.Semaphore(0), asyncio.Event()

    async def answer(_kind: str, some: Sequence[int]) -> Mapping[int, int]:
        begun.release()
        await gate.wait()
        if len(some) > 1:
            raise ValueError(some)
        seen[some[0]] = mine.get()
        return {one: -one for one in some}

    together: Together[str, int, int] = Together(answer)

    async def ask(n: int) -> int | None:
        mine.set(n)
        return await together.ask("a" if n < 3 else "b", n)

    asking = [asyncio.create_task(ask(n)) for n in (1, 2, 3, 4, 5, 6)]
    await begun.acquire()
    gate.set()
    await asyncio.gather(*asking)
    assert seen == {n: n for n in range(1, 7)}


async def test_who_leaves_instead_of_asking_again_holds_up_nobody() -> None:
    """One before what it shares has failed, another while it asks again."""
    asked: list[list[int]] = []
    begun = asyncio.Semaphore(0)
    gates = [asyncio.Event(), asyncio.Event()]

    async def answer(_kind: str, some: Sequence[int]) -> Mapping[int, int]:
        asked.append(list(some))
        begun.release()
        if len(asked) <= len(gates):
            await gates[len(asked) - 1].wait()
        if len(some) > 1:
            raise ValueError(some)
        if some == [3]:
            await asyncio.Event().wait()
        return {one: -one for one in some}

    together: Together[str, int, int] = Together(answer)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 2, 3)]
    await begun.acquire()
    gates[0].set()
    await begun.acquire()  # 2 and 3 are under way
    later = asyncio.create_task(together.ask("a", 5))
    asking[1].cancel()
    await asyncio.wait([asking[1]])
    gates[1].set()
    await begun.acquire()  # 3 asks again
    asking[2].cancel()
    assert await asyncio.wait_for(later, 5) == -5
    assert asked == [[1], [2, 3], [3], [5]]


async def test_large_ones_are_not_put_together() -> None:
    answers = Answers()
    together: Together[str, int, int] = Together(answers.answer, size=lambda n: n, most_size=10)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 4, 6, 3, 20, 9, 1)]
    await _begun(answers, 1)
    answers.gate.set()
    assert await asyncio.gather(*asking) == [1, 16, 36, 9, 400, 81, 1]
    assert answers.asked == [[1], [4, 6], [3], [20], [9, 1]]


async def test_who_may_not_ask_again_hears_what_failed() -> None:
    answers = Answers()
    together: Together[str, int, int] = Together(answers.answer, again=lambda _failure, n: n == 2)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 2, 3)]
    await _begun(answers, 1)
    answers.failing = True
    answers.gate.set()
    await asyncio.gather(*asking, return_exceptions=True)
    assert answers.asked == [[1], [2, 3], [2]]


async def test_who_leaves_keeps_nobody_waiting() -> None:
    answers = Answers()
    together: Together[str, int, int] = Together(answers.answer)
    asking = [asyncio.create_task(together.ask("a", n)) for n in (1, 2, 3)]
    await _begun(answers, 1)
    asking[0].cancel()
    asking[1].cancel()
    await asyncio.wait(asking[:2])
    answers.gate.set()
    assert await asking[2] == 9
    assert answers.asked == [[1], [3]]
    with pytest.raises(asyncio.CancelledError):
        await asking[1]
