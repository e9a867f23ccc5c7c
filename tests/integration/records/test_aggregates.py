"""Aggregates equal a recount in Python, whatever is grouped and measured; mistakes are named."""

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from random import Random
from typing import Any

import pytest
from armature.records.v1 import record_service_pb2 as pb
from hypothesis import HealthCheck, given, settings

from kit.errors import ServiceError
from schema import jsonio
from schema.field_types.dates import canonical_instant
from schema.filters.closure import compile_closure
from schema.filters.context import EvalContext, time_zones
from schema.filters.paths import resolve_path
from schema.filters.scalars import getter
from schema.filters.tree import Kind, Leaf
from services.records.operations import aggregates
from tests.integration.records.client import Client, as_json, selecting
from tests.integration.records.conftest import Plane
from tests.integration.records.test_planner import NO_SHRINKING, SEEDS, a_context, a_tree, filled
from tests.services import reason
from tests.unit.filters.cases import related_among
from tests.unit.filters.generate import World

KEYS = (
    *("stage", "hot", "title", "score", "rate", "stars", "due", "seen", "token", "company"),
    *("subject", "created_by", "amount.currency_code", "amount.amount_micros"),
    *("contact.first_name", "create_time", "version"),
)
DATES = ("due", "seen", "create_time")
BUCKETS = ("day", "week", "month", "quarter", "year")
NUMBERS = ("score", "rate", "stars", "amount.amount_micros", "place.lat", "version")
EVERY = Context(prec=1000)


async def aggregate(client: Client, obj: str = "deal", **asked: Any) -> list[tuple[Any, Any]]:
    """The groups as (keys, values)."""
    answer = await client("AggregateRecords", object=obj, **asked)
    return [
        (jsonio.loads_exact(g.keys_json), jsonio.loads_exact(g.values_json)) for g in answer.groups
    ]


def by(field: str, bucket: str = "", name: str = "") -> pb.GroupKey:
    named: dict[str, Any] = {"as": name}
    return pb.GroupKey(field=field, bucket=bucket, **named)


def measure(fn: str, field: str = "", name: str = "", **more: Any) -> pb.Measure:
    named: dict[str, Any] = {"as": name, **more}
    return pb.Measure(fn=fn, field=field, **named)


# --- a recount, record by record ---


def first_of(day: date, bucket: str, context: EvalContext) -> date:
    match bucket:
        case "week":
            back = (day.weekday() - context.first_weekday) % 7
            return day - timedelta(days=back) if day.toordinal() > back else date.min
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def local_day(value: Any, context: EvalContext) -> date:

    moment = datetime.fromisoformat(f"{value}+00:00") if isinstance(value, str) else value
    try:
        return moment.astimezone(context.zone).date()
    except OverflowError:
        return date.min if moment.year == 1 else date.max


def key_of(leaf: Leaf, bucket: str, context: EvalContext) -> Callable[[Any], Any]:
    get = getter(leaf)

    def key(record: Any) -> Any:
        if leaf.name == "subject":
            target = record["fields"].get("subject")
            return (target["object"], target["id"]) if target else None
        value = get(record)
        if value is None:
            return None
        if bucket:
            day = date.fromisoformat(value) if leaf.kind is Kind.DATE else local_day(value, context)
            return first_of(day, bucket, context).isoformat()
        if leaf.kind is Kind.DATE_TIME:
            return f"{value}Z" if isinstance(value, str) else canonical_instant(value)
        if leaf.name == "rate":
            return record["fields"]["rate"]
        return Decimal(value) if leaf.kind is Kind.NUMBER else value

    return key


def figure(one: pb.Measure, values: list[Any], everything: int) -> Any:
    """A measure over the values that are there; numbers are Decimals."""
    match one.fn:
        case "count":
            return len(values) if one.field else everything
        case "count_distinct":
            return len(set(values))
        case "sum":
            total = Decimal(0)
            for value in values:
                total = EVERY.add(total, value)
            return total
        case "avg":
            total = figure(measure("sum", "x"), values, 0)
            return Context(prec=50).divide(total, Decimal(len(values))) if values else None
        case "min" | "max":
            return None if not values else (min if one.fn == "min" else max)(values)
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(one.p * len(values)) - 1)]


def recounted(
    world: World,
    tree: Any,
    context: EvalContext,
    asked: list[pb.GroupKey],
    measures: list[pb.Measure],
) -> dict[Any, dict[str, Any]]:
    deal = world.deals
    holds = compile_closure(tree, context, related_among(world.records))
    deals = [
        r
        for r in world.records
        if r["object_id"] == deal.id and r["delete_time"] is None and holds(r)
    ]

    def leaf(name: str) -> Leaf:
        return resolve_path(world.workspace, deal, name, "").leaf

    places = [key_of(leaf(k.field), k.bucket, context) for k in asked]
    groups: dict[Any, list[Any]] = defaultdict(list)
    if not asked:
        groups[()] = []
    for record in deals:
        groups[tuple(place(record) for place in places)].append(record)
    found = {}
    for keys, records in groups.items():
        values: dict[str, Any] = {}
        for one in measures:
            name = getattr(one, "as")
            if one.field == "amount" and one.fn != "count_distinct":
                values[name] = by_code(one, records)
                continue
            get = (lambda _: 1) if not one.field else key_of(leaf(one.field), "", context)
            if one.fn in {"sum", "avg", "min", "max", "percentile"} and one.field == "rate":
                get = getter(leaf("rate"))
            present = [v for r in records if (v := get(r)) is not None]
            if one.field in NUMBERS and one.fn not in {"count", "count_distinct"}:
                present = [Decimal(v) for v in present]
            values[name] = figure(one, present, len(records))
        found[keys] = values
    return found


def by_code(one: pb.Measure, records: list[Any]) -> list[dict[str, Any]]:
    codes: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        if amount := record["fields"].get(AMOUNT[0]):
            codes[amount["currency_code"]].append(Decimal(amount["amount_micros"]))
    return [
        {"currency_code": code, "amount_micros": figure(one, codes[code], 0)}
        for code in sorted(codes)
    ]


AMOUNT = [""]  # the document's key of the field in the world at hand


def a_measure(rng: Random, n: int) -> pb.Measure:
    name = f"m{n}"
    fn = rng.choice(["count", "count_distinct", "sum", "avg", "min", "max", "percentile"])
    more = {"p": rng.choice([0.0, 0.25, 0.5, 0.9, 1.0])} if fn == "percentile" else {}
    if fn == "count":
        return measure(fn, rng.choice(["", "title", "score", "due"]), name)
    if fn == "count_distinct":
        return measure(fn, rng.choice(KEYS), name)
    allowed = [*NUMBERS, "amount", *(DATES if fn in {"min", "max"} else ())]
    return measure(fn, rng.choice(allowed), name, **more)


def comparable(value: Any) -> Any:
    """Numbers by value, a target as a pair."""
    if isinstance(value, dict):
        return (value["object"], value["id"]) if "id" in value else {
            k: comparable(v) for k, v in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [comparable(one) for one in value]
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number else value


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=NO_SHRINKING,
)
@given(seed=SEEDS)
async def test_groups_equal_a_recount(plane: Plane, seed: int) -> None:
    client, world = await filled(plane, seed, deals=40)
    rng, deal = world.rng, world.deals
    AMOUNT[0] = deal.fields["amount"].key or "amount"
    for _ in range(14):
        document, tree = a_tree(world)
        asked = [by(n) for n in rng.sample(KEYS, rng.randint(0, 3))]
        for one in asked:
            if one.field in DATES and rng.random() < 0.7:
                one.bucket = rng.choice(BUCKETS)
        measures = [a_measure(rng, n) for n in range(rng.randint(1, 4))]
        selection = pb.Selection(time_zone=world.ctx.time_zone, week_start=world.ctx.week_start)
        if document is not None:
            selection.filter_json = jsonio.dumps(document)
        want = recounted(world, tree, a_context(world), asked, measures)
        found = await aggregate(
            client, selection=selection, group_by=asked, measures=measures, limit=10_000
        )
        got = {tuple(comparable(k) for k in keys): comparable(values) for keys, values in found}
        assert len(got) == len(found)
        assert got == {
            tuple(comparable(k) for k in keys): comparable(values) for keys, values in want.items()
        }, (seed, str(asked), str(measures), document)


# --- having, order, empty groups, where the figures come from, mistakes ---

STAGE = [
    {"name": "a", "stage": "won", "n": 1, "amount": {"amount": "1.50", "currency_code": "EUR"}},
    {"name": "b", "stage": "won", "n": 2, "amount": {"amount": "2", "currency_code": "USD"}},
    {"name": "c", "stage": "lost", "n": 10},
    {"name": "d", "n": 4, "closes": "2026-11-15"},
]


async def test_having_sort_limit_and_names(acme: Client) -> None:
    await acme.create_all(STAGE)
    measures = [measure("count"), measure("sum", "n", "total"), measure("avg", "n")]
    asked: dict[str, Any] = {"group_by": [by("stage")], "measures": measures}
    found = await aggregate(acme, **asked, sort="-total,stage")
    assert [(k, v["total"]) for k, v in found] == [(["lost"], 10), ([None], 4), (["won"], 3)]
    having = as_json({"or": [{"total": {"lt": 4}}, {"stage": "lost", "avg_n": {"gte": 10}}]})
    found = await aggregate(acme, **asked, having_json=having)
    assert [k for k, _ in found] == [["won"], ["lost"]]
    answer = await acme("AggregateRecords", object="deal", **asked, limit=1, sort="-count")
    assert (len(answer.groups), answer.more) == (1, True)
    assert jsonio.loads_exact(answer.groups[0].keys_json) == ["won"]


async def test_empty_options_stand_in_their_order_and_null_last(acme: Client) -> None:
    await acme.create_all(STAGE)
    measures = [measure("count"), measure("sum", "amount"), measure("min", "n")]
    found = await aggregate(acme, group_by=[by("stage")], measures=measures, include_empty=True)
    assert [k for k, _ in found] == [
        ["new"],
        ["qualified"],
        ["proposal"],
        ["won"],
        ["lost"],
        [None],
    ]
    assert found[0][1] == {"count": 0, "sum_amount": [], "min_n": None}
    assert found[3][1]["sum_amount"] == [
        {"currency_code": "EUR", "amount_micros": 1_500_000},
        {"currency_code": "USD", "amount_micros": 2_000_000},
    ]
    keys = [by("active"), by("closes", "month")]
    found = await aggregate(acme, group_by=keys, include_empty=True)
    months = ["2026-11-01", None]
    assert [k for k, _ in found] == [[a, m] for a in (False, True, None) for m in months]


async def test_nothing_is_one_group_of_zeros(acme: Client) -> None:
    measures = [measure("count"), measure("sum", "n"), measure("avg", "n")]
    assert await aggregate(acme, measures=measures) == [
        ([], {"count": 0, "sum_n": 0, "avg_n": None})
    ]
    assert await aggregate(acme, group_by=[by("stage")]) == []


async def test_statistics_the_index_and_the_documents_agree(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acme.create_all(STAGE * 3)
    figures = [measure("count"), measure("sum", "amount"), measure("avg", "n")]

    async def asked(measures: list[pb.Measure], **more: Any) -> tuple[str, Any]:
        answer = await acme(
            "AggregateRecords",
            object="deal",
            group_by=[by("stage")],
            measures=measures,
            explain=True,
            **more,
        )
        plan = jsonio.loads_exact(answer.plan_json)["strategy"]
        groups = [(g.keys_json, jsonio.loads_exact(g.values_json)) for g in answer.groups]
        return plan, groups

    everything = {"selection": selecting({"name": {"is_empty": False}})}
    counted = await asked(figures, **everything)
    assert counted[0] == "scan"
    walked = await asked(figures[:1])
    assert walked[0] == "index"
    assert [(k, {"count": v["count"]}) for k, v in counted[1]] == walked[1]
    assert (await asked(figures))[0] == "scan"
    monkeypatch.setattr(aggregates, "_WORTHWHILE", 12)  # and now it is worth building
    assert await asked(figures) == ("statistics", counted[1])
    await acme.create(name="one more", stage="won", n=3)
    assert (await asked(figures[:1]))[1][0][1] == {"count": 7}


async def refused(client: Client, **asked: Any) -> dict[str, str]:
    """What is wrong, by path."""
    with pytest.raises(ServiceError) as raised:
        await client("AggregateRecords", object="deal", **asked)
    assert raised.value.reason == "AGGREGATE_INVALID"
    return {v.path: v.code for v in raised.value.violations}


async def test_days_are_known_in_every_time_zone_that_is_accepted(acme: Client) -> None:
    async with acme.db.transaction(acme.workspace_id) as tx:
        known = {row["name"] for row in await tx.all("SELECT name FROM pg_timezone_names")}
    assert time_zones() <= known
    for zone in ("localtime", "posixrules", "right/UTC"):  # which a system knows, and Postgres not
        where = pb.Selection(time_zone=zone)
        days = [by("starts", "day")]
        asked = acme("AggregateRecords", object="deal", selection=where, group_by=days)
        assert await reason(asked) == "INVALID_ARGUMENT/FILTER_INVALID"


async def test_every_mistake_is_named_at_once(acme: Client) -> None:
    keys = [by("tags"), by("stage", "month"), by("closes", "moth"), by("n"), by("company.name")]
    measures = [
        measure("summ", "n"),
        measure("sum", "name"),
        measure("sum"),
        measure("percentile", "n"),
        measure("max", "n", "not a name", p=0.5),
        measure("count", "nme"),
    ]
    assert await refused(acme, group_by=keys, measures=measures) == {
        "group_by": "GROUP_LIMIT",
        "group_by.0.field": "NOT_ELIGIBLE",
        "group_by.1.bucket": "NOT_ELIGIBLE",
        "group_by.2.bucket": "UNKNOWN",
        "measures.0.fn": "UNKNOWN",
        "measures.1.field": "NOT_ELIGIBLE",
        "measures.2.field": "REQUIRED",
        "measures.3.p": "OUT_OF_RANGE",
        "measures.4.as": "INVALID_NAME",
        "measures.4.p": "UNKNOWN",
        "measures.5.field": "UNKNOWN_FIELD",
    }
    twice = [measure("sum", "n", "x"), measure("avg", "n", "x"), measure("sum", "amount")]
    assert await refused(acme, measures=twice) == {"measures.1.as": "DUPLICATE"}
    wrong = await refused(
        acme,
        group_by=[by("stage")],
        measures=[measure("sum", "amount"), measure("count")],
        having_json=as_json({"cont": {"gt": 1}, "sum_amount": {"gt": 1}}),
        sort="-stge,name",
    )
    assert set(wrong) == {"having.cont", "having.sum_amount", "sort.0", "sort.1"}
    wrong = await refused(
        acme, group_by=[by("stage")], having_json=as_json({"stage": "wn", "count": {"gt": "x"}})
    )
    assert set(wrong) == {"having.stage", "having.count.gt"}
