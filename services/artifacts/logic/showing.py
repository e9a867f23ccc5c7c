"""Cut a timeline down to what a custom role shows: fields, linked records, and no runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from planes.nodes import Node
from schema.compiled import Workspace
from schema.past import fields_at
from services.artifacts.logic.access import Allowed
from services.artifacts.model import Item


def others(items: Sequence[Item]) -> list[Node]:
    """The nodes that the items speak of beside their own."""
    return [node for item in items if (node := _other(item)) is not None]


def shown(workspace: Workspace, items: Sequence[Item], allowed: Allowed) -> list[Item]:
    """Without changes of hidden fields, links to what may not be seen, and runs, whose errors may
    tell anything. `workspace` is as the caller sees it."""
    found = []
    for item in items:
        noun = item.type.partition(".")[0]
        other = _other(item)
        if noun == "run" or (other is not None and not allowed.get(other)):
            continue
        found.append(_cut(workspace, item) if noun == "record" else item)
    return found


def _other(item: Item) -> Node | None:
    if item.type.partition(".")[0] != "link":
        return None
    other = item.data["other"]
    return Node(other["kind"], UUID(other["id"]))


def _cut(workspace: Workspace, item: Item) -> Item:
    obj = workspace.object(item.target.kind)
    there = fields_at(obj, item.occurred_at) if obj is not None else set()
    changes: dict[str, Any] = item.data.get("changes") or {}
    if changes.keys() <= there:
        return item
    kept = {name: change for name, change in changes.items() if name in there}
    return replace(item, data={**item.data, "changes": kept})
