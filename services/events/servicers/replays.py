"""Answer calls on replays."""

from uuid import UUID

import msgspec
from armature.events.v1 import replay_pb2
from armature.events.v1 import replay_service_pb2 as pb
from armature.events.v1 import replay_service_pb2_grpc as rpc

from kit import idempotency, ids, paging
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.clock import from_timestamp
from kit.db import Database, Tx
from kit.errors import InvalidArgument
from services.events import convert
from services.events.logic import selections
from services.events.model import ReplayKind, ReplayState
from services.events.operations import letter_filters, replays
from services.events.operations.running import Runner
from services.events.store import log as log_store
from services.events.store import replays as store
from services.events.store import subscriptions as subscription_store


class ReplayServicer(rpc.ReplayServiceServicer):
    def __init__(self, db: Database, runner: Runner) -> None:
        self._db = db
        self._runner = runner

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, context: Context
    ) -> pb.ReplayDeadLettersResponse:
        caller = current_caller()
        caller.require("admin")
        query = convert.letters(request.filter)
        rate = convert.replay_rate(request.rate)

        async def work(tx: Tx) -> pb.ReplayDeadLettersResponse:
            await letter_filters.check(tx, caller.workspace_id, query)
            wanted = selections.Letters(
                await tx.time(),
                query.kind,
                query.event_type,
                query.subscription_id,
                query.from_time,
                query.to_time,
                query.reason,
            )
            total = await replays.count_letters(tx, caller.workspace_id, wanted)
            if request.dry_run:
                return pb.ReplayDeadLettersResponse(
                    replay=_counted(ReplayKind.DEAD_LETTERS, rate, total)
                )
            kind = ReplayKind.DEAD_LETTERS
            begun = await replays.begin(tx, caller, kind, wanted, rate=rate, total=total)
            return pb.ReplayDeadLettersResponse(replay=convert.replay(begun))

        return await idempotency.once(self._db, caller, request, pb.ReplayDeadLettersResponse, work)

    async def ReplayEvents(
        self, request: pb.ReplayEventsRequest, context: Context
    ) -> pb.ReplayEventsResponse:
        caller = current_caller()
        caller.require("rules")
        if bool(request.workflow) == bool(request.subscription_id):
            message = "name a subscription, or a workflow"
            raise InvalidArgument.at("REPLAY_INVALID", "subscription_id", "REQUIRED", message)
        types = convert.replay_types(request.types)
        rate = convert.replay_rate(request.rate)
        begins = from_timestamp(request.from_time) if request.HasField("from_time") else None
        ends = from_timestamp(request.to_time) if request.HasField("to_time") else None
        wanted = selections.Events(0, request.after_position, types, begins, ends)
        if request.workflow:
            return await self._to_workflow(caller, request, wanted, rate)
        subscription_id = ids.parse_id(request.subscription_id, "subscription_id")

        async def work(tx: Tx) -> pb.ReplayEventsResponse:
            kind = ReplayKind.EVENTS
            found = await _begin(tx, caller, kind, subscription_id, wanted, rate, request.dry_run)
            return pb.ReplayEventsResponse(replay=found)

        return await idempotency.once(self._db, caller, request, pb.ReplayEventsResponse, work)

    async def _to_workflow(
        self, caller: Caller, request: pb.ReplayEventsRequest, wanted: selections.Events, rate: int
    ) -> pb.ReplayEventsResponse:
        """Of the types that its trigger waits for where none were named."""
        asked = await self._runner.ask(request.workflow, caller.credential)

        async def work(tx: Tx) -> pb.ReplayEventsResponse:
            up_to = await log_store.last_position(tx, caller.workspace_id)
            types = wanted.types or asked.event_types
            selection = msgspec.structs.replace(wanted, up_to=up_to, types=types)
            total = await replays.count_events(tx, caller.workspace_id, selection)
            kind = ReplayKind.WORKFLOW
            if request.dry_run:
                return pb.ReplayEventsResponse(replay=_counted(kind, rate, total))
            begun = await replays.begin(
                tx, caller, kind, selection, rate=rate, total=total, workflow_id=asked.id
            )
            return pb.ReplayEventsResponse(replay=convert.replay(begun))

        return await idempotency.once(self._db, caller, request, pb.ReplayEventsResponse, work)

    async def RecoverDeliveries(
        self, request: pb.RecoverDeliveriesRequest, context: Context
    ) -> pb.RecoverDeliveriesResponse:
        caller = current_caller()
        caller.require("rules")
        subscription_id = ids.parse_id(request.subscription_id, "subscription_id")
        rate = convert.replay_rate(request.rate)
        wanted = selections.Events(0, from_time=convert.required_time(request, "from_time"))

        async def work(tx: Tx) -> pb.RecoverDeliveriesResponse:
            kind = ReplayKind.RECOVERY
            found = await _begin(tx, caller, kind, subscription_id, wanted, rate, request.dry_run)
            return pb.RecoverDeliveriesResponse(replay=found)

        return await idempotency.once(self._db, caller, request, pb.RecoverDeliveriesResponse, work)

    async def GetReplay(
        self, request: pb.GetReplayRequest, context: Context
    ) -> pb.GetReplayResponse:
        caller = current_caller()
        caller.require("read")
        replay_id = ids.parse_id(request.id, "id")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.get(tx, caller.workspace_id, replay_id)
        return pb.GetReplayResponse(replay=convert.replay(found))

    async def ListReplays(
        self, request: pb.ListReplaysRequest, context: Context
    ) -> pb.ListReplaysResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        before = paging.decode(request.page_token, "replays")
        async with self._db.transaction(caller.workspace_id) as tx:
            mark = UUID(before) if before else None
            found = await store.page(tx, caller.workspace_id, mark, limit=size + 1)
        more = len(found) > size
        return pb.ListReplaysResponse(
            replays=[convert.replay(one) for one in found[:size]],
            next_page_token=paging.encode(str(found[size - 1].id), "replays") if more else "",
        )

    async def CancelReplay(
        self, request: pb.CancelReplayRequest, context: Context
    ) -> pb.CancelReplayResponse:
        caller = current_caller()
        caller.require("rules")
        replay_id = ids.parse_id(request.id, "id")

        async def work(tx: Tx) -> pb.CancelReplayResponse:
            known = await store.get(tx, caller.workspace_id, replay_id)
            if known.kind is ReplayKind.DEAD_LETTERS:
                caller.require("admin")
            state = ReplayState.CANCELLED
            ended = await store.finish(tx, caller.workspace_id, replay_id, state)
            return pb.CancelReplayResponse(replay=convert.replay(ended))

        return await idempotency.once(self._db, caller, request, pb.CancelReplayResponse, work)


async def _begin(
    tx: Tx,
    caller: Caller,
    kind: ReplayKind,
    subscription_id: UUID,
    wanted: selections.Events,
    rate: int,
    dry_run: bool,
) -> replay_pb2.Replay:
    """A replay of the log as it is now; of the subscription's own types where none were named."""
    known = await subscription_store.get(tx, caller.workspace_id, subscription_id)
    up_to = await log_store.last_position(tx, caller.workspace_id)
    selection = selections.Events(
        up_to,
        wanted.after,
        wanted.types or known.event_types,
        wanted.from_time,
        wanted.to_time,
    )
    total = await replays.count_events(tx, caller.workspace_id, selection)
    if dry_run:
        return _counted(kind, rate, total)
    begun = await replays.begin(
        tx,
        caller,
        kind,
        selection,
        rate=rate,
        total=total,
        subscription_id=subscription_id,
    )
    return convert.replay(begun)


def _counted(kind: ReplayKind, rate: int, total: int) -> replay_pb2.Replay:
    return replay_pb2.Replay(kind=kind, rate=rate, total=total)
