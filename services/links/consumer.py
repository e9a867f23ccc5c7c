"""Follow records and artifacts: project relation fields, and apply what deletions mean.

Events come in batches of one workspace. Neighbouring writes are projected together; a deletion, an
undeletion or a purge is taken by itself, in its place.
"""

from dataclasses import asdict
from itertools import groupby
from typing import Any
from uuid import UUID

from kit.caller import Caller
from kit.consumer import Options
from kit.db import Tx
from kit.envelope import Envelope
from planes.definitions import Definitions
from planes.nodes import Node
from schema.compiled import Workspace
from schema.model import Field, FieldType
from services.links.logic import types
from services.links.model import Projection
from services.links.operations import lives
from services.links.operations.lives import Operation

NAME = "links-projector"
SUBJECTS = (
    *(
        f"armature.evt.records.record_{verb}.*"
        for verb in ("created", "updated", "deleted", "undeleted", "purged")
    ),
    *(f"armature.evt.artifacts.{kind}_deleted.*" for kind in ("note", "todo", "file")),
)
_WRITES = frozenset({"record.created", "record.updated"})
_MAX_HELD = 1000


class Projector:
    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._held: dict[UUID, Workspace] = {}

    def options(self) -> Options:
        return Options(NAME, SUBJECTS, batched=True, linger=0.06, prepare=self.prepare)

    async def prepare(self, events: list[Envelope]) -> None:
        """Have the definitions that the events were judged by, before the transaction."""
        needed = max(event.document().get("metadata_version") or 0 for event in events)
        workspace_id = events[0].workspace_id
        if len(self._held) >= _MAX_HELD:
            self._held.clear()
        self._held[workspace_id] = await self._definitions.workspace(
            workspace_id, at_version=int(needed)
        )

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        workspace_id = events[0].workspace_id
        workspace = self._held[workspace_id]
        for are_writes, some in groupby(events, key=lambda e: e.type in _WRITES):
            if are_writes:
                wanted = [p for event in some for p in _projections(workspace, event)]
                await lives.project(tx, workspace_id, wanted)
                continue
            for event in some:
                await _follow(tx, workspace_id, workspace, event)


async def _follow(tx: Tx, workspace_id: UUID, workspace: Workspace, event: Envelope) -> None:
    operation = _operation(event)
    if event.source == "artifacts":
        node = Node(event.type.partition(".")[0], event.aggregate_id)
        await lives.deleted(tx, workspace_id, workspace, node, operation)
        return
    data = event.document()
    node = Node(data["object"], UUID(data["record_id"]))
    match event.type:
        case "record.deleted":
            if merged_into := data.get("merged_into"):
                winner = Node(node.kind, UUID(merged_into))
                await lives.merged(tx, workspace_id, workspace, node, winner, operation)
            await lives.deleted(tx, workspace_id, workspace, node, operation)
        case "record.undeleted":
            await lives.undeleted(tx, workspace_id, workspace, node, operation)
            await lives.project(tx, workspace_id, _projections(workspace, event))
        case "record.purged":
            await lives.purged(tx, workspace_id, node, operation)


def _operation(event: Envelope) -> Operation:
    cause = event.cause_of_next()
    caller = Caller(
        event.workspace_id,
        event.actor["id"],
        event.actor["kind"],
        event.actor["name"],
        cause=cause,
    )
    context = {
        "actor": dict(event.actor),
        "cause": asdict(cause),
        "traceparent": event.traceparent,
    }
    return Operation(event.id, event.aggregate_version, event.depth, caller, context)


def _projections(workspace: Workspace, event: Envelope) -> list[Projection]:
    """What the event says of the record's relation fields."""
    data = event.document()
    obj = workspace.object(data["object_id"])
    if obj is None:
        return []
    kinds = types.of_field(workspace)
    record = Node(data["object"], UUID(data["record_id"]))
    found = []
    for name in data["changed_fields"]:
        field = obj.fields.get(name)
        kind = kinds.get(field.id) if field is not None else None
        if field is None or kind is None or field.type is not FieldType.RELATION:
            continue
        found.append(
            Projection(
                record=record,
                field_id=UUID(field.id),
                type_id=UUID(kind.id),
                version=int(data["version"]),
                target=_target(field, data["after"].get(name)),
                actor=event.actor,
            )
        )
    return found


def _target(field: Field, value: Any) -> Node | None:
    """Where a relation value points: an id, or an object and an id."""
    if value is None:
        return None
    if isinstance(value, str):
        return Node(field.settings["targets"][0], UUID(value))
    return Node(value["object"], UUID(value["id"]))
