"""What is kept beside the records is compared with them, and put right where it differs."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from kit import metrics
from schema import jsonio
from services.records.operations import counting
from services.records.workers import checks
from services.records.workers.checks import Checker
from tests.integration.records.client import Client
from tests.integration.records.conftest import Plane
from tests.integration.records.keeper import a_keeping_client, is_kept, keeper_of, kept
from tests.integration.records.test_view_entries import NAMES, a_busy_client, filled, judge


@pytest.fixture
def acme(plane: Plane) -> Client:
    return a_keeping_client(plane)


def wrong(kind: str) -> float:
    return float(metrics.KEPT_WRONG.labels(kind)._value.get())  # noqa: SLF001


async def check_everything(plane: Plane) -> None:
    """All that is due in the whole database, other tests' included."""
    checker = Checker(plane.db, plane.worker_db, plane.literal.workspace, timedelta())
    async with plane.db.transaction(next(iter(plane.literal.known))) as tx:
        begun = await tx.time()
    for table in ("stat_states", "view_states"):
        due = f"SELECT count(*) FROM {table} WHERE check_time < %s"
        async with plane.worker_db.across_workspaces() as tx:
            left = await tx.value(due, [begun])
        for _ in range(left):
            assert await checker.check_some()


async def figures(client: Client) -> dict[object, object]:
    board = await client.board("Funnel")
    plain = await client.board("Pipeline")
    return {
        (name, key): (column.count, jsonio.loads_exact(column.values_json))
        for name, columns in (("Funnel", board), ("Pipeline", plain))
        for key, column in columns.items()
    }


async def test_a_statistic_that_is_wrong_is_put_right(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_WORTHWHILE", 10)
    await filled(acme, 60)
    await kept(plane, acme, "Funnel")
    right, count = await figures(acme), (await acme.query(count="exact")).count
    async with acme.db.transaction(acme.workspace_id) as tx:
        await tx.run("UPDATE group_stats SET count = count + 7, total = total - 0.5")
    assert await figures(acme) != right
    before = wrong("statistic")
    await check_everything(plane)
    assert await figures(acme) == right
    assert (await acme.query(count="exact")).count == count
    assert wrong("statistic") - before == 3  # of all records, of the stage, of the view
    await check_everything(plane)
    assert wrong("statistic") - before == 3


SPOIL = {
    "an entry is missing": "DELETE FROM view_entries WHERE record_id IN"
    " (SELECT record_id FROM view_entries LIMIT 1)",
    "one is in another's place": "UPDATE view_entries SET sort_key = sort_key || 'x'"
    " WHERE record_id IN (SELECT record_id FROM view_entries LIMIT 1)",
    "a count is off": "UPDATE view_buckets SET count = count + 1",
    "a record went without": "UPDATE records SET delete_time = now() WHERE record_id IN"
    " (SELECT record_id FROM view_entries LIMIT 1)",
}


@pytest.mark.parametrize("statement", SPOIL.values(), ids=SPOIL.keys())
async def test_a_set_of_entries_that_is_wrong_is_built_anew(
    acme: Client, plane: Plane, statement: str
) -> None:
    await filled(acme, 40)
    await kept(plane, acme, *NAMES)
    await keeper_of(plane).compact(least=0)
    await check_everything(plane)
    assert await is_kept(acme, "By worth")
    before = wrong("view entries")
    async with acme.db.transaction(acme.workspace_id) as tx:
        await tx.run(statement)
    await check_everything(plane)
    assert wrong("view entries") > before
    states = await acme.rows("SELECT state, reason FROM view_states WHERE state <> 'ready'")
    assert {(s["state"], s["reason"]) for s in states} == {("dropping", checks.WRONG)}
    await keeper_of(plane).work_once()
    await kept(plane, acme, *NAMES)
    await judge(acme)


async def test_nothing_is_wrong_whoever_writes_meanwhile(
    acme: Client, plane: Plane, new_workspace: Callable[[], Client]
) -> None:
    await filled(acme, 60)
    await kept(plane, acme, *NAMES)
    await figures(acme)
    before = [wrong(kind) for kind in ("statistic", "view entries")]
    done = asyncio.Event()

    async def checking() -> None:
        while not done.is_set():
            await check_everything(plane)
            await keeper_of(plane).compact(least=0)

    task = asyncio.create_task(checking())
    await asyncio.gather(*(a_busy_client(acme, seed, 8) for seed in range(8)))
    done.set()
    await task
    assert [wrong(kind) for kind in ("statistic", "view entries")] == before
    assert await is_kept(acme, "Open")
