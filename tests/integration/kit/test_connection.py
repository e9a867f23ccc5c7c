"""The statements of a pipeline leave together, and psycopg's promises stay what they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio

from cli.stack.planes import service_role
from cli.stack.servers import Started
from kit import db as kit_db
from kit.db import Database


@dataclass
class Counting:
    """A proxy before Postgres that counts what comes from its client."""

    url: str
    pieces: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[Counting]:
    parts = urlsplit(url)
    found = Counting("")

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: list[bytes] | None
    ) -> None:
        while data := await reader.read(1 << 20):
            if pieces is not None:
                pieces.append(data)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(parts.hostname, parts.port)
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, there[1], found.pieces))
            group.create_task(pump(there[0], writer, None))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found.url = url.replace(f":{parts.port}/", f":{port}/")
    async with server:
        yield found


@pytest_asyncio.fixture
async def proxied(servers: Started) -> AsyncIterator[tuple[Database, Counting]]:
    """One connection, through the proxy."""
    async with counting(servers["postgres"]["roles"][service_role("links")]) as proxy:
        db = Database(proxy.url, "public", size=1)
        await db.open()
        async with db.transaction(uuid4()) as tx:
            await tx.time()
        yield db, proxy
        await db.close()


async def test_what_nobody_waits_for_leaves_with_the_commit(
    proxied: tuple[Database, Counting],
) -> None:
    db, proxy = proxied
    async with db.transaction(uuid4()) as tx:
        await tx.time()
        proxy.pieces.clear()
        for n in range(20):
            await tx.send("SELECT %s::int", [n])
        asked = [await tx.ask("SELECT %s::int AS n", [n]) for n in range(5)]
        assert proxy.pieces == []
        found = [(await cursor.fetchall())[0]["n"] for cursor in asked]
        assert found == list(range(5))
        assert len(proxy.pieces) == 1
        await tx.send("SELECT 1")
    assert len(proxy.pieces) <= 3  # with COMMIT, and what ends the pipeline


async def test_much_goes_both_ways_without_a_standstill(proxied: tuple[Database, Counting]) -> None:
    db, _ = proxied
    large = "x" * 3_000_000
    async with asyncio.timeout(30), db.transaction(uuid4()) as tx:
        asked = [await tx.ask("SELECT %s::text AS text", [f"{n}{large}"]) for n in range(8)]
        for n, cursor in enumerate(asked):
            [row] = await cursor.fetchall()
            assert row["text"] == f"{n}{large}"


async def test_a_failure_comes_when_one_next_waits_and_ends_the_transaction(
    proxied: tuple[Database, Counting],
) -> None:
    db, _ = proxied

    async def work() -> None:
        async with db.transaction(uuid4()) as tx:
            await tx.send("SELECT 1/0")
            await tx.send("SELECT 1")
            await tx.value("SELECT 2")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await work()
    async with db.transaction(uuid4()) as tx:
        assert await tx.value("SELECT 3") == 3


async def test_statements_are_forgotten_where_there_are_too_many(
    servers: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit_db, "_PREPARED", 10)
    db = Database(servers["postgres"]["roles"][service_role("links")], "public", size=1)
    await db.open()
    try:
        for n in range(40):
            for _ in range(5):
                async with db.transaction(uuid4()) as tx:
                    assert await tx.value(f"SELECT %s::int + {n}", [1]) == n + 1
        async with db.transaction(uuid4()) as tx:
            kept = await tx.value("SELECT count(*) FROM pg_prepared_statements")
        assert 0 < kept <= 12
    finally:
        await db.close()
