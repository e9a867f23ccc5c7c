"""TimelineService: the calls as the contract names them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from armature.artifacts.v1 import timeline_service_pb2 as pb
from armature.artifacts.v1 import timeline_service_pb2_grpc as rpc

from kit import idempotency, paging
from kit.db import Tx
from schema.problems import Problem
from services.artifacts import convert
from services.artifacts.logic import showing
from services.artifacts.logic.access import require_targets
from services.artifacts.model import Place
from services.artifacts.operations import timeline
from services.artifacts.servicers.desk import LARGEST_PAGE, Context, Desk
from services.artifacts.store import timeline as store

_MAX_TYPES = 20


class TimelineServicer(rpc.TimelineServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListTimeline(
        self, request: pb.ListTimelineRequest, context: Context
    ) -> pb.ListTimelineResponse:
        caller = self._desk.reader()
        _check_types(request.types)
        workspace = await self._desk.workspace(caller, [request.target])
        target = convert.known_node(workspace, request.target)
        query = ("ListTimeline", str(caller.workspace_id), target.document(), list(request.types))
        size = paging.clamp(request.page_size, largest=LARGEST_PAGE)
        place = paging.decode(request.page_token, *query)
        after = Place(datetime.fromisoformat(place[0]), UUID(place[1])) if place else None
        require_targets([target], await self._desk.rights.allowed(caller, [target], "read"))
        async with self._desk.db.transaction(caller.workspace_id) as tx:
            found = await store.page(
                tx, caller.workspace_id, target, request.types, after, size + 1
            )
        token = ""
        if len(found) > size:
            found = found[:size]
            last = found[-1]
            token = paging.encode([last.occurred_at.isoformat(), str(last.id)], *query)
        if caller.access is not None:
            others = showing.others(found)
            allowed = await self._desk.rights.allowed(caller, others, "read")
            found = showing.shown(workspace, found, allowed)
        return pb.ListTimelineResponse(items=map(convert.item, found), next_page_token=token)

    async def CreateComment(
        self, request: pb.CreateCommentRequest, context: Context
    ) -> pb.CreateCommentResponse:
        caller = self._desk.writer()
        workspace = await self._desk.workspace(caller, [request.target])
        nodes = convert.nodes(workspace, [request.target])
        allowed = await self._desk.rights.allowed(caller, nodes, "read")

        async def work(tx: Tx) -> pb.CreateCommentResponse:
            text = convert.comment(request.text)
            target = convert.known_node(workspace, request.target)
            require_targets([target], allowed)
            item = await timeline.comment(tx, caller, target, text)
            return pb.CreateCommentResponse(item=convert.item(item))

        return await idempotency.once(
            self._desk.db, caller, request, pb.CreateCommentResponse, work
        )


def _check_types(types: Sequence[str]) -> None:
    problems = []
    if len(types) > _MAX_TYPES:
        problems.append(Problem("types", "TOO_MANY", f"must name at most {_MAX_TYPES} types"))
    for number, one in enumerate(types):
        if not 1 <= len(one) <= 100 or "\0" in one:
            text = "must have 1 to 100 characters"
            problems.append(Problem(f"types[{number}]", "OUT_OF_RANGE", text))
    convert.raise_any("TIMELINE_INVALID", problems)
