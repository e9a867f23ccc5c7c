"""Have the automation plane take, or let go, the rules and workflows of a blueprint.

Each is made under an id that was written down before, and every call carries a request id made of
it: so a process that dies between two calls, or between a call and its note, leaves something that
the next one goes on with, and nothing is made twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from armature.automation.v1 import (
    rule_pb2,
    rule_service_pb2,
    workflow_pb2,
    workflow_service_pb2,
)
from armature.automation.v1.rule_service_pb2_grpc import RuleServiceStub
from armature.automation.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from kit import clients, crash
from kit.caller import Caller
from kit.db import Database
from kit.errors import AlreadyExists, DeadlineExceeded, NotFound, ServiceError, Unavailable
from schema.jsonio import dumps
from services.metadata.logic.consequences import Consequence
from services.metadata.model import Installed, Part, Task
from services.metadata.operations import blueprints
from services.metadata.operations.blueprints import CHANGED, TAKEN
from services.metadata.store import blueprints as store

SILENT = "the automation plane did not answer"
ANSWER_SECONDS = 2.0  # for the first answer; what answers may take its time
_RULE_PARTS = ("description", "trigger", "condition_json", "actions")
_FLOW_PARTS = (
    "trigger", "condition", "inputs", "variables", "steps", "limits", "retention",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Worked:
    """What was done, and what is left: `rule <name>: <reason>`."""

    found: list[Consequence]
    pending: list[str]


class BlueprintParts:
    """Rules and workflows of blueprints, as the caller."""

    def __init__(self, db: Database, channel: grpc.aio.Channel) -> None:
        self._db = db
        self._rules = RuleServiceStub(channel)
        self._workflows = WorkflowServiceStub(channel)

    async def work_off(self, caller: Caller, name: str) -> Worked:
        """Do what is pending for a blueprint, as far as it goes."""
        async with self._db.transaction(caller.workspace_id) as tx:
            installed = (await store.installed(tx, caller.workspace_id)).get(name)
        worked = Worked([], [])
        for n, task in enumerate(installed.pending if installed else ()):
            assert installed is not None
            try:
                part, said = await self._do(caller, name, task, _part(installed, task), act=True)
            except (Unavailable, DeadlineExceeded, TimeoutError):
                left = installed.pending[n:]
                worked.pending.extend(f"{one.kind} {one.name}: {SILENT}" for one in left)
                break
            except ServiceError as exc:
                worked.pending.append(f"{task.kind} {task.name}: {exc.message}")
                continue
            crash.point("metadata.blueprint_part")
            async with self._db.transaction(caller.workspace_id) as tx:
                await blueprints.finished(tx, caller, name, task, part)
            worked.found.extend(said)
        return worked

    async def plan(self, caller: Caller, after: Installed) -> list[Consequence]:
        """What working off would do, with nothing done."""
        found: list[Consequence] = []
        for task in after.pending:
            try:
                _, said = await self._do(caller, after.name, task, _part(after, task), act=False)
                found += said
            except (Unavailable, DeadlineExceeded, TimeoutError):
                action = "delete" if task.action == "remove" else "create"
                found.append(Consequence(action, task.kind, task.name, affects=(SILENT,)))
        return found

    async def _do(
        self, caller: Caller, name: str, task: Task, part: Part | None, *, act: bool
    ) -> tuple[Part | None, list[Consequence]]:
        headers = clients.metadata(caller.credential)
        async with asyncio.timeout(ANSWER_SECONDS):
            present = await self._present(task, headers)
        theirs = present is not None and part is not None and present.version != part.version
        if task.action == "remove":
            if present is None:
                return None, []
            if theirs:
                return None, [_said("keep", task, CHANGED)]
            if act:
                await self._remove(task, headers)
            return None, [_said("delete", task)]
        if theirs:
            return part, [_said("keep", task, CHANGED)]
        raw = blueprints.described(name, task)
        action = "create" if present is None or part is None else "update"
        if not act:
            return part, [_said(action, task)]
        try:
            version = await self._apply(task, raw, headers, fresh=present is None)
        except AlreadyExists as exc:
            if not exc.reason.endswith("_NAME_TAKEN"):
                raise
            return None, [_said("keep", task, TAKEN)]
        return Part(task.id, version, blueprints.form_of(raw)), [_said(action, task)]

    async def _present(self, task: Task, headers: Sequence[tuple[str, str]]) -> Any:
        """What stands under the id, if anything does."""
        try:
            if task.kind == "rule":
                asked = rule_service_pb2.GetRuleRequest(rule=task.id)
                return (await clients.call(self._rules.GetRule, asked, headers)).rule
            wanted = workflow_service_pb2.GetWorkflowRequest(workflow=task.id)
            return (await clients.call(self._workflows.GetWorkflow, wanted, headers)).workflow
        except NotFound:
            return None

    async def _remove(self, task: Task, headers: Sequence[tuple[str, str]]) -> None:
        request_id = f"blueprint-remove-{task.id}"
        if task.kind == "rule":
            rule = rule_service_pb2.DeleteRuleRequest(rule=task.id, request_id=request_id)
            await clients.call(self._rules.DeleteRule, rule, headers)
            return
        flow = workflow_service_pb2.DeleteWorkflowRequest(workflow=task.id, request_id=request_id)
        await clients.call(self._workflows.DeleteWorkflow, flow, headers)

    async def _apply(
        self,
        task: Task,
        raw: Mapping[str, Any],
        headers: Sequence[tuple[str, str]],
        *,
        fresh: bool,
    ) -> int:
        """Make it, or make it what the blueprint says; its version."""
        request_id = f"blueprint-{task.id}-{blueprints.form_of(raw)}"
        if task.kind == "rule":
            rule = _rule(task.id, raw)
            if fresh:
                new = rule_service_pb2.CreateRuleRequest(rule=rule, request_id=request_id)
                return (await clients.call(self._rules.CreateRule, new, headers)).rule.version
            change = rule_service_pb2.UpdateRuleRequest(
                rule=task.id, changes=rule, request_id=request_id
            )
            change.update_mask.paths.extend(_RULE_PARTS)
            return (await clients.call(self._rules.UpdateRule, change, headers)).rule.version
        flow = _workflow(task.id, raw)
        if fresh:
            made = workflow_service_pb2.CreateWorkflowRequest(workflow=flow, request_id=request_id)
            stored = (await clients.call(self._workflows.CreateWorkflow, made, headers)).workflow
        else:
            edit = workflow_service_pb2.UpdateWorkflowRequest(
                workflow=task.id, changes=flow, request_id=request_id
            )
            edit.update_mask.paths.extend(["description", "when"])
            edit.update_mask.paths.extend(f"{part}_json" for part in _FLOW_PARTS)
            stored = (await clients.call(self._workflows.UpdateWorkflow, edit, headers)).workflow
        if raw.get("published"):
            publish = workflow_service_pb2.PublishWorkflowRequest(
                workflow=task.id, request_id=request_id
            )
            stored = (
                await clients.call(self._workflows.PublishWorkflow, publish, headers)
            ).workflow
        return stored.version


def _part(installed: Installed, task: Task) -> Part | None:
    return installed.parts.get(task.kind, {}).get(task.name)


def _said(action: str, task: Task, *why: str) -> Consequence:
    return Consequence(action, task.kind, task.name, affects=why)


def _rule(rule_id: str, raw: Mapping[str, Any]) -> rule_pb2.Rule:
    """A rule as a blueprint writes it: as the REST API takes it."""
    return rule_pb2.Rule(
        id=rule_id,
        name=raw["name"],
        description=raw.get("description", ""),
        trigger=rule_pb2.Trigger(**raw["trigger"]),
        condition_json=dumps(raw["condition"]) if raw.get("condition") else b"",
        actions=[
            rule_pb2.Action(
                type=one["type"], name=one.get("name", ""), input_json=dumps(one["input"])
            )
            for one in raw["actions"]
        ],
        state=raw.get("state", ""),
    )


def _workflow(workflow_id: str, raw: Mapping[str, Any]) -> workflow_pb2.Workflow:
    found = workflow_pb2.Workflow(
        id=workflow_id,
        name=raw["name"],
        description=raw.get("description", ""),
        when=raw.get("when", ""),
    )
    for part in _FLOW_PARTS:
        if part in raw:
            setattr(found, f"{part}_json", dumps(raw[part]))
    return found
