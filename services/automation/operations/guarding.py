"""Pause what goes round or floods, whichever kind it is, and say so where somebody will look."""

from uuid import UUID

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from services.automation import events
from services.automation.model import Kind, RuleState, WorkflowState
from services.automation.store import rules, workflows

PLATFORM = "Armature"


async def pause(tx: Tx, workspace_id: UUID, kind: Kind, subject_id: UUID, reason: str) -> bool:
    """Stop it from starting runs; false when it is gone, or paused already."""
    if kind is Kind.RULE:
        return await _pause_rule(tx, workspace_id, subject_id, reason)
    return await _pause_workflow(tx, workspace_id, subject_id, reason)


async def pause_any(tx: Tx, workspace_id: UUID, subject_id: UUID, reason: str) -> bool:
    """The same for an id of either kind."""
    return await _pause_rule(tx, workspace_id, subject_id, reason) or await _pause_workflow(
        tx, workspace_id, subject_id, reason
    )


async def _pause_rule(tx: Tx, workspace_id: UUID, rule_id: UUID, reason: str) -> bool:
    rule = await rules.find_rule(tx, workspace_id, str(rule_id))
    if rule is None or rule.state is RuleState.PAUSED:
        return False
    await rules.bump_set(tx, workspace_id)
    paused = await rules.pause_rule(tx, workspace_id, rule_id, reason)
    await workflows.add_entry(tx, workspace_id, rule_id, "paused", reason, PLATFORM)
    caller = Caller(workspace_id, str(rule_id), "automation", paused.definition.name)
    await outbox.add(tx, caller, events.rule("paused", paused))
    return True


async def _pause_workflow(tx: Tx, workspace_id: UUID, workflow_id: UUID, reason: str) -> bool:
    found = await workflows.find(tx, workspace_id, str(workflow_id))
    if found is None or found.state is WorkflowState.PAUSED:
        return False
    await rules.bump_set(tx, workspace_id)
    paused = await workflows.set_state(tx, workspace_id, workflow_id, WorkflowState.PAUSED, reason)
    await workflows.add_entry(tx, workspace_id, workflow_id, "paused", reason, PLATFORM)
    caller = Caller(workspace_id, str(workflow_id), "automation", paused.name)
    await outbox.add(tx, caller, events.workflow("paused", paused))
    return True
