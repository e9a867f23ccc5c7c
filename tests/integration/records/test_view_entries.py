"""View entries: a page, a count and a place far down are those of the records, however they came
about; and queries tell when they use them, and when not."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from armature.records.v1 import record_service_pb2 as pb

from kit.errors import ServiceError, Unavailable
from schema import jsonio
from services.records.logic import viewing
from services.records.operations import counting, view_builds
from services.records.store import grouping, view_buckets
from services.records.store import stats as stats_store
from services.records.workers.views import ViewKeeper
from tests.integration.records.client import Client, as_json, fields_of
from tests.integration.records.conftest import CUSTOM, Plane
from tests.integration.records.keeper import (
    KEPT,
    a_keeping_client,
    changed,
    is_kept,
    keeper_of,
    kept,
    plan_of,
    with_views,
)
from tests.integration.records.test_reads import counted
from tests.integration.records.world import DEAL, STAGES, VIEWS
from tests.services import reason, until

ROOT = Path(__file__).parents[3]
NAMES = ("By worth", "Open", "Funnel")


@pytest.fixture
def acme(plane: Plane) -> Client:
    return a_keeping_client(plane)


def a_deal(rng: Random) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": rng.choice(["a", "B", "b", "ß", "Ä", "a😀"])}
    for name, values in (
        ("stage", [*STAGES]),
        ("n", [0, 1, -3, 0.5, 1e9]),
        ("rate", ["0.01", "-12.50", "7.00"]),
        ("closes", ["2026-01-01", "2025-12-31"]),
        ("rating", [1, 4, 5]),
        ("active", [True, False]),
        ("amount", [{"amount": "1", "currency_code": c} for c in ("EUR", "USD")]),
    ):
        if rng.random() < 0.75:
            fields[name] = rng.choice(values)
    return fields


async def filled(client: Client, count: int, seed: int = 7) -> None:
    rng = Random(seed)
    await client.create_all([a_deal(rng) for _ in range(count)])


def same_by_hand(name: str) -> dict[str, Any]:
    """The view's filter and sort as a request of its own, which no entries answer."""
    view = next(v for v in KEPT if v.name == name)
    return {"where": view.filter or None, "sort": view.sort}


async def judge(client: Client, *views: str) -> None:
    """Pages, counts, columns and places far down of the views equal those without entries."""
    for name in views or NAMES:
        by_hand = same_by_hand(name)
        expected = [r.id for r in await client.every_page(page_size=1000, **by_hand)]
        found = await client.query(view=name, page_size=1000, count="exact", explain=True)
        assert [r.id for r in found.records] == expected, name
        assert found.count == len(expected), name
        for skip in {1, len(expected) // 2, len(expected), len(expected) + 5}:
            far = await client.query(view=name, page_size=3, skip=skip)
            assert [r.id for r in far.records] == expected[skip : skip + 3], (name, skip)
    if "Funnel" in (views or NAMES):
        board = await client.board("Funnel", page_size=200)
        by_hand = same_by_hand("Funnel")
        plain = await client.board(
            "Pipeline", by_hand["where"], sort=by_hand["sort"], page_size=200
        )
        for key, column in board.items():
            assert column.count == plain[key].count
            assert jsonio.loads_exact(column.values_json) == jsonio.loads_exact(
                plain[key].values_json
            )
            assert [r.id for r in column.records] == [r.id for r in plain[key].records]


async def test_a_view_is_built_when_it_is_asked_and_then_answers(
    acme: Client, plane: Plane
) -> None:
    await filled(acme, 120)
    first = await plan_of(acme, "By worth")
    assert first["view_entries"] == "the entries of the view are not built"
    await kept(plane, acme, *NAMES)
    await judge(acme)
    await acme.create(name="later", stage="won", n=5, rating=5)
    await judge(acme)


async def test_why_a_view_has_no_entries(acme: Client, plane: Plane) -> None:
    await filled(acme, 5)
    expected = {
        "This week": "its filter depends on who asks or when",
        "Big company": "its filter follows relations or links, whose other end changes by itself",
        "Never": "the view is not to be materialized",
    }
    for name, why in expected.items():
        assert (await plan_of(acme, name))["view_entries"] == why
    await kept(plane, acme, "By worth")
    narrowed = await plan_of(acme, "By worth", where={"n": {"gt": 0}})
    assert narrowed["view_entries"] == "the request has a filter or sort of its own"
    sorted_ = await plan_of(acme, "By worth", sort="n")
    assert sorted_["view_entries"] == "the request has a filter or sort of its own"
    deleted = await plan_of(acme, "By worth", show_deleted=True)
    assert deleted["view_entries"] == "deleted records are in no view's entries"


async def test_a_rule_is_not_passed_over(acme: Client, plane: Plane) -> None:
    await acme.create_all([{"name": "a", "n": n} for n in range(4)])
    await kept(plane, acme, "By worth")
    rule = {"n": {"lt": 2}}
    CUSTOM["two"] = as_json({"objects": {DEAL: {"actions": ["read"], "rule": rule}}})
    two = Client(acme.stub, acme.workspace_id, acme.db, role="two")
    found = await two.query(view="By worth", count="exact")
    assert [fields_of(r)["n"] for r in found.records] == [1, 0]
    assert found.count == 2


async def test_tokens_go_on_in_the_other_mode(acme: Client, plane: Plane) -> None:
    await filled(acme, 60)
    expected = {n: [r.id for r in await acme.every_page(view=n, page_size=7)] for n in NAMES}
    early = {n: await acme.query(view=n, page_size=10) for n in NAMES}
    await kept(plane, acme, *NAMES)
    late = {n: await acme.query(view=n, page_size=10) for n in NAMES}
    for name in NAMES:
        assert await acme.every_page(view=name, page_size=7)
        token = early[name].next_page_token
        found = await acme.query(view=name, page_size=1000, page_token=token)
        assert [r.id for r in found.records] == expected[name][10:]
    plane.literal.known[acme.workspace_id] = with_views(
        acme.workspace_id, *(changed(n, materialized="off") for n in NAMES)
    )
    for name in NAMES:
        token = late[name].next_page_token
        found = await acme.query(view=name, page_size=1000, page_token=token)
        assert [r.id for r in found.records] == expected[name][10:]


async def a_busy_client(client: Client, seed: int, times: int) -> None:
    """Create, update, move, delete and restore, in batches and alone."""
    rng = Random(seed)
    for _ in range(times):
        try:
            live = (await client.query(page_size=30, sort=rng.choice(["n", "-n", "name"]))).records
            some = rng.sample(list(live), min(3, len(live)))
            match rng.randrange(5):
                case 0 | 1:
                    await client.create_all([a_deal(rng) for _ in range(rng.randint(1, 6))])
                case 2:
                    items = [pb.BatchItem(id=r.id, fields_json=as_json(a_deal(rng))) for r in some]
                    await client("BatchUpdateRecords", object="deal", items=items)
                case 3:
                    for record in some[:1]:
                        await client.update(record, position=rng.choice(["first", "last", 3]))
                case _:
                    for record in some[:2]:
                        await client.delete(record)
                    if rng.random() < 0.5:
                        gone = [record.id for record in some[:2]]
                        await client("BatchUndeleteRecords", object="deal", ids=gone)
        except ServiceError as exc:
            if exc.code not in {"NOT_FOUND", "UNAVAILABLE", "ABORTED"}:
                raise


@asynccontextmanager
async def keeping(keeper: ViewKeeper) -> AsyncIterator[None]:
    """Build, drop, fold, cut and join, over and over, while the block runs."""
    done = asyncio.Event()

    async def work() -> None:
        while not done.is_set():
            await keeper.work_once()
            await keeper.compact(least=0)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        done.set()
        await task


async def test_entries_and_counts_equal_a_recount_after_any_interleaving(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_buckets, "SIZE", 8)
    monkeypatch.setattr(view_buckets, "MOST", 16)
    monkeypatch.setattr(view_buckets, "LEAST", 4)
    monkeypatch.setattr("services.records.operations.view_builds.PIECE", 7)
    await filled(acme, 80)
    for name in NAMES:
        await acme.query(view=name)
    known = with_views(acme.workspace_id, *KEPT)
    again = with_views(acme.workspace_id, *(changed(n, sort="-n") for n in NAMES))
    keeper = keeper_of(plane)

    async def redefining() -> None:
        for definition in (again, known):
            plane.literal.known[acme.workspace_id] = definition
            await kept(plane, acme, "Open")

    async with keeping(keeper):
        await kept(plane, acme, *NAMES)
        await asyncio.gather(redefining(), *(a_busy_client(acme, seed, 10) for seed in range(8)))
    await kept(plane, acme, *NAMES)
    await judge(acme)
    await keeper.compact(least=0)
    await judge(acme)
    assert await acme.rows("SELECT 1 FROM stat_states WHERE measures LIKE '%/%'")
    sizes = await acme.rows("SELECT count FROM view_buckets")
    assert len(sizes) > len(NAMES)
    assert not await acme.rows("SELECT 1 FROM view_deltas")
    kept_sets = "SELECT set_id FROM view_states WHERE state = 'ready'"
    assert not await acme.rows(f"SELECT 1 FROM view_entries WHERE set_id NOT IN ({kept_sets})")


async def test_a_changed_view_is_built_anew_and_a_gone_one_dropped(
    acme: Client, plane: Plane
) -> None:
    await filled(acme, 30)
    await kept(plane, acme, "By worth", "Open")
    plane.literal.known[acme.workspace_id] = with_views(
        acme.workspace_id, changed("By worth", sort="n")
    )
    assert not await is_kept(acme, "By worth")
    await acme.create(name="meanwhile", n=-7)  # which nobody can keep right for the old set
    await kept(plane, acme, "By worth")
    expected = [r.id for r in await acme.every_page(sort="n")]
    assert [r.id for r in await acme.every_page(view="By worth")] == expected
    keeper = keeper_of(plane)
    await keeper.advise()
    await keeper.work_once()
    assert len(await acme.rows("SELECT 1 FROM view_states")) == 1
    assert len(await acme.rows("SELECT DISTINCT set_id FROM view_entries")) == 1


async def test_texts_too_long_to_sort_by_leave_the_view_without_entries(
    acme: Client, plane: Plane
) -> None:
    await filled(acme, 10)
    await kept(plane, acme, "By worth")
    long = await acme.create(name="x" * 5000, n=1e10)
    answer = await acme.query(view="By worth", page_size=1)
    assert [r.id for r in answer.records] == [long.id]
    assert not await is_kept(acme, "By worth")
    keeper = keeper_of(plane)
    await keeper.work_once()
    await keeper.advise()
    [state] = await acme.rows("SELECT state, reason FROM view_states")
    assert state["state"] == "off"
    assert "too long" in state["reason"]


async def test_builds_and_compactions_killed_in_the_middle_go_on_and_end_right(
    acme: Client, plane: Plane, tmp_path: Path
) -> None:
    await filled(acme, 170)
    roles = plane.servers["postgres"]["roles"]
    workspace = plane.literal.known[acme.workspace_id]
    async with plane.db.transaction(acme.workspace_id) as tx:
        for view in workspace.views.values():
            plan = viewing.plan(workspace, view)
            if view.name in NAMES and isinstance(plan, viewing.Kept):
                assert not await view_builds.start(tx, acme.workspace_id, plan, "a test")

    async def working() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.records.keeper",
            roles["armature_records"], roles["armature_records_worker"],
            str(acme.workspace_id), str(tmp_path),
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}, cwd=ROOT,
        )  # fmt: skip
        async with asyncio.timeout(30):
            return await process.wait()

    (tmp_path / "records.view_build").touch()
    assert await working() == -9
    await a_busy_client(acme, 3, 5)
    (tmp_path / "records.view_compaction").touch()
    assert await working() == -9
    assert await acme.rows("SELECT 1 FROM view_deltas")
    assert await working() == 0

    async def ready() -> bool:
        return all([await is_kept(acme, name) for name in NAMES])

    await until(ready)
    found = await acme.query(view="By worth", count="exact")
    assert found.count == len(await acme.rows("SELECT 1 FROM records WHERE delete_time IS NULL"))
    await judge(acme)


async def test_a_statistic_whose_build_died_is_built_by_the_next_request(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(acme, 40)

    async def dying(*_: Any) -> Any:
        raise Unavailable("DATABASE_UNAVAILABLE", "the database does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(grouping, "missing", dying)
        with pytest.raises(ServiceError):
            await acme.board("Pipeline")
    [state] = await acme.rows("SELECT ready FROM stat_states")
    assert not state["ready"]
    await a_busy_client(acme, 5, 8)  # which the statistic follows already
    async with plane.worker_db.across_workspaces() as tx:
        await stats_store.compact(tx, least=0)
    await a_busy_client(acme, 6, 4)
    plain = await acme.board("Pipeline", {"name": {"ne": "z"}})
    board = await acme.board("Pipeline")
    for key, column in board.items():
        assert column.count == plain[key].count
        assert jsonio.loads_exact(column.values_json) == jsonio.loads_exact(plain[key].values_json)
    assert (await acme.rows("SELECT ready FROM stat_states"))[0]["ready"]


async def test_statistics_that_nobody_needs_any_more_are_dropped(
    acme: Client, plane: Plane
) -> None:
    await filled(acme, 10)
    await kept(plane, acme, "Funnel")
    await acme.board("Funnel")
    await acme.board("Pipeline")
    keeper = keeper_of(plane)
    await keeper.tidy_statistics()
    assert len(await acme.rows("SELECT 1 FROM stat_states")) == 2
    without = msgspec.structs.replace(next(v for v in VIEWS if v.name == "Pipeline"), aggregates=())
    plane.literal.known[acme.workspace_id] = with_views(acme.workspace_id, without)
    await acme.create(name="x", stage="won")  # by definitions without the filter of the one
    assert len(await acme.rows("SELECT 1 FROM stat_states")) == 1
    await keeper.tidy_statistics()
    left = "SELECT stat_id FROM {} UNION ALL SELECT stat_id FROM group_stat_deltas"
    assert not await acme.rows("SELECT 1 FROM stat_states")
    assert not await acme.rows(left.format("group_stats"))


async def test_costly_views_are_kept_and_idle_ones_left(acme: Client, plane: Plane) -> None:
    await filled(acme, 20)
    for _ in range(4):
        assert not await is_kept(acme, "Newest")
    await kept(plane, acme, "Newest")
    [use] = await acme.rows("SELECT decision, queries FROM view_uses")
    assert use["decision"].startswith("kept: ")
    assert use["queries"] >= 4
    async with plane.db.transaction(acme.workspace_id) as tx:
        await tx.run("UPDATE view_uses SET last_time = now() - interval '2 days'")
    keeper = keeper_of(plane)
    await keeper.advise()
    await keeper.work_once()
    [use] = await acme.rows("SELECT decision FROM view_uses")
    assert use["decision"] == "left: nobody asks for it any more"
    assert not await acme.rows("SELECT 1 FROM view_entries UNION ALL SELECT 1 FROM view_states")


async def test_a_page_of_a_view_is_one_statement_whatever_its_size(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(acme, 60)
    await kept(plane, acme, *NAMES)
    found: set[int] = set()
    for size in (1, 50, 1000):
        for name in NAMES:
            with counted(monkeypatch) as statements:
                await acme.query(view=name, page_size=size)
            found.add(len(statements))
    assert found == {2}  # with the one that begins
    with counted(monkeypatch) as statements:
        await acme.query(view="Open", count="exact")
    assert len(statements) == 4


async def test_skip_is_for_first_pages_and_bounded(acme: Client) -> None:
    await filled(acme, 12)
    page = await acme.query(page_size=5)
    again = acme.query(page_size=5, skip=1, page_token=page.next_page_token)
    assert await reason(again) == "INVALID_ARGUMENT/SKIP_INVALID"
    assert await reason(acme.query(skip=10_001)) == "RESOURCE_EXHAUSTED/SKIP_TOO_DEEP"
    expected = [r.id for r in await acme.every_page(sort="-n,name")]
    found = await acme.query(sort="-n,name", skip=7, page_size=3)
    assert [r.id for r in found.records] == expected[7:10]
    rest = await acme.query(sort="-n,name", page_size=3, page_token=found.next_page_token)
    assert [r.id for r in rest.records] == expected[10:]
    assert not (await acme.query(skip=12)).records


SELECTIONS: list[dict[str, Any] | None] = [
    None,
    {"stage": "won"},
    {"stage": {"in": ["won", "lost"]}},
    {"stage": {"ne": "won"}},
    {"stage": {"is_empty": True}},
    {"stage": {"gte": "proposal"}},
    {"or": [{"stage": "new"}, {"not": {"stage": {"not_in": ["lost"]}}}]},
    {"active": True},
    {"active": {"ne": True}},
    {"active": {"is_empty": False}},
]


async def test_exact_counts_come_from_statistics_where_there_is_much_to_count(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(acme, 90)
    assert (await acme.query(count="exact")).count == 90
    assert not await acme.rows("SELECT 1 FROM stat_states")  # counted: there are few
    monkeypatch.setattr(counting, "_WORTHWHILE", 10)
    monkeypatch.setattr("services.records.logic.planner.SELECTIVE", 3)

    async def agree() -> None:
        for where in SELECTIONS:
            expected = len(await acme.every_page(where=where, page_size=1000))
            assert (await acme.query(where=where, page_size=1, count="exact")).count == expected

    await agree()
    assert len(await acme.rows("SELECT 1 FROM stat_states")) == 3  # all, stage, active
    await asyncio.gather(*(a_busy_client(acme, seed, 6) for seed in range(8)))
    await agree()
    board = await acme.board()
    assert sum(c.count for c in board.values()) == (await acme.query(count="exact")).count
    assert json.loads(board["won"].values_json)["count"] == board["won"].count
