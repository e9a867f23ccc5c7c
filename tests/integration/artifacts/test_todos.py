"""Todos as clients see them: what is due, what is done, what is refused."""

from typing import Any
from uuid import UUID

from armature.artifacts.v1 import artifact_pb2
from armature.artifacts.v1 import todo_service_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from planes.nodes import Node
from tests.integration.artifacts.conftest import Plane
from tests.integration.links.neighbours import message, reason, violations


def a_todo(*targets: Node, request_id: str = "", **more: Any) -> pb.CreateTodoRequest:
    todo = artifact_pb2.Todo(**({"title": "Do it"} | more), targets=map(message, targets))
    return pb.CreateTodoRequest(todo=todo, request_id=request_id)


def an_update(todo_id: str, *mask: str, etag: str = "", **changes: Any) -> pb.UpdateTodoRequest:
    return pb.UpdateTodoRequest(
        id=todo_id,
        changes=artifact_pb2.Todo(**changes),
        update_mask=FieldMask(paths=mask),
        etag=etag,
    )


async def test_a_todo_has_its_defaults_and_its_course(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    made = (await us.todos.CreateTodo(a_todo(company))).todo
    assert (made.status, made.priority, made.due, made.version) == ("open", "normal", "", 1)
    assert made.position > 1e12
    assert not made.HasField("complete_time")

    done = (await us.todos.UpdateTodo(an_update(made.id, "status", status="done"))).todo
    assert done.HasField("complete_time")
    kept = (await us.todos.UpdateTodo(an_update(made.id, "title", title="Did it"))).todo
    assert kept.complete_time == done.complete_time
    again = (await us.todos.UpdateTodo(an_update(made.id, "status", status="open"))).todo
    assert not again.HasField("complete_time")
    stale = us.todos.UpdateTodo(an_update(made.id, "status", etag="1", status="done"))
    assert await reason(stale) == "ABORTED/ETAG_MISMATCH"
    await us.todos.DeleteTodo(pb.DeleteTodoRequest(id=made.id))

    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all("SELECT type, payload::jsonb AS data FROM outbox ORDER BY seq")
    kinds = ["created", "updated", "completed", "updated", "updated", "deleted"]
    assert [row["type"] for row in rows] == [f"todo.{kind}" for kind in kinds]
    assert rows[1]["data"]["changed_fields"] == ["status"]
    assert rows[1]["data"]["completes"] is True


async def test_overdue_is_a_query(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    for title, due in (
        ("date", "2026-11-20"),
        ("early", "2026-11-20T08:00:00+02:00"),
        ("late", "2026-11-20T23:30:00-05:00"),
        ("none", ""),
    ):
        await us.todos.CreateTodo(a_todo(company, title=title, due=due))

    async def due_before(moment: str, **more: Any) -> set[str]:
        request = pb.ListTodosRequest(target=message(company), due_before=moment, **more)
        return {todo.title for todo in (await us.todos.ListTodos(request)).todos}

    assert await due_before("2026-11-20") == set()
    assert await due_before("2026-11-20T06:00:00Z") == set()
    assert await due_before("2026-11-20T06:00:01Z") == {"early"}
    assert await due_before("2026-11-21") == {"early", "date"}
    assert await due_before("2026-11-22") == {"early", "date", "late"}
    first = (await us.todos.ListTodos(pb.ListTodosRequest(target=message(company)))).todos
    assert [todo.title for todo in first] == ["none", "late", "early", "date"]
    assert first[1].due == "2026-11-20T23:30:00-05:00", "as it was written"
    await us.todos.UpdateTodo(an_update(first[3].id, "status", status="done"))
    assert await due_before("2026-11-22", status="open") == {"early", "late"}


async def test_everything_wrong_is_said_at_once(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    wrong = a_todo(
        title=" ",
        status="doing",
        due="2026-02-30",
        priority="urgent",
        assignees=["x" * 65],
        position=float("nan"),
    )
    assert set(await violations(us.todos.CreateTodo(wrong))) == {
        ("todo.title", "REQUIRED"),
        ("todo.status", "UNKNOWN_VALUE"),
        ("todo.due", "INVALID_DATE"),
        ("todo.priority", "UNKNOWN_VALUE"),
        ("todo.assignees[0]", "INVALID_ID"),
        ("todo.position", "NOT_FINITE"),
    }
    naive = us.todos.CreateTodo(a_todo(due="2026-02-03T10:00:00"))
    assert await violations(naive) == [("todo.due", "INVALID_DATE")]
    status = us.todos.ListTodos(pb.ListTodosRequest(status="doing"))
    assert await violations(status) == [("status", "UNKNOWN_VALUE")]
    due = us.todos.ListTodos(pb.ListTodosRequest(due_before="soon"))
    assert await violations(due) == [("due_before", "INVALID_DATE")]
    made = (await us.todos.CreateTodo(a_todo(due="9999-12-31"))).todo
    empty = us.todos.UpdateTodo(an_update(made.id, "title"))
    assert await violations(empty) == [("changes.title", "REQUIRED")]
    cleared = await us.todos.UpdateTodo(an_update(made.id, "due"))
    assert cleared.todo.due == ""


async def test_a_repeated_request_makes_one_todo(plane: Plane, workspace: UUID) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    request = a_todo(company, request_id="once", assignees=["a", "a", "b"])
    first = await us.todos.CreateTodo(request)
    assert await us.todos.CreateTodo(request) == first
    assert list(first.todo.assignees) == ["a", "b"]
    assert len((await us.todos.ListTodos(pb.ListTodosRequest())).todos) == 1
    theirs = plane.caller(plane.workspace())
    get = pb.GetTodoRequest(id=first.todo.id)
    assert await reason(theirs.todos.GetTodo(get)) == "NOT_FOUND/TODO_NOT_FOUND"
