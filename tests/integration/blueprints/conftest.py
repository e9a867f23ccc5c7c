"""Metadata beside an automation plane that comes and goes, on real servers."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from armature.automation.v1 import (
    rule_service_pb2,
    rule_service_pb2_grpc,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)
from armature.metadata.v1 import (
    access_service_pb2,
    access_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    workspace_service_pb2,
    workspace_service_pb2_grpc,
)

from cli.stack.servers import Started
from kit import clients
from kit.service import Service
from services.automation.__main__ import wire
from services.automation.settings import Settings
from services.automation.tables import metadata as automation_tables
from services.metadata.__main__ import SERVICE as METADATA
from tests.services import BOOTSTRAP_KEY, BOOTSTRAP_WORKSPACE, Running, running

AUTOMATION = Service("automation", "services.automation", Settings, automation_tables, wire)
_STUBS = {
    access_service_pb2: ("metadata", access_service_pb2_grpc.AccessServiceStub),
    schema_service_pb2: ("metadata", schema_service_pb2_grpc.SchemaServiceStub),
    rule_service_pb2: ("automation", rule_service_pb2_grpc.RuleServiceStub),
    workflow_service_pb2: ("automation", workflow_service_pb2_grpc.WorkflowServiceStub),
}


@dataclass
class Planes:
    metadata: Running
    to_automation: str
    start: Callable[[], AbstractAsyncContextManager[Running]]  # the automation plane, there


@dataclass
class Client:
    planes: Planes
    key: str

    async def __call__(self, method: str, **request: Any) -> Any:
        for messages, (plane, stub) in _STUBS.items():
            kind = getattr(messages, f"{method}Request", None)
            if kind is None:
                continue
            if plane == "metadata":
                channel = self.planes.metadata.channel
                call = getattr(stub(channel), method)
                return await clients.call(call, kind(**request), clients.metadata(self.key))
            channel = clients.channel(self.planes.to_automation)
            try:
                call = getattr(stub(channel), method)
                return await clients.call(call, kind(**request), clients.metadata(self.key))
            finally:
                await channel.close()
        raise AssertionError(method)


@pytest.fixture(scope="package")
async def planes(servers: Started) -> AsyncIterator[Planes]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        to_automation = f"127.0.0.1:{taken.getsockname()[1]}"
    async with running(
        METADATA,
        servers,
        bootstrap_api_key=BOOTSTRAP_KEY,
        bootstrap_workspace_id=BOOTSTRAP_WORKSPACE,
        automation_address=to_automation,
        records_address="127.0.0.1:9",
    ) as metadata:

        @contextlib.asynccontextmanager
        async def start() -> AsyncIterator[Running]:
            nowhere = dict.fromkeys(
                ("records_address", "links_address", "artifacts_address", "events_address"),
                "127.0.0.1:9",
            )
            async with running(
                AUTOMATION,
                servers,
                roles=frozenset({"serve"}),
                address=to_automation,
                metadata_address=metadata.address,
                **nowhere,
            ) as automation:
                yield automation

        yield Planes(metadata, to_automation, start)


@pytest.fixture
def new_workspace(planes: Planes) -> Callable[[], Awaitable[Client]]:
    stub = workspace_service_pb2_grpc.WorkspaceServiceStub(planes.metadata.channel)

    async def make() -> Client:
        request = workspace_service_pb2.CreateWorkspaceRequest(
            workspace={"display_name": "Acme"}, request_id=str(uuid4())
        )
        made = await clients.call(stub.CreateWorkspace, request, clients.metadata(BOOTSTRAP_KEY))
        return Client(planes, made.api_key)

    return make


@pytest.fixture
async def acme(new_workspace: Callable[[], Awaitable[Client]]) -> Client:
    return await new_workspace()
