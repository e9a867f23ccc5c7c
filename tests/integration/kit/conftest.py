"""One set of servers for all tests of the kit, with the test plane's schema in place."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from cli.stack import servers
from kit import migrations
from kit.bus import Bus
from kit.db import Database
from tests.integration.kit.plane.tables import metadata

PLANE = "links"  # lends its roles; nothing of it is here


@dataclass
class Stack:
    """Where the servers are, and how to connect to them as a service does."""

    started: servers.Started

    def url(self, role: str) -> str:
        return self.started["postgres"]["roles"][role]

    def pid(self, name: str) -> int:
        return int(self.started["processes"][name]["pid"])

    @asynccontextmanager
    async def databases(self) -> AsyncIterator[tuple[Database, Database]]:
        db = Database(self.url(f"armature_{PLANE}"), PLANE)
        worker = Database(self.url(f"armature_{PLANE}_worker"), PLANE)
        await db.open()
        await worker.open()
        try:
            yield db, worker
        finally:
            await db.close()
            await worker.close()

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        bus = Bus(self.started["nats"]["url"], "test")
        await bus.open()
        try:
            yield bus
        finally:
            await bus.close()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with servers.started() as started:
        found = Stack(started)
        migrations.upgrade(
            "tests.integration.kit.plane", PLANE, found.url("armature_owner"), metadata
        )
        yield found


@pytest.fixture(scope="package")
async def databases(stack: Stack) -> AsyncIterator[tuple[Database, Database]]:
    async with stack.databases() as pair:
        yield pair


@pytest.fixture(scope="package")
async def bus(stack: Stack) -> AsyncIterator[Bus]:
    async with stack.bus() as found:
        yield found
