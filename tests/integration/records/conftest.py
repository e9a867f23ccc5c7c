"""The records plane in this process: literal definitions in the place of the metadata plane."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote
from uuid import UUID, uuid4

import pytest
from armature.records.v1.record_service_pb2_grpc import RecordServiceStub

from cli.stack.servers import Started
from kit import clients, migrations, server
from kit.caller import Caller
from kit.calls import CallPolicy
from kit.db import Database
from kit.errors import NotFound
from planes.definitions import Definitions
from schema.compiled import CompiledObject, Workspace
from services.records.servicers import RecordServicer, servicers
from services.records.servicers.guard import DeleteGuard
from services.records.tables import metadata
from tests.integration.records.client import Client
from tests.integration.records.world import definitions

ROLES = {
    "admin": frozenset({"read", "write", "schema", "rules", "admin"}),
    "member": frozenset({"read", "write", "rules"}),
    "read_only": frozenset({"read"}),
}


@dataclass
class Literal:
    """Answers as `planes.definitions` does, from definitions that a test may replace."""

    known: dict[UUID, Workspace] = field(default_factory=dict)

    async def workspace(self, workspace_id: UUID, *, at_version: int = 0) -> Workspace:  # noqa: ARG002
        return self.known.setdefault(workspace_id, definitions(workspace_id))

    async def refresh(self, workspace_id: UUID) -> Workspace:
        return await self.workspace(workspace_id)

    async def object(
        self,
        workspace_id: UUID,
        name: str,
        *,
        at_version: int = 0,  # noqa: ARG002
    ) -> tuple[Workspace, CompiledObject]:
        workspace = await self.workspace(workspace_id)
        found = workspace.object(name)
        if found is None:
            raise NotFound("OBJECT_NOT_FOUND", f"there is no object {name!r}")
        return workspace, found


@dataclass(frozen=True)
class Plane:
    """The running plane, and what tests reach for."""

    stub: RecordServiceStub
    db: Database
    worker_db: Database
    literal: Literal
    servers: Started

    def client(self, workspace_id: UUID, role: str = "admin", principal: str = "ada") -> Client:
        return Client(self.stub, workspace_id, self.db, role, principal)


async def authenticate(credential: str) -> Caller:
    workspace_id, role, principal = unquote(credential).split(":")
    return Caller(UUID(workspace_id), principal, "user", principal.title(), ROLES[role], role=role)


@pytest.fixture(scope="package")
async def plane(servers: Started) -> AsyncIterator[Plane]:
    roles = servers["postgres"]["roles"]
    await asyncio.to_thread(
        migrations.upgrade, "services.records", "records", roles["armature_owner"], metadata
    )
    async with AsyncExitStack() as opened:
        db = Database(roles["armature_records"], "records", size=24)
        worker_db = Database(roles["armature_records_worker"], "records", size=2)
        for pool in (db, worker_db):
            await pool.open()
            opened.push_async_callback(pool.close)
        literal = Literal()
        to_links = clients.channel("127.0.0.1:9")
        opened.push_async_callback(to_links.close)
        servicer = RecordServicer(db, cast(Definitions, literal), DeleteGuard(to_links), 1000)

        async def ready() -> bool:
            return True

        port = await opened.enter_async_context(
            server.running(
                "127.0.0.1:0", servicers(servicer), CallPolicy(authenticate), ready, grace=0.5
            )
        )
        channel = clients.channel(f"127.0.0.1:{port}")
        opened.push_async_callback(channel.close)
        yield Plane(RecordServiceStub(channel), db, worker_db, literal, servers)


@pytest.fixture
def new_workspace(plane: Plane) -> Callable[[], Client]:
    """Makes an empty workspace; gives its admin."""
    return lambda: plane.client(uuid4())


@pytest.fixture
def acme(new_workspace: Callable[[], Client]) -> Client:
    return new_workspace()
