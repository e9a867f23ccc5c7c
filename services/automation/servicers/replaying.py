"""Serve RunWorkflowForEvents: what happened before, to a workflow or rule of now."""

import asyncio

from armature.automation.v1 import workflow_service_pb2 as pb

from kit import idempotency, telemetry
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import InvalidArgument
from planes.definitions import Definitions
from services.automation.operations import history
from services.automation.servicers.checking import past_of
from services.automation.servicers.neighbours import Neighbours

_MOST_EVENTS = 100


class Replaying:
    """The part of the servicer that starts runs for events of the log."""

    _db: Database
    _definitions: Definitions
    _neighbours: Neighbours

    async def RunWorkflowForEvents(
        self,
        request: pb.RunWorkflowForEventsRequest,
        context: Context,
    ) -> pb.RunWorkflowForEventsResponse:
        caller = current_caller()
        caller.require("rules")
        if len(request.event_ids) > _MOST_EVENTS:
            message = f"at most {_MOST_EVENTS} events at once"
            raise InvalidArgument.at("INPUT_INVALID", "event_ids", "TOO_MANY", message)
        async with self._db.transaction(caller.workspace_id) as tx:
            starter = await history.starter_of(tx, caller.workspace_id, request.workflow)
        answer = pb.RunWorkflowForEventsResponse(
            id=str(starter.id), event_types=history.event_types(starter)
        )
        if not request.event_ids:
            return answer
        asked = [self._neighbours.event(caller, one) for one in request.event_ids]
        events = await asyncio.gather(*asked)
        workspace = await self._definitions.workspace(caller.workspace_id)
        trace = telemetry.traceparent()
        past = [past_of(event, workspace, trace) for event in events]
        past = await self._neighbours.with_relatives(workspace, starter, past)

        async def work(tx: Tx) -> pb.RunWorkflowForEventsResponse:
            answer.started = len(await history.start(tx, workspace, starter, past))
            return answer

        return await idempotency.once(
            self._db, caller, request, pb.RunWorkflowForEventsResponse, work
        )
