"""Answer calls on dead letters."""

from uuid import UUID

import grpc
from armature.automation.v1 import run_service_pb2 as run_pb
from armature.automation.v1 import run_service_pb2_grpc as run_rpc
from armature.events.v1 import event_admin_service_pb2 as pb
from armature.events.v1 import event_admin_service_pb2_grpc as rpc

from kit import clients, idempotency, ids, paging
from kit.bus import Bus, Message, PublishUnknown
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import Unavailable
from services.events import convert
from services.events.operations import dead_letters
from services.events.store import dead_letters as store

_RUN = "automation-run"  # what the automation plane calls letters of its runs


class EventAdminServicer(rpc.EventAdminServiceServicer):
    def __init__(self, db: Database, bus: Bus, automation: grpc.aio.Channel) -> None:
        self._db = db
        self._bus = bus
        self._runs = run_rpc.RunServiceStub(automation)

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: Context
    ) -> pb.ListDeadLettersResponse:
        caller = current_caller()
        caller.require("admin")
        size = paging.clamp(request.page_size)
        bound = ["dead_letters", request.state]
        before = paging.decode(request.page_token, *bound)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.page(
                tx,
                caller.workspace_id,
                convert.letter_state(request.state),
                UUID(before) if before else None,
                limit=size + 1,
            )
        more = len(found) > size
        return pb.ListDeadLettersResponse(
            dead_letters=[convert.dead_letter(one) for one in found[:size]],
            next_page_token=paging.encode(str(found[size - 1].id), *bound) if more else "",
        )

    async def GetDeadLetter(
        self, request: pb.GetDeadLetterRequest, context: Context
    ) -> pb.GetDeadLetterResponse:
        caller = current_caller()
        caller.require("admin")
        letter_id = ids.parse_id(request.id, "id")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.get(tx, caller.workspace_id, letter_id)
        return pb.GetDeadLetterResponse(dead_letter=convert.dead_letter(found))

    async def ReplayDeadLetter(
        self, request: pb.ReplayDeadLetterRequest, context: Context
    ) -> pb.ReplayDeadLetterResponse:
        caller = current_caller()
        caller.require("admin")
        letter_id = ids.parse_id(request.id, "id")
        await self._send_again(caller, letter_id)

        async def work(tx: Tx) -> pb.ReplayDeadLetterResponse:
            letter = await dead_letters.replay(tx, caller, letter_id)
            return pb.ReplayDeadLetterResponse(dead_letter=convert.dead_letter(letter))

        return await idempotency.once(self._db, caller, request, pb.ReplayDeadLetterResponse, work)

    async def DiscardDeadLetter(
        self, request: pb.DiscardDeadLetterRequest, context: Context
    ) -> pb.DiscardDeadLetterResponse:
        caller = current_caller()
        caller.require("admin")
        letter_id = ids.parse_id(request.id, "id")
        reason = convert.discard_reason(request.reason)

        async def work(tx: Tx) -> pb.DiscardDeadLetterResponse:
            letter = await dead_letters.discard(tx, caller, letter_id, reason)
            return pb.DiscardDeadLetterResponse(dead_letter=convert.dead_letter(letter))

        return await idempotency.once(self._db, caller, request, pb.DiscardDeadLetterResponse, work)

    async def _send_again(self, caller: Caller, letter_id: UUID) -> None:
        """A consumer's event, to that consumer alone; a run, from the step that failed. Before the
        letter is settled: dying between the two does it twice, which the consumer's inbox and the
        run's idempotency key see through."""
        async with self._db.transaction(caller.workspace_id) as tx:
            letter = await store.get(tx, caller.workspace_id, letter_id)
        if letter.state != "open":
            return
        if letter.kind == _RUN and letter.subject_id is not None:
            resume = run_pb.ResumeRunRequest(id=str(letter.subject_id), request_id=str(letter_id))
            await clients.call(self._runs.ResumeRun, resume, clients.metadata(caller.credential))
        if not letter.envelope:
            return
        subject = f"armature.replay.{letter.kind}"
        message = Message(subject, f"replay-{ids.new_id()}", letter.envelope.encode())
        try:
            await self._bus.publish(message)
        except PublishUnknown as exc:
            raise Unavailable("UNREACHABLE", "the event stream does not answer; try again") from exc
