"""Turn the events of all planes into timeline items, once each, whatever comes twice."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from kit import telemetry
from kit.consumer import Options
from kit.db import Tx
from kit.envelope import Envelope
from planes.nodes import Node
from services.artifacts.logic import folding
from services.artifacts.model import FieldChanges, Item
from services.artifacts.operations import timeline

NAME = "artifacts-timeline"
SUBJECTS = (
    "armature.evt.records.>",
    "armature.evt.links.>",
    "armature.evt.artifacts.>",
    "armature.evt.automation.run_succeeded.*",
    "armature.evt.automation.run_failed.*",
)
# Of an artifact's or a run's event, what a reader of the timeline is shown.
_SHOWN = (
    *("note_id", "todo_id", "file_id", "title", "name", "status", "due", "priority", "size"),
    *("content_type", "assignees", "changed_fields", "pinned", "rule_id", "rule_name", "run_id"),
    *("error", "state"),
)


def options() -> Options:
    return Options(NAME, SUBJECTS, batched=True, linger=0.1)


async def handle(tx: Tx, events: list[Envelope]) -> None:
    workspace_id = events[0].workspace_id
    happened: list[Item | FieldChanges] = []
    for event in events:
        if event.type == "record.purged":
            await timeline.record(tx, workspace_id, happened)
            happened = []
            data = event.document()
            await timeline.purged(tx, workspace_id, Node(data["object"], UUID(data["record_id"])))
            continue
        if event.type == "record.deleted" and (winner := event.document().get("merged_into")):
            data = event.document()
            loser = Node(data["object"], UUID(data["record_id"]))
            await timeline.merged(tx, workspace_id, loser, Node(loser.kind, UUID(winner)))
        happened += _happened(event)
    await timeline.record(tx, workspace_id, happened)


def _happened(event: Envelope) -> Iterator[Item | FieldChanges]:
    noun = event.type.partition(".")[0]
    data = event.document()
    if noun == "record":
        yield from _of_record(event, data)
    elif noun == "link":
        yield from _of_link(event, data)
    elif noun in {"note", "todo", "file"}:
        if event.type == "todo.updated" and data.get("completes"):
            return  # the completion says it better
        shown = {name: data[name] for name in _SHOWN if name in data}
        for target in _targets(data):
            yield _item(event, target, shown)
    elif noun == "run" and (record := _record_of_run(data)):
        yield _item(event, record, {name: data[name] for name in _SHOWN if name in data})


def _of_record(event: Envelope, data: dict[str, Any]) -> Iterator[Item | FieldChanges]:
    target = Node(data["object"], UUID(data["record_id"]))
    shown = {"version": data["version"]}
    if event.type == "record.updated":
        changes = folding.changes(data["before"], data["after"], data["changed_fields"])
        yield FieldChanges(_item(event, target, shown), int(data["version"]), changes)
    elif event.type in {"record.created", "record.undeleted"}:
        changes = folding.changes({}, data["after"], data["changed_fields"])
        yield _item(event, target, shown | {"changes": changes})
    else:
        yield _item(event, target, shown)


def _of_link(event: Envelope, data: dict[str, Any]) -> Iterator[Item]:
    """At both ends, each with the name that the type has there."""
    source, target = _node(data["source"]), _node(data["target"])
    for own, other, name, way in (
        (source, target, data.get("type"), "out"),
        (target, source, data.get("inverse_name"), "in"),
    ):
        yield _item(
            event,
            own,
            {
                "link_id": data["link_id"],
                "type": data.get("type"),
                "name": name,
                "direction": way,
                "other": other.document(),
            },
        )


def _item(event: Envelope, target: Node, data: dict[str, Any]) -> Item:
    context = telemetry.span_context(event.traceparent)
    return Item(
        id=uuid5(event.id, f"{target.kind}/{target.id}"),
        target=target,
        type=event.type,
        data=data,
        actor={name: event.actor.get(name, "") for name in ("kind", "id", "name")},
        occurred_at=event.occurred_at,
        event_id=event.id,
        trace_id=f"{context.trace_id:032x}" if context else "",
    )


def _targets(data: dict[str, Any]) -> list[Node]:
    found = [_node(one) for one in data.get("targets") or ()]
    if one := data.get("target"):  # the one that was detached is no longer among them
        found.append(_node(one))
    return list(dict.fromkeys(found))


def _node(document: dict[str, str]) -> Node:
    return Node(document["kind"], UUID(document["id"]))


def _record_of_run(data: dict[str, Any]) -> Node | None:
    """`object` and `record_id`, or `record: {object, id}`; a run may be about no record."""
    record = data.get("record") or {}
    kind = data.get("object") or record.get("object")
    record_id = data.get("record_id") or record.get("id")
    return Node(kind, UUID(record_id)) if kind and record_id else None
