"""Turn events into runs, and give them to the steps that wait, in the transaction of the inbox row.

Two consumers share one handler: record events, and those of every other kind.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from kit import telemetry
from kit.db import Tx
from kit.envelope import Envelope
from kit.errors import Unavailable
from planes.definitions import Definitions
from planes.relatives import Answer, Relatives
from schema import jsonio
from schema.compiled import Workspace
from services.automation.logic import occasion
from services.automation.operations.flow import Hands
from services.automation.operations.triggers import (
    Arrived,
    Happening,
    RuleSet,
    asked,
    rule_set,
    settle_waits,
    start_runs,
)
from services.automation.store import queue

NAME = "automation-trigger"
SUBJECTS = ("armature.evt.records.>",)
OTHERS = "automation-events"
OTHER_SUBJECTS = tuple(
    f"armature.evt.{plane}.>"
    for plane in ("links", "artifacts", "metadata", "events", "automation")
)
_HELD_SETS = 10_000
_HELD_DEFINITIONS = 256  # planes.definitions bounds what it holds by bytes; these keep it alive
V = TypeVar("V")
# The span of processing, as it is before the transaction opens one of its own.
_processing: ContextVar[str] = ContextVar("processing", default="")
# What the batch at work has had fetched, by workspace: both consumers may be at work on one.
_reached: ContextVar[Mapping[UUID, Mapping[Hashable, Answer]]] = ContextVar("reached")


class Triggers:
    """Holds what events can start in each workspace, while its version stands."""

    def __init__(
        self,
        definitions: Definitions,
        relatives: Relatives,
        *,
        per_minute: int,
        hands: Hands,
    ) -> None:
        self._definitions = definitions
        self._relatives = relatives
        self._per_minute = per_minute
        self._hands = hands
        self._sets: OrderedDict[UUID, RuleSet] = OrderedDict()
        self._workspaces: OrderedDict[UUID, Workspace] = OrderedDict()

    async def prepare(self, events: list[Envelope]) -> None:
        """Have the definitions by which conditions are judged, no older than the events, and the
        related records that they go to."""
        _processing.set(telemetry.traceparent())
        reached: dict[UUID, Mapping[Hashable, Answer]] = {}
        _reached.set(reached)
        by_workspace: dict[UUID, list[Envelope]] = {}
        for event in events:
            by_workspace.setdefault(event.workspace_id, []).append(event)
        for workspace_id, theirs in by_workspace.items():
            held = self._sets.get(workspace_id)
            if held is not None and not any(held.has(one.type) for one in theirs):
                continue
            records = [one for one in theirs if one.type in occasion.TRIGGERS]
            if held is None and not records:
                continue
            versions = [int(one.document().get("metadata_version") or 0) for one in records]
            found = await self._definitions.workspace(
                workspace_id, at_version=max(versions, default=0)
            )
            _keep(self._workspaces, workspace_id, found, _HELD_DEFINITIONS)
            if held is not None and records:
                reached[workspace_id] = await self._reach(found, held, records)

    async def _reach(
        self, workspace: Workspace, rules: RuleSet, events: list[Envelope]
    ) -> Mapping[Hashable, Answer]:
        """Fetch what conditions need beside the events: together for all of them."""
        wanted = []
        for event in events:
            if not rules.going_on.get(event.type):
                continue
            data = jsonio.loads_stored(bytes(event.data))
            obj = workspace.object(data["object_id"])
            if starting := rules.waiting_for(event.type, data, obj, event.actor, going_on=True):
                document = occasion.build(described(event), data, obj, workspace.time_zone)
                wanted += [(one, document) for one in starting]
        questions = asked(workspace, wanted)
        return await self._relatives.reach(workspace, questions) if questions else {}

    async def handle(self, tx: Tx, events: list[Envelope]) -> None:
        """Events of one workspace: a run for each rule and workflow that one of them starts, and
        what they bring to runs that wait."""
        workspace_id = events[0].workspace_id
        arrived = [
            Arrived(one.type, str(one.aggregate_id), partial(_document, one))
            for one in events
            if one.type not in ("run.succeeded", "dead_letter.created")
        ]
        woken = await settle_waits(tx, workspace_id, arrived) if arrived else []
        if woken:
            await queue.wake(tx, workspace_id, woken)
            tx.after_commit(self._hands.wake)
        held = self._sets.get(workspace_id)
        rules = await rule_set(tx, workspace_id, held)
        _keep(self._sets, workspace_id, rules, _HELD_SETS)
        waiting = [one for one in events if rules.has(one.type)]
        if not waiting:
            return
        # Where `prepare` saw no need to look for newer ones, it does so before the next try.
        passed_over = held is not None and not any(held.has(one.type) for one in events)
        workspace = None if passed_over else self._workspaces.get(workspace_id)
        if workspace is None or any(_version_of(one) > workspace.version for one in waiting):
            raise Unavailable("METADATA_BEHIND", "the workspace's definitions are not here yet")
        reached = _reached.get().get(workspace_id, {})
        found = [_happening(workspace, rules, one, len(events), reached) for one in waiting]
        happenings = [one for one in found if one is not None]
        if happenings:
            await start_runs(tx, workspace, happenings, self._per_minute, self._hands)


def _version_of(event: Envelope) -> int:
    """The version of the definitions that an event was made under."""
    if event.type not in occasion.TRIGGERS:
        return 0
    return int(event.document().get("metadata_version") or 0)


def _document(event: Envelope) -> dict[str, Any]:
    return {**described(event), "data": jsonio.loads_stored(bytes(event.data))}


def described(event: Envelope) -> dict[str, Any]:
    """An event as templates see it, without its payload."""
    return {
        "id": str(event.id),
        "type": event.type,
        "occurred_at": event.occurred_at.isoformat(),
        "actor": event.actor,
        "root_id": event.root_id,
        "depth": event.depth,
        "chain": list(event.chain),
    }


def _happening(
    workspace: Workspace,
    rules: RuleSet,
    event: Envelope,
    together: int,
    reached: Mapping[Hashable, Answer],
) -> Happening | None:
    data = jsonio.loads_stored(bytes(event.data))
    is_record = event.type in occasion.TRIGGERS
    obj = workspace.object(data["object_id"]) if is_record else None
    starting = rules.waiting_for(event.type, data, obj, event.actor)
    if not starting:
        return None
    if is_record:
        document = occasion.build(described(event), data, obj, workspace.time_zone)
        subject, kind, object_id = UUID(data["record_id"]), data["object"], data["object_id"]
    else:
        document = occasion.of_event(described(event), data, workspace.time_zone)
        subject, kind, object_id = event.aggregate_id, event.aggregate_type, ""
    return Happening(
        event_id=event.id,
        record_id=subject,
        object=kind,
        object_id=object_id,
        occasion=document,
        rules=starting,
        traceparent=_parent(event, together),
        relatives=reached,
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
