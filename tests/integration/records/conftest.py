"""The records plane in this process: literal definitions in the place of the metadata plane."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote
from uuid import UUID, uuid4

import pytest
from armature.records.v1.record_service_pb2_grpc import RecordServiceStub

from cli.stack.servers import Started
from kit import clients, migrations, server
from kit.caller import Caller
from kit.calls import CallPolicy
from kit.db import Database
from planes.definitions import Definitions
from planes.nodes import Nodes
from schema.access import Restrictions
from schema.compiled import CompiledObject, Workspace
from services.records.model import Item
from services.records.operations.linking import LinkIndex, Stretch
from services.records.servicers import RecordServicer, servicers
from services.records.servicers.files import FileCheck
from services.records.servicers.guard import DeleteGuard
from services.records.store.record_links import Link
from services.records.tables import metadata
from tests.integration.records.client import Client
from tests.integration.records.world import definitions

ROLES = {
    "admin": frozenset({"read", "write", "schema", "rules", "admin"}),
    "member": frozenset({"read", "write", "rules"}),
    "read_only": frozenset({"read"}),
}


# What custom roles may do, by their name: a test adds its own.
CUSTOM: dict[str, bytes] = {}


class Literal(Definitions):
    """Answers as `planes.definitions` does, from definitions that a test may replace."""

    def __init__(self) -> None:
        self.known: dict[UUID, Workspace] = {}
        self._restrictions = Restrictions()

    async def workspace(self, workspace_id: UUID, *, at_version: int = 0) -> Workspace:  # noqa: ARG002
        return self.known.setdefault(workspace_id, definitions(workspace_id))

    async def refresh(self, workspace_id: UUID) -> Workspace:
        return await self.workspace(workspace_id)


class AnyFile(FileCheck):
    """Stands for an artifacts plane that has every file."""

    async def check(self, caller: Caller, obj: CompiledObject, items: Sequence[Item]) -> None:
        """All files are there."""


@dataclass
class LinksPlane:
    """Stands for a links plane: the links that it has, by workspace, and how it hands them out."""

    links: dict[UUID, dict[UUID, Link]] = field(default_factory=lambda: defaultdict(dict))
    at_once: int = 2000
    asked: int = 0
    since: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    async def find(self, workspace_id: UUID, after: UUID | None, until: UUID | None) -> Stretch:
        self.asked += 1
        within = sorted(
            link
            for link in self.links[workspace_id].values()
            if (after is None or link.id > after) and (until is None or link.id <= until)
        )
        some = within[: self.at_once]
        last = some[-1].id if some else None
        return Stretch([(link, self.since) for link in some], last, len(within) > len(some))


@dataclass(frozen=True)
class Plane:
    """The running plane, and what tests reach for."""

    stub: RecordServiceStub
    db: Database
    worker_db: Database
    literal: Literal
    servers: Started
    links: LinksPlane
    index: LinkIndex

    def client(self, workspace_id: UUID, role: str = "admin", principal: str = "ada") -> Client:
        return Client(self.stub, workspace_id, self.db, role, principal)


async def authenticate(credential: str) -> Caller:
    """`workspace:role:principal`, and of a plane `:internal` behind it."""
    workspace_id, role, principal, *plane = unquote(credential).split(":")
    permissions = ROLES.get(role, ROLES["member"])
    return Caller(
        UUID(workspace_id),
        principal,
        "user",
        principal.title(),
        permissions,
        role=role,
        access=CUSTOM.get(role),
        internal=bool(plane),
    )


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
        servicer = RecordServicer(
            db, literal, DeleteGuard(to_links), 1000, AnyFile(Nodes(None, None))
        )

        links = LinksPlane()
        index = servicer.links = LinkIndex(db, links.find)

        async def ready() -> bool:
            return True

        port = await opened.enter_async_context(
            server.running(
                "127.0.0.1:0", servicers(servicer), CallPolicy(authenticate), ready, grace=0.5
            )
        )
        channel = clients.channel(f"127.0.0.1:{port}")
        opened.push_async_callback(channel.close)
        yield Plane(RecordServiceStub(channel), db, worker_db, literal, servers, links, index)


@pytest.fixture
def new_workspace(plane: Plane) -> Callable[[], Client]:
    """Makes an empty workspace; gives its admin."""
    return lambda: plane.client(uuid4())


@pytest.fixture
def acme(new_workspace: Callable[[], Client]) -> Client:
    return new_workspace()
