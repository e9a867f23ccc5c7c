"""What definitions cost: to compile, to hold, to ask for again, until every replica has them."""

import asyncio
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from armature.metadata.v1 import (
    field_service_pb2,
    field_service_pb2_grpc,
    object_service_pb2,
    object_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    workspace_service_pb2,
    workspace_service_pb2_grpc,
)
from armature.records.v1 import record_service_pb2, record_service_pb2_grpc

from cli.stack.servers import Started
from kit import clients, credentials
from planes.definitions import Definitions, Held
from schema.compiled import Workspace
from schema.jsonio import dumps
from schema.model import Field, FieldType, Object, Option, Snapshot
from services.metadata.__main__ import SERVICE as METADATA
from services.records.__main__ import SERVICE as RECORDS
from tests.bench import figures
from tests.services import BOOTSTRAP_KEY, BOOTSTRAP_WORKSPACE, Running, running

OBJECTS, FIELDS = 30, 10
WORKSPACES = 10_000
_TYPES = (FieldType.TEXT, FieldType.NUMBER, FieldType.SELECT, FieldType.DATE, FieldType.CURRENCY)


def a_snapshot() -> bytes:
    """30 objects of 10 fields, each select with 8 options."""
    options = tuple(Option(f"o{n}", f"v{n}", f"Value {n}", "gray", n) for n in range(8))
    objects = tuple(
        Object(
            id=f"object-{o}",
            name=f"object_{o}",
            plural_name=f"objects_{o}",
            fields=tuple(
                Field(
                    id=f"field-{o}-{n}",
                    object_id=f"object-{o}",
                    name=f"field_{n}",
                    type=_TYPES[n % len(_TYPES)],
                    options=options if _TYPES[n % len(_TYPES)] is FieldType.SELECT else (),
                    position=n,
                )
                for n in range(FIELDS)
            ),
        )
        for o in range(OBJECTS)
    )
    return dumps(Snapshot("w", 1, objects))


def best(action: Callable[[], object], rounds: int = 20) -> float:
    """The best of several times, in milliseconds."""
    found = []
    for _ in range(rounds):
        begun = time.perf_counter()
        action()
        found.append(time.perf_counter() - begun)
    return min(found) * 1000


@pytest.mark.bench
def test_a_snapshot_of_300_fields(capsys: pytest.CaptureFixture[str]) -> None:
    document = a_snapshot()

    def compiled() -> Workspace:
        found = Workspace.from_json(document)
        for obj in found.objects.values():
            assert len(obj.codecs) == FIELDS
        return found

    milliseconds = best(compiled)
    tracemalloc.start()
    held = [compiled() for _ in range(20)]
    size = tracemalloc.get_traced_memory()[0] / len(held)
    tracemalloc.stop()
    with capsys.disabled():
        print(
            f"\n{OBJECTS} objects, {OBJECTS * FIELDS} fields: {len(document):,} bytes of JSON,"
            f" compiled in {milliseconds:.2f} ms, {size:,.0f} bytes held"
            f" ({size / len(document):.1f} times the JSON)"
        )
        figures.at_most("compile a snapshot", milliseconds, 10, "ms")


def _resident() -> float:
    """What this process takes, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.bench
async def test_the_memory_of_ten_thousand_workspaces(capsys: pytest.CaptureFixture[str]) -> None:
    """Every one is used once; what a process holds of them is bounded by bytes, not by their
    number."""
    document = a_snapshot()
    held = Definitions(clients.channel("127.0.0.1:9"), "", "bench")
    before, sizes = _resident(), {}
    for n in range(1, WORKSPACES + 1):
        workspace = Workspace.from_json(document)
        held.keep(UUID(int=n), Held.of(workspace, 0.0, len(document)))
        if n in {500, 1_000, 5_000, WORKSPACES}:
            sizes[n] = _resident() - before
    with capsys.disabled():
        print("\nheld of workspaces, MB:", {n: round(mb) for n, mb in sizes.items()})
        figures.at_most("10,000 workspaces over 1,000", sizes[WORKSPACES] / sizes[1_000], 1.2, "x")


@dataclass(frozen=True)
class Planes:
    metadata: Running
    records: tuple[Running, ...]
    credential: str
    workspace_id: str


@pytest.fixture
async def planes(servers: Started) -> AsyncIterator[Planes]:
    """Metadata and two replicas of records, and a workspace of 30 objects."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        to_records = f"127.0.0.1:{taken.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        metadata = await stack.enter_async_context(
            running(
                METADATA,
                servers,
                bootstrap_api_key=BOOTSTRAP_KEY,
                bootstrap_workspace_id=BOOTSTRAP_WORKSPACE,
                records_address=to_records,
            )
        )
        there: dict[str, Any] = {
            "metadata_address": metadata.address,
            "links_address": "127.0.0.1:9",
        }
        replicas = [
            await stack.enter_async_context(running(RECORDS, servers, **there)) for _ in range(2)
        ]
        workspaces = workspace_service_pb2_grpc.WorkspaceServiceStub(metadata.channel)
        made = await clients.call(
            workspaces.CreateWorkspace,
            workspace_service_pb2.CreateWorkspaceRequest(
                workspace={"display_name": "Bench"}, request_id=str(uuid4())
            ),
            clients.metadata(BOOTSTRAP_KEY),
        )
        objects = object_service_pb2_grpc.ObjectServiceStub(metadata.channel)
        for n in range(OBJECTS):
            request = object_service_pb2.CreateObjectRequest(object={"name": f"thing_{n}"})
            await clients.call(objects.CreateObject, request, clients.metadata(made.api_key))
        yield Planes(metadata, tuple(replicas), made.api_key, made.workspace.id)


@pytest.mark.bench
async def test_unchanged_is_answered_at_once(
    planes: Planes, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = schema_service_pb2_grpc.SchemaServiceStub(planes.metadata.channel)
    metadata = planes.metadata
    internal = credentials.Internal("records", planes.workspace_id)  # as other planes ask
    own = clients.metadata(credentials.issue(metadata.app.settings.internal_secret, internal))
    first = await clients.call(
        stub.GetSnapshot, schema_service_pb2.GetSnapshotRequest(), own, timeout=5
    )
    asked = schema_service_pb2.GetSnapshotRequest(if_newer_than=first.metadata_version)
    times = []
    worked = time.process_time()
    for _ in range(2_000):
        begun = time.perf_counter()
        await clients.call(stub.GetSnapshot, asked, own, timeout=5)
        times.append((time.perf_counter() - begun) * 1000)
    with capsys.disabled():
        busy = (time.process_time() - worked) * 1000 / len(times)
        print(f"\nunchanged: {busy:.2f} ms of CPU, client and server together")
        figures.at_most("unchanged, over the channel, p50", figures.at(times, 0.5), 1, "ms")
        figures.at_most("unchanged, over the channel, p99", figures.at(times, 0.99), 1, "ms")


@pytest.mark.bench
async def test_a_change_is_seen_by_every_replica(
    planes: Planes, capsys: pytest.CaptureFixture[str]
) -> None:
    """By readers who name neither the field nor a version: nothing makes a replica look."""
    own = clients.metadata(planes.credential)
    fields = field_service_pb2_grpc.FieldServiceStub(planes.metadata.channel)
    records = [record_service_pb2_grpc.RecordServiceStub(r.channel) for r in planes.records]

    async def seen(stub: Any, version: int) -> float:
        begun = time.perf_counter()
        while True:
            request = record_service_pb2.QueryRecordsRequest(object="thing_0", page_size=1)
            answer = await clients.call(stub.QueryRecords, request, own, timeout=5)
            if answer.metadata_version >= version:
                return (time.perf_counter() - begun) * 1000

    times = []
    for n in range(100):
        added = await clients.call(
            fields.CreateField,
            field_service_pb2.CreateFieldRequest(
                object="thing_0", field={"name": f"field_{n}", "type": "text"}
            ),
            own,
        )
        times.append(max(await asyncio.gather(*(seen(s, added.metadata_version) for s in records))))
    with capsys.disabled():
        figures.at_most("a change seen by two replicas, p50", figures.at(times, 0.5), 1_000, "ms")
        figures.at_most("a change seen by two replicas, p99", figures.at(times, 0.99), 1_000, "ms")
