"""Answer equal reads of one caller that come together once: a board that many look at costs one.

An answer is never older than its question: who asks while the same is being answered gets the next
answer, with all who asked meanwhile.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from google.protobuf.message import Message

from kit import deadlines
from kit.caller import Caller, current_caller, set_caller
from kit.together import Together

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)
_SECONDS = 30.0  # that an answer for several may take; each of them waits by a deadline of its own
_MOST = 10_000  # an answer for one is one for all


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as its answer depends on it, the caller's permissions included."""

    caller: Caller
    document: bytes
    request: Any = field(compare=False)
    context: Any = field(compare=False)  # of who asks first


def shared(
    method: Callable[[Any, Q, Any], Awaitable[A]],
) -> Callable[[Any, Q, Any], Awaitable[A]]:
    """For a servicer's method that reads and whose answer depends on request and caller alone."""
    name = f"_shared_{method.__name__}"

    @wraps(method)
    async def call(self: Any, request: Q, context: Any) -> A:
        together: Together[_Asked, None, A] | None = self.__dict__.get(name)
        if together is None:

            async def answer(asked: _Asked, _some: Sequence[None]) -> Mapping[None, A]:
                set_caller(asked.caller)
                if deadlines.remaining() is None:
                    deadlines.set_remaining(_SECONDS)
                return {None: await method(self, asked.request, asked.context)}

            together = self.__dict__[name] = Together(answer, most=_MOST)
        document = request.SerializeToString(deterministic=True)
        found = await together.ask(_Asked(current_caller(), document, request, context), None)
        assert found is not None
        return found

    return call
