"""Put single writes of one client that come together into one transaction.

A write that finds none of its kind under way is done at once, by itself. Those that come meanwhile
are one batch, as if the client had sent it: one commit, one statement. Each is answered, recalled
and traced as the request that it is; and where the batch fails for any of them, halves are tried,
down to single writes, so that no write can undo another one. A batch waits for somebody's lock a
quarter of a second at most: then, too, each waits for itself, and keeps nothing from others.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

import psycopg
from google.protobuf.message import Message

from kit import deadlines, idempotency, telemetry
from kit.caller import Caller, Cause, set_caller
from kit.db import Database, Tx
from kit.errors import DeadlineExceeded, ServiceError
from kit.idempotency import Mutation
from kit.outbox import Source
from kit.together import Together
from services.records.model import Item, Written
from services.records.operations.targets import Target

M = TypeVar("M", bound=Message)
Work = Callable[[Tx, Target, Sequence[Item]], Awaitable[list[Written]]]

_SECONDS = 30.0  # that a batch may take; each who waits for it does so by a deadline of its own
_MOST = 64  # in one batch: what takes longer to write than to gather gains nothing more
_MOST_BYTES = 1_000_000  # of their fields: large ones cost so much that company saves nothing
_BROKEN = {"DATABASE_UNAVAILABLE", "DATABASE_BUSY"}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What writes of one batch have in common: the client, whatever led it to write, and the
    definitions they go by."""

    caller: Caller
    workspace: int  # the id() of what `target` holds, which a caller's role and a version share
    object: int
    target: Target = field(compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    request: "Single"
    item: Item


class Single(Mutation, Protocol):
    """A request to write one record."""

    fields_json: bytes


class Joined(Generic[M]):
    """One method that writes single records: `work` on items, and an answer of each."""

    def __init__(
        self,
        db: Database,
        kind: type[M],
        work: Work,
        answer: Callable[[Target, Written], M],
    ) -> None:
        self._db = db
        self._kind = kind
        self._work = work
        self._answer = answer
        self._asked: Together[_Kind, _Asked, M] = Together(
            self._several,
            _MOST,
            size=_size,
            most_size=_MOST_BYTES,
            apart=_apart,
            again=_again,
        )

    async def write(self, target: Target, request: Single, item: Item) -> M:
        """The answer to a request with one item, or to the first of its idempotency key."""
        if telemetry.is_recording():  # a trace that is followed tells of this write alone
            return await self._alone(target, request, item)
        source = Source(telemetry.traceparent(), target.caller.cause)
        target = replace(target, caller=replace(target.caller, cause=Cause()))
        kind = _Kind(target.caller, id(target.workspace), id(target.object), target)
        asked = _Asked(request, replace(item, source=source))
        found = await self._asked.ask(kind, asked)
        assert found is not None
        return found

    async def _alone(self, target: Target, request: Mutation, item: Item) -> M:
        async def work(tx: Tx) -> M:
            return self._answer(target, (await self._work(tx, target, [item]))[0])

        return await idempotency.once(self._db, target.caller, request, self._kind, work)

    async def _several(self, kind: _Kind, asked: Sequence[_Asked]) -> Mapping[_Asked, M]:
        target = kind.target
        if len(asked) == 1:
            return {asked[0]: await self._alone(target, asked[0].request, asked[0].item)}

        async def work(tx: Tx) -> Sequence[M]:
            written = await self._work(tx, target, [one.item for one in asked])
            return [self._answer(target, one) for one in written]

        set_caller(target.caller)
        deadlines.set_remaining(_SECONDS)
        requests = [one.request for one in asked]
        answers = await idempotency.at_once(self._db, target.caller, requests, work)
        return dict(zip(asked, answers, strict=True))


def _size(asked: _Asked) -> int:
    return len(asked.request.fields_json)


def _apart(asked: _Asked) -> str:
    """A batch names each record once: writes of one record follow each other, in their order."""
    return asked.item.id.lower() or f"new {id(asked)}"


def _again(failure: BaseException, asked: _Asked) -> bool:
    """Whether doing it again can't do it twice: the request has a key, or nothing was written for
    sure, which nobody knows of a connection that broke."""
    if asked.request.request_id:
        return True
    if isinstance(failure, ServiceError):
        return not isinstance(failure, DeadlineExceeded) and failure.reason not in _BROKEN
    return isinstance(failure, psycopg.errors.IntegrityError | psycopg.errors.DataError)
