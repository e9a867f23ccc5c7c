"""Answer calls on dead letters."""

from dataclasses import replace
from uuid import UUID

from armature.events.v1 import event_admin_service_pb2 as pb
from armature.events.v1 import event_admin_service_pb2_grpc as rpc

from kit import idempotency, ids, paging
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.events import convert
from services.events.operations import dead_letters
from services.events.operations.resending import Resender
from services.events.store import dead_letters as store


class EventAdminServicer(rpc.EventAdminServiceServicer):
    def __init__(self, db: Database, resender: Resender) -> None:
        self._db = db
        self._resender = resender

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: Context
    ) -> pb.ListDeadLettersResponse:
        caller = current_caller()
        caller.require("admin")
        size = paging.clamp(request.page_size)
        query = replace(convert.letters(request.filter), state=convert.letter_state(request.state))
        bound = ["dead_letters", request.state, convert.text(request.filter)]
        before = paging.decode(request.page_token, *bound)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.page(
                tx,
                caller.workspace_id,
                query,
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
            about = await dead_letters.event_of(tx, caller.workspace_id, found)
        readable = "read" in caller.permissions
        shown = convert.dead_letter(found, about, with_data=readable)
        return pb.GetDeadLetterResponse(dead_letter=shown)

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
        async with self._db.transaction(caller.workspace_id) as tx:
            letter = await store.get(tx, caller.workspace_id, letter_id)
        await self._resender.send(caller.workspace_id, letter, caller.credential)
