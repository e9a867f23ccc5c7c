"""Reads that come together share their work, and never what their callers may not see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from tests.integration.kit.helpers import eventually
from tests.integration.records.client import Client, fields_of
from tests.integration.records.conftest import Plane
from tests.integration.records.test_reads import counted
from tests.integration.records.test_roles import House, house, leak_free, refusal_of

__all__ = ["house"]


@asynccontextmanager
async def held_up(plane: Plane) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Nobody reads a record while the block runs."""
    url = plane.servers["postgres"]["roles"]["armature_owner"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("LOCK TABLE records.records")
        yield connection


async def waiting(connection: psycopg.AsyncConnection[Any]) -> int:
    cursor = await connection.execute(
        "SELECT count(*) FROM pg_locks WHERE relation = 'records.records'::regclass AND NOT granted"
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_gets_and_queries_that_come_together_cost_few_statements(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [r.record for r in await acme.create_all([{"name": f"d{n}", "n": n} for n in range(40)])]
    await acme.query(sort="-n")
    with counted(monkeypatch) as alone:
        await acme.query(sort="-n")
        await acme.get(made[0])
    with counted(monkeypatch) as together:
        async with held_up(plane) as connection:
            reads = [asyncio.create_task(acme.query(sort="-n")) for _ in range(40)]
            reads += [asyncio.create_task(acme.get(record)) for record in made]

            async def begun() -> bool:
                return await waiting(connection) >= 2

            await eventually(begun, "a query and a get are under way")
        found = await asyncio.gather(*reads)
    assert len(together) < 10 * len(alone)
    for page in found[:40]:
        assert [fields_of(r)["n"] for r in page.records] == list(range(39, -1, -1))
    assert [fields_of(one)["n"] for one in found[40:]] == list(range(40))


async def test_each_caller_gets_what_it_may_see(house: House) -> None:
    """The same requests at the same moment, by an admin and by a role that hides half of it."""
    everyone = [*house.shown, *house.hidden]
    asked = [
        *(
            one
            for _ in range(10)
            for client in (house.admin, house.sales)
            for one in (client.query(), client.query(count="exact"))
        ),
    ]
    pages = await asyncio.gather(*asked)
    for page in pages[2::4] + pages[3::4]:
        assert len(page.records) == 4
        leak_free(page)
    for page in pages[0::4] + pages[1::4]:
        assert len(page.records) == 8
    gets = [client.get(record) for record in everyone for client in (house.admin, house.sales)]
    found = await asyncio.gather(*gets, return_exceptions=True)
    for record, mine, theirs in zip(everyone, found[::2], found[1::2], strict=True):
        assert not isinstance(mine, BaseException)
        assert mine.id == record.id
        if record in house.hidden:
            assert getattr(theirs, "reason", "") == "RECORD_NOT_FOUND"
        leak_free(theirs)


async def test_an_answer_is_never_older_than_its_question(acme: Client) -> None:
    """Readers keep asking the same; whoever asks after a write sees it."""
    record = await acme.create(name="x", n=0)
    stop = False

    async def look() -> None:
        while not stop:
            await acme.query()

    crowd = [asyncio.create_task(look()) for _ in range(5)]
    try:
        for n in range(1, 30):
            await acme.update(record, n=n)
            page, got = await asyncio.gather(acme.query(), acme.get(record))
            assert [fields_of(r)["n"] for r in page.records] == [n]
            assert fields_of(got)["n"] == n
    finally:
        stop = True
        await asyncio.gather(*crowd)


async def test_a_bad_request_is_refused_to_each_who_makes_it(acme: Client) -> None:
    asked = [refusal_of(acme.query(where={"nam": "x"})) for _ in range(8)]
    refused = await asyncio.gather(*asked)
    assert {one.reason for one in refused} == {"FILTER_INVALID"}
    assert all("did you mean" in one.message for one in refused)
