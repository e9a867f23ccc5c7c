"""Build what the artifacts plane announces of notes, todos, files and comments."""

from collections.abc import Sequence
from typing import Any

from kit.outbox import Event
from planes.nodes import Node
from services.artifacts.model import File, Item, Note, Todo


def _event(kind: str, what: str, node: Node, version: int, data: dict[str, Any]) -> Event:
    return Event(
        type=f"{kind}.{what}",
        aggregate_type=kind,
        aggregate_id=node.id,
        aggregate_version=version,
        data={f"{kind}_id": str(node.id), "version": version, **data},
    )


def _targets(targets: Sequence[Node]) -> list[dict[str, str]]:
    return [target.document() for target in targets]


def note(what: str, value: Note, changed: Sequence[str] = ()) -> Event:
    """note.created, updated, deleted."""
    data = {
        "title": value.title,
        "pinned": value.pinned,
        "targets": _targets(value.targets),
        "changed_fields": list(changed),
    }
    # A deletion is one version later than what it deletes.
    version = value.version + (what == "deleted")
    return _event("note", what, value.node, version, data)


def todo(what: str, value: Todo, changed: Sequence[str] = (), *, completes: bool = False) -> Event:
    """todo.created, updated, completed, deleted. An update that completes says so."""
    data = {
        "title": value.title,
        "status": value.status,
        "due": value.due,
        "priority": value.priority,
        "assignees": list(value.assignees),
        "targets": _targets(value.targets),
        "changed_fields": list(changed),
        "completes": completes,
    }
    version = value.version + (what == "deleted")
    return _event("todo", what, value.node, version, data)


def file(what: str, value: File, target: Node | None = None) -> Event:
    """file.created (when ready), attached, detached, deleted; `target` is the one in question."""
    data: dict[str, Any] = {
        "name": value.name,
        "size": value.size,
        "content_type": value.content_type,
        "sha256": value.sha256,
        "targets": _targets(value.targets),
        "changed_fields": ["targets"] if target else [],
    }
    if target is not None:
        data["target"] = target.document()
    version = value.version + (what == "deleted")
    return _event("file", what, value.node, version, data)


def comment_created(item: Item) -> Event:
    """comment.created, under the item's own event id: the timeline has it already."""
    return Event(
        type="comment.created",
        aggregate_type="comment",
        aggregate_id=item.id,
        aggregate_version=1,
        data={
            "comment_id": str(item.id),
            "text": item.data["text"],
            "targets": [item.target.document()],
        },
        event_id=item.event_id,
    )
