"""Start runs for what happened before: events of the log, to one workflow or rule."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Tx
from kit.errors import FailedPrecondition, InvalidArgument
from planes.relatives import Asked
from schema.compiled import Workspace
from services.automation.logic import occasion
from services.automation.model import NewRun, Starter, TriggerType
from services.automation.operations import starting, triggers, workflows
from services.automation.store import rules as rule_store
from services.automation.store import workflows as store

_NO_RATE = 1_000_000_000  # a replay has a rate of its own


async def starter_of(tx: Tx, workspace_id: UUID, name: str) -> Starter:
    """The present version of a workflow or rule, as its trigger sees it. WORKFLOW_NOT_FOUND where
    there is neither, WORKFLOW_NOT_PUBLISHED and WORKFLOW_PAUSED where nothing may begin."""
    found: Starter | None
    if workflow := await store.find(tx, workspace_id, name):
        found = await store.find_starter(tx, workspace_id, workflow.id)
        if found is None:
            raise workflows.not_published(workflow)
    elif rule := await rule_store.find_rule(tx, workspace_id, name):
        found = triggers.starter_of(rule)
    else:
        raise workflows.not_found(name)
    if found.paused:
        raise FailedPrecondition("WORKFLOW_PAUSED", found.paused)
    return found


def event_types(starter: Starter) -> tuple[str, ...]:
    """What its trigger waits for; INPUT_INVALID where that is no event."""
    trigger = starter.trigger
    if trigger.type is TriggerType.EVENT:
        return (trigger.event,)
    found = occasion.EVENTS.get(trigger.type, ())
    if not found:
        message = f"nothing in the log starts what a {trigger.type} trigger starts"
        raise InvalidArgument.at("INPUT_INVALID", "workflow", "NOT_ALLOWED", message)
    return found


async def start(
    tx: Tx, workspace: Workspace, starter: Starter, past: Sequence[triggers.Past]
) -> list[NewRun]:
    """Runs for those that it waits for: one for each event and version, whatever is repeated."""
    planned: list[NewRun] = []
    occasions = {}
    for one in past:
        happening = one.happening
        if _is_its_own(starter, happening.occasion["event"]["actor"]):
            continue
        if not triggers.is_started_by(starter, one, workspace):
            continue
        run = triggers.plan(workspace, happening, starter)
        if run is not None:
            planned.append(run)
            occasions[happening.event_id] = happening.occasion
    return await starting.insert(tx, UUID(workspace.id), planned, occasions, _NO_RATE)


def needs(workspace: Workspace, starter: Starter, past: Sequence[triggers.Past]) -> list[Asked]:
    """What of related records must be known to judge its condition for those that it waits for."""
    return triggers.asked(
        workspace,
        [
            (starter, one.happening.occasion)
            for one in past
            if triggers.is_started_by(starter, one, workspace)
        ],
    )


def _is_its_own(starter: Starter, actor: dict[str, str]) -> bool:
    """The log does not keep the chain by which the loop guard would know."""
    return actor.get("kind") == "automation" and actor.get("id") == str(starter.id)
