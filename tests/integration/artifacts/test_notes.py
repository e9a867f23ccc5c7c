"""Notes as clients see them: who may read and change them, versions, words, pages, replays."""

from typing import Any
from uuid import UUID, uuid4

from armature.artifacts.v1 import artifact_pb2
from armature.artifacts.v1 import artifact_service_pb2 as artifacts_pb
from armature.artifacts.v1 import note_service_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from kit import clients, credentials, ids
from kit.caller import Caller, Cause
from planes.nodes import Node
from tests.integration.artifacts.conftest import Plane
from tests.integration.links.neighbours import SECRET, message, reason, violations


def a_note(*targets: Node, request_id: str = "", **more: Any) -> pb.CreateNoteRequest:
    note = artifact_pb2.Note(**({"title": "A note"} | more), targets=map(message, targets))
    return pb.CreateNoteRequest(note=note, request_id=request_id)


def an_update(note_id: str, *mask: str, etag: str = "", **changes: Any) -> pb.UpdateNoteRequest:
    return pb.UpdateNoteRequest(
        id=note_id,
        changes=artifact_pb2.Note(**changes),
        update_mask=FieldMask(paths=mask),
        etag=etag,
    )


async def titles(caller: Any, target: Node | None = None, **more: Any) -> list[str]:
    asked: dict[str, Any] = {"target": message(target)} if target else {}
    answer = await caller.notes.ListNotes(pb.ListNotesRequest(**asked, **more))
    return [note.title for note in answer.notes]


async def test_a_note_is_found_on_its_targets(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    a, b = (plane.world.record(workspace, "company") for _ in range(2))
    made = (await us.notes.CreateNote(a_note(a, b, title="Plan", body="# Now", pinned=True))).note
    assert (made.version, made.pinned, made.created_by.id) == (1, True, us.principal)
    assert await titles(us, a) == await titles(us, b) == await titles(us) == ["Plan"]
    assert (await us.notes.GetNote(pb.GetNoteRequest(id=made.id))).note == made


async def test_rights_follow_the_target(plane: Plane, workspace: UUID) -> None:
    us, blind, reader = (plane.caller(workspace) for _ in range(3))
    company, person = (plane.world.record(workspace, k) for k in ("company", "person"))
    made = (await us.notes.CreateNote(a_note(company, person))).note
    get = pb.GetNoteRequest(id=made.id)

    plane.world.hidden |= {(blind.principal, company), (blind.principal, person)}
    assert await reason(blind.notes.GetNote(get)) == "NOT_FOUND/NOTE_NOT_FOUND"
    assert await reason(blind.notes.UpdateNote(an_update(made.id, "title", title="x"))) == (
        "NOT_FOUND/NOTE_NOT_FOUND"
    )
    assert await reason(titles(blind, company)) == "NOT_FOUND/NODE_NOT_FOUND"
    onto = blind.notes.CreateNote(a_note(company))
    assert await reason(onto) == "NOT_FOUND/NODE_NOT_FOUND"

    plane.world.hidden.remove((blind.principal, person))
    seen = (await blind.notes.GetNote(get)).note
    assert [t.id for t in seen.targets] == [str(person.id)], "one visible target is enough"
    assert await titles(blind, person) == ["A note"]
    # What it was not shown stays when it replaces the rest.
    await blind.notes.UpdateNote(an_update(made.id, "targets", targets=[message(person)]))
    now = (await us.notes.GetNote(get)).note
    assert {t.id for t in now.targets} == {str(company.id), str(person.id)}

    plane.world.read_only |= {(reader.principal, company), (reader.principal, person)}
    assert (await reader.notes.GetNote(get)).note.id == made.id
    for call in (
        reader.notes.UpdateNote(an_update(made.id, "title", title="x")),
        reader.notes.DeleteNote(pb.DeleteNoteRequest(id=made.id)),
    ):
        assert await reason(call) == "NOT_FOUND/NOTE_NOT_FOUND"
    only = plane.caller(workspace, "read_only")
    assert await reason(only.notes.CreateNote(a_note(person))) == (
        "PERMISSION_DENIED/PERMISSION_REQUIRED"
    )


async def test_a_note_on_nothing_is_its_creators(plane: Plane, workspace: UUID) -> None:
    us, them = plane.caller(workspace), plane.caller(workspace)
    made = (await us.notes.CreateNote(a_note())).note
    assert await titles(us) == ["A note"]
    assert await titles(them) == []
    assert await reason(them.notes.GetNote(pb.GetNoteRequest(id=made.id))) == (
        "NOT_FOUND/NOTE_NOT_FOUND"
    )


async def test_another_workspace_finds_nothing(plane: Plane, workspace: UUID) -> None:
    us, them = plane.caller(workspace), plane.caller(plane.workspace())
    company = plane.world.record(workspace, "company")
    made = (await us.notes.CreateNote(a_note(company))).note
    for call in (
        them.notes.GetNote(pb.GetNoteRequest(id=made.id)),
        them.notes.UpdateNote(an_update(made.id, "title", title="x")),
        them.notes.DeleteNote(pb.DeleteNoteRequest(id=made.id)),
    ):
        assert await reason(call) == "NOT_FOUND/NOTE_NOT_FOUND"
    assert await reason(titles(them, company)) == "NOT_FOUND/NODE_NOT_FOUND"
    assert await reason(them.notes.CreateNote(a_note(company))) == "NOT_FOUND/NODE_NOT_FOUND"
    async with plane.db.transaction(uuid4()) as tx:
        for table in ("notes", "note_revisions", "artifact_links"):
            assert await tx.value(f"SELECT count(*) FROM {table}") == 0
    async with plane.worker_db.across_workspaces() as tx:
        assert await tx.value("SELECT count(*) FROM notes") == 0


async def test_a_deleted_record_hides_its_notes_and_a_purge_detaches(
    plane: Plane, workspace: UUID
) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    made = (await us.notes.CreateNote(a_note(company))).note
    get = pb.GetNoteRequest(id=made.id)
    plane.world.remove(workspace, company)
    assert await reason(us.notes.GetNote(get)) == "NOT_FOUND/NOTE_NOT_FOUND"
    assert await titles(us) == [], "not even its creator reaches it"
    plane.world.bring_back(workspace, company)
    assert (await us.notes.GetNote(get)).note.version == 1


async def test_etags_guard_and_revisions_are_kept(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    made = (await us.notes.CreateNote(a_note(title="One"))).note
    two = (await us.notes.UpdateNote(an_update(made.id, "title", etag="1", title="Two"))).note
    assert (two.version, two.title) == (2, "Two")
    stale = us.notes.UpdateNote(an_update(made.id, "title", etag="1", title="Three"))
    assert await reason(stale) == "ABORTED/ETAG_MISMATCH"
    gone = us.notes.DeleteNote(pb.DeleteNoteRequest(id=made.id, etag="1"))
    assert await reason(gone) == "ABORTED/ETAG_MISMATCH"
    same = await us.notes.UpdateNote(an_update(made.id, "title", "body", title="Two"))
    assert same.note.version == 2, "what changes nothing writes nothing"
    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all(
            "SELECT version, title FROM note_revisions WHERE note_id = %s ORDER BY 1", [made.id]
        )
    assert [(r["version"], r["title"]) for r in rows] == [(1, "One"), (2, "Two")]
    await us.notes.DeleteNote(pb.DeleteNoteRequest(id=made.id, etag='"2"'))
    assert await reason(us.notes.GetNote(pb.GetNoteRequest(id=made.id))) == (
        "NOT_FOUND/NOTE_NOT_FOUND"
    )


async def test_everything_wrong_is_said_at_once(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    wrong = a_note(Node("todo", uuid4()), title="x" * 256, body="ä" * 500_001, id="nonsense")
    assert await violations(us.notes.CreateNote(wrong)) == [
        ("note.id", "INVALID_UUID"),
        ("note.title", "TOO_LONG"),
        ("note.body", "TOO_LONG"),
        ("note.targets[0].kind", "KIND_NOT_ALLOWED"),
    ]
    nul = us.notes.CreateNote(a_note(title="a\0b"))
    assert await violations(nul) == [("note.title", "CONTROL_CHARACTER")]
    made = (await us.notes.CreateNote(a_note())).note
    unknown = us.notes.UpdateNote(an_update(made.id, "titel", "version"))
    assert await violations(unknown) == [("update_mask", "UNKNOWN_FIELD")] * 2
    nothing = us.notes.UpdateNote(an_update(made.id))
    assert await violations(nothing) == [("update_mask", "REQUIRED")]
    again = us.notes.CreateNote(a_note(id=made.id))
    assert await reason(again) == "ALREADY_EXISTS/NOTE_EXISTS"
    bad_id = us.notes.GetNote(pb.GetNoteRequest(id="x"))
    assert await reason(bad_id) == "INVALID_ARGUMENT/ID_INVALID"


async def test_words_are_found_in_title_and_body(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    other = plane.world.record(workspace, "company")
    await us.notes.CreateNote(a_note(company, title="Budget", body="for the new roof"))
    await us.notes.CreateNote(a_note(company, title="Roof", body="of copper, 100%"))
    await us.notes.CreateNote(a_note(other, title="Roof of another"))
    assert await titles(us, company, query="roof") == ["Roof", "Budget"]
    assert await titles(us, company, query="ROOF budget") == ["Budget"]
    assert await titles(us, company, query="100%") == ["Roof"]
    assert await titles(us, company, query="'; --") == []
    assert len(await titles(us, query="roof")) == 3
    await us.notes.CreateNote(a_note(company, title="Long", body="word " * 180_000 + "end"))


async def test_pages_are_newest_first_and_whole(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    for n in range(7):
        await us.notes.CreateNote(a_note(company, title=str(n)))
    found, token = [], ""
    while True:
        page = await us.notes.ListNotes(
            pb.ListNotesRequest(target=message(company), page_size=3, page_token=token)
        )
        found += [note.title for note in page.notes]
        token = page.next_page_token
        if not token:
            break
    assert found == ["6", "5", "4", "3", "2", "1", "0"]
    first = await us.notes.ListNotes(pb.ListNotesRequest(target=message(company), page_size=1))
    own = us.notes.ListNotes(pb.ListNotesRequest(page_token=first.next_page_token))
    assert await reason(own) == "INVALID_ARGUMENT/PAGE_TOKEN_INVALID"


async def test_a_page_asks_for_rights_once(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    companies = [plane.world.record(workspace, "company") for _ in range(5)]
    for company in companies:
        await us.notes.CreateNote(a_note(companies[0], company))
    before = plane.world.checks
    assert len(await titles(us, companies[0])) == 5
    assert plane.world.checks == before + 1


async def test_a_rule_creates_its_note_exactly_once(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    owner = str(uuid4())
    internal = credentials.issue(SECRET, credentials.Internal("automation", str(workspace), owner))
    cause = Cause("root", str(ids.new_id()), 1, ("rule",))
    shown = Caller(workspace, str(uuid4()), "automation", "Won deals")
    headers = clients.metadata(internal, cause=cause, actor=shown)
    request = a_note(company, title="By rule", request_id="run/1/0")
    from armature.artifacts.v1.note_service_pb2_grpc import NoteServiceStub

    stub = NoteServiceStub(plane.channel)
    first = await clients.call(stub.CreateNote, request, headers)
    assert await clients.call(stub.CreateNote, request, headers) == first
    assert first.note.created_by.name == "Won deals"
    assert await titles(us, company) == ["By rule"]
    async with plane.db.transaction(workspace) as tx:
        row = await tx.one("SELECT root_id, depth, payload::jsonb AS data FROM outbox")
    assert (row["root_id"], row["depth"]) == ("root", 1)
    assert row["data"]["targets"] == [{"kind": "company", "id": str(company.id)}]


async def test_other_planes_ask_about_artifacts(plane: Plane, workspace: UUID) -> None:
    us, them = plane.caller(workspace), plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    mine = (await us.notes.CreateNote(a_note())).note
    shared = (await us.notes.CreateNote(a_note(company))).note
    asked = [Node("note", UUID(n.id)) for n in (mine, shared)] + [
        Node("note", uuid4()),
        Node("file", UUID(mine.id)),
        company,
    ]

    async def allowed(caller: Any, permission: str) -> list[bool]:
        request = artifacts_pb.CheckArtifactsRequest(
            nodes=map(message, asked), permission=permission
        )
        return list((await caller.artifacts.CheckArtifacts(request)).allowed)

    assert await allowed(us, "update") == [True, True, False, False, False]
    assert await allowed(them, "read") == [False, True, False, False, False]
    reader = plane.caller(workspace, "read_only")
    assert await allowed(reader, "read") == [False, True, False, False, False]
    assert await allowed(reader, "update") == [False] * 5
    await_check = plane.nodes.check(
        Caller(workspace, them.principal, "user", "x", credential=them.who), asked, "read"
    )
    assert list((await await_check).values()) == [False, True, False, False, True]
