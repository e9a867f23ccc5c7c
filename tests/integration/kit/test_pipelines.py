"""Pipelines of transactions: much at once, failures, and statements that are kept planned."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio

from cli.stack.planes import service_role
from cli.stack.servers import Started
from kit import db as kit_db
from kit.db import Database


@pytest_asyncio.fixture
async def db(servers: Started) -> AsyncIterator[Database]:
    """One connection."""
    found = Database(servers["postgres"]["roles"][service_role("links")], "public", size=1)
    await found.open()
    yield found
    await found.close()


async def test_much_goes_both_ways_without_a_standstill(db: Database) -> None:
    large = "x" * 3_000_000
    async with asyncio.timeout(30), db.transaction(uuid4()) as tx:
        asked = [await tx.ask("SELECT %s::text AS text", [f"{n}{large}"]) for n in range(8)]
        for n, cursor in enumerate(asked):
            [row] = await cursor.fetchall()
            assert row["text"] == f"{n}{large}"


async def test_a_failure_comes_when_one_next_waits_and_ends_the_transaction(
    db: Database,
) -> None:
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
