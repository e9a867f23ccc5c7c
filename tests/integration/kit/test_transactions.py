"""A transaction is written whole or not at all, and leaves its connection as it found it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio

from cli.stack.planes import service_role
from cli.stack.servers import Started
from kit import migrations, outbox
from kit.caller import Caller
from kit.db import Database, Tx
from kit.errors import AlreadyExists, Unavailable
from services.links.tables import metadata

_PUT = "INSERT INTO inbox (workspace_id, consumer, event_id) VALUES (%s, 'test', %s)"
_COUNT = "SELECT count(*) FROM inbox WHERE workspace_id = %s AND consumer = 'test'"


@pytest_asyncio.fixture
async def db(servers: Started) -> AsyncIterator[Database]:
    """One connection, so that whoever comes next gets what the last one left."""
    roles = servers["postgres"]["roles"]
    migrations.upgrade("services.links", "links", roles["armature_owner"], metadata)
    found = Database(roles[service_role("links")], "links", size=1)
    await found.open()
    yield found
    await found.close()


async def _counted(db: Database, ours: UUID) -> int:
    async with db.transaction(ours) as tx:
        return int(await tx.value(_COUNT, [ours]))


async def _twice(tx: Tx, ours: UUID) -> None:
    event = uuid4()
    await tx.send(_PUT, [ours, event])
    await tx.send(_PUT, [ours, event])


async def test_an_exception_undoes_what_was_sent_and_what_was_awaited(db: Database) -> None:
    ours = uuid4()

    async def work() -> None:
        async with db.transaction(ours) as tx:
            assert await tx.run(_PUT, [ours, uuid4()]) == 1
            await tx.send(_PUT, [ours, uuid4()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert await _counted(db, ours) == 0


async def test_what_nobody_waited_for_fails_the_commit_by_its_name(db: Database) -> None:
    ours = uuid4()

    async def work() -> None:
        async with db.transaction(ours) as tx:
            tx.violations["pk_inbox"] = AlreadyExists("TAKEN", "taken")
            await _twice(tx, ours)

    with pytest.raises(AlreadyExists):
        await work()
    assert await _counted(db, ours) == 0


@pytest.mark.parametrize("after", ["nothing", "a statement"])
async def test_a_failure_that_is_passed_over_does_not_look_like_a_commit(
    db: Database, after: str
) -> None:
    ours, done = uuid4(), []

    async def work() -> None:
        async with db.transaction(ours) as tx:
            tx.after_commit(lambda: done.append(1))
            await tx.run(_PUT, [ours, uuid4()])
            with pytest.raises(psycopg.errors.UndefinedTable):
                await tx.all("SELECT * FROM nowhere")
            if after == "a statement":
                await tx.send(_PUT, [ours, uuid4()])

    with pytest.raises(Unavailable):
        await work()
    assert (await _counted(db, ours), done) == (0, [])


async def test_a_savepoint_undoes_its_block_alone(db: Database) -> None:
    ours = uuid4()
    async with db.transaction(ours) as tx:
        await tx.send(_PUT, [ours, uuid4()])
        with pytest.raises(psycopg.errors.UniqueViolation):
            async with tx.savepoint():
                await _twice(tx, ours)
        async with tx.savepoint():
            await tx.send(_PUT, [ours, uuid4()])
    assert await _counted(db, ours) == 2


async def test_a_transaction_that_is_given_up_leaves_nothing_open(db: Database) -> None:
    ours = uuid4()

    async def work() -> None:
        async with asyncio.timeout(0.2), db.transaction(ours) as tx:
            await tx.run(_PUT, [ours, uuid4()])
            await tx.run("SELECT pg_sleep(30)")

    with pytest.raises(TimeoutError):
        await work()
    assert await _counted(db, ours) == 0


async def _events(db: Database, ours: UUID) -> list[int]:
    async with db.transaction(ours) as tx:
        rows = await tx.all(
            "SELECT aggregate_version FROM outbox WHERE workspace_id = %s ORDER BY seq", [ours]
        )
    return [row["aggregate_version"] for row in rows]


async def test_what_is_collected_goes_out_before_what_comes_next(db: Database) -> None:
    ours = uuid4()

    async def given_up(tx: Tx) -> None:
        async with tx.savepoint():
            await tx.collect(_PUT, [ours, uuid4()])
            raise ZeroDivisionError

    async with db.transaction(ours) as tx:
        await tx.collect(_PUT, [ours, uuid4()])
        assert await tx.value(_COUNT, [ours]) == 1
        await tx.collect(_PUT, [ours, uuid4()])
        async with tx.savepoint():
            await tx.collect(_PUT, [ours, uuid4()])
        with pytest.raises(ZeroDivisionError):
            await given_up(tx)
        await tx.collect(_PUT, [ours, uuid4()])
    assert await _counted(db, ours) == 4


async def test_what_is_collected_fails_the_commit_by_its_name_and_leaves_nothing(
    db: Database,
) -> None:
    ours, event = uuid4(), uuid4()

    async def work() -> None:
        async with db.transaction(ours) as tx:
            tx.violations["pk_inbox"] = AlreadyExists("TAKEN", "it is there")
            for one in (uuid4(), event, event):
                await tx.collect(_PUT, [ours, one])

    with pytest.raises(AlreadyExists):
        await work()
    assert await _counted(db, ours) == 0


async def test_events_of_one_transaction_keep_their_order(db: Database) -> None:
    ours, aggregate = uuid4(), uuid4()
    caller = Caller(ours, "someone", "user", "Someone")
    async with db.transaction(ours) as tx:
        for version in range(1, 8):
            events = [
                outbox.Event("thing.changed", "thing", aggregate, version * 10 + n, {})
                for n in range(version % 3 + 1)
            ]
            await outbox.add(tx, caller, *events)
    found = await _events(db, ours)
    assert found == sorted(found)
    assert len(found) == 14
