"""The artifacts plane in this process, on real servers, with records and metadata next door."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

import grpc
import pytest
from armature.artifacts.v1.artifact_service_pb2_grpc import ArtifactServiceStub
from armature.artifacts.v1.file_service_pb2_grpc import FileServiceStub
from armature.artifacts.v1.note_service_pb2_grpc import NoteServiceStub
from armature.artifacts.v1.timeline_service_pb2_grpc import TimelineServiceStub
from armature.artifacts.v1.todo_service_pb2_grpc import TodoServiceStub

from cli.stack import servers
from kit import migrations
from kit.bus import Bus
from kit.consumer import Consumer
from kit.db import Database
from kit.relay import Relay
from planes.definitions import Definitions
from planes.nodes import Nodes
from schema.model import Snapshot
from services.artifacts import __main__ as service
from services.artifacts import consumer
from services.artifacts.operations.rights import Rights
from services.artifacts.servicers.desk import Desk
from services.artifacts.settings import ArtifactsSettings
from services.artifacts.store.objects import ObjectStore
from services.artifacts.tables import metadata
from services.artifacts.workers.store_jobs import StoreJobs
from tests.integration.links.neighbours import (
    SECRET,
    As,
    Neighbours,
    an_object,
    credential,
    next_door,
    served,
)

OBJECTS = (an_object("company"), an_object("person"))
MAX_FILE = 64 * 1024 * 1024


@dataclass
class Plane:
    """The running plane, and what tests reach for."""

    db: Database
    worker_db: Database
    bus: Bus
    world: Neighbours
    channel: grpc.aio.Channel
    store: ObjectStore
    jobs: StoreJobs
    started: servers.Started
    nodes: Nodes
    desk: Desk
    config: ArtifactsSettings

    def workspace(self) -> UUID:
        """A new one, with the definitions above."""
        found = uuid4()
        self.world.snapshots[found] = Snapshot(str(found), 1, OBJECTS)
        return found

    def caller(self, workspace_id: UUID, role: str = "admin", principal: str = "") -> "Caller":
        return Caller(self.channel, credential(workspace_id, role, principal))


class Caller:
    """One principal's view of every service."""

    def __init__(self, channel: grpc.aio.Channel, who: str) -> None:
        self.who = who
        self.principal = who.split("/")[1]
        self.notes = As(NoteServiceStub(channel), who)
        self.todos = As(TodoServiceStub(channel), who)
        self.files = As(FileServiceStub(channel), who)
        self.timeline = As(TimelineServiceStub(channel), who)
        self.artifacts = As(ArtifactServiceStub(channel), who)


@pytest.fixture(scope="session")
def own_servers() -> Iterator[servers.Started]:
    with servers.started() as started:
        owner = started["postgres"]["roles"]["armature_owner"]
        migrations.upgrade("services.artifacts", "artifacts", owner, metadata)
        yield started


@pytest.fixture(scope="package")
async def plane(own_servers: servers.Started) -> AsyncIterator[Plane]:
    roles, s3 = own_servers["postgres"]["roles"], own_servers["s3"]
    async with AsyncExitStack() as opened:
        db = Database(roles["armature_artifacts"], "artifacts")
        worker_db = Database(roles["armature_artifacts_worker"], "artifacts")
        for pool in (db, worker_db):
            await pool.open()
            opened.push_async_callback(pool.close)
        bus = Bus(own_servers["nats"]["url"], "test-artifacts")
        await bus.open()
        opened.push_async_callback(bus.close)
        world = Neighbours(bus=bus)
        door = await opened.enter_async_context(next_door(world))
        store = ObjectStore(
            s3["endpoint"], s3["access_key"], s3["secret_key"], "made-by-the-service", s3["region"]
        )
        config = ArtifactsSettings(max_file_bytes=MAX_FILE)
        desk = Desk(db, Definitions(door, SECRET, "artifacts"), Rights(db, Nodes(door, None)))
        channel = await opened.enter_async_context(
            served(service.servicers(db, desk, store, config))
        )
        taking = Consumer(consumer.options(), db, bus, consumer.handle)
        relay = Relay("artifacts", worker_db, bus)
        db.outbox_changed = relay.wake
        tasks = [
            asyncio.create_task(x) for x in (taking.run(), relay.run(), service.have_bucket(store))
        ]
        jobs = StoreJobs(db, worker_db, store)  # run by the tests that need it
        yield Plane(
            db,
            worker_db,
            bus,
            world,
            channel,
            store,
            jobs,
            own_servers,
            Nodes(door, channel),
            desk,
            config,
        )
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def workspace(plane: Plane) -> UUID:
    return plane.workspace()
