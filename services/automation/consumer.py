"""Turn record events into runs, in the transaction of the inbox row."""

from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar
from uuid import UUID

from kit import telemetry
from kit.db import Tx
from kit.envelope import Envelope
from kit.errors import Unavailable
from planes.definitions import Definitions
from schema import jsonio
from schema.compiled import Workspace
from services.automation.logic import occasion
from services.automation.operations.triggers import Happening, RuleSet, rule_set, start_runs

NAME = "automation-trigger"
SUBJECTS = ("armature.evt.records.>",)
_HELD_SETS = 10_000
_HELD_DEFINITIONS = 256  # planes.definitions bounds what it holds by bytes; these keep it alive
V = TypeVar("V")
# The span of processing, as it is before the transaction opens one of its own.
_processing: ContextVar[str] = ContextVar("processing", default="")


class Triggers:
    """Handler of `automation-trigger`; holds the rules of workspaces while their version stands."""

    def __init__(
        self, definitions: Definitions, *, per_minute: int, wake: Callable[[], None]
    ) -> None:
        self._definitions = definitions
        self._per_minute = per_minute
        self._wake = wake
        self._sets: OrderedDict[UUID, RuleSet] = OrderedDict()
        self._workspaces: OrderedDict[UUID, Workspace] = OrderedDict()

    async def prepare(self, events: list[Envelope]) -> None:
        """Have the definitions by which conditions are judged: no older than the events."""
        _processing.set(telemetry.traceparent())
        by_workspace: dict[UUID, list[Envelope]] = {}
        for event in events:
            if event.type in occasion.TRIGGERS:
                by_workspace.setdefault(event.workspace_id, []).append(event)
        for workspace_id, theirs in by_workspace.items():
            held = self._sets.get(workspace_id)
            if held is not None and not held.by_trigger:
                continue
            version = max(int(one.document().get("metadata_version") or 0) for one in theirs)
            found = await self._definitions.workspace(workspace_id, at_version=version)
            _keep(self._workspaces, workspace_id, found, _HELD_DEFINITIONS)

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        """Events of one workspace: a run for each rule that one of them starts."""
        workspace_id = events[0].workspace_id
        held = self._sets.get(workspace_id)
        rules = await rule_set(tx, workspace_id, held)
        _keep(self._sets, workspace_id, rules, _HELD_SETS)
        if held is not None and not held.by_trigger:
            self._workspaces.pop(workspace_id, None)  # `prepare` saw no need to look for newer ones
        waiting = [one for one in events if _trigger_of(rules, one)]
        if not waiting:
            return
        workspace = self._workspaces.get(workspace_id)
        if workspace is None:  # its first rule: `prepare` fetches them before the next try
            raise Unavailable("METADATA_BEHIND", "the workspace's definitions are not here yet")
        found = [_happening(workspace, rules, one, len(events)) for one in waiting]
        happenings = [one for one in found if one is not None]
        if happenings and await start_runs(tx, workspace, happenings, self._per_minute):
            tx.after_commit(self._wake)


def _trigger_of(rules: RuleSet, event: Envelope) -> bool:
    trigger = occasion.TRIGGERS.get(event.type)
    return trigger is not None and rules.has(trigger)


def _happening(
    workspace: Workspace, rules: RuleSet, event: Envelope, together: int
) -> Happening | None:
    data = jsonio.loads_stored(bytes(event.data))
    trigger = occasion.TRIGGERS[event.type]
    obj = workspace.object(data["object_id"])
    changed = data.get("changed_fields") or ()
    starting = rules.waiting_for((trigger, data["object_id"]), obj, changed)
    if not starting:
        return None
    described = {
        "id": str(event.id),
        "type": event.type,
        "occurred_at": event.occurred_at.isoformat(),
        "actor": event.actor,
        "root_id": event.root_id,
        "depth": event.depth,
        "chain": list(event.chain),
    }
    return Happening(
        event_id=event.id,
        record_id=UUID(data["record_id"]),
        trigger=trigger,
        object_id=data["object_id"],
        occasion=occasion.build(described, data, obj, workspace.time_zone),
        rules=starting,
        traceparent=_parent(event, together),
    )


def _parent(event: Envelope, together: int) -> str:
    """The span that the run continues: that of processing this event, or of what announced it
    where several are processed at once under the span of another."""
    here = _processing.get()
    if here and (together == 1 or here[3:35] == event.traceparent[3:35]):
        return here
    return event.traceparent


def _keep(held: "OrderedDict[UUID, V]", key: UUID, value: V, most: int) -> None:
    held[key] = value
    held.move_to_end(key)
    while len(held) > most:
        held.popitem(last=False)
