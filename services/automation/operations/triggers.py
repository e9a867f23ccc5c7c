"""Start runs: match events with rules and workflows, judge conditions, guard against loops.

What must not run is recorded all the same, with the reason: nothing is dropped in silence.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kit import ids
from kit.db import Tx
from kit.errors import Unavailable
from planes.relatives import Answer, Asked
from schema.compiled import CompiledObject, Workspace
from schema.filters.closure import Related
from schema.problems import Invalid, refuse
from services.automation.logic import conditions, formulas, guard, occasion
from services.automation.logic.definitions import RECORD_TRIGGERS
from services.automation.model import (
    Kind,
    NewRun,
    Rule,
    RuleState,
    RunState,
    Starter,
    TriggerType,
    WorkflowTrigger,
)
from services.automation.operations import starting
from services.automation.operations.flow import Hands
from services.automation.store import rules as rule_store
from services.automation.store import waits as wait_store
from services.automation.store import workflows

FIELD_JOB = "field_job"  # the kind of actor that changes records for a change of a definition


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything of a workspace that events can start, at one version, by the event's type."""

    version: int
    by_event: Mapping[str, tuple[Starter, ...]]
    # Those of them whose condition may go through relations.
    going_on: Mapping[str, tuple[Starter, ...]]

    def has(self, event_type: str) -> bool:
        return event_type in self.by_event

    def waiting_for(
        self,
        event_type: str,
        data: Mapping[str, Any],
        obj: CompiledObject | None,
        actor: Mapping[str, str],
        *,
        going_on: bool = False,
    ) -> list[Starter]:
        """Those that such an event starts, as far as the trigger alone can tell; or those of them
        whose condition may need more than the event."""
        found = (self.going_on if going_on else self.by_event).get(event_type, ())
        return [one for one in found if _waits(one.trigger, event_type, data, obj, actor)]


@dataclass(frozen=True, slots=True)
class Happening:
    """One event that something waits for."""

    event_id: UUID
    record_id: UUID  # or the id of what else the event is about
    object: str
    object_id: str
    occasion: dict[str, Any]
    rules: Sequence[Starter]
    traceparent: str
    # By rule and version: the related records that its condition goes to.
    relatives: Mapping[Hashable, Answer] = field(default_factory=dict)

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


@dataclass(frozen=True, slots=True)
class Past:
    """An event of the log, as what it would start sees it."""

    type: str
    data: Mapping[str, Any]
    happening: Happening


def happened(
    described: Mapping[str, Any],
    aggregate_id: str,
    aggregate_type: str,
    data: Mapping[str, Any],
    workspace: Workspace,
    traceparent: str = "",
) -> Past:
    """An event of the log; what it starts continues the trace that is given."""
    object_id = ""
    if described["type"] in occasion.TRIGGERS:
        object_id = data["object_id"]
        obj = workspace.object(object_id)
        document = occasion.build(described, data, obj, workspace.time_zone)
        subject, kind = UUID(data["record_id"]), data["object"]
    else:
        document = occasion.of_event(described, data, workspace.time_zone)
        subject, kind = UUID(aggregate_id), aggregate_type
    found = Happening(
        event_id=UUID(described["id"]),
        record_id=subject,
        object=kind,
        object_id=object_id,
        occasion=document,
        rules=(),
        traceparent=traceparent,
    )
    return Past(described["type"], data, found)


def is_started_by(starter: Starter, past: Past, workspace: Workspace) -> bool:
    """Whether its trigger, by itself, waits for such an event."""
    kind = starter.trigger.type
    named = (starter.trigger.event,) if kind is TriggerType.EVENT else occasion.EVENTS.get(kind, ())
    obj = workspace.object(past.data["object_id"]) if past.type in occasion.TRIGGERS else None
    actor = past.happening.occasion["event"]["actor"]
    return past.type in named and _waits(starter.trigger, past.type, past.data, obj, actor)


def _waits(
    trigger: WorkflowTrigger,
    event_type: str,
    data: Mapping[str, Any],
    obj: CompiledObject | None,
    actor: Mapping[str, str],
) -> bool:
    return _is_for(trigger, actor) and _starts(trigger, event_type, data, obj)


def _is_for(trigger: WorkflowTrigger, actor: Mapping[str, str]) -> bool:
    """A change of a definition is no business of those who wait for changes of records, though a
    field job rewrites thousands for it; who waits for the bare event gets it all the same."""
    return trigger.type not in RECORD_TRIGGERS or actor.get("kind") != FIELD_JOB


def _starts(
    trigger: WorkflowTrigger, event_type: str, data: Mapping[str, Any], obj: CompiledObject | None
) -> bool:
    """Fields are known by their key, which survives renames; a rule that waits for one that is
    gone is not passed over: its run will say so."""
    if trigger.type in RECORD_TRIGGERS:
        if trigger.object_id != data.get("object_id"):
            return False
        if not trigger.fields and not trigger.changes:
            return True
        changed = {conditions.key_of(obj, name) for name in data.get("changed_fields") or ()}
        names = [*trigger.fields, *(trigger.changes or ())]
        keys = [conditions.key_of(obj, name) for name in names]
        if not any(key is None or key in changed for key in keys):
            return False
        return all(
            _changed_so(name, change, data) for name, change in (trigger.changes or {}).items()
        )
    if trigger.type in (TriggerType.LINK_CREATED, TriggerType.LINK_DELETED):
        names = [str(data.get(one, "")) for one in ("type", "type_id", "inverse_name")]
        return not trigger.link_type or trigger.link_type in names
    if trigger.type is TriggerType.WORKFLOW:
        known = (data.get("workflow_id"), data.get("workflow_name"))
        state = event_type.partition(".")[2]
        return trigger.workflow in known and trigger.on in ("finished", state)
    return True


def _changed_so(name: str, change: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a field went from and to what the trigger says."""
    before, after = data.get("before") or {}, data.get("after") or {}
    return ("from" not in change or before.get(name) == change["from"]) and (
        "to" not in change or after.get(name) == change["to"]
    )


async def rule_set(tx: Tx, workspace_id: UUID, held: RuleSet | None) -> RuleSet:
    """What there is now: what is held, if that is its version."""
    version = await rule_store.set_version(tx, workspace_id)
    if held is not None and held.version == version:
        return held
    by_event: dict[str, list[Starter]] = {}
    rules = [starter_of(rule) for rule in await rule_store.active_rules(tx, workspace_id)]
    for one in [*rules, *await workflows.starters(tx, workspace_id)]:
        kind = one.trigger.type
        named = (one.trigger.event,) if kind is TriggerType.EVENT else occasion.EVENTS.get(kind, ())
        for event_type in named:
            by_event.setdefault(event_type, []).append(one)
    going_on = {
        key: tuple(one for one in found if conditions.goes_on(one.condition))
        for key, found in by_event.items()
    }
    return RuleSet(version, {key: tuple(found) for key, found in by_event.items()}, going_on)


def asked(
    workspace: Workspace, happenings: Iterable[tuple[Starter, Mapping[str, Any]]]
) -> list[Asked]:
    """What of related records must be known to judge conditions, by starter and occasion."""
    found: dict[Hashable, Asked] = {}
    for starter, document in happenings:
        obj = workspace.object(starter.trigger.object_id or starter.trigger.object)
        if obj is None or starter.trigger.type not in RECORD_TRIGGERS:
            continue
        tree = conditions.through(workspace, obj, starter.condition)
        if tree is None:
            continue
        key = (starter.id, starter.version)
        seen = found.get(key)
        records = [*(seen.records if seen else ()), conditions.record_of(obj, document)]
        found[key] = Asked(key, starter.owner_id, obj, tree, records)
    return list(found.values())


def starter_of(rule: Rule) -> Starter:
    """A rule as what starts runs."""
    trigger = rule.definition.trigger
    return Starter(
        kind=Kind.RULE,
        id=rule.id,
        name=rule.definition.name,
        version=rule.version,
        owner_id=rule.owner_id,
        trigger=WorkflowTrigger(
            trigger.type, trigger.object, trigger.object_id, fields=trigger.fields
        ),
        condition=rule.definition.condition,
        paused=""
        if rule.state is RuleState.ENABLED
        else f"the rule is {rule.state}: {rule.state_reason}",
    )


async def start_runs(
    tx: Tx, workspace: Workspace, happenings: Sequence[Happening], per_minute: int, hands: Hands
) -> None:
    """Insert a run for each starter and event whose condition holds."""
    workspace_id = UUID(workspace.id)
    planned = [
        run for one in happenings for rule in one.rules if (run := plan(workspace, one, rule))
    ]
    if not planned:
        return
    occasions = {one.event_id: one.occasion for one in happenings}
    await starting.insert(tx, workspace_id, planned, occasions, per_minute, hands=hands)


def plan(workspace: Workspace, happening: Happening, rule: Starter) -> NewRun | None:
    """The run of a starter for an event; None when its condition does not hold."""
    document = happening.occasion
    state, error = RunState.QUEUED, ""
    obj = workspace.object(happening.object_id) if happening.object_id else None
    try:
        if not _holds(workspace, obj, rule, happening):
            return None
    except (Invalid, formulas.FormulaError) as invalid:
        state, error = RunState.FAILED, f"the {rule.kind} can't be judged: {invalid}"
    depth = document["event"]["depth"] + 1
    chain = document["event"]["chain"]
    reentry = rule.limits.reentry
    if rule.paused:
        state, error = RunState.SKIPPED, rule.paused
    elif refused := guard.refusal(rule.id, happening.record_id, chain, depth, reentry):
        state, error = RunState.BLOCKED, refused
    return NewRun(
        id=ids.new_id(),
        rule=rule,
        event_id=happening.event_id,
        event_type=document["event"]["type"],
        object=happening.object,
        record_id=happening.record_id,
        state=state,
        error=error[:2000],
        traceparent=happening.traceparent,
        trace_id=happening.trace_id,
        depth=min(depth, 32_767),
    )


def _holds(
    workspace: Workspace, obj: CompiledObject | None, rule: Starter, happening: Happening
) -> bool:
    """Whether the condition holds; Invalid when the rule speaks of what is gone."""
    trigger, document = rule.trigger, happening.occasion
    if document["record"] is not None and trigger.type in RECORD_TRIGGERS:
        if obj is None:
            if trigger.fields or trigger.changes or rule.condition is not None:
                message = f"there is no {trigger.object} any more"
                raise refuse("trigger", "OBJECT_NOT_FOUND", message)
        else:
            _check_fields(obj, [*trigger.fields, *(trigger.changes or ())])
            related: Related = conditions.nowhere
            if conditions.through(workspace, obj, rule.condition) is not None:
                related = _related(happening, rule)
            if not conditions.holds(
                workspace, obj, rule.condition, document, rule.owner_id, related
            ):
                return False
    return starting.when_holds(rule, document)


def _related(happening: Happening, rule: Starter) -> Related:
    """UNAVAILABLE / UNREACHABLE where nobody has fetched them: the rule has just been changed."""
    found = happening.relatives.get((rule.id, rule.version))
    if found is None:
        raise Unavailable("UNREACHABLE", "the related records are not here yet")
    if isinstance(found, Invalid):
        raise found
    return found.related


def _check_fields(obj: CompiledObject, names: Iterable[str]) -> None:
    for name in names:
        if conditions.key_of(obj, name) is None:
            message = f"{obj.name} has no field {name!r} any more"
            raise refuse("trigger.fields", "UNKNOWN_FIELD", message)


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event as far as waits look at it."""

    type: str
    subject: str
    read: Callable[[], dict[str, Any]]


async def settle_waits(tx: Tx, workspace_id: UUID, arrived: Sequence[Arrived]) -> list[UUID]:
    """Give events to the steps that wait for them; the runs that go on. Of an event and a timeout,
    the first to be written is the one that happened."""
    types = sorted({one.type for one in arrived})
    subjects = sorted({one.subject for one in arrived})
    waits = await wait_store.for_events(tx, workspace_id, types, subjects)
    if not waits:
        return []
    documents = {id(one): one.read() for one in arrived}
    woken: list[UUID] = []
    for wait in waits:
        for one in arrived:
            if one.type != wait.event_type or wait.subject not in ("", one.subject):
                continue
            if wait.match and not matches(wait.match, documents[id(one)]):
                continue
            payload = rule_store.text_of(documents[id(one)])
            if await wait_store.settle(
                tx,
                workspace_id,
                wait.run_id,
                wait.step_index,
                wait.kind,
                outcome="event",
                payload=payload,
            ):
                woken.append(wait.run_id)
            break
    return sorted(set(woken))


def matches(wanted: str, document: Mapping[str, Any]) -> bool:
    """Whether each dotted path of the event has the value that is waited for."""
    paths: dict[str, Any] = workflows.document_of(wanted)
    for path, value in paths.items():
        found: Any = document
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found != value:
            return False
    return True
