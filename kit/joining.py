"""Put single writes of one client that come together into one transaction.

A write that finds none of its kind under way is done at once, by itself. Those that come meanwhile
are one batch, as if the client had sent it: one commit, one statement. Each is answered, recalled
and traced as the request that it is; and where the batch fails for any of them, halves are tried,
down to single writes, so that no write can undo another one. A batch waits for somebody's lock a
quarter of a second at most: then, too, each waits for itself, and keeps nothing from others.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import psycopg
from google.protobuf.message import Message

from kit import deadlines, idempotency, telemetry
from kit.caller import Caller, Cause, set_caller
from kit.db import Database, Tx
from kit.errors import DeadlineExceeded, ServiceError
from kit.idempotency import Mutation
from kit.outbox import Source
from kit.together import Together

_SECONDS = 30.0  # that a batch may take; each who waits for it does so by a deadline of its own
_MOST = 64  # in one batch: what takes longer to write than to gather gains nothing more
_MOST_BYTES = 1_000_000  # of what they hold: large ones cost so much that company saves nothing
_BROKEN = {"DATABASE_UNAVAILABLE", "DATABASE_BUSY"}


T = TypeVar("T")
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True, eq=False)
class Asked(Generic[T]):
    """A request to write one thing, with what it takes to do so."""

    request: Mutation
    caller: Caller
    what: T
    source: Source | None = None  # the request it came with, where that is not the one under way


class Joined(Generic[T, M]):
    """One method that writes single things: `work` on several of them, and an answer of each."""

    def __init__(
        self,
        db: Database,
        kind: type[M],
        work: Callable[[Tx, Sequence[Asked[T]]], Awaitable[Sequence[M]]],
        *,
        size: Callable[[T], int],
        names: Callable[[T], str],
    ) -> None:
        """`size`: bytes of what is written. `names`: which thing is written, if the request says
        so: writes of one are never in one batch, and follow each other.

        With several writes `work` is asked outside any of their calls: whose each is, and what led
        to it, its `caller` and `source` say.
        """
        self._db = db
        self._kind = kind
        self._work = work
        self._together: Together[Hashable, Asked[T], M] = Together(
            self._several,
            _MOST,
            size=lambda asked: size(asked.what),
            most_size=_MOST_BYTES,
            apart=lambda asked: names(asked.what) or f"new {id(asked)}",
            again=_again,
            halves=lambda failure: not _is_of_the_database(failure),
        )

    async def write(self, alike: Hashable, request: Mutation, caller: Caller, what: T) -> M:
        """The answer to a request, or to the first of its idempotency key. Those `alike` may go
        together: of one client, and of whatever `work` needs to be the same for all of them."""
        if telemetry.is_recording():  # a trace that is followed tells of this write alone
            return await self._alone(Asked(request, caller, what))
        source = Source(telemetry.traceparent(), caller.cause, caller.actor())
        asked = Asked(request, caller, what, source)
        found = await self._together.ask((caller.workspace_id, alike), asked)
        assert found is not None
        return found

    async def _alone(self, asked: Asked[T]) -> M:
        here = replace(asked, source=None)

        async def work(tx: Tx) -> M:
            return (await self._work(tx, [here]))[0]

        return await idempotency.once(self._db, asked.caller, asked.request, self._kind, work)

    async def _several(self, _: Hashable, asked: Sequence[Asked[T]]) -> Mapping[Asked[T], M]:
        if len(asked) == 1:
            return {asked[0]: await self._alone(asked[0])}

        async def work(tx: Tx) -> Sequence[M]:
            return await self._work(tx, asked)

        set_caller(replace(asked[0].caller, cause=Cause()))
        deadlines.set_remaining(_SECONDS)
        requests = [(one.caller, one.request) for one in asked]
        answers = await idempotency.at_once(self._db, requests, work)
        return dict(zip(asked, answers, strict=True))


def _is_of_the_database(failure: BaseException) -> bool:
    """Half of them would find it as busy, or as far away, as all of them."""
    if isinstance(failure, DeadlineExceeded):
        return True
    return isinstance(failure, ServiceError) and failure.reason in _BROKEN


def _again(failure: BaseException, asked: Asked[T]) -> bool:
    """Whether doing it again can't do it twice: the request has a key, or nothing was written for
    sure, which nobody knows of a connection that broke."""
    if asked.request.request_id:
        return True
    if isinstance(failure, ServiceError):
        return not isinstance(failure, DeadlineExceeded) and failure.reason not in _BROKEN
    return isinstance(failure, psycopg.errors.IntegrityError | psycopg.errors.DataError)
