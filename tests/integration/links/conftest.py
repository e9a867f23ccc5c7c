"""The links plane in this process, on real servers, with records and metadata next door."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

import grpc
import pytest
from armature.links.v1.link_service_pb2_grpc import (
    LinkServiceStub,
    add_LinkServiceServicer_to_server,
)
from armature.links.v1.link_version_service_pb2_grpc import (
    add_LinkVersionServiceServicer_to_server,
)

from cli.stack import servers
from kit import migrations
from kit.bus import Bus
from kit.consumer import Consumer
from kit.db import Database
from kit.relay import Relay
from planes.definitions import Definitions
from planes.nodes import Nodes
from schema.model import LinkType, Snapshot
from services.links.consumer import Projector
from services.links.servicers.link import LinkServicer
from services.links.servicers.version import LinkVersionServicer
from services.links.tables import metadata
from services.links.workers.cascades import CascadeWorker
from tests.integration.links.neighbours import (
    SECRET,
    As,
    Neighbours,
    a_relation,
    a_type,
    an_object,
    credential,
    next_door,
    served,
)

OBJECTS = (
    an_object("company", a_relation("company", "parent", "company")),
    an_object("person", a_relation("person", "company", "company")),
    an_object(
        "deal",
        a_relation("deal", "company", "company"),
        a_relation("deal", "about", "company", "person"),
    ),
)
TYPES: tuple[LinkType, ...] = (
    a_type("related"),
    a_type("employs", "works_at", source_kinds=("company",), target_kinds=("person",)),
    a_type("assigned", "assignments", cardinality="many_to_one"),
    a_type("married", symmetric=True, cardinality="one_to_one", source_kinds=("person",)),
    a_type("knows", symmetric=True),
    a_type("owns", "owned_by", cardinality="one_to_many", on_source_delete="cascade"),
    a_type("guards", "guarded_by", on_target_delete="restrict"),
    *(
        a_type(
            f"{obj.name}_{field.name}",
            source_kinds=(obj.name,),
            target_kinds=tuple(field.settings["targets"]),
            cardinality="many_to_one",
            field_id=field.id,
        )
        for obj in OBJECTS
        for field in obj.fields
    ),
)


@dataclass
class Plane:
    """The running plane, and what tests reach for."""

    db: Database
    worker_db: Database
    bus: Bus
    world: Neighbours
    stub: LinkServiceStub
    channel: grpc.aio.Channel
    consumer: Consumer
    cascades: CascadeWorker
    started: servers.Started

    def workspace(self) -> UUID:
        """A new one, with the definitions above."""
        found = uuid4()
        self.world.snapshots[found] = Snapshot(str(found), 1, OBJECTS, (), TYPES)
        return found

    def links(self, workspace_id: UUID, role: str = "admin", principal: str = "") -> As:
        return As(self.stub, credential(workspace_id, role, principal))


@pytest.fixture(scope="session")
def own_servers() -> Iterator[servers.Started]:
    with servers.started() as started:
        owner = started["postgres"]["roles"]["armature_owner"]
        migrations.upgrade("services.links", "links", owner, metadata)
        yield started


@pytest.fixture(scope="package")
async def plane(own_servers: servers.Started) -> AsyncIterator[Plane]:
    roles = own_servers["postgres"]["roles"]
    async with AsyncExitStack() as opened:
        db = Database(roles["armature_links"], "links")
        worker_db = Database(roles["armature_links_worker"], "links")
        for pool in (db, worker_db):
            await pool.open()
            opened.push_async_callback(pool.close)
        bus = Bus(own_servers["nats"]["url"], "test-links")
        await bus.open()
        opened.push_async_callback(bus.close)
        world = Neighbours(bus=bus)
        door = await opened.enter_async_context(next_door(world))
        definitions = Definitions(door, SECRET, "links")
        servicer = LinkServicer(db, definitions, Nodes(door, None))
        channel = await opened.enter_async_context(
            served(
                {
                    "armature.links.v1.LinkService": lambda s: add_LinkServiceServicer_to_server(
                        servicer, s
                    ),
                    "armature.links.v1.LinkVersionService": lambda s: (
                        add_LinkVersionServiceServicer_to_server(LinkVersionServicer(db), s)
                    ),
                }
            )
        )
        projector = Projector(definitions)
        consumer = Consumer(projector.options(), db, bus, projector.handle)
        cascades = CascadeWorker(db, worker_db, door, door, SECRET)
        relay = Relay("links", worker_db, bus)
        db.outbox_changed = relay.wake
        tasks = [asyncio.create_task(x.run()) for x in (consumer, cascades, relay)]
        yield Plane(
            db,
            worker_db,
            bus,
            world,
            LinkServiceStub(channel),
            channel,
            consumer,
            cascades,
            own_servers,
        )
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
