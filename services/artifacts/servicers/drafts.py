"""Turn requests for something new into what is stored, in the transaction that stores it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from armature.common.v1 import node_pb2
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from kit.joining import Asked
from schema.compiled import Workspace
from schema.problems import Problem
from services.artifacts import convert
from services.artifacts.logic.access import Allowed, require_targets
from services.artifacts.model import New


class Message(Protocol):
    """A note or todo as a client writes it."""

    @property
    def id(self) -> str: ...
    @property
    def targets(self) -> RepeatedCompositeFieldContainer[node_pb2.Node]: ...


S = TypeVar("S", bound=Message)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Draft(Generic[S]):
    """What a client wants, and what it may attach it to."""

    message: S
    workspace: Workspace
    allowed: Allowed


def new_artifact(
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
