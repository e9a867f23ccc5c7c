"""Answer calls on the log."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID

from armature.events.v1 import event_service_pb2 as pb
from armature.events.v1 import event_service_pb2_grpc as rpc

from kit import ids, paging
from kit.caller import Caller, current_caller
from kit.calls import Authenticate, Context
from kit.db import Database
from kit.errors import NotFound, ServiceError
from services.events import convert
from services.events.model import EventQuery, LoggedEvent
from services.events.operations import causality
from services.events.servicers.wakeups import Wakeups
from services.events.store import deliveries as delivery_store
from services.events.store import log as store

HEARTBEAT_SECONDS = 15.0
_RECHECK_SECONDS = 5.0
_WATCH_PAGE = 200
_PAGE_BYTES = 4 * 1024 * 1024


class EventServicer(rpc.EventServiceServicer):
    def __init__(
        self, db: Database, wakeups: Wakeups, authenticate: Authenticate, poll_seconds: float
    ) -> None:
        self._db = db
        self._wakeups = wakeups
        self._authenticate = authenticate
        self._poll_seconds = poll_seconds

    async def ListEvents(
        self, request: pb.ListEventsRequest, context: Context
    ) -> pb.ListEventsResponse:
        caller = current_caller()
        caller.require("read")
        wanted = convert.query(request.filter)
        size = paging.clamp(request.page_size)
        bound = ["events", request.newest_first, convert.text(request.filter)]
        after = paging.decode(request.page_token, *bound)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.page(
                tx,
                caller.workspace_id,
                wanted,
                after,
                newest=request.newest_first,
                limit=size + 1,
            )
        shown = _fitting(found[:size])
        more = len(found) > len(shown)
        return pb.ListEventsResponse(
            events=[convert.event(one) for one in shown],
            next_page_token=paging.encode(shown[-1].position, *bound) if more else "",
        )

    async def GetEvent(self, request: pb.GetEventRequest, context: Context) -> pb.GetEventResponse:
        caller = current_caller()
        caller.require("read")
        event_id = ids.parse_id(request.id, "id")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.get(tx, caller.workspace_id, event_id)
        if found is None:
            raise NotFound("EVENT_NOT_FOUND", f"there is no event {event_id}")
        return pb.GetEventResponse(event=convert.event(found))

    async def GetCausality(
        self, request: pb.GetCausalityRequest, context: Context
    ) -> pb.GetCausalityResponse:
        caller = current_caller()
        caller.require("read")
        kind, one = convert.causality_asked(request)
        async with self._db.transaction(caller.workspace_id) as tx:
            if kind == "event":
                nodes, truncated = await causality.around_event(tx, caller.workspace_id, one)
            else:
                nodes, truncated = await causality.around(tx, caller.workspace_id, kind, one)
            events = [node.event.event_id for node in nodes]
            sent = await delivery_store.of_events(tx, caller.workspace_id, events)
        return pb.GetCausalityResponse(
            nodes=convert.causal_nodes(nodes, sent, one), truncated=truncated
        )

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, context: Context
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        caller = current_caller()
        caller.require("read")
        wanted = convert.query(request.filter)
        position = await self._start(caller.workspace_id, request)
        said, checked = time.monotonic(), time.monotonic()
        yield pb.WatchEventsResponse(cursor=_cursor(position))  # the watch stands
        with self._wakeups.of(caller.workspace_id) as appended:
            while True:
                appended.clear()
                found, position = await self._next(caller.workspace_id, wanted, position)
                for one in found:
                    yield pb.WatchEventsResponse(
                        event=convert.event(one), cursor=_cursor(one.position)
                    )
                now = time.monotonic()
                if found:
                    said = now
                elif now - said >= HEARTBEAT_SECONDS:
                    said = now
                    yield pb.WatchEventsResponse(cursor=_cursor(position))
                if now - checked >= _RECHECK_SECONDS:
                    checked = now
                    await self._recheck(caller)
                if len(found) < _WATCH_PAGE:
                    await _wait(appended, self._poll_seconds)

    async def _start(self, workspace_id: UUID, request: pb.WatchEventsRequest) -> int:
        after = paging.decode(request.after, "watch")
        if after is not None:
            return int(after)
        if request.after_position or request.from_start:
            return int(request.after_position)
        async with self._db.transaction(workspace_id) as tx:
            return await store.last_position(tx, workspace_id)

    async def _next(
        self, workspace_id: UUID, wanted: EventQuery, position: int
    ) -> tuple[list[LoggedEvent], int]:
        """What follows a position, and how far the log was read."""
        async with self._db.transaction(workspace_id) as tx:
            last = await store.last_position(tx, workspace_id)
            if last <= position:
                return [], position
            found = await store.between(tx, workspace_id, wanted, position, last, limit=_WATCH_PAGE)
        return found, found[-1].position if len(found) == _WATCH_PAGE else last

    async def _recheck(self, caller: Caller) -> None:
        """A stream outlives its first check: end it when the caller may no longer read."""
        try:
            who = await self._authenticate(caller.credential)
        except ServiceError as exc:
            if exc.retryable:
                return
            raise
        who.require("read")


def _fitting(found: list[LoggedEvent]) -> list[LoggedEvent]:
    """As many of them as one reply carries; at least one."""
    size = 0
    for number, one in enumerate(found):
        size += len(one.data)
        if number and size > _PAGE_BYTES:
            return found[:number]
    return found


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _cursor(position: int) -> str:
    return paging.encode(position, "watch")
