"""Keep drafts, freeze versions, pause and enable, and announce each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit import etags, ids, outbox
from kit.caller import Caller
from kit.db import Tx
from kit.errors import Aborted, FailedPrecondition, NotFound, ResourceExhausted
from schema.compiled import Workspace
from services.automation import events
from services.automation.logic import definitions, occasion
from services.automation.model import (
    NewRun,
    RunState,
    Starter,
    TriggerType,
    Workflow,
    WorkflowDefinition,
    WorkflowState,
)
from services.automation.operations import schedules, secrets, starting
from services.automation.store import rules as rule_store
from services.automation.store import workflows as store

NOBODY = UUID(int=0)
_NO_RATE = 1_000_000_000  # who starts runs by hand knows how many
_ASKED_FOR = (TriggerType.MANUAL, TriggerType.WEBHOOK)


def not_found(name: str) -> NotFound:
    return NotFound("WORKFLOW_NOT_FOUND", f"there is no workflow {name!r}", workflow=name)


@dataclass(frozen=True, slots=True)
class NewWorkflow:
    id: UUID
    name: str
    description: str
    draft: dict[str, Any]
    sealed_secret: bytes
    token: str


async def find(tx: Tx, workspace_id: UUID, name: str, *, lock: bool = False) -> Workflow:
    found = await store.find(tx, workspace_id, name, lock=lock)
    if found is None:
        raise not_found(name)
    return found


async def create(tx: Tx, caller: Caller, new: NewWorkflow, most: int) -> Workflow:
    await rule_store.bump_set(tx, caller.workspace_id)
    if await store.count(tx, caller.workspace_id) >= most:
        message = f"a workspace has at most {most} workflows"
        raise ResourceExhausted("LIMIT_REACHED", message, limit="max_workflows")
    made = await store.insert(
        tx,
        caller.workspace_id,
        new.id,
        name=new.name,
        description=new.description,
        draft=new.draft,
        sealed_secret=new.sealed_secret,
        hook_hash=secrets.hash_of(new.token),
    )
    await _tell(tx, caller, "created", made)
    return made


async def update(
    tx: Tx,
    caller: Caller,
    present: Workflow,
    *,
    name: str,
    description: str,
    draft: dict[str, Any],
) -> Workflow:
    """Change the draft; what is published stays as it is."""
    updated = await store.update_draft(
        tx, caller.workspace_id, present.id, name=name, description=description, draft=draft
    )
    await rule_store.bump_set(tx, caller.workspace_id)  # runs show the name of now
    await _tell(tx, caller, "updated", updated)
    return updated


async def publish(
    tx: Tx,
    caller: Caller,
    seen: Workflow,
    document: dict[str, Any],
    definition: WorkflowDefinition,
    workspace: Workspace,
    etag: str = "",
) -> Workflow:
    """Freeze what was judged; it acts as the caller from now on. Who publishes the same draft
    meanwhile waits for the lock, and makes the version behind this one."""
    present = await find(tx, caller.workspace_id, str(seen.id), lock=True)
    etags.check(etag, present.revision)
    if present.draft != seen.draft:
        raise Aborted("CONFLICT", "the workflow was changed meanwhile; try again")
    await rule_store.bump_set(tx, caller.workspace_id)
    published = await store.publish(
        tx,
        caller.workspace_id,
        seen.id,
        owner_id=caller.principal_id,
        document=document,
        trigger_type=definition.trigger.type,
    )
    trigger = definition.trigger
    await schedules.arrange(tx, caller.workspace_id, seen.id, trigger, workspace.time_zone)
    await _tell(tx, caller, "published", published, f"version {published.version}")
    return published


async def delete(tx: Tx, caller: Caller, name: str, etag: str = "") -> None:
    present = await find(tx, caller.workspace_id, name, lock=True)
    etags.check(etag, present.revision)
    await rule_store.bump_set(tx, caller.workspace_id)
    deleted = await store.mark_deleted(tx, caller.workspace_id, present.id)
    await schedules.drop(tx, caller.workspace_id, present.id)
    await _tell(tx, caller, "deleted", deleted)


async def set_state(
    tx: Tx, caller: Caller, name: str, state: WorkflowState, reason: str
) -> Workflow:
    """Pause it, or end a pause."""
    present = await find(tx, caller.workspace_id, name, lock=True)
    if not present.version:
        raise not_published(present)
    if present.state is state:
        return present
    await rule_store.bump_set(tx, caller.workspace_id)
    why = f"by {caller.name}{': ' if reason else ''}{reason}" if state == "paused" else ""
    changed = await store.set_state(tx, caller.workspace_id, present.id, state, why)
    await _tell(tx, caller, state, changed, reason)
    return changed


def not_published(workflow: Workflow) -> FailedPrecondition:
    message = f"the workflow {workflow.name!r} was never published"
    return FailedPrecondition("WORKFLOW_NOT_PUBLISHED", message)


async def _tell(tx: Tx, caller: Caller, kind: str, workflow: Workflow, text: str = "") -> None:
    await store.add_entry(tx, caller.workspace_id, workflow.id, kind, text[:2000], caller.name)
    await outbox.add(tx, caller, events.workflow(kind, workflow))


async def published(
    tx: Tx, workspace_id: UUID, workflow: Workflow
) -> tuple[Starter, WorkflowDefinition]:
    """What starts by hand now; FailedPrecondition when nothing may."""
    starter = await store.find_starter(tx, workspace_id, workflow.id)
    version = await store.find_version(tx, workspace_id, workflow.id, workflow.version)
    if starter is None or version is None:
        raise not_published(workflow)
    if workflow.state is WorkflowState.PAUSED:
        raise FailedPrecondition("WORKFLOW_PAUSED", starter.paused)
    return starter, definitions.read(version.document)


@dataclass(frozen=True, slots=True)
class Started:
    """One run that somebody asks for: with a record, or without."""

    run_id: UUID
    record: dict[str, Any] | None
    inputs: dict[str, Any]


async def start(
    tx: Tx,
    caller: Caller,
    starter: Starter,
    wanted: Sequence[Started],
    *,
    event_type: str,
    time_zone: str,
    traceparent: str,
    per_minute: int = _NO_RATE,
) -> list[NewRun]:
    """Insert runs by hand, or because somebody called the workflow's URL: that is for strangers to
    do, and so only `per_minute` times before the workflow is paused. Where an event is what starts
    it, who starts it by hand does so whatever its conditions say."""
    now = (await tx.time()).isoformat()
    cause = caller.cause
    planned, documents = [], {}
    for one in wanted:
        event = {
            "id": str(one.run_id),
            "type": event_type,
            "occurred_at": now,
            "actor": dict(caller.actor()),
            "root_id": cause.root_id or str(one.run_id),
            "depth": cause.depth,
            "chain": list(cause.chain),
        }
        document = occasion.of_person(event, one.record, one.inputs, time_zone)
        documents[one.run_id] = document
        state, error = RunState.QUEUED, ""
        if starter.trigger.type in _ASKED_FOR:
            state, error = starting.judge(starter, document)
        record = one.record
        planned.append(
            NewRun(
                id=one.run_id,
                rule=starter,
                event_id=one.run_id,
                event_type=event_type,
                object=record["object"] if record else "",
                record_id=UUID(record["id"]) if record else NOBODY,
                state=state,
                error=error[:2000],
                traceparent=traceparent,
                trace_id=traceparent[3:35],
                depth=cause.depth + 1,
            )
        )
    return await starting.insert(tx, caller.workspace_id, planned, documents, per_minute)


def new_run_ids(count: int) -> list[UUID]:
    return [ids.new_id() for _ in range(count)]
