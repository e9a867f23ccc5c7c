"""Call the automation plane for the rules and workflows of a blueprint.

Every change names the version that it is based on, and carries a request id made of what it makes:
so it may be repeated, and writes over nothing that somebody else has done meanwhile.
"""

from collections.abc import Mapping, Sequence
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

from kit import clients
from kit.errors import NotFound
from schema.jsonio import dumps
from services.metadata.model import Part, Task
from services.metadata.operations.blueprint_roles import form_of

_RULE_PARTS = ("description", "trigger", "condition_json", "actions")
_FLOW_PARTS = (
    "trigger", "condition", "inputs", "variables", "steps", "limits", "retention",
)  # fmt: skip

Headers = Sequence[tuple[str, str]]


class BlueprintCalls:
    """Rules and workflows alike, by what a blueprint says of them."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._rules = RuleServiceStub(channel)
        self._workflows = WorkflowServiceStub(channel)

    async def present(self, kind: str, own: str, headers: Headers) -> Any:
        """What stands under the id, if anything does."""
        try:
            if kind == "rule":
                asked = rule_service_pb2.GetRuleRequest(rule=own)
                return (await clients.call(self._rules.GetRule, asked, headers)).rule
            wanted = workflow_service_pb2.GetWorkflowRequest(workflow=own)
            return (await clients.call(self._workflows.GetWorkflow, wanted, headers)).workflow
        except NotFound:
            return None

    async def remove(self, task: Task, version: int, headers: Headers) -> None:
        request_id, etag = f"blueprint-remove-{task.id}", str(version)
        if task.kind == "rule":
            rule = rule_service_pb2.DeleteRuleRequest(
                rule=task.id, etag=etag, request_id=request_id
            )
            await clients.call(self._rules.DeleteRule, rule, headers)
            return
        flow = workflow_service_pb2.DeleteWorkflowRequest(
            workflow=task.id, etag=etag, request_id=request_id
        )
        await clients.call(self._workflows.DeleteWorkflow, flow, headers)

    async def create(self, task: Task, raw: Mapping[str, Any], headers: Headers) -> None:
        request_id = _request_id(task.id, raw)
        if task.kind == "rule":
            new = rule_service_pb2.CreateRuleRequest(
                rule=_rule(task.id, raw), request_id=request_id
            )
            await clients.call(self._rules.CreateRule, new, headers)
            return
        made = workflow_service_pb2.CreateWorkflowRequest(
            workflow=_workflow(task.id, raw), request_id=request_id
        )
        await clients.call(self._workflows.CreateWorkflow, made, headers)

    async def change(self, part: Part, kind: str, raw: Mapping[str, Any], headers: Headers) -> int:
        """Make what stands as the part was left what the blueprint says now; its version then."""
        request_id = _request_id(part.id, raw)
        if kind == "rule":
            change = rule_service_pb2.UpdateRuleRequest(
                rule=part.id,
                changes=_rule(part.id, raw),
                etag=str(part.version),
                request_id=request_id,
            )
            change.update_mask.paths.extend(_RULE_PARTS)
            return (await clients.call(self._rules.UpdateRule, change, headers)).rule.version
        edit = workflow_service_pb2.UpdateWorkflowRequest(
            workflow=part.id,
            changes=_workflow(part.id, raw),
            etag=str(part.version),
            request_id=request_id,
        )
        edit.update_mask.paths.extend(["description", "when"])
        edit.update_mask.paths.extend(f"{one}_json" for one in _FLOW_PARTS)
        updated = await clients.call(self._workflows.UpdateWorkflow, edit, headers)
        version: int = updated.workflow.version
        if not raw.get("published"):
            return version
        return await self.publish(Part(part.id, version), raw, headers)

    async def publish(self, part: Part, raw: Mapping[str, Any], headers: Headers) -> int:
        request = workflow_service_pb2.PublishWorkflowRequest(
            workflow=part.id, etag=str(part.version), request_id=_request_id(part.id, raw)
        )
        answer = await clients.call(self._workflows.PublishWorkflow, request, headers)
        version: int = answer.workflow.version
        return version


def _request_id(own: str, raw: Mapping[str, Any]) -> str:
    return f"blueprint-{own}-{form_of(raw)}"


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
