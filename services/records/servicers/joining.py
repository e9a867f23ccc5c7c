"""Have single writes of records that come together share a transaction: see kit.joining."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message

from kit import joining
from kit.caller import Cause
from kit.db import Database, Tx
from kit.idempotency import Mutation
from kit.joining import Asked
from services.records.model import Item, Written
from services.records.operations.targets import Target

M = TypeVar("M", bound=Message)
Work = Callable[[Tx, Target, Sequence[Item]], Awaitable[list[Written]]]


class Single(Mutation, Protocol):
    """A request to write one record."""

    fields_json: bytes


@dataclass(frozen=True, slots=True)
class _Write:
    target: Target
    item: Item
    size: int


class Joined(Generic[M]):
    """One method that writes single records: `work` on items, and an answer of each."""

    def __init__(
        self, db: Database, kind: type[M], work: Work, answer: Callable[[Target, Written], M]
    ) -> None:
        self._work = work
        self._answer = answer
        self._joined: joining.Joined[_Write, M] = joining.Joined(
            db,
            kind,
            self._write,
            size=lambda write: write.size,
            names=lambda write: write.item.id.lower(),
        )

    async def write(self, target: Target, request: Single, item: Item) -> M:
        """The answer to a request with one item, or to the first of its idempotency key."""
        # What a batch needs to be the same: the caller, whatever led it to write, and the
        # definitions it goes by, which a role and a version share.
        caller = replace(target.caller, cause=Cause())
        alike = (caller, id(target.workspace), id(target.object))
        write = _Write(target, item, len(request.fields_json))
        return await self._joined.write(alike, request, target.caller, write)

    async def _write(self, tx: Tx, asked: Sequence[Asked[_Write]]) -> list[M]:
        target = asked[0].what.target
        if len(asked) > 1:
            target = replace(target, caller=replace(target.caller, cause=Cause()))
        items = [replace(one.what.item, source=one.source) for one in asked]
        return [self._answer(target, one) for one in await self._work(tx, target, items)]
