"""The metadata and the records plane in this process, on real servers."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from armature.metadata.v1 import workspace_service_pb2 as workspaces
from armature.metadata.v1 import workspace_service_pb2_grpc

from cli.stack.servers import Started
from kit import clients
from services.metadata.__main__ import SERVICE as METADATA
from services.metadata.servicers import blueprint_parts
from services.records.__main__ import SERVICE as RECORDS
from tests.integration.field_jobs.client import Client
from tests.services import BOOTSTRAP_KEY, BOOTSTRAP_WORKSPACE, Running, running


@dataclass(frozen=True)
class Planes:
    metadata: Running
    records: Running


@pytest.fixture(scope="package", autouse=True)
def no_automation() -> Iterator[None]:
    """Nobody waits long for a plane that is not there."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blueprint_parts, "ANSWER_SECONDS", 0.05)
        yield


@pytest.fixture(scope="package")
async def planes(servers: Started) -> AsyncIterator[Planes]:
    with socket.socket() as taken:  # metadata asks records as well, and is started first
        taken.bind(("127.0.0.1", 0))
        to_records = f"127.0.0.1:{taken.getsockname()[1]}"
    async with (
        running(
            METADATA,
            servers,
            bootstrap_api_key=BOOTSTRAP_KEY,
            bootstrap_workspace_id=BOOTSTRAP_WORKSPACE,
            records_address=to_records,
        ) as metadata,
        running(
            RECORDS,
            servers,
            address=to_records,
            metadata_address=metadata.address,
            links_address="127.0.0.1:9",
            artifacts_address="127.0.0.1:9",
            field_job_grace_seconds=1.0,
            field_job_lease_seconds=2.0,
            database_pool=24,
        ) as records,
    ):
        yield Planes(metadata, records)


@pytest.fixture
def new_workspace(planes: Planes) -> Callable[[], Awaitable[Client]]:
    """Makes a workspace; gives its admin."""
    stub = workspace_service_pb2_grpc.WorkspaceServiceStub(planes.metadata.channel)

    async def make() -> Client:
        request = workspaces.CreateWorkspaceRequest(
            workspace={"display_name": "Acme"}, request_id=str(uuid4())
        )
        made = await clients.call(stub.CreateWorkspace, request, clients.metadata(BOOTSTRAP_KEY))
        return Client(planes.metadata, planes.records, made.api_key, made.workspace.id)

    return make


@pytest.fixture
async def acme(new_workspace: Callable[[], Awaitable[Client]]) -> Client:
    return await new_workspace()
