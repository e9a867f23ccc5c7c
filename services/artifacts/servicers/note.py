"""NoteService: the calls as the contract names them."""

from armature.artifacts.v1 import note_service_pb2 as pb
from armature.artifacts.v1 import note_service_pb2_grpc as rpc

from kit import idempotency
from kit.db import Tx
from schema.problems import Problem
from services.artifacts import convert
from services.artifacts.logic.access import visible
from services.artifacts.model import Note
from services.artifacts.operations import notes
from services.artifacts.servicers import drafts
from services.artifacts.servicers.desk import Context, Desk
from services.artifacts.servicers.drafts import Draft
from services.artifacts.store import notes as store


class NoteServicer(rpc.NoteServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._creates = drafts.joined(
            desk.db,
            pb.CreateNoteResponse,
            "note",
            convert.note_content,
            notes.create,
            _created,
        )

    async def CreateNote(
        self, request: pb.CreateNoteRequest, context: Context
    ) -> pb.CreateNoteResponse:
        caller = self._desk.writer()
        workspace, allowed = await self._desk.may_attach(caller, request.note.targets)
        draft = Draft(request.note, workspace, allowed)
        return await self._creates.write(caller.credential, request, caller, draft)

    async def GetNote(self, request: pb.GetNoteRequest, context: Context) -> pb.GetNoteResponse:
        caller = self._desk.reader()
        note, shown = await self._desk.one(caller, "note", request.id, store.get)
        return pb.GetNoteResponse(note=convert.note(note, shown))

    async def ListNotes(
        self, request: pb.ListNotesRequest, context: Context
    ) -> pb.ListNotesResponse:
        caller = self._desk.reader()
        listing, query = await self._desk.listing(
            caller,
            "Notes",
            request.target if request.HasField("target") else None,
            (request.page_size, request.page_token),
            query=convert.query(request.query),
        )
        found, token = await self._desk.page(caller, listing, query, store.page)
        return pb.ListNotesResponse(
            notes=[convert.note(note, shown) for note, shown in found], next_page_token=token
        )

    async def UpdateNote(
        self, request: pb.UpdateNoteRequest, context: Context
    ) -> pb.UpdateNoteResponse:
        caller = self._desk.writer()
        mask = list(request.update_mask.paths)
        given = request.changes.targets if "targets" in mask else []
        node, workspace, allowed = await self._desk.may_change(caller, "note", request.id, given)

        async def work(tx: Tx) -> pb.UpdateNoteResponse:
            problems: list[Problem] = []
            content = convert.note_content(request.changes, "changes", problems)
            changes = convert.masked(content, mask, problems)
            targets = convert.targets(workspace, given, "changes.targets", (), problems)
            convert.raise_any("NOTE_INVALID", convert.only_named(problems, mask, "changes"))
            attached = targets if "targets" in mask else None
            note = await notes.update(tx, caller, node.id, request.etag, changes, attached, allowed)
            return pb.UpdateNoteResponse(note=convert.note(note, visible(note.targets, allowed)))

        return await idempotency.once(self._desk.db, caller, request, pb.UpdateNoteResponse, work)

    async def DeleteNote(
        self, request: pb.DeleteNoteRequest, context: Context
    ) -> pb.DeleteNoteResponse:
        caller = self._desk.writer()
        node, _, allowed = await self._desk.may_change(caller, "note", request.id)

        async def work(tx: Tx) -> pb.DeleteNoteResponse:
            await notes.delete(tx, caller, node.id, request.etag, allowed)
            return pb.DeleteNoteResponse()

        return await idempotency.once(self._desk.db, caller, request, pb.DeleteNoteResponse, work)


def _created(note: Note) -> pb.CreateNoteResponse:
    return pb.CreateNoteResponse(note=convert.note(note, note.targets))
