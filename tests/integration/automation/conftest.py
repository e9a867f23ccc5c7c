"""One set of servers and stand-ins for all tests of the plane, and its service as processes."""

from collections.abc import AsyncIterator, Iterator

import pytest

from cli.stack import servers
from kit import migrations
from kit.bus import Bus
from kit.db import Database
from services.automation.tables import metadata
from tests.integration.automation.harness import PLANE, Platform, Tenant
from tests.integration.automation.neighbours import World, receiving, running


@pytest.fixture(scope="session")
def started() -> Iterator[servers.Started]:
    with servers.started() as found:
        url = found["postgres"]["roles"]["armature_owner"]
        migrations.upgrade("services.automation", PLANE, url, metadata)
        yield found


@pytest.fixture(scope="package")
async def platform(started: servers.Started) -> AsyncIterator[Platform]:
    world = World(started["internal_secret"])
    roles = started["postgres"]["roles"]
    bus = Bus(started["nats"]["url"], "test")
    db = Database(roles[f"armature_{PLANE}"], PLANE)
    worker_db = Database(roles[f"armature_{PLANE}_worker"], PLANE)
    await db.open()
    await worker_db.open()
    await bus.open()
    async with running(world) as addresses, receiving() as receiver:
        yield Platform(started, addresses, world, receiver, bus, worker_db, db)
    await bus.close()
    await db.close()
    await worker_db.close()


@pytest.fixture(scope="package")
async def address(platform: Platform) -> AsyncIterator[str]:
    """The service answering calls; it does no work by itself."""
    found = f"127.0.0.1:{platform.started['port_base'] + 6}"
    # Events start runs in workers, whose limit is another.
    limit = {"ARMATURE_RULE_TRIGGERS_PER_MINUTE": "30"}
    async with platform.process("serve", "relay", address=found, **limit):
        yield found


@pytest.fixture(scope="module")
async def worker(platform: Platform, address: str) -> AsyncIterator[None]:
    """One worker process, with a short lease."""
    async with platform.process(
        "work", ARMATURE_RUN_LEASE_SECONDS="4", ARMATURE_RUN_HEARTBEAT_SECONDS="1"
    ):
        yield


@pytest.fixture
async def tenant(platform: Platform, address: str) -> AsyncIterator[Tenant]:
    found = platform.tenant(address)
    yield found
    platform.world.refuse = lambda _method, _request: None
    platform.world.before_answer = None
    platform.world.on_update = None
    await found.channel.close()
