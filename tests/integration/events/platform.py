"""What stands around the events plane in its tests: who calls, what is defined, which records are
related, who receives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from armature.metadata.v1 import (
    access_pb2,
    access_service_pb2,
    access_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
)
from armature.records.v1 import record_service_pb2, record_service_pb2_grpc

from kit import credentials, server
from kit.caller import Caller, current_caller
from kit.calls import CallPolicy, Context, nobody
from kit.errors import Unauthenticated, Unavailable
from schema.model import Field, FieldType, Object, Option, Snapshot

PERMISSIONS = {
    "admin": ["read", "write", "schema", "rules", "admin"],
    "member": ["read", "write", "rules"],
    "read_only": ["read"],
}


def a_key(workspace: UUID, role: str = "admin", name: str = "ada") -> str:
    """A credential that the test's metadata plane takes."""
    return f"{role}:{name}:{workspace}"


@dataclass
class Metadata(
    access_service_pb2_grpc.AccessServiceServicer,
    schema_service_pb2_grpc.SchemaServiceServicer,
    record_service_pb2_grpc.RecordServiceServicer,
):
    """Knows every credential of the form above, and two objects in each workspace; and, as the
    records plane, the firms that a test has put there."""

    secret: str
    revoked: set[str] = field(default_factory=set)
    firms: dict[str, dict[str, object]] = field(default_factory=dict)
    fetched: list[tuple[str, Sequence[str]]] = field(default_factory=list)  # by whom, which
    away: bool = False  # whether the records plane is
    _hanging: dict[str, tuple[list[str], asyncio.Event]] = field(default_factory=dict)

    @contextmanager
    def hanging(self, name: str) -> Iterator[list[str]]:
        """Leave without an answer who asks about somebody; yields what they do."""
        asked: list[str] = []
        self._hanging[name] = asked, asyncio.Event()
        try:
            yield asked
        finally:
            self._hanging.pop(name)[1].set()

    async def BatchGetRecords(
        self,
        request: record_service_pb2.BatchGetRecordsRequest,
        context: Context,  # noqa: ARG002
    ) -> record_service_pb2.BatchGetRecordsResponse:
        self.fetched.append((current_caller().principal_id, list(request.ids)))
        if self.away:
            raise Unavailable("UNREACHABLE", "the records plane is away")
        answer = record_service_pb2.BatchGetRecordsResponse()
        for one in request.ids:
            result = answer.results.add()
            if one in self.firms:
                result.record.id = one
                result.record.fields_json = json.dumps(self.firms[one]).encode()
        return answer

    async def Authenticate(
        self,
        request: access_service_pb2.AuthenticateRequest,
        context: Context,  # noqa: ARG002
    ) -> access_service_pb2.AuthenticateResponse:
        internal = credentials.is_internal(request.credential)
        if internal:
            subject = credentials.verify(self.secret, request.credential)
            role, name, workspace = "admin", subject.principal_id, subject.workspace_id
        else:
            role, name, workspace = request.credential.split(":")
        if name in self._hanging:
            asked, over = self._hanging[name]
            asked.append("asks")
            try:
                await over.wait()
            except asyncio.CancelledError:
                asked.append("gave up")
                raise
        if name in self.revoked:
            raise Unauthenticated("CREDENTIALS_INVALID", "revoked")
        return access_service_pb2.AuthenticateResponse(
            principal=access_pb2.Principal(
                id=name, workspace_id=workspace, kind="user", display_name=name, role=role
            ),
            permissions=PERMISSIONS[role],
            internal=internal,
        )

    async def GetSnapshot(
        self,
        request: schema_service_pb2.GetSnapshotRequest,
        context: Context,  # noqa: ARG002
    ) -> schema_service_pb2.GetSnapshotResponse:
        workspace = current_caller().workspace_id
        if request.if_newer_than >= 1:
            return schema_service_pb2.GetSnapshotResponse(metadata_version=1)
        return schema_service_pb2.GetSnapshotResponse(
            metadata_version=1, snapshot_json=msgspec.json.encode(_snapshot(workspace))
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve; yields the address."""

        async def authenticate(credential: str) -> Caller:
            subject = credentials.verify(self.secret, credential)
            workspace = UUID(subject.workspace_id) if subject.workspace_id else None
            caller = nobody()
            known = subject.principal_id
            return caller if workspace is None else Caller(workspace, known, "system", "")

        async def ready() -> bool:
            return True

        servicers = {
            "armature.metadata.v1.AccessService": lambda s: (
                access_service_pb2_grpc.add_AccessServiceServicer_to_server(self, s)
            ),
            "armature.metadata.v1.SchemaService": lambda s: (
                schema_service_pb2_grpc.add_SchemaServiceServicer_to_server(self, s)
            ),
            "armature.records.v1.RecordService": lambda s: (
                record_service_pb2_grpc.add_RecordServiceServicer_to_server(self, s)
            ),
        }
        policy = CallPolicy(authenticate)
        async with server.running("127.0.0.1:0", servicers, policy, ready, grace=0) as port:
            yield f"127.0.0.1:{port}"


def _snapshot(workspace: UUID) -> Snapshot:
    object_id = "01900000-0000-7000-8000-000000000001"
    stages = tuple(Option(f"{n}", name, name) for n, name in enumerate(("new", "won")))
    fields = (
        Field("01900000-0000-7000-8000-00000000000a", object_id, "stage", FieldType.SELECT,
              key="phase", options=stages),
        Field("01900000-0000-7000-8000-00000000000b", object_id, "size", FieldType.NUMBER,
              key="size"),
        Field("01900000-0000-7000-8000-00000000000c", object_id, "firm", FieldType.RELATION,
              key="account", settings={"targets": ["firm"]}),
    )  # fmt: skip
    deal = Object(object_id, "deal", "deals", fields=fields)
    firm_id = "01900000-0000-7000-8000-000000000002"
    name = Field("01900000-0000-7000-8000-00000000000d", firm_id, "name", FieldType.TEXT, key="was")
    firm = Object(firm_id, "firm", "firms", fields=(name,))
    return Snapshot(workspace_id=str(workspace), version=1, objects=(deal, firm))


@dataclass
class Received:
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def document(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


Answering = Callable[[Received], tuple[int, dict[str, str]] | None]


@dataclass
class Receiver:
    """An HTTP server of one endpoint; what `answer` makes None of is left hanging."""

    answer: Answering = lambda _: (200, {})
    got: list[Received] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Receiver"]:
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        self._open: set[asyncio.StreamWriter] = set()
        try:
            yield self
        finally:
            listening.close()
            for writer in self._open:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                raw = dict(line.split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                named = {name.lower(): value for name, value in raw.items()}
                now = asyncio.get_running_loop().time()
                one = Received(head[0].split(" ")[1], named, body, now)
                self.got.append(one)
                found = self.answer(one)
                if found is None:
                    await asyncio.Event().wait()
                    return
                status, more = found
                extra = "".join(f"{k}: {v}\r\n" for k, v in more.items())
                answer = f"HTTP/1.1 {status} X\r\n{extra}content-length: 4\r\n\r\nseen"
                writer.write(answer.encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            writer.close()
