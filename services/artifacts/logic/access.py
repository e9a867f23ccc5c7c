"""Decide who may do what with an artifact: its targets decide, or else its creator."""

from collections.abc import Iterable, Mapping, Sequence

from kit.errors import NotFound
from planes.nodes import Node
from services.artifacts.model import Holder

Allowed = Mapping[Node, bool]


def may(holder: Holder | None, principal_id: str, allowed: Allowed) -> bool:
    """Whether a target allows it; of an artifact attached to nothing, whether it is one's own."""
    if holder is None:
        return False
    if not holder.targets:
        return holder.creator_id == principal_id
    return any(allowed.get(target, False) for target in holder.targets)


def visible(targets: Iterable[Node], allowed: Allowed) -> tuple[Node, ...]:
    """The targets that may be shown: those the caller may see."""
    return tuple(t for t in targets if allowed.get(t))


def replaced(
    present: Sequence[Node], given: Sequence[Node], allowed: Allowed
) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Targets to add and to take away, when `given` replaces them as a whole.

    Those that the caller can't change, it was not shown: they stay.
    """
    added = tuple(t for t in dict.fromkeys(given) if t not in present)
    gone = tuple(t for t in present if t not in given and allowed.get(t))
    return added, gone


def require_targets(targets: Iterable[Node], allowed: Allowed) -> None:
    """NOT_FOUND / NODE_NOT_FOUND for the first that the caller may not change."""
    for target in targets:
        if not allowed.get(target):
            raise node_not_found(target.kind, str(target.id))


def node_not_found(kind: str, node_id: str) -> NotFound:
    message = f"there is no {kind} {node_id}, or you may not see it"
    return NotFound("NODE_NOT_FOUND", message, kind=kind, id=node_id)


def not_found(kind: str, artifact_id: str) -> NotFound:
    """FILE_NOT_FOUND, NOTE_NOT_FOUND, TODO_NOT_FOUND."""
    message = f"there is no {kind} {artifact_id!r}"
    return NotFound(f"{kind.upper()}_NOT_FOUND", message, id=artifact_id)
