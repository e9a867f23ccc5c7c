"""Turn requests for something new into what is stored, in the transaction that stores it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from armature.common.v1 import node_pb2
from google.protobuf import message as protobuf
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from kit.db import Database, Tx
from kit.joining import Asked, Joined
from schema.compiled import Workspace
from schema.problems import Problem
from services.artifacts import convert
from services.artifacts.logic.access import Allowed, require_targets
from services.artifacts.model import New


class Message(Protocol):
    """A note or todo as a client writes it."""

    @property
    def id(self) -> str: ...
    def ByteSize(self) -> int: ...
    @property
    def targets(self) -> RepeatedCompositeFieldContainer[node_pb2.Node]: ...


S = TypeVar("S", bound=Message)
C = TypeVar("C")
A = TypeVar("A")
M = TypeVar("M", bound=protobuf.Message)


@dataclass(frozen=True, slots=True)
class Draft(Generic[S]):
    """What a client wants, and what it may attach it to."""

    message: S
    workspace: Workspace
    allowed: Allowed


def joined(
    db: Database,
    response: type[M],
    kind: str,
    content_of: Callable[[S, str, list[Problem]], C],
    create: Callable[[Tx, Sequence[New[C]]], Awaitable[Sequence[A]]],
    answer: Callable[[A], M],
) -> Joined[Draft[S], M]:
    """The method that makes one of a kind; those of one client that come together are made in one
    transaction."""

    async def work(tx: Tx, asked: Sequence[Asked[Draft[S]]]) -> list[M]:
        new = [_new(one, kind, content_of) for one in asked]
        return [answer(one) for one in await create(tx, new)]

    return Joined(
        db,
        response,
        work,
        size=lambda draft: draft.message.ByteSize(),
        names=lambda draft: draft.message.id.lower(),
    )


def _new(
    asked: Asked[Draft[S]], kind: str, content_of: Callable[[S, str, list[Problem]], C]
) -> New[C]:
    """INVALID_ARGUMENT with every problem; NODE_NOT_FOUND for the first target that the caller may
    not change."""
    draft, problems = asked.what, list[Problem]()
    new_id = convert.new_id(draft.message.id, f"{kind}.id", problems)
    content = content_of(draft.message, kind, problems)
    path = f"{kind}.targets"
    targets = convert.targets(draft.workspace, draft.message.targets, path, (), problems)
    convert.raise_any(f"{kind.upper()}_INVALID", problems)
    require_targets(targets, draft.allowed)
    return New(new_id, content, targets, asked.caller, asked.source)
