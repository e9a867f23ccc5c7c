"""Serve RunService: unpack, one transaction, pack."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from armature.automation.v1 import run_pb2
from armature.automation.v1 import run_service_pb2 as pb
from armature.automation.v1 import run_service_pb2_grpc as rpc

from kit import idempotency, ids, paging
from kit.caller import Caller, current_caller
from kit.calls import Authenticate, Context
from kit.clock import from_timestamp
from kit.db import Database, Tx
from kit.errors import InvalidArgument, ServiceError
from schema.problems import nearest
from services.automation import convert
from services.automation.model import UNFINISHED, Kind, Run, RunQuery, RunState
from services.automation.operations import inputs, rules, runs
from services.automation.operations import workflows as workflow_operations
from services.automation.store import inputs as input_store
from services.automation.store import rules as rule_store
from services.automation.store import runs as store
from services.automation.store import steps, workflows

_WATCH_SECONDS = 0.25  # between looks at a run that is watched
_RECHECK_SECONDS = 5.0


class RunServicer(rpc.RunServiceServicer):
    def __init__(self, db: Database, authenticate: Authenticate) -> None:
        self._db = db
        self._authenticate = authenticate

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        caller = current_caller()
        caller.require("read")
        workspace_id = caller.workspace_id
        size = paging.clamp(request.page_size)
        bound = ["runs", str(workspace_id), request.rule, request.record_id]
        bound += [request.state, request.event_id, request.workflow, request.error]
        bound += [request.parent_run_id, str(request.from_time), str(request.to_time)]
        position = paging.decode(request.page_token, *bound)
        record_id = ids.parse_id(request.record_id, "record_id") if request.record_id else None
        event_id = ids.parse_id(request.event_id, "event_id") if request.event_id else None
        parent = request.parent_run_id
        parent_id = ids.parse_id(parent, "parent_run_id") if parent else None
        state = _state(request.state)
        async with self._db.transaction(workspace_id) as tx:
            rule_id = await _rule_id(tx, workspace_id, request.rule) if request.rule else None
            if request.workflow:
                rule_id = await _workflow_id(tx, workspace_id, request.workflow)
            query = RunQuery(
                rule_id,
                record_id,
                event_id,
                state,
                from_time=_time(request, "from_time"),
                to_time=_time(request, "to_time"),
                error=request.error,
                parent_run_id=parent_id,
            )
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
            run = await runs.resume(tx, caller, run_id, request.from_step)
            return pb.ResumeRunResponse(run=await _whole(tx, caller.workspace_id, run))

        return await idempotency.once(self._db, caller, request, pb.ResumeRunResponse, work)

    async def RestartRun(
        self, request: pb.RestartRunRequest, context: Context
    ) -> pb.RestartRunResponse:
        caller = current_caller()
        caller.require("rules")
        run_id = ids.parse_id(request.id, "id")

        async def work(tx: Tx) -> pb.RestartRunResponse:
            run = await runs.restart(tx, caller, run_id)
            return pb.RestartRunResponse(run=await _whole(tx, caller.workspace_id, run))

        return await idempotency.once(self._db, caller, request, pb.RestartRunResponse, work)

    async def SubmitRunInput(
        self, request: pb.SubmitRunInputRequest, context: Context
    ) -> pb.SubmitRunInputResponse:
        caller = current_caller()
        run_id = ids.parse_id(request.id, "id")
        values = convert.object_of(request.values_json, "values")

        async def work(tx: Tx) -> pb.SubmitRunInputResponse:
            run = await inputs.submit(tx, caller, run_id, request.step, values)
            if "read" not in caller.permissions:
                told = run_pb2.Run(id=str(run.id), state=run.state)
                return pb.SubmitRunInputResponse(run=told)
            return pb.SubmitRunInputResponse(run=await _whole(tx, caller.workspace_id, run))

        return await idempotency.once(self._db, caller, request, pb.SubmitRunInputResponse, work)

    async def ListRunInputs(
        self, request: pb.ListRunInputsRequest, context: Context
    ) -> pb.ListRunInputsResponse:
        caller = current_caller()
        mine = request.mine or "read" not in caller.permissions
        size = paging.clamp(request.page_size)
        bound = ["inputs", str(caller.workspace_id), str(mine), request.run_id]
        bound += [caller.principal_id] if mine else []
        after = paging.decode(request.page_token, *bound)
        run_id = ids.parse_id(request.run_id, "run_id") if request.run_id else None
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await input_store.page(
                tx,
                caller.workspace_id,
                names=inputs.names_of(caller) if mine else None,
                writes="write" in caller.permissions,
                run_id=run_id,
                after=(UUID(after[0]), int(after[1])) if after else (UUID(int=0), -1),
                limit=size + 1,
            )
        token = ""
        if len(found) > size:
            last = found[size - 1]
            token = paging.encode([str(last.run_id), last.step_index], *bound)
        return pb.ListRunInputsResponse(
            inputs=[convert.run_input(one) for one in found[:size]], next_page_token=token
        )

    async def WatchRun(
        self, request: pb.WatchRunRequest, context: Context
    ) -> AsyncIterator[pb.WatchRunResponse]:
        caller = current_caller()
        caller.require("read")
        run_id = ids.parse_id(request.id, "id")
        last = None
        checked = time.monotonic()
        while True:
            if time.monotonic() - checked >= _RECHECK_SECONDS:
                checked = time.monotonic()
                await self._recheck(caller)
            async with self._db.transaction(caller.workspace_id) as tx:
                run = await store.find_run(tx, caller.workspace_id, run_id)
                if run is None:
                    raise runs.not_found(run_id)
                shown = await _whole(tx, caller.workspace_id, run)
            if shown != last:
                last = shown
                yield pb.WatchRunResponse(run=shown)
            if run.state not in UNFINISHED:
                return
            await asyncio.sleep(_WATCH_SECONDS)

    async def _recheck(self, caller: Caller) -> None:
        """A stream outlives its first check: end it when the caller may no longer read."""
        try:
            who = await self._authenticate(caller.credential)
        except ServiceError as exc:
            if exc.retryable:
                return
            raise
        who.require("read")


def _time(request: pb.ListRunsRequest, name: str) -> datetime | None:
    return from_timestamp(getattr(request, name)) if request.HasField(name) else None


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


async def _workflow_id(tx: Tx, workspace_id: UUID, name: str) -> UUID:
    """The same of a workflow."""
    if found := await workflows.find(tx, workspace_id, name):
        return found.id
    try:
        workflow_id = UUID(name)
    except ValueError:
        raise workflow_operations.not_found(name) from None
    if not await workflows.ever_existed(tx, workspace_id, workflow_id):
        raise workflow_operations.not_found(name)
    return workflow_id


def _state(text: str) -> RunState | None:
    if not text:
        return None
    if text not in list(RunState):
        allowed = ", ".join(RunState)
        message = f"there is no state {text!r}{nearest(text, RunState)}; allowed: {allowed}"
        raise InvalidArgument.at("RUN_STATE_INVALID", "state", "UNKNOWN_STATE", message)
    return RunState(text)
