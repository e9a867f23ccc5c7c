"""The timeline of a record, from the events of every plane: once each, folded, paged."""

import json
import random
from typing import Any
from uuid import UUID, uuid4

from armature.artifacts.v1 import artifact_pb2
from armature.artifacts.v1 import note_service_pb2 as notes_pb
from armature.artifacts.v1 import timeline_service_pb2 as pb
from armature.artifacts.v1 import todo_service_pb2 as todos_pb
from google.protobuf.field_mask_pb2 import FieldMask

from kit import ids
from planes.nodes import Node
from tests.integration.artifacts.conftest import Caller, Plane
from tests.integration.artifacts.test_notes import a_note
from tests.integration.links.neighbours import (
    event,
    message,
    publish,
    reason,
    record_event,
    violations,
)
from tests.integration.links.waiting import eventually

ADA = {"kind": "user", "id": str(UUID(int=1)), "name": "Ada"}
BEN = {"kind": "user", "id": str(UUID(int=2)), "name": "Ben"}


async def items(us: Caller, target: Node, **more: Any) -> list[artifact_pb2.TimelineItem]:
    answer = await us.timeline.ListTimeline(pb.ListTimelineRequest(target=message(target), **more))
    return list(answer.items)


async def taken(plane: Plane, workspace: UUID, count: int) -> None:
    """Until the timeline has taken this many events of the workspace."""

    async def enough() -> bool:
        async with plane.db.transaction(workspace) as tx:
            return bool(await tx.value("SELECT count(*) FROM inbox") >= count)

    await eventually(enough, f"{count} events taken")


async def test_everything_that_happens_to_a_record_is_there_once(
    plane: Plane, workspace: UUID
) -> None:
    us = plane.caller(workspace)
    company, person = (plane.world.record(workspace, k) for k in ("company", "person"))
    note = (await us.notes.CreateNote(a_note(company, person, title="Plan"))).note
    made = record_event("created", workspace, company, 1, after={"name": "Acme"}, actor=ADA)
    link = event(
        "link.created",
        workspace,
        {
            "link_id": str(ids.new_id()),
            "type": "employs",
            "inverse_name": "works_at",
            "source": company.document(),
            "target": person.document(),
        },
        source="links",
        aggregate=("link", ids.new_id(), 1),
    )
    run = event(
        "run.succeeded",
        workspace,
        {"object": "company", "record_id": str(company.id), "rule_name": "Won", "run_id": "1"},
        source="automation",
        aggregate=("run", ids.new_id(), 1),
    )
    for one in (made, link, run):
        for _ in range(3):
            await publish(plane.bus, one, repeat=True)
    await taken(plane, workspace, 4)
    found = await items(us, company)
    assert sorted(i.type for i in found) == [
        "link.created",
        "note.created",
        "record.created",
        "run.succeeded",
    ]
    data = {i.type: json.loads(i.data_json) for i in found}
    assert data["record.created"]["changes"] == {"name": {"before": None, "after": "Acme"}}
    assert (data["note.created"]["title"], data["note.created"]["note_id"]) == ("Plan", note.id)
    assert data["link.created"]["name"] == "employs"
    assert data["link.created"]["other"] == person.document()
    assert data["run.succeeded"]["rule_name"] == "Won"
    other = {i.type: json.loads(i.data_json) for i in await items(us, person)}
    assert set(other) == {"note.created", "link.created"}
    assert other["link.created"]["name"] == "works_at"
    assert (await items(us, company, types=["record.*"]))[0].actor.name == "Ada"
    only = await items(us, company, types=["link.created", "*.succeeded"])
    assert {i.type for i in only} == {"link.created", "run.succeeded"}


async def test_changes_of_one_actor_fold_in_any_order(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")

    def change(version: int, minute: str, actor: Any, **fields: tuple[Any, Any]) -> Any:
        return record_event(
            "updated",
            workspace,
            company,
            version,
            before={name: pair[0] for name, pair in fields.items()},
            after={name: pair[1] for name, pair in fields.items()},
            actor=actor,
            occurred_at=f"2026-11-20T10:{minute}+00:00",
        )

    told = [
        change(2, "00:00", ADA, stage=("new", "open"), amount=(None, 1)),
        change(3, "01:00", ADA, stage=("open", "won")),
        change(4, "02:00", BEN, stage=("won", "lost")),
        change(5, "03:00", ADA, amount=(1, 2)),
        change(6, "20:00", ADA, amount=(2, 3)),
    ]
    shuffled = [*told, *told]
    random.shuffle(shuffled)
    for one in shuffled:
        await publish(plane.bus, one, repeat=True)
    await taken(plane, workspace, 5)
    found = [(i.actor.name, json.loads(i.data_json)) for i in await items(us, company)]
    by_actor = [(name, data["changes"]) for name, data in found]
    assert len(by_actor) == 3
    assert by_actor[0] == ("Ada", {"amount": {"before": 2, "after": 3}})
    assert ("Ben", {"stage": {"before": "won", "after": "lost"}}) in by_actor
    assert (
        "Ada",
        {"stage": {"before": "new", "after": "won"}, "amount": {"before": None, "after": 2}},
    ) in by_actor


async def test_comments_stand_at_once_and_once(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    request = pb.CreateCommentRequest(target=message(company), text="Well done", request_id="c")
    first = await us.timeline.CreateComment(request)
    assert await us.timeline.CreateComment(request) == first
    assert [json.loads(i.data_json) for i in await items(us, company)] == [{"text": "Well done"}]
    await taken(plane, workspace, 1)
    assert len(await items(us, company)) == 1, "its own event adds nothing"
    empty = pb.CreateCommentRequest(target=message(company), text=" ")
    assert await violations(us.timeline.CreateComment(empty)) == [("text", "REQUIRED")]
    long = pb.CreateCommentRequest(target=message(company), text="x" * 10_001)
    assert await violations(us.timeline.CreateComment(long)) == [("text", "TOO_LONG")]


async def test_who_may_not_see_the_target_sees_no_timeline(plane: Plane, workspace: UUID) -> None:
    us, blind = plane.caller(workspace), plane.caller(workspace)
    theirs = plane.caller(plane.workspace())
    company = plane.world.record(workspace, "company")
    await us.timeline.CreateComment(pb.CreateCommentRequest(target=message(company), text="x"))
    plane.world.hidden.add((blind.principal, company))
    for caller in (blind, theirs):
        assert await reason(items(caller, company)) == "NOT_FOUND/NODE_NOT_FOUND"
        words = pb.CreateCommentRequest(target=message(company), text="x")
        assert await reason(caller.timeline.CreateComment(words)) == "NOT_FOUND/NODE_NOT_FOUND"
    assert await reason(items(us, Node("company", uuid4()))) == "NOT_FOUND/NODE_NOT_FOUND"


async def test_todo_and_note_events_reach_their_targets(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    todo = (
        await us.todos.CreateTodo(
            todos_pb.CreateTodoRequest(
                todo=artifact_pb2.Todo(title="Call", targets=[message(company)])
            )
        )
    ).todo
    await us.todos.UpdateTodo(
        todos_pb.UpdateTodoRequest(
            id=todo.id,
            changes=artifact_pb2.Todo(status="done"),
            update_mask=FieldMask(paths=["status"]),
        )
    )
    note = (await us.notes.CreateNote(a_note(company))).note
    await us.notes.DeleteNote(notes_pb.DeleteNoteRequest(id=note.id))
    await taken(plane, workspace, 5)
    assert [i.type for i in await items(us, company)] == [
        "note.deleted",
        "note.created",
        "todo.completed",
        "todo.created",
    ]


async def test_a_purge_detaches_and_forgets(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    await us.notes.CreateNote(a_note(company))
    await taken(plane, workspace, 1)
    await plane.world.tell("deleted", workspace, company, 2)
    await plane.world.tell("purged", workspace, company, 3)
    await taken(plane, workspace, 3)
    async with plane.db.transaction(workspace) as tx:
        assert await tx.value("SELECT count(*) FROM artifact_links") == 0
        assert await tx.value("SELECT count(*) FROM timeline_items") == 0
    plane.world.remove(workspace, company)
    own = (await us.notes.ListNotes(notes_pb.ListNotesRequest())).notes
    assert [list(note.targets) for note in own] == [[]], "it is its creator's now"


async def test_a_crowded_target_pages_like_any(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    async with plane.db.transaction(workspace) as tx:
        await tx.run(
            "INSERT INTO timeline_items (workspace_id, item_id, target_id, target_kind, type, data,"
            " actor, occurred_at, event_id, trace_id) SELECT %s, uuidv7(), %s, 'company',"
            " 'record.updated', jsonb_build_object('n', n), %s::jsonb, now() - n * interval '1 s',"
            " uuidv7(), '' FROM generate_series(1, 20000) AS n",
            [workspace, company.id, json.dumps(ADA)],
        )
    found: list[int] = []
    token = ""
    for _ in range(5):
        page = await us.timeline.ListTimeline(
            pb.ListTimelineRequest(target=message(company), page_size=40, page_token=token)
        )
        found += [json.loads(i.data_json)["n"] for i in page.items]
        token = page.next_page_token
    assert found == list(range(1, 201))
    async with plane.db.transaction(workspace) as tx:
        plan = await tx.all(
            "EXPLAIN SELECT item_id FROM timeline_items WHERE workspace_id = %s AND target_id = %s"
            " AND target_kind = 'company' AND (occurred_at, item_id) < (now(), %s)"
            " ORDER BY occurred_at DESC, item_id DESC LIMIT 40",
            [workspace, company.id, ids.new_id()],
        )
    text = "\n".join(row["QUERY PLAN"] for row in plan)
    assert "ix_timeline_items_page" in text
    assert "Sort" not in text
