"""A connection that the network has forgotten is given up in time, and another takes its place."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from kit import deadlines, ids
from kit.db import Database
from kit.errors import Unavailable
from tests.chaos.proxy import HALF_OPEN, Fault, Proxy
from tests.integration.kit.conftest import PLANE, Stack


@pytest.fixture
def proxy(stack: Stack) -> Iterator[Proxy]:
    target = urlsplit(stack.url(f"armature_{PLANE}")).port
    assert target is not None
    with Proxy(0, target) as running:
        yield running


@pytest.fixture
async def db(stack: Stack, proxy: Proxy) -> AsyncIterator[Database]:
    """One connection, through the proxy."""
    url = stack.url(f"armature_{PLANE}")
    port = urlsplit(url).port
    found = Database(url.replace(f":{port}/", f":{proxy.port}/"), PLANE, size=1)
    await found.open()
    yield found
    await found.close()


async def ask(db: Database) -> int:
    async with db.transaction(ids.new_id()) as tx:
        return int(await tx.value("SELECT pg_backend_pid()"))


async def test_a_call_ends_soon_after_its_deadline_and_the_next_is_served(
    db: Database, proxy: Proxy
) -> None:
    first = await ask(db)
    assert proxy.inject(Fault(HALF_OPEN)) == 1
    deadlines.set_remaining(0.5)
    with pytest.raises((Unavailable, TimeoutError)):
        async with asyncio.timeout(0.5):  # as the server does
            await ask(db)
    deadlines.set_remaining(None)
    async with asyncio.timeout(15):
        assert await ask(db) != first


async def test_work_without_a_deadline_does_not_wait_for_ever(
    db: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.db._STATEMENT_SECONDS", 0.5)
    monkeypatch.setattr("kit.db._SILENCE_SECONDS", 0.5)

    async def cut_off() -> None:
        async with db.transaction(ids.new_id()) as tx:
            await tx.value("SELECT 1")
            proxy.inject(Fault(HALF_OPEN))
            await tx.value("SELECT 1")

    with pytest.raises(Unavailable):
        await cut_off()
    async with asyncio.timeout(15):
        assert await ask(db)


async def test_slow_statements_one_after_another_are_no_silence(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.db._SILENCE_SECONDS", 0.1)
    monkeypatch.setattr("kit.db._STATEMENT_SECONDS", 0.4)
    async with db.transaction(ids.new_id()) as tx:
        for _ in range(4):
            await tx.value("SELECT pg_sleep(0.2)")


async def test_a_transaction_that_nobody_ends_gives_up_its_locks(db: Database) -> None:
    async with db.transaction(ids.new_id()) as tx:
        limit = await tx.value("SHOW idle_in_transaction_session_timeout")
    assert limit == "1min"
    assert issubclass(psycopg.errors.IdleInTransactionSessionTimeout, psycopg.Error)
