"""Build what the automation plane announces: what became of rules and of runs."""

from typing import Any
from uuid import UUID, uuid5

from kit.caller import Caller, Cause
from kit.outbox import Event
from services.automation.logic import guard
from services.automation.model import Kind, Rule, Run, Workflow

DEAD_LETTER_CONSUMER = "automation-run"


def rule(kind: str, one: Rule) -> Event:
    """rule.created, rule.updated, rule.deleted or rule.paused."""
    return Event(
        type=f"rule.{kind}",
        aggregate_type="rule",
        aggregate_id=one.id,
        aggregate_version=one.revision,
        data={
            "rule_id": str(one.id),
            "name": one.definition.name,
            "version": one.version,
            "state": one.state,
            "state_reason": one.state_reason,
            "owner_id": one.owner_id,
            "trigger_type": one.definition.trigger.type,
            "object": one.definition.trigger.object,
        },
    )


def workflow(kind: str, one: Workflow) -> Event:
    """workflow.created, updated, published, enabled, paused or deleted."""
    return Event(
        type=f"workflow.{kind}",
        aggregate_type="workflow",
        aggregate_id=one.id,
        aggregate_version=one.revision,
        data={
            "workflow_id": str(one.id),
            "name": one.name,
            "version": one.version,
            "state": one.state,
            "state_reason": one.state_reason,
            "owner_id": one.owner_id,
            "trigger_type": one.trigger_type,
        },
    )


def escalated(one: Run, step: str, stage: int, assignees: list[str]) -> Event:
    """run.escalated: a person's input is overdue, and others are asked as well."""
    return Event(
        type="run.escalated",
        aggregate_type="escalation",
        aggregate_id=uuid5(one.id, f"{step}/{stage}"),
        aggregate_version=1,
        object=one.object,
        data={
            "run_id": str(one.id),
            "step": step,
            "stage": stage,
            "assignees": assignees,
            "record_id": _record_id(one),
        },
    )


def run(kind: str, one: Run, error: str = "") -> Event:
    """run.succeeded, run.failed, run.blocked or run.cancelled."""
    data: dict[str, Any] = {
        "run_id": str(one.id),
        "rule_id": str(one.rule_id),
        "rule_name": one.rule_name,
        "kind": one.kind,
        "record_id": _record_id(one),
        "object": one.object,
        "event_id": str(one.event_id),
    }
    if one.kind is Kind.WORKFLOW:
        data |= {"workflow_id": str(one.rule_id), "workflow_name": one.rule_name}
    if error:
        data["error"] = error
    return Event(
        type=f"run.{kind}",
        aggregate_type="run",
        aggregate_id=one.id,
        aggregate_version=2 * one.revision + 1,
        object=one.object,
        data=data,
    )


def dead_letter(one: Run, reason: str, attempts: int, trace_id: str) -> Event:
    """A run that failed for good: ResumeRun(subject_id) tries again."""
    return Event(
        type="dead_letter.created",
        aggregate_type="run",
        aggregate_id=one.id,
        aggregate_version=2 * one.revision + 2,
        object=one.object,
        data={
            "consumer": DEAD_LETTER_CONSUMER,
            "event_id": str(one.event_id),
            "event_type": one.event_type,
            "reason": reason,
            "attempts": attempts,
            "trace_id": trace_id,
            "subject_id": str(one.id),
        },
    )


def actor(workspace_id: UUID, one: Run, event: dict[str, Any]) -> Caller:
    """In whose name a run acts and is announced: the rule, because of the event."""
    link = guard.link(one.rule_id, one.record_id)
    chain = (*event["chain"], link)
    cause = Cause(event["root_id"] or event["id"], event["id"], event["depth"] + 1, chain)
    return Caller(workspace_id, str(one.rule_id), "automation", one.rule_name, cause=cause)


def _record_id(one: Run) -> str | None:
    """What it is about; nothing for a run that a schedule, a URL or a person began."""
    return str(one.record_id) if one.record_id.int else None
