"""Aggregates equal a recount in Python, whatever is grouped and measured; mistakes are named."""

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from random import Random
from typing import Any

from armature.records.v1 import record_service_pb2 as pb
from hypothesis import HealthCheck, given, settings

from schema import jsonio
from schema.field_types.dates import canonical_instant
from schema.filters.closure import compile_closure
from schema.filters.context import EvalContext
from schema.filters.paths import resolve_path
from schema.filters.scalars import getter
from schema.filters.tree import Kind, Leaf
from tests.integration.records.client import Client
from tests.integration.records.conftest import Plane
from tests.integration.records.test_planner import NO_SHRINKING, SEEDS, a_context, a_tree, filled
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
    return pb.GroupKey(field=field, bucket=bucket, **{"as": name})


def measure(fn: str, field: str = "", name: str = "", **more: Any) -> pb.Measure:
    return pb.Measure(fn=fn, field=field, **{"as": name}, **more)


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
        return moment.astimezone(context.zone).date()  # type: ignore[no-any-return]
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
