"""New todos and notes of one client that come together share a transaction, and nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from armature.artifacts.v1 import artifact_pb2
from armature.artifacts.v1 import note_service_pb2 as notes_pb
from armature.artifacts.v1 import todo_service_pb2 as pb
from armature.artifacts.v1.note_service_pb2_grpc import NoteServiceStub
from armature.artifacts.v1.todo_service_pb2_grpc import TodoServiceStub

from kit import clients, credentials
from kit.caller import Caller, Cause
from kit.errors import ServiceError
from kit.joining import Joined
from tests.integration.artifacts.conftest import Plane
from tests.integration.artifacts.test_todos import a_todo
from tests.integration.kit.helpers import counted_calls, eventually
from tests.integration.links.neighbours import SECRET, message


async def together(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, calls: Sequence[Any], table: str = "todos"
) -> list[Any]:
    """What the calls answer when the first is under way while all others come, and how many
    transactions wait for the table then: the first one's, and those of all others."""
    owner = plane.started["postgres"]["roles"]["armature_owner"]
    with monkeypatch.context() as patched:
        come = counted_calls(patched, Joined, "write")
        async with await psycopg.AsyncConnection.connect(owner) as holding:
            await holding.execute(f"LOCK TABLE artifacts.{table} IN SHARE MODE")
            tasks = [asyncio.create_task(one) for one in calls]

            async def all_come() -> bool:
                return come() == len(calls)

            await eventually(all_come, "all calls have come")
    return await asyncio.gather(*tasks, return_exceptions=True)


def as_rule(workspace_id: UUID, number: int) -> list[tuple[str, str]]:
    """The headers of automation, which acts for one owner in the name of many rules."""
    owner = credentials.Internal("automation", str(workspace_id), "ada")
    cause = Cause(f"root {number}", f"event {number}", number % 16, (f"rule {number}",))
    actor = Caller(workspace_id, f"rule-{number}", "automation", f"Rule {number}", cause=cause)
    trace = ("traceparent", f"00-{number + 1:032x}-{number + 1:016x}-00")
    headers = clients.metadata(credentials.issue(SECRET, owner), cause=cause, actor=actor)
    return [*headers, trace]


async def told(plane: Plane, workspace_id: UUID) -> list[dict[str, Any]]:
    async with plane.db.transaction(workspace_id) as tx:
        return await tx.all(
            "SELECT aggregate_id, type, traceparent, root_id, causation_id, depth,"
            " chain::jsonb AS chain, actor::jsonb AS actor, xmin::text AS transaction"
            " FROM outbox ORDER BY seq"
        )


@pytest.mark.parametrize("noun", ["todo", "note"])
async def test_each_is_of_its_own_rule_and_trace(
    plane: Plane, workspace: UUID, monkeypatch: pytest.MonkeyPatch, noun: str
) -> None:
    company = plane.world.record(workspace, "company")
    todos: Any = TodoServiceStub(plane.channel)
    notes: Any = NoteServiceStub(plane.channel)

    async def create(n: int) -> Any:
        metadata = as_rule(workspace, n)
        if noun == "todo":
            request = a_todo(company, title=f"todo {n}", assignees=[f"p{n}", "all"])
            return (await todos.CreateTodo(request, metadata=metadata, timeout=25)).todo
        note = artifact_pb2.Note(title=f"note {n}", body="'\"\\ü", targets=[message(company)])
        made = notes_pb.CreateNoteRequest(note=note)
        return (await notes.CreateNote(made, metadata=metadata, timeout=25)).note

    found = await together(plane, monkeypatch, [create(n) for n in range(20)], f"{noun}s")
    rows = {str(row["aggregate_id"]): row for row in await told(plane, workspace)}
    assert len(rows) == 20
    assert len({row["transaction"] for row in rows.values()}) < 8
    for n, made in enumerate(found):
        assert made.title == f"{noun} {n}"
        assert made.created_by.id == f"rule-{n}"
        row = rows[made.id]
        assert row["type"] == f"{noun}.created"
        assert row["actor"] == {"kind": "automation", "id": f"rule-{n}", "name": f"Rule {n}"}
        assert row["traceparent"].split("-")[1] == f"{n + 1:032x}"
        assert (row["root_id"], row["causation_id"]) == (f"root {n}", f"event {n}")
        assert (row["depth"], row["chain"]) == (n % 16, [f"rule {n}"])
        if noun == "todo":
            assert list(made.assignees) == [f"p{n}", "all"]
    async with plane.db.transaction(workspace) as tx:
        kept = await tx.all("SELECT note_id, version, body FROM note_revisions")
    if noun == "note":
        assert {str(row["note_id"]) for row in kept} == rows.keys()
        assert {(row["version"], row["body"]) for row in kept} == {(1, "'\"\\ü")}


async def test_what_is_wrong_with_one_is_not_wrong_with_the_others(
    plane: Plane, workspace: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    us = plane.caller(workspace)
    company = plane.world.record(workspace, "company")
    taken = (await us.todos.CreateTodo(a_todo(company, title="first"))).todo
    twice = str(uuid4())
    requests = [a_todo(company, title=f"t{n}", request_id=f"key {n}") for n in range(12)]
    requests[3].todo.id = taken.id
    requests[5].todo.due = "soon"
    requests[7].todo.targets.add(kind="company", id=str(uuid4()))
    requests[8].todo.id = requests[9].todo.id = twice
    requests[10].request_id = requests[11].request_id = "the same"

    calls = [us.todos.CreateTodo(one) for one in requests]
    found = await together(plane, monkeypatch, calls)
    failed = {n: e for n, e in enumerate(found) if isinstance(e, ServiceError)}
    assert {n: e.reason for n, e in failed.items() if n < 8} == {
        3: "TODO_EXISTS",
        5: "TODO_INVALID",
        7: "NODE_NOT_FOUND",
    }
    assert [e.reason for n, e in failed.items() if n in {8, 9}] == ["TODO_EXISTS"]
    # Of two requests with one key, one was there first; the other asks for something else.
    assert [e.reason for n, e in failed.items() if n > 9] == ["REQUEST_ID_REUSED"]
    assert len(failed) == 5
    made = [one.todo for one in found if not isinstance(one, BaseException)]
    listed = await us.todos.ListTodos(pb.ListTodosRequest(target=message(company)))
    assert {t.id for t in listed.todos} == {taken.id, *(t.id for t in made)}
    assert len(await told(plane, workspace)) == 8
    repeated = await us.todos.CreateTodo(requests[0])
    assert repeated.todo == made[0]


async def test_who_asks_about_nodes_together_asks_once_and_with_its_own_rights(
    plane: Plane, workspace: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, hidden = (plane.world.record(workspace, "company") for _ in range(2))
    ada, bob = plane.caller(workspace), plane.caller(workspace)
    plane.world.hidden.add((bob.principal, hidden))

    before = plane.world.checks
    asked = [(who, node) for _ in range(15) for who in (ada, bob) for node in (seen, hidden)]
    calls = [who.todos.CreateTodo(a_todo(node)) for who, node in asked]
    found = await asyncio.gather(*calls, return_exceptions=True)
    one: Any
    for (who, node), one in zip(asked, found, strict=True):
        if who is ada or node is seen:
            assert list(one.todo.targets) == [message(node)]
        else:
            assert one.reason == "NODE_NOT_FOUND"
    assert plane.world.checks - before < len(asked)
