"""Stand in for metadata, records and artifacts at their gRPC boundary, and receive webhooks.

They keep what they are told to do in memory and honour `request_id` as kit.idempotency does: a
repeat answers the first response, another request under the same key is refused.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from armature.artifacts.v1 import (
    note_service_pb2,
    note_service_pb2_grpc,
    todo_service_pb2,
    todo_service_pb2_grpc,
)
from armature.links.v1 import link_service_pb2, link_service_pb2_grpc
from armature.metadata.v1 import (
    access_pb2,
    access_service_pb2,
    access_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
)
from armature.records.v1 import record_pb2, record_service_pb2, record_service_pb2_grpc

from kit import credentials, ids, server
from kit.caller import Caller, current_caller
from kit.calls import CallPolicy
from kit.errors import InvalidArgument, NotFound, ServiceError, Unauthenticated
from schema.model import Field, FieldType, Object, Option, Snapshot

PERMISSIONS = {
    "admin": ("read", "write", "schema", "rules", "admin"),
    "member": ("read", "write", "rules"),
    "read_only": ("read",),
}


@dataclass(frozen=True)
class Effect:
    """One thing that was really done."""

    method: str
    workspace_id: UUID
    request_id: str
    request: Any
    caller: Caller


@dataclass
class World:
    """What the stand-ins know and have done."""

    secret: str
    keys: dict[str, tuple[UUID, str, str]] = field(default_factory=dict)  # workspace, id, role
    snapshots: dict[UUID, Snapshot] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)  # principals
    answers: dict[tuple[UUID, str, str], tuple[bytes, Any]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    queries: list[Any] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)  # records
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)  # of records, by id
    fetched: list[tuple[Caller, Any]] = field(default_factory=list)  # BatchGetRecords
    # Raise what it returns instead of doing the work.
    refuse: Callable[[str, Any], ServiceError | None] = lambda _method, _request: None
    before_answer: Callable[[str, Any], Awaitable[None]] | None = None
    on_update: Callable[[Caller, Any], Awaitable[None]] | None = None

    def new_key(self, workspace_id: UUID, role: str = "admin") -> str:
        key = f"arm_{ids.new_id().hex}_{role}"
        self.keys[key] = (workspace_id, str(ids.new_id()), role)
        return key

    async def authenticate(self, credential: str) -> Caller:
        if credentials.is_internal(credential):
            subject = credentials.verify(self.secret, credential)
            workspace = UUID(subject.workspace_id) if subject.workspace_id else UUID(int=0)
            if subject.principal_id in self.removed:
                raise Unauthenticated("CREDENTIALS_INVALID", "no such principal")
            return Caller(
                workspace,
                subject.principal_id,
                "system",
                subject.plane,
                permissions=frozenset(self._permissions(subject.principal_id)),
                internal=True,
            )
        if credential not in self.keys:
            raise Unauthenticated("CREDENTIALS_INVALID", "the credentials are not valid")
        workspace, principal, role = self.keys[credential]
        return Caller(
            workspace,
            principal,
            "api_key",
            f"Key {role}",
            permissions=frozenset(PERMISSIONS[role]),
            role=role,
        )

    def _permissions(self, principal_id: str) -> tuple[str, ...]:
        for _, principal, role in self.keys.values():
            if principal == principal_id:
                return PERMISSIONS[role]
        return PERMISSIONS["admin"]

    async def once(self, request: Any, work: Callable[[Caller], Awaitable[Any]]) -> Any:
        """The effect once for each key; the first answer for repeats."""
        caller, method = current_caller(), type(request).__name__.removesuffix("Request")
        self.calls.append(method)
        if error := self.refuse(method, request):
            raise error
        caller.require("write")
        key = (caller.workspace_id, method, request.request_id)
        digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        if key in self.answers:
            stored, answer = self.answers[key]
            if stored != digest:
                raise InvalidArgument("REQUEST_ID_REUSED", "another request under the same key")
            return answer
        answer = await work(caller)
        self.answers[key] = (digest, answer)
        effect = Effect(method, caller.workspace_id, request.request_id, request, caller)
        self.effects.append(effect)
        if self.before_answer is not None:
            await self.before_answer(method, request)
        return answer

    def of(self, workspace_id: UUID, method: str = "") -> list[Effect]:
        return [
            e for e in self.effects if e.workspace_id == workspace_id and method in ("", e.method)
        ]


class _Access(access_service_pb2_grpc.AccessServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def Authenticate(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        found = await self._world.authenticate(request.credential)
        principal = access_pb2.Principal(
            id=found.principal_id,
            kind=found.kind,
            display_name=found.name,
            workspace_id=str(found.workspace_id),
            role=found.role,
        )
        return access_service_pb2.AuthenticateResponse(
            principal=principal, permissions=sorted(found.permissions), internal=found.internal
        )


class _Schema(schema_service_pb2_grpc.SchemaServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def GetSnapshot(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        workspace_id = current_caller().workspace_id
        snapshot = self._world.snapshots[workspace_id]
        if snapshot.version <= request.if_newer_than:
            return schema_service_pb2.GetSnapshotResponse(metadata_version=snapshot.version)
        return schema_service_pb2.GetSnapshotResponse(
            metadata_version=snapshot.version, snapshot_json=msgspec.json.encode(snapshot)
        )


class _Records(record_service_pb2_grpc.RecordServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def CreateRecord(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(_caller: Caller) -> Any:
            record = record_pb2.Record(
                id=str(ids.new_id()),
                object=request.object,
                version=1,
                fields_json=request.fields_json,
            )
            return record_service_pb2.CreateRecordResponse(record=record)

        return await self._world.once(request, work)

    async def UpdateRecord(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(caller: Caller) -> Any:
            if self._world.on_update is not None:
                await self._world.on_update(caller, request)
            record = record_pb2.Record(
                id=request.id, object=request.object, version=2, fields_json=request.fields_json
            )
            return record_service_pb2.UpdateRecordResponse(
                record=record, outcome=record_pb2.OUTCOME_UPDATED
            )

        return await self._world.once(request, work)

    async def UpsertRecord(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(_caller: Caller) -> Any:
            record = record_pb2.Record(
                id=str(ids.new_id()), object=request.object, fields_json=request.fields_json
            )
            return record_service_pb2.UpsertRecordResponse(
                record=record, outcome=record_pb2.OUTCOME_CREATED
            )

        return await self._world.once(request, work)

    async def DeleteRecord(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(_caller: Caller) -> Any:
            record = record_pb2.Record(id=request.id, object=request.object, version=3)
            return record_service_pb2.DeleteRecordResponse(record=record)

        return await self._world.once(request, work)

    async def QueryRecords(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        self._world.queries.append(request)
        records = [
            record_pb2.Record(
                id=str(ids.new_id()),
                object=request.object,
                fields_json=json.dumps({"name": f"found {i}"}).encode(),
            )
            for i in range(min(request.page_size, 3))
        ]
        return record_service_pb2.QueryRecordsResponse(records=records)

    async def BatchGetRecords(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        self._world.fetched.append((current_caller(), request))
        if error := self._world.refuse("BatchGetRecords", request):
            raise error
        answer = record_service_pb2.BatchGetRecordsResponse()
        for one in request.ids:
            result = answer.results.add()
            if one not in self._world.unknown:
                result.record.id, result.record.object = one, request.object
                result.record.version = 4
                fields = self._world.fields.get(one, {"name": f"Record {one[-4:]}"})
                result.record.fields_json = json.dumps(fields).encode()
        return answer


class _Links(link_service_pb2_grpc.LinkServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def CreateLink(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(_caller: Caller) -> Any:
            answer = link_service_pb2.CreateLinkResponse()
            answer.link.id, answer.link.type = str(ids.new_id()), request.link.type
            return answer

        return await self._world.once(request, work)

    async def DeleteLink(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(_caller: Caller) -> Any:
            return link_service_pb2.DeleteLinkResponse()

        return await self._world.once(request, work)


class _Todos(todo_service_pb2_grpc.TodoServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def CreateTodo(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(_caller: Caller) -> Any:
            if request.todo.title == "nowhere":
                raise NotFound("NODE_NOT_FOUND", "a target does not exist")
            answer = todo_service_pb2.CreateTodoResponse(todo=request.todo)
            answer.todo.id = str(ids.new_id())
            return answer

        return await self._world.once(request, work)


class _Notes(note_service_pb2_grpc.NoteServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def CreateNote(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        async def work(_caller: Caller) -> Any:
            answer = note_service_pb2.CreateNoteResponse(note=request.note)
            answer.note.id = str(ids.new_id())
            return answer

        return await self._world.once(request, work)


def _part(kind: Any, world: World) -> Any:
    """A servicer that answers the part of its contract that rules use."""
    return kind(world)


@asynccontextmanager
async def running(world: World) -> AsyncIterator[dict[str, str]]:
    """Serve all three; yields their addresses by plane."""

    async def ready() -> bool:
        return True

    def register(add: Any, servicer: Any) -> Callable[[Any], None]:
        return lambda target: add(servicer, target)

    wanted: dict[str, list[tuple[Any, Any]]] = {
        "metadata": [
            (access_service_pb2_grpc.add_AccessServiceServicer_to_server, _part(_Access, world)),
            (schema_service_pb2_grpc.add_SchemaServiceServicer_to_server, _part(_Schema, world)),
        ],
        "records": [
            (record_service_pb2_grpc.add_RecordServiceServicer_to_server, _part(_Records, world))
        ],
        "links": [(link_service_pb2_grpc.add_LinkServiceServicer_to_server, _part(_Links, world))],
        "artifacts": [
            (todo_service_pb2_grpc.add_TodoServiceServicer_to_server, _part(_Todos, world)),
            (note_service_pb2_grpc.add_NoteServiceServicer_to_server, _part(_Notes, world)),
        ],
    }
    addresses = {}
    async with AsyncExitStack() as stack:
        for plane, parts in wanted.items():
            servicers = {f"{plane}.{n}": register(*part) for n, part in enumerate(parts)}
            policy = CallPolicy(world.authenticate)
            port = await stack.enter_async_context(
                server.running("127.0.0.1:0", servicers, policy, ready, grace=0.1)
            )
            addresses[plane] = f"127.0.0.1:{port}"
        yield addresses


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """An HTTP server that webhooks are sent to; `answers` holds the next statuses by path."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                path = lines[0].split(" ")[1]
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                headers |= {
                    k.lower(): v
                    for k, v in (line.split(": ", 1) for line in lines[1:] if ": " in line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.received.append(Received(path, headers, body))
                waiting = self.answers.get(path) or [(200, {})]
                status, more = waiting.pop(0)
                text = b'{"ok":true}'
                extra = "".join(f"{k}: {v}\r\n" for k, v in more.items())
                head_out = f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n{extra}\r\n"
                writer.write(head_out.encode() + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    listening = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        listening.close()


def snapshot(workspace_id: UUID, version: int = 1) -> Snapshot:
    """A small CRM: opportunities and companies."""

    def field_of(obj: str, name: str, kind: FieldType, **more: Any) -> Field:
        return Field(id=f"{obj}-{name}", object_id=obj, name=name, key=name, type=kind, **more)

    stages = tuple(
        Option(s, s, s.title(), position=i) for i, s in enumerate(("new", "won", "lost"))
    )
    opportunity = Object(
        id="0198c0de-0000-7000-8000-000000000001",
        name="opportunity",
        plural_name="opportunities",
        fields=(
            field_of("opportunity", "name", FieldType.TEXT),
            field_of("opportunity", "stage", FieldType.SELECT, options=stages),
            field_of("opportunity", "amount", FieldType.CURRENCY),
            field_of("opportunity", "score", FieldType.NUMBER),
            field_of(
                "opportunity", "company", FieldType.RELATION, settings={"targets": ["company"]}
            ),
        ),
    )
    company = Object(
        id="0198c0de-0000-7000-8000-000000000002",
        name="company",
        plural_name="companies",
        fields=(
            field_of("company", "name", FieldType.TEXT, required=True),
            field_of("company", "score", FieldType.NUMBER),
            field_of("company", "parent", FieldType.RELATION, settings={"targets": ["company"]}),
        ),
    )
    return Snapshot(str(workspace_id), version, objects=(opportunity, company))
