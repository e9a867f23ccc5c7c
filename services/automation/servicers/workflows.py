"""Serve WorkflowService: unpack, one transaction, pack."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from armature.automation.v1 import workflow_pb2
from armature.automation.v1 import workflow_service_pb2 as pb
from armature.automation.v1 import workflow_service_pb2_grpc as rpc

from kit import etags, idempotency, ids, paging, telemetry, webhooks
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.clock import to_timestamp
from kit.db import Database, Tx
from kit.egress import Egress
from kit.errors import Aborted, InvalidArgument
from planes.definitions import Definitions
from schema.problems import Problem
from services.automation import convert
from services.automation.logic import definitions as documents
from services.automation.logic import headers, publish
from services.automation.logic.permits import Permits
from services.automation.model import Workflow, WorkflowDefinition, WorkflowState
from services.automation.operations import secrets, workflows
from services.automation.servicers.checking import Checking
from services.automation.servicers.hooks import Hooks
from services.automation.servicers.neighbours import Neighbours
from services.automation.servicers.replaying import Replaying
from services.automation.servicers.rotating import Rotating
from services.automation.store import rules as rule_store
from services.automation.store import runs as run_store
from services.automation.store import schedules
from services.automation.store import workflows as store

_MOST_RECORDS = 1000
_LEADING = ("trigger_json", "inputs_json", "variables_json")  # what templates of URLs may name


class WorkflowServicer(Checking, Hooks, Replaying, Rotating, rpc.WorkflowServiceServicer):
    def __init__(
        self,
        db: Database,
        definitions: Definitions,
        egress: Egress,
        sealer: webhooks.Sealer,
        neighbours: Neighbours,
        *,
        max_workflows: int,
        per_minute: int,
        hook_base_url: str,
    ) -> None:
        self._db = db
        self._definitions = definitions
        self._egress = egress
        self._sealer = sealer
        self._neighbours = neighbours
        self._max = max_workflows
        self._per_minute = per_minute
        self._hook_base_url = hook_base_url

    async def CreateWorkflow(
        self, request: pb.CreateWorkflowRequest, context: Context
    ) -> pb.CreateWorkflowResponse:
        caller = current_caller()
        caller.require("rules")
        workflow_id = ids.client_id(request.workflow.id, "workflow.id")
        keeper = self._keeper(caller, workflow_id)
        draft = headers.in_draft(convert.workflow_draft(request.workflow), keeper.seal)
        workspace_id = caller.workspace_id
        new = workflows.NewWorkflow(
            workflow_id,
            request.workflow.name,
            request.workflow.description,
            draft,
            self._sealer.seal(webhooks.new_secret(), secrets.bound_to(workspace_id, workflow_id)),
            secrets.token(self._sealer, workspace_id, workflow_id, ""),
        )

        async def work(tx: Tx) -> pb.CreateWorkflowResponse:
            made = await workflows.create(tx, caller, new, self._max)
            return pb.CreateWorkflowResponse(workflow=convert.workflow(made))

        response = await idempotency.once(
            self._db, caller, request, pb.CreateWorkflowResponse, work
        )
        workflow_id = UUID(response.workflow.id)
        response.webhook_secret, response.hook_url = await self._secrets(caller, workflow_id)
        return response

    async def GetWorkflow(
        self, request: pb.GetWorkflowRequest, context: Context
    ) -> pb.GetWorkflowResponse:
        caller = current_caller()
        caller.require("read")
        found = await self._find(caller, request.workflow)
        return pb.GetWorkflowResponse(workflow=convert.workflow(found))

    async def ListWorkflows(
        self, request: pb.ListWorkflowsRequest, context: Context
    ) -> pb.ListWorkflowsResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        bound = ["workflows", str(caller.workspace_id)]
        after = paging.decode(request.page_token, *bound)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.list_page(tx, caller.workspace_id, after, size + 1)
        token = ""
        if len(found) > size:
            last = found[size - 1]
            token = paging.encode([last.create_time.isoformat(), str(last.id)], *bound)
        return pb.ListWorkflowsResponse(
            workflows=[convert.workflow(one) for one in found[:size]], next_page_token=token
        )

    async def UpdateWorkflow(
        self, request: pb.UpdateWorkflowRequest, context: Context
    ) -> pb.UpdateWorkflowResponse:
        caller = current_caller()
        caller.require("rules")
        paths = convert.workflow_paths(list(request.update_mask.paths))

        async def work(tx: Tx) -> pb.UpdateWorkflowResponse:
            name = request.workflow
            present = await workflows.find(tx, caller.workspace_id, name, lock=True)
            if request.etag and request.etag != str(present.revision):
                message = f"the workflow is at version {present.revision}; read it again"
                raise Aborted("ETAG_MISMATCH", message)
            title, about, draft = convert.changed_workflow(present, request.changes, paths)
            if "steps_json" in paths:
                draft = self._with_kept(caller, present, draft)
            elif any(path in _LEADING for path in paths):
                draft = headers.in_draft(draft, headers.let_go)
            updated = await workflows.update(
                tx, caller, present, name=title, description=about, draft=draft
            )
            return pb.UpdateWorkflowResponse(workflow=convert.workflow(updated))

        return await idempotency.once(self._db, caller, request, pb.UpdateWorkflowResponse, work)

    async def PublishWorkflow(
        self, request: pb.PublishWorkflowRequest, context: Context
    ) -> pb.PublishWorkflowResponse:
        caller = current_caller()
        caller.require("rules")
        seen = await self._find(caller, request.workflow)
        definition, problems = await self._judge(caller, seen.id, seen.draft)
        workspace = await self._definitions.workspace(caller.workspace_id)

        async def work(tx: Tx) -> pb.PublishWorkflowResponse:
            etags.check(request.etag, seen.revision)
            if problems:
                raise convert.workflow_invalid(problems)
            document = _with_object_id(seen.draft, workspace.object(definition.trigger.object))
            made = await workflows.publish(
                tx, caller, seen, document, documents.read(document), workspace, request.etag
            )
            return pb.PublishWorkflowResponse(workflow=convert.workflow(made))

        return await idempotency.once(self._db, caller, request, pb.PublishWorkflowResponse, work)

    async def DeleteWorkflow(
        self, request: pb.DeleteWorkflowRequest, context: Context
    ) -> pb.DeleteWorkflowResponse:
        caller = current_caller()
        caller.require("rules")

        async def work(tx: Tx) -> pb.DeleteWorkflowResponse:
            await workflows.delete(tx, caller, request.workflow, request.etag)
            return pb.DeleteWorkflowResponse()

        return await idempotency.once(self._db, caller, request, pb.DeleteWorkflowResponse, work)

    async def PauseWorkflow(
        self, request: pb.PauseWorkflowRequest, context: Context
    ) -> pb.PauseWorkflowResponse:
        caller = current_caller()
        caller.require("rules")

        async def work(tx: Tx) -> pb.PauseWorkflowResponse:
            state, reason = WorkflowState.PAUSED, request.reason[:500]
            changed = await workflows.set_state(tx, caller, request.workflow, state, reason)
            return pb.PauseWorkflowResponse(workflow=convert.workflow(changed))

        return await idempotency.once(self._db, caller, request, pb.PauseWorkflowResponse, work)

    async def EnableWorkflow(
        self, request: pb.EnableWorkflowRequest, context: Context
    ) -> pb.EnableWorkflowResponse:
        caller = current_caller()
        caller.require("rules")

        async def work(tx: Tx) -> pb.EnableWorkflowResponse:
            state = WorkflowState.ENABLED
            changed = await workflows.set_state(tx, caller, request.workflow, state, "")
            return pb.EnableWorkflowResponse(workflow=convert.workflow(changed))

        return await idempotency.once(self._db, caller, request, pb.EnableWorkflowResponse, work)

    async def RunWorkflow(
        self, request: pb.RunWorkflowRequest, context: Context
    ) -> pb.RunWorkflowResponse:
        caller = current_caller()
        caller.require("rules")
        if len(request.record_ids) > _MOST_RECORDS:
            message = f"at most {_MOST_RECORDS} records at once"
            raise InvalidArgument.at("INPUT_INVALID", "record_ids", "TOO_MANY", message)
        async with self._db.transaction(caller.workspace_id) as tx:
            seen = await workflows.find(tx, caller.workspace_id, request.workflow)
            _, definition = await workflows.published(tx, caller.workspace_id, seen)
        inputs = convert.filled(definition.inputs, request.inputs_json)
        name = request.object or definition.trigger.object
        records: Sequence[dict[str, Any] | None] = [None]
        if request.record_ids:
            records = await self._neighbours.records(caller, name, list(request.record_ids))
        workspace = await self._definitions.workspace(caller.workspace_id)
        run_ids = workflows.new_run_ids(len(records))
        wanted = [
            workflows.Started(one, record, inputs)
            for one, record in zip(run_ids, records, strict=True)
        ]

        async def work(tx: Tx) -> pb.RunWorkflowResponse:
            present = await workflows.find(tx, caller.workspace_id, str(seen.id))
            starter, _ = await workflows.published(tx, caller.workspace_id, present)
            await workflows.start(
                tx,
                caller,
                starter,
                wanted,
                event_type="workflow.started",
                time_zone=workspace.time_zone,
                traceparent=telemetry.traceparent(),
            )
            found = [await run_store.find_run(tx, caller.workspace_id, one) for one in run_ids]
            return pb.RunWorkflowResponse(runs=[convert.run(one) for one in found if one])

        return await idempotency.once(self._db, caller, request, pb.RunWorkflowResponse, work)

    async def ListWorkflowVersions(
        self, request: pb.ListWorkflowVersionsRequest, context: Context
    ) -> pb.ListWorkflowVersionsResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        async with self._db.transaction(caller.workspace_id) as tx:
            workflow = await workflows.find(tx, caller.workspace_id, request.workflow)
            bound = ["versions", str(caller.workspace_id), str(workflow.id)]
            before = paging.decode(request.page_token, *bound)
            found = await store.list_versions(
                tx, caller.workspace_id, workflow.id, before, size + 1
            )
        token = paging.encode(found[size - 1].version, *bound) if len(found) > size else ""
        return pb.ListWorkflowVersionsResponse(
            versions=[convert.workflow_version(one) for one in found[:size]],
            next_page_token=token,
        )

    async def ListWorkflowHistory(
        self, request: pb.ListWorkflowHistoryRequest, context: Context
    ) -> pb.ListWorkflowHistoryResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        async with self._db.transaction(caller.workspace_id) as tx:
            subject = await _subject(tx, caller.workspace_id, request.workflow)
            bound = ["history", str(caller.workspace_id), str(subject)]
            position = paging.decode(request.page_token, *bound)
            found = await store.history(
                tx,
                caller.workspace_id,
                subject,
                before=UUID(position) if position else None,
                limit=size + 1,
            )
        token = paging.encode(str(found[size - 1].id), *bound) if len(found) > size else ""
        return pb.ListWorkflowHistoryResponse(
            entries=[convert.entry(one) for one in found[:size]], next_page_token=token
        )

    async def ListScheduleFires(
        self, request: pb.ListScheduleFiresRequest, context: Context
    ) -> pb.ListScheduleFiresResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        async with self._db.transaction(caller.workspace_id) as tx:
            workflow = await workflows.find(tx, caller.workspace_id, request.workflow)
            bound = ["fires", str(caller.workspace_id), str(workflow.id)]
            position = paging.decode(request.page_token, *bound)
            before = datetime.fromisoformat(position) if position else None
            found = await schedules.list_fires(
                tx, caller.workspace_id, workflow.id, before, size + 1
            )
            following = await schedules.next_time(tx, caller.workspace_id, workflow.id)
        token = ""
        if len(found) > size:
            token = paging.encode(found[size - 1].fire_time.isoformat(), *bound)
        return pb.ListScheduleFiresResponse(
            fires=[
                workflow_pb2.ScheduleFire(
                    fire_time=to_timestamp(one.fire_time),
                    outcome=one.outcome,
                    run_id=str(one.run_id) if one.run_id else "",
                    create_time=to_timestamp(one.create_time),
                )
                for one in found[:size]
            ],
            next_page_token=token,
            next_fire_time=to_timestamp(following),
        )

    async def _find(self, caller: Caller, name: str) -> Workflow:
        async with self._db.transaction(caller.workspace_id) as tx:
            return await workflows.find(tx, caller.workspace_id, name)

    def _keeper(self, caller: Caller, workflow_id: UUID) -> headers.Keeper:
        return headers.Keeper(self._sealer, secrets.bound_to(caller.workspace_id, workflow_id))

    def _with_kept(
        self, caller: Caller, present: Workflow, draft: dict[str, Any]
    ) -> dict[str, Any]:
        """New steps as they are stored, with what the headers of the old ones hold where they send
        the mask of it back."""
        keeper = self._keeper(caller, present.id)
        stored = keeper.open(present.draft.get("steps"))
        return headers.in_draft(draft, lambda steps: keeper.seal(headers.restored(steps, stored)))

    async def _judge(
        self, caller: Caller, workflow_id: UUID, document: dict[str, Any]
    ) -> tuple[WorkflowDefinition, list[Problem]]:
        """The definition and what is wrong with it, by definitions of this moment."""
        document = headers.in_draft(document, self._keeper(caller, workflow_id).open)
        workspace = await self._definitions.workspace(caller.workspace_id)
        permits = Permits(caller.permissions, caller.access)
        async with self._db.transaction(caller.workspace_id) as tx:
            known = await store.known(tx, caller.workspace_id)
        found, problems = publish.judge(document, workspace, self._refusal, permits, known)
        if problems:
            workspace = await self._definitions.refresh(caller.workspace_id)
            found, problems = publish.judge(document, workspace, self._refusal, permits, known)
        return found, publish.problems_of(problems)

    def _refusal(self, url: str) -> str:
        try:
            self._egress.check_url(url)
        except InvalidArgument as exc:
            return exc.message
        return ""


async def _subject(tx: Tx, workspace_id: UUID, name: str) -> UUID:
    """Of a workflow or rule by id or name, or of a deleted one by id."""
    if found := await store.find(tx, workspace_id, name):
        return found.id
    if rule := await rule_store.find_rule(tx, workspace_id, name):
        return rule.id
    try:
        subject = UUID(name)
    except ValueError:
        raise workflows.not_found(name) from None
    if not (
        await store.ever_existed(tx, workspace_id, subject)
        or await rule_store.ever_existed(tx, workspace_id, subject)
    ):
        raise workflows.not_found(name)
    return subject


def _with_object_id(draft: dict[str, Any], obj: Any) -> dict[str, Any]:
    """The draft as it is frozen: the object is known by its id, whatever it is called by then."""
    if obj is None:
        return draft
    return {**draft, "trigger": {**draft["trigger"], "object_id": obj.id}}
