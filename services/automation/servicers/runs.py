"""Serve RunService: unpack, one transaction, pack."""

from uuid import UUID

from armature.automation.v1 import run_pb2
from armature.automation.v1 import run_service_pb2 as pb
from armature.automation.v1 import run_service_pb2_grpc as rpc

from kit import idempotency, ids, paging
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import InvalidArgument
from schema.problems import nearest
from services.automation import convert
from services.automation.model import Kind, Run, RunQuery, RunState
from services.automation.operations import rules, runs
from services.automation.store import rules as rule_store
from services.automation.store import runs as store
from services.automation.store import steps, workflows


class RunServicer(rpc.RunServiceServicer):
    def __init__(self, db: Database) -> None:
        self._db = db

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        caller = current_caller()
        caller.require("read")
        workspace_id = caller.workspace_id
        size = paging.clamp(request.page_size)
        bound = ["runs", str(workspace_id), request.rule, request.record_id]
        bound += [request.state, request.event_id]
        position = paging.decode(request.page_token, *bound)
        record_id = ids.parse_id(request.record_id, "record_id") if request.record_id else None
        event_id = ids.parse_id(request.event_id, "event_id") if request.event_id else None
        state = _state(request.state)
        async with self._db.transaction(workspace_id) as tx:
            rule_id = await _rule_id(tx, workspace_id, request.rule) if request.rule else None
            query = RunQuery(rule_id, record_id, event_id, state)
            before = UUID(position) if position else None
            found = await store.list_runs(tx, workspace_id, query, before, size + 1)
        token = paging.encode(str(found[size - 1].id), *bound) if len(found) > size else ""
        return pb.ListRunsResponse(
            runs=[convert.run(one) for one in found[:size]], next_page_token=token
        )

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        caller = current_caller()
        caller.require("read")
        run_id = ids.parse_id(request.id, "id")
        async with self._db.transaction(caller.workspace_id) as tx:
            run = await store.find_run(tx, caller.workspace_id, run_id)
            if run is None:
                raise runs.not_found(run_id)
            return pb.GetRunResponse(run=await _whole(tx, caller.workspace_id, run))

    async def CancelRun(
        self, request: pb.CancelRunRequest, context: Context
    ) -> pb.CancelRunResponse:
        caller = current_caller()
        caller.require("rules")
        run_id = ids.parse_id(request.id, "id")

        async def work(tx: Tx) -> pb.CancelRunResponse:
            run = await runs.cancel(tx, caller, run_id)
            return pb.CancelRunResponse(run=await _whole(tx, caller.workspace_id, run))

        return await idempotency.once(self._db, caller, request, pb.CancelRunResponse, work)

    async def ResumeRun(
        self, request: pb.ResumeRunRequest, context: Context
    ) -> pb.ResumeRunResponse:
        caller = current_caller()
        caller.require("rules")
        run_id = ids.parse_id(request.id, "id")

        async def work(tx: Tx) -> pb.ResumeRunResponse:
            run = await runs.resume(tx, caller, run_id)
            return pb.ResumeRunResponse(run=await _whole(tx, caller.workspace_id, run))

        return await idempotency.once(self._db, caller, request, pb.ResumeRunResponse, work)


async def _whole(tx: Tx, workspace_id: UUID, run: Run) -> run_pb2.Run:
    """With steps and attempts."""
    found = await steps.list_steps(tx, workspace_id, run.id)
    attempts = await steps.list_attempts(tx, workspace_id, run.id)
    history = await workflows.history(tx, workspace_id, run.id, of_run=True)
    if run.kind is Kind.RULE:
        planned = await rule_store.find_version(tx, workspace_id, run.rule_id, run.rule_version)
        found = runs.with_those_to_come(run, found, planned)
    return convert.run(run, found, attempts, history)


async def _rule_id(tx: Tx, workspace_id: UUID, name: str) -> UUID:
    """Of a live rule by id or name, or of a deleted one by id: its runs stay readable."""
    if rule := await rule_store.find_rule(tx, workspace_id, name):
        return rule.id
    try:
        rule_id = UUID(name)
    except ValueError:
        raise rules.not_found(name) from None
    if not await rule_store.ever_existed(tx, workspace_id, rule_id):
        raise rules.not_found(name)
    return rule_id


def _state(text: str) -> RunState | None:
    if not text:
        return None
    if text not in list(RunState):
        allowed = ", ".join(RunState)
        message = f"there is no state {text!r}{nearest(text, RunState)}; allowed: {allowed}"
        raise InvalidArgument.at("RUN_STATE_INVALID", "state", "UNKNOWN_STATE", message)
    return RunState(text)
