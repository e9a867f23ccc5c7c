"""The metadata service on real servers, and a fresh workspace for each test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from armature.metadata.v1 import (
    access_service_pb2,
    access_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    field_service_pb2,
    field_service_pb2_grpc,
    flag_service_pb2,
    flag_service_pb2_grpc,
    link_type_service_pb2,
    link_type_service_pb2_grpc,
    object_service_pb2,
    object_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    view_service_pb2,
    view_service_pb2_grpc,
    workspace_service_pb2,
    workspace_service_pb2_grpc,
)
from google.protobuf.message import Message

from cli.stack.servers import Started
from kit import clients
from schema.compiled import Workspace
from services.metadata.__main__ import SERVICE
from services.metadata.servicers import blueprint_parts
from tests.services import BOOTSTRAP_KEY, BOOTSTRAP_WORKSPACE, Running, running

STUBS = {
    "workspaces": workspace_service_pb2_grpc.WorkspaceServiceStub,
    "access": access_service_pb2_grpc.AccessServiceStub,
    "objects": object_service_pb2_grpc.ObjectServiceStub,
    "fields": field_service_pb2_grpc.FieldServiceStub,
    "views": view_service_pb2_grpc.ViewServiceStub,
    "link_types": link_type_service_pb2_grpc.LinkTypeServiceStub,
    "schemas": schema_service_pb2_grpc.SchemaServiceStub,
    "audit": audit_service_pb2_grpc.AuditServiceStub,
    "flags": flag_service_pb2_grpc.FlagServiceStub,
}
MESSAGES = (
    workspace_service_pb2,
    access_service_pb2,
    object_service_pb2,
    field_service_pb2,
    view_service_pb2,
    link_type_service_pb2,
    schema_service_pb2,
    audit_service_pb2,
    flag_service_pb2,
)


@dataclass(frozen=True)
class Client:
    """Calls methods by their names, with one credential: `await acme("GetObject", object="x")`."""

    service: Running
    credential: str
    workspace_id: str = ""

    async def __call__(self, method: str, **request: Any) -> Any:
        kind = next(
            getattr(m, f"{method}Request") for m in MESSAGES if hasattr(m, f"{method}Request")
        )
        return await self.send(method, kind(**request))

    async def send(self, method: str, request: Message) -> Any:
        stubs = (stub(self.service.channel) for stub in STUBS.values())
        rpc = next(getattr(stub, method) for stub in stubs if hasattr(stub, method))
        return await clients.call(rpc, request, clients.metadata(self.credential))

    def with_credential(self, credential: str) -> "Client":
        return Client(self.service, credential, self.workspace_id)

    async def with_role(self, role: str) -> "Client":
        made = await self("CreateApiKey", display_name=role, role=role)
        return self.with_credential(made.secret)

    async def compiled(self) -> Workspace:
        """The workspace as other planes see it."""
        answer = await self("GetSnapshot")
        return Workspace.from_json(answer.snapshot_json)


@pytest.fixture(scope="package", autouse=True)
def no_automation() -> Iterator[None]:
    """Nobody waits long for a plane that is not there."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blueprint_parts, "ANSWER_SECONDS", 0.05)
        yield


@pytest.fixture(scope="package")
async def metadata(servers: Started) -> AsyncIterator[Running]:
    async with running(
        SERVICE,
        servers,
        bootstrap_api_key=BOOTSTRAP_KEY,
        bootstrap_workspace_id=BOOTSTRAP_WORKSPACE,
        max_objects=30,
        max_fields=20,
        max_options=12,
        max_views=8,
    ) as service:
        yield service


@pytest.fixture
def operator(metadata: Running) -> Client:
    return Client(metadata, BOOTSTRAP_KEY, BOOTSTRAP_WORKSPACE)


@pytest.fixture
def new_workspace(operator: Client) -> Callable[[], Awaitable[Client]]:
    """Makes a workspace; gives its admin."""

    async def make() -> Client:
        made = await operator(
            "CreateWorkspace", workspace={"display_name": "Acme"}, request_id=str(uuid4())
        )
        return Client(operator.service, made.api_key, made.workspace.id)

    return make


@pytest.fixture
async def acme(new_workspace: Callable[[], Awaitable[Client]]) -> Client:
    return await new_workspace()
