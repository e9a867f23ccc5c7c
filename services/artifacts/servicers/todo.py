"""TodoService: the calls as the contract names them."""

from armature.artifacts.v1 import todo_service_pb2 as pb
from armature.artifacts.v1 import todo_service_pb2_grpc as rpc

from kit import idempotency
from kit.db import Tx
from schema.problems import Problem
from services.artifacts import convert
from services.artifacts.logic.access import visible
from services.artifacts.model import Todo
from services.artifacts.operations import todos
from services.artifacts.servicers import drafts
from services.artifacts.servicers.desk import Context, Desk
from services.artifacts.servicers.drafts import Draft
from services.artifacts.store import todos as store


class TodoServicer(rpc.TodoServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._creates = drafts.joined(
            desk.db,
            pb.CreateTodoResponse,
            "todo",
            convert.todo_content,
            todos.create,
            _created,
        )

    async def CreateTodo(
        self, request: pb.CreateTodoRequest, context: Context
    ) -> pb.CreateTodoResponse:
        caller = self._desk.writer()
        workspace, allowed = await self._desk.may_attach(caller, request.todo.targets)
        draft = Draft(request.todo, workspace, allowed)
        return await self._creates.write(caller.credential, request, caller, draft)

    async def GetTodo(self, request: pb.GetTodoRequest, context: Context) -> pb.GetTodoResponse:
        caller = self._desk.reader()
        todo, shown = await self._desk.one(caller, "todo", request.id, store.get)
        return pb.GetTodoResponse(todo=convert.todo(todo, shown))

    async def ListTodos(
        self, request: pb.ListTodosRequest, context: Context
    ) -> pb.ListTodosResponse:
        caller = self._desk.reader()
        listing, query = await self._desk.listing(
            caller,
            "Todos",
            request.target if request.HasField("target") else None,
            (request.page_size, request.page_token),
            status=convert.status(request.status),
            due_before=convert.due_before(request.due_before),
        )
        found, token = await self._desk.page(caller, listing, query, store.page)
        return pb.ListTodosResponse(
            todos=[convert.todo(todo, shown) for todo, shown in found], next_page_token=token
        )

    async def UpdateTodo(
        self, request: pb.UpdateTodoRequest, context: Context
    ) -> pb.UpdateTodoResponse:
        caller = self._desk.writer()
        mask = list(request.update_mask.paths)
        given = request.changes.targets if "targets" in mask else []
        node, workspace, allowed = await self._desk.may_change(caller, "todo", request.id, given)

        async def work(tx: Tx) -> pb.UpdateTodoResponse:
            problems: list[Problem] = []
            content = convert.todo_content(request.changes, "changes", problems)
            changes = convert.masked(content, mask, problems)
            targets = convert.targets(workspace, given, "changes.targets", (), problems)
            convert.raise_any("TODO_INVALID", convert.only_named(problems, mask, "changes"))
            attached = targets if "targets" in mask else None
            todo = await todos.update(tx, caller, node.id, request.etag, changes, attached, allowed)
            return pb.UpdateTodoResponse(todo=convert.todo(todo, visible(todo.targets, allowed)))

        return await idempotency.once(self._desk.db, caller, request, pb.UpdateTodoResponse, work)

    async def DeleteTodo(
        self, request: pb.DeleteTodoRequest, context: Context
    ) -> pb.DeleteTodoResponse:
        caller = self._desk.writer()
        node, _, allowed = await self._desk.may_change(caller, "todo", request.id)

        async def work(tx: Tx) -> pb.DeleteTodoResponse:
            await todos.delete(tx, caller, node.id, request.etag, allowed)
            return pb.DeleteTodoResponse()

        return await idempotency.once(self._desk.db, caller, request, pb.DeleteTodoResponse, work)


def _created(todo: Todo) -> pb.CreateTodoResponse:
    return pb.CreateTodoResponse(todo=convert.todo(todo, todo.targets))
