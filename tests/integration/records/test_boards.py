"""Boards: counts and figures equal a recount, however they came about."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from armature.records.v1 import record_pb2
from armature.records.v1 import record_service_pb2 as pb

from schema import jsonio
from services.records.store import stats
from tests.integration.records.client import Client, as_json, fields_of
from tests.integration.records.conftest import Plane
from tests.integration.records.world import STAGES
from tests.services import reason, refusal

Figures = dict[Any, dict[str, Any]]


def a_deal(rng: Random) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": rng.choice("abc")}
    if rng.random() < 0.8:
        fields["stage"] = rng.choice(STAGES)
    if rng.random() < 0.8:
        code = rng.choice(["EUR", "USD"])
        fields["amount"] = {"amount_micros": rng.randint(-5, 9) * 100_000, "currency_code": code}
    if rng.random() < 0.7:
        fields["n"] = rng.choice([0, 1, -3, Decimal("0.1"), Decimal("0.2"), 2**53 + 1])
    if rng.random() < 0.7:
        fields["rate"] = rng.choice(["0.01", "99999999999999999999.99", "-12.50"])
    if rng.random() < 0.7:
        fields["exact"] = rng.choice(["1", "9" * 37, "-" + "8" * 30])
    if rng.random() < 0.7:
        fields["active"] = rng.random() < 0.5
    return fields


def a_body(fields: Mapping[str, Any]) -> bytes:
    return jsonio.dumps(fields)


def total(records: Sequence[Mapping[str, Any]], name: str) -> Fraction:
    return sum((Fraction(str(r[name])) for r in records if r[name] is not None), Fraction(0))


def recount(records: Sequence[record_pb2.Record], by: str, keys: Sequence[Any]) -> Figures:
    """What a board of these records says, by hand."""
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        fields = jsonio.loads_stored(record.fields_json)
        groups[fields[by]].append(fields)
    return {
        key: {
            "count": len(groups[key]),
            **{f"total_{n}": total(groups[key], n) for n in ("n", "rate", "exact")},
            "total_amount": by_currency(groups[key]),
        }
        for key in keys
    }


def by_currency(group: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    sums: dict[str, int] = defaultdict(int)
    for fields in group:
        if amount := fields["amount"]:
            sums[amount["currency_code"]] += amount["amount_micros"]
    return [{"currency_code": c, "amount_micros": n} for c, n in sorted(sums.items())]


def figures(columns: Mapping[Any, pb.BoardColumn]) -> Figures:
    found: Figures = {}
    for key, column in columns.items():
        values = json.loads(column.values_json, parse_float=Fraction)
        assert values.get("count", column.count) == column.count
        found[key] = values | {"count": column.count}
    return found


async def judge(client: Client) -> None:
    """The board of the view equals the recount of what is there."""
    records = await client.every_page(page_size=1000)
    expected = recount(records, "stage", [*STAGES, None])
    assert figures(await client.board(page_size=1)) == expected
    everything = {"or": [{"name": {"is_empty": True}}, {"name": {"is_empty": False}}]}
    assert figures(await client.board(where=everything, page_size=1)) == expected


@asynccontextmanager
async def compacting(plane: Plane) -> AsyncIterator[None]:
    """Fold whatever deltas there are, over and over, while the block runs."""
    done = asyncio.Event()
    folded = 0

    async def work() -> None:
        nonlocal folded
        while not done.is_set():
            async with plane.worker_db.across_workspaces() as tx:
                folded += await stats.compact(tx, least=0)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        done.set()
        await task
    assert folded


async def a_busy_client(client: Client, seed: int, steps: int) -> None:
    """Creates, updates, deletes and undeletes of its own records, at random."""
    rng = Random(seed)
    live: list[str] = []
    gone: list[str] = []
    for _ in range(steps):
        match rng.choice(["create", "create", "batch", "update", "update", "delete", "undelete"]):
            case "create":
                made = await client("CreateRecord", object="deal", fields_json=a_body(a_deal(rng)))
                live.append(made.record.id)
            case "batch":
                items = [pb.BatchItem(fields_json=a_body(a_deal(rng))) for _ in range(5)]
                answer = await client("BatchCreateRecords", object="deal", items=items)
                live += [r.record.id for r in answer.results]
            case "update" if live:
                patch = a_deal(rng) | rng.choice([{}, {"stage": None}, {"amount": None, "n": None}])
                await client(
                    "UpdateRecord",
                    object="deal",
                    id=rng.choice(live),
                    fields_json=a_body(patch),
                )
            case "delete" if live:
                gone.append(live.pop(rng.randrange(len(live))))
                await client("DeleteRecord", object="deal", id=gone[-1])
            case "undelete" if gone:
                live.append(gone.pop(rng.randrange(len(gone))))
                await client("UndeleteRecord", object="deal", id=live[-1])


async def test_the_figures_of_an_empty_board_are_zero(acme: Client) -> None:
    for _ in range(2):  # the first request builds
        board = await acme.board()
        assert list(board) == [*STAGES, None]
        assert board["won"].label == "Won"
        assert json.loads(board["won"].values_json) == {
            "count": 0,
            "total_amount": [],
            "total_n": 0,
            "total_rate": 0,
            "total_exact": 0,
        }


async def test_figures_follow_writes_that_come_after_the_first_request(
    acme: Client, plane: Plane
) -> None:
    await acme.board()
    async with compacting(plane):
        await asyncio.gather(*(a_busy_client(acme, seed, 18) for seed in range(8)))
    await judge(acme)
    assert await acme.rows("SELECT 1 FROM stat_states")


async def test_the_first_request_may_come_in_the_middle_of_the_writes(
    acme: Client, plane: Plane
) -> None:
    async def looking() -> None:
        for _ in range(4):
            await asyncio.gather(acme.board(page_size=1), acme.board("Switch", page_size=1))

    await asyncio.gather(*(a_busy_client(acme, seed, 4) for seed in range(8)))
    async with compacting(plane):
        await asyncio.gather(looking(), *(a_busy_client(acme, seed + 50, 12) for seed in range(8)))
    await judge(acme)
    records = await acme.every_page(page_size=1000)
    switch = await acme.board("Switch", page_size=1)
    counts = {key: column.count for key, column in switch.items()}
    assert counts == {
        key: sum(fields_of(r)["active"] is key for r in records) for key in (False, True, None)
    }


async def test_a_batch_that_fails_leaves_the_figures_as_they_were(acme: Client) -> None:
    await acme.create(name="a", stage="won", n=1)
    await acme.board()
    items = [
        pb.BatchItem(fields_json=as_json({"name": "b", "stage": "won", "n": 2})),
        pb.BatchItem(fields_json=as_json({"name": "c", "stage": "won", "code": "c"})),
        pb.BatchItem(fields_json=as_json({"name": "d", "stage": "won", "code": "c"})),
    ]
    failed = acme("BatchCreateRecords", object="deal", items=items)
    assert await reason(failed) == "ALREADY_EXISTS/VALUE_NOT_UNIQUE"
    await judge(acme)
    await acme("BatchCreateRecords", object="deal", items=items, mode=2)
    await judge(acme)
    assert (await acme.board())["won"].count == 3


async def test_sums_keep_every_digit(acme: Client) -> None:
    await acme.board()
    nines, fraction = "9" * 38, "0." + "1" * 60
    for fields in (
        {"exact": nines, "n": Decimal("1e300")},
        {"exact": nines, "n": Decimal(fraction)},
        {"exact": "1", "n": 1},
    ):
        body = a_body({"name": "x", "stage": "won", **fields})
        await acme("CreateRecord", object="deal", fields_json=body)
    sums = jsonio.loads_exact((await acme.board())["won"].values_json)
    assert int(sums["total_exact"]) == 2 * int(nines) + 1
    assert sums["total_n"] == Decimal("1" + "0" * 299 + "1." + "1" * 60)
    filtered = await acme.board(where={"name": "x"})
    assert jsonio.loads_exact(filtered["won"].values_json) == sums


_NAMED: Any = {"fn": "sum", "field": "n", "as": "mine"}
MEASURES = [
    pb.Measure(fn="count"),
    *(
        pb.Measure(fn=fn, field=name)
        for fn in ("sum", "avg", "min", "max")
        for name in ("n", "rate", "amount", "rating")
    ),
    pb.Measure(**_NAMED),
]


async def test_every_measure_of_every_number(acme: Client) -> None:
    await acme.create_all(
        [
            {
                "name": "a",
                "stage": "won",
                "n": 1,
                "rate": "0.10",
                "rating": 2,
                "amount": {"amount": "1", "currency_code": "EUR"},
            },
            {
                "name": "b",
                "stage": "won",
                "n": 2.5,
                "rate": "0.30",
                "rating": 5,
                "amount": {"amount": "4", "currency_code": "EUR"},
            },
            {"name": "c", "stage": "won", "amount": {"amount": "-2", "currency_code": "USD"}},
            {"name": "d", "stage": "lost"},
        ]
    )
    for where in (None, {"rating": {"is_empty": True}}, {"name": {"ne": "z"}}):
        board = await acme.board(where=where, measures=MEASURES)
        won = json.loads(board["won"].values_json)
        lost = json.loads(board["lost"].values_json)
        if where is None or "name" in where:
            assert won == {
                "count": 3,
                "sum_n": 3.5,
                "avg_n": 1.75,
                "min_n": 1,
                "max_n": 2.5,
                "sum_rate": 0.4,
                "avg_rate": 0.2,
                "min_rate": 0.1,
                "max_rate": 0.3,
                "sum_rating": 7,
                "avg_rating": 3.5,
                "min_rating": 2,
                "max_rating": 5,
                "sum_amount": money(EUR=5_000_000, USD=-2_000_000),
                "avg_amount": money(EUR=2_500_000, USD=-2_000_000),
                "min_amount": money(EUR=1_000_000, USD=-2_000_000),
                "max_amount": money(EUR=4_000_000, USD=-2_000_000),
                "mine": 3.5,
            }
        else:
            assert (won["count"], won["sum_n"], won["avg_n"]) == (1, 0, None)
            assert won["max_amount"] == money(USD=-2_000_000)
        assert (lost["count"], lost["sum_n"], lost["avg_n"], lost["min_amount"]) == (1, 0, None, [])


def money(**micros: int) -> list[dict[str, Any]]:
    return [{"currency_code": c, "amount_micros": n} for c, n in sorted(micros.items())]


async def test_an_average_is_near_the_exact_one_and_never_refused(acme: Client) -> None:
    await acme.create_all([{"name": "x", "stage": "won", "n": n} for n in (1, 1, 0)])
    board = await acme.board(measures=[pb.Measure(fn="avg", field="n")])
    assert abs(json.loads(board["won"].values_json)["avg_n"] - 2 / 3) < 1e-15


async def test_the_records_of_a_column_come_page_by_page_in_the_sort_of_the_board(
    acme: Client,
) -> None:
    rng = Random(5)
    await acme.create_all(
        [
            {"name": "x", "n": rng.randint(0, 9), "stage": rng.choice([*STAGES, None])}
            for _ in range(60)
        ]
    )
    for where in (None, {"n": {"gte": 3}}):
        board = await acme.board(where=where, sort="-n", page_size=3)
        for key, column in board.items():
            condition = {"stage": key} if key else {"stage": {"is_empty": True}}
            conditions = [condition, where] if where else [condition]
            expected = await acme.every_page(where={"and": conditions}, sort="-n")
            assert column.count == len(expected)
            found = list(column.records)
            token = column.next_page_token
            while token:
                more = await acme(
                    "QueryBoard",
                    object="deal",
                    view="Pipeline",
                    sort="-n",
                    selection=pb.Selection(filter_json=as_json(where)) if where else None,
                    has_column=True,
                    column=str(key) if key else "null",
                    page_token=token,
                    page_size=4,
                )
                [next_column] = more.columns
                assert json.loads(next_column.key_json) == key
                found += next_column.records
                token = next_column.next_page_token
            assert [r.id for r in found] == [r.id for r in expected]


async def test_a_boolean_board_and_a_board_with_a_filter_of_its_own(acme: Client) -> None:
    await acme.create_all(
        [
            {"name": "a", "active": True, "rating": 5, "stage": "won", "n": 1},
            {"name": "b", "active": True, "rating": 1, "stage": "won", "n": 2},
            {"name": "c", "active": False},
            {"name": "d"},
        ]
    )
    switch = await acme.board("Switch")
    assert {k: c.count for k, c in switch.items()} == {False: 1, True: 2, None: 1}
    assert [fields_of(r)["name"] for r in switch[True].records] == ["b", "a"]
    for column in ("true", "false", "null"):
        answer = await acme(
            "QueryBoard", object="deal", view="Switch", has_column=True, column=column
        )
        assert len(answer.columns[0].records) == (2 if column == "true" else 1)
    hot = await acme.board("Hot pipeline")
    assert hot["won"].count == 1
    answer = await acme("QueryBoard", object="deal", group_by="active", fields="name")
    assert [c.count for c in answer.columns] == [1, 2, 1]
    assert set(fields_of(answer.columns[0].records[0])) == {"name"}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"group_by": "n"}, "INVALID_ARGUMENT/GROUP_FIELD_INVALID"),
    ({"group_by": "nope"}, "INVALID_ARGUMENT/GROUP_FIELD_INVALID"),
    ({}, "INVALID_ARGUMENT/GROUP_FIELD_INVALID"),
    ({"view": "Nope"}, "NOT_FOUND/VIEW_NOT_FOUND"),
    ({"view": "Mine"}, "NOT_FOUND/VIEW_NOT_FOUND"),
    ({"view": "Agenda"}, "INVALID_ARGUMENT/VIEW_TYPE_INVALID"),
    ({"view": "Pipeline", "page_size": -1}, "INVALID_ARGUMENT/PAGE_SIZE_INVALID"),
    (
        {"view": "Pipeline", "has_column": True, "column": "wonn"},
        "INVALID_ARGUMENT/GROUP_FIELD_INVALID",
    ),
    (
        {"view": "Pipeline", "measures": [pb.Measure(fn="summ", field="n")]},
        "INVALID_ARGUMENT/MEASURE_INVALID",
    ),
    (
        {"view": "Pipeline", "measures": [pb.Measure(fn="sum", field="name")]},
        "INVALID_ARGUMENT/MEASURE_INVALID",
    ),
]


@pytest.mark.parametrize(("request_of", "expected"), REFUSED)
async def test_boards_that_make_no_sense_are_refused(
    acme: Client, request_of: dict[str, Any], expected: str
) -> None:
    assert await reason(acme("QueryBoard", object="deal", **request_of)) == expected
    if request_of.get("group_by") == "nope":
        found = await refusal(acme("QueryBoard", object="deal", **request_of))
        assert "stage" in found.message
