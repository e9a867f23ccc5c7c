"""Serve CheckWorkflow: what a workflow would do, with nothing done."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from armature.automation.v1 import workflow_pb2
from armature.automation.v1 import workflow_service_pb2 as pb
from armature.events.v1 import event_pb2

from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.clock import now, to_text
from kit.db import Database
from kit.errors import InvalidArgument
from planes.definitions import Definitions
from schema import jsonio
from schema.compiled import Workspace
from schema.problems import Problem
from services.automation import convert
from services.automation.logic import definitions as documents
from services.automation.logic import headers, occasion, simulation
from services.automation.model import Graph, Kind, Starter, Workflow, WorkflowDefinition
from services.automation.operations import starting, triggers, workflows
from services.automation.servicers.neighbours import Neighbours
from services.automation.store import workflows as store


class Checking:
    """The part of the servicer that imagines runs."""

    _db: Database
    _definitions: Definitions
    _neighbours: Neighbours

    async def _find(self, caller: Caller, name: str) -> Workflow:
        raise NotImplementedError

    async def _judge(
        self, caller: Caller, workflow_id: UUID, document: dict[str, Any]
    ) -> tuple[WorkflowDefinition, list[Problem]]:
        raise NotImplementedError

    async def CheckWorkflow(
        self,
        request: pb.CheckWorkflowRequest,
        context: Context,
    ) -> pb.CheckWorkflowResponse:
        caller = current_caller()
        caller.require("rules")
        seen = await self._find(caller, request.workflow)
        document = await self._document(caller, seen, request.at_published_version)
        definition, problems = await self._judge(caller, seen.id, document)
        shown = [pb.CheckProblem(path=p.path, code=p.code, message=p.message) for p in problems]
        if any(p.path.startswith(("steps", "trigger")) for p in problems):
            return pb.CheckWorkflowResponse(reason="it has mistakes", problems=shown)
        workspace = await self._definitions.workspace(caller.workspace_id)
        answer = pb.CheckWorkflowResponse(starts=True, problems=shown)
        starter = _starter(caller, seen, definition, workspace)
        if request.event_id:
            event = await self._neighbours.event(caller, request.event_id)
            past = past_of(event, workspace)
            [past] = await self._neighbours.with_relatives(workspace, starter, [past])
            answer.reason = refusal(workspace, starter, past)
            answer.starts = not answer.reason
            occurred = past.happening.occasion
        else:
            occurred = await self._imagined(caller, request, definition, workspace)
            _, answer.reason = starting.judge(starter, occurred)
            answer.starts = not answer.reason
        answer.effects.extend(effects(definition.graph, occurred, starter))
        return answer

    async def _document(self, caller: Caller, seen: Workflow, version: int) -> dict[str, Any]:
        if not version:
            return seen.draft
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.find_version(tx, caller.workspace_id, seen.id, version)
        if found is None:
            raise workflows.not_found(f"{seen.name} version {version}")
        return found.document

    async def _imagined(
        self,
        caller: Caller,
        request: pb.CheckWorkflowRequest,
        definition: WorkflowDefinition,
        workspace: Workspace,
    ) -> dict[str, Any]:
        inputs = convert.filled(definition.inputs, request.inputs_json)
        record = None
        if request.record_id:
            name = request.object or definition.trigger.object
            if not name:
                message = "name the record's object"
                raise InvalidArgument.at("INPUT_INVALID", "object", "REQUIRED", message)
            [record] = await self._neighbours.records(caller, name, [request.record_id])
        event = {
            "id": "",
            "type": "workflow.started",
            "occurred_at": now().isoformat(),
            "actor": dict(caller.actor()),
            "root_id": "",
            "depth": 0,
            "chain": [],
        }
        return occasion.of_person(event, record, inputs, workspace.time_zone)


def _starter(
    caller: Caller, seen: Workflow, definition: WorkflowDefinition, workspace: Workspace
) -> Starter:
    obj = workspace.object(definition.trigger.object) if definition.trigger.object else None
    trigger = documents.with_object_id(definition.trigger, obj.id if obj else "")
    return Starter(
        kind=Kind.WORKFLOW,
        id=seen.id,
        name=seen.name,
        version=seen.version,
        owner_id=caller.principal_id,
        trigger=trigger,
        condition=definition.condition,
        when=definition.when,
        limits=definition.limits,
    )


def past_of(event: event_pb2.Event, workspace: Workspace, traceparent: str = "") -> triggers.Past:
    """The event as the consumer would see it."""
    data = jsonio.loads_stored(event.data_json)
    described = {
        "id": event.id,
        "type": event.type,
        "occurred_at": to_text(event.occur_time),
        "actor": {"kind": event.actor.kind, "id": event.actor.id, "name": event.actor.name},
        "root_id": event.root_id,
        "depth": event.depth,
        "chain": [],
    }
    return triggers.happened(
        described, event.aggregate_id, event.aggregate_type, data, workspace, traceparent
    )


def refusal(workspace: Workspace, starter: Starter, past: triggers.Past) -> str:
    """Why the event would start nothing; empty when it would."""
    if not triggers.is_started_by(starter, past, workspace):
        return f"the trigger does not wait for this {past.type}"
    planned = triggers.plan(workspace, past.happening, starter)
    if planned is None:
        return "the condition does not hold"
    return planned.error


def effects(
    graph: Graph, document: Mapping[str, Any], starter: Starter
) -> list[workflow_pb2.Effect]:
    """What a run would do, in order."""
    source = {"id": str(starter.id), "name": starter.name, "version": starter.version}
    return [
        workflow_pb2.Effect(
            path=one.path,
            type=one.type,
            input_json=b""
            if one.given is None
            else jsonio.dumps(headers.masked_input(one.type, one.given)),
            outcome=one.outcome,
            note=one.note,
        )
        for one in simulation.imagine(graph, document, source)
    ]
