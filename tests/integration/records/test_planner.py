"""Pages equal brute force: whatever the filter, the sort, the page size and the way it is found."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec
import pytest
from armature.records.v1 import record_service_pb2 as pb
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kit import clock
from schema import jsonio
from schema.compiled import Workspace
from schema.filters.closure import compile_closure
from schema.filters.context import EvalContext
from schema.filters.parse_json import parse
from schema.model import Field, FieldType, Object, Snapshot
from schema.problems import Invalid
from schema.sorts import parse_sort, record_key
from services.records.logic import planner
from tests.integration.records.client import Client
from tests.integration.records.conftest import Plane
from tests.unit.filters.cases import WORKSPACE, record_id, related_among
from tests.unit.filters.generate import (
    World,
    a_filter,
    a_random_world,
    a_sort,
    raw_value,
    text,
)

SEEDS = st.integers(0, 2**32 - 1)
# Below it an index condition drives; 0 and 1 send these small worlds the ways of big ones.
SELECTIVE = (0, 1, 4, 2000)
LONG = ("a" * 305, "ß" * 299, "İx" * 160, "e\u0301" * 301, "😀" * 300)
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a seed has nothing to shrink
_UNWRITABLE = {FieldType.ACTOR, FieldType.FORMULA, FieldType.ROLLUP, FieldType.AUTO_NUMBER}


def with_real_ids(workspace: Workspace) -> Workspace:
    """The same definitions, with UUIDs for the fields' ids and no limit on numbers."""

    def a_field(field: Field) -> Field:
        limited = field.type is FieldType.NUMBER
        return msgspec.structs.replace(
            field,
            id=str(uuid5(UUID(WORKSPACE), field.id)),
            settings={} if limited else field.settings,
        )

    def an_object(found: Object) -> Object:
        return msgspec.structs.replace(found, fields=tuple(map(a_field, found.fields)))

    objects = tuple(an_object(o.definition) for o in workspace.objects.values())
    return Workspace(Snapshot(workspace.id, 1, objects=objects))


def a_document(world: World, name: str) -> dict[str, Any]:
    """What a client would send for a record of the object."""
    rng = world.rng
    found: dict[str, Any] = {}
    for field in world.workspace.objects[name].fields.values():
        if field.type in _UNWRITABLE or rng.random() < 0.35:
            continue
        found[field.name] = raw_value(rng, field)
        if field.type is FieldType.TEXT and rng.random() < 0.25:
            found[field.name] = rng.choice(LONG) + rng.choice(["", text(rng, 2)])
    if rng.random() < 0.2:
        found["position"] = rng.choice([0, -1.5, 12, "first", "last"])
    return found


async def stored(client: Client, world: World) -> list[dict[str, Any]]:
    """All records, deleted ones too, as closures and sorts take them."""
    rows = await client.rows(
        "SELECT record_id::text AS id, object_id::text, doc::text AS fields, version, position,"
        " create_time, update_time, delete_time, created_by, updated_by FROM records"
    )
    return [row | {"fields": jsonio.loads_stored(row["fields"].encode())} for row in rows]


async def filled(plane: Plane, seed: int, deals: int) -> tuple[Client, World]:
    """A workspace with companies in trees, deals that point to them, and some of each deleted."""
    world = a_random_world(seed, deals=1)
    world.workspace = with_real_ids(world.workspace)
    client = plane.client(uuid4())
    plane.literal.known[client.workspace_id] = world.workspace
    companies = [pb.BatchItem(id=record_id(n)) for n in range(100, 108)]
    await client("BatchCreateRecords", object="company", items=companies)
    for method, name, numbers in (
        ("BatchUpdateRecords", "company", range(100, 108)),
        ("BatchCreateRecords", "deal", range(1, deals + 1)),
    ):
        items = [
            pb.BatchItem(id=record_id(n), fields_json=jsonio.dumps(a_document(world, name)))
            for n in numbers
        ]
        await client(method, object=name, items=items)
    gone = [record_id(n) for n in (106, 107)]
    await client("BatchDeleteRecords", object="company", ids=gone)
    gone = [record_id(n) for n in range(1, deals + 1) if world.rng.random() < 0.1]
    await client("BatchDeleteRecords", object="deal", ids=gone)
    world.records = await stored(client, world)
    return client, world


def a_tree(world: World) -> tuple[dict[str, Any] | None, Any]:
    """A filter that is accepted, often a conjunction, and its tree; or none."""
    rng = world.rng
    while rng.random() < 0.85:
        found = a_filter(world, world.deals, depth=rng.choice([0, 0, 1, 2]))
        if rng.random() < 0.3:
            found = {"and": [found, a_filter(world, world.deals, depth=0)]}
        try:
            return found, parse(world.workspace, world.deals, found)
        except Invalid:
            continue
    return None, None


def expected(
    world: World, tree: Any, sort: str, context: EvalContext, *, show_deleted: bool
) -> list[str]:
    live = [r for r in world.records if show_deleted or r["delete_time"] is None]
    deals = [r for r in live if r["object_id"] == world.deals.id]
    if tree is not None:
        holds = compile_closure(tree, context, related_among(world.records))
        deals = [r for r in deals if holds(r)]
    keys = parse_sort(world.workspace, world.deals, sort)
    return [r["id"] for r in sorted(deals, key=record_key(keys))]


async def pages(
    client: Client,
    world: World,
    document: dict[str, Any] | None,
    sort: str,
    page_size: int,
    *,
    show_deleted: bool = False,
) -> list[str]:
    selection = pb.Selection(time_zone=world.ctx.time_zone, week_start=world.ctx.week_start)
    if document is not None:
        selection.filter_json = jsonio.dumps(document)
    found: list[str] = []
    token = ""
    while True:
        answer = await client(
            "QueryRecords",
            object="deal",
            selection=selection,
            sort=sort,
            page_size=page_size,
            page_token=token,
            fields="score",
            show_deleted=show_deleted,
        )
        found += [r.id for r in answer.records]
        token = answer.next_page_token
        if not token:
            return found
        assert len(answer.records) == page_size


def a_context(world: World) -> EvalContext:
    return EvalContext(clock.now(), world.ctx.time_zone, world.ctx.week_start, "ada")


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=NO_SHRINKING,
)
@given(seed=SEEDS)
async def test_the_union_of_the_pages_is_the_sorted_selection(plane: Plane, seed: int) -> None:
    client, world = await filled(plane, seed, deals=45)
    rng = world.rng
    for _ in range(14):
        document, tree = a_tree(world)
        sort = rng.choice([a_sort(rng), a_sort(rng), "", "-title", "stage,-amount.amount_micros"])
        page_size = rng.choice([1, 2, 3, 7, 50])
        show_deleted = rng.random() < 0.1
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(planner, "SELECTIVE", rng.choice(SELECTIVE))
            want = expected(world, tree, sort, a_context(world), show_deleted=show_deleted)
            found = await pages(client, world, document, sort, page_size, show_deleted=show_deleted)
            assert found == want, (str(document), sort, page_size, planner.SELECTIVE, show_deleted)


async def count_all(client: Client, world: World, document: Any) -> list[int]:
    selection = pb.Selection(time_zone=world.ctx.time_zone, week_start=world.ctx.week_start)
    if document is not None:
        selection.filter_json = jsonio.dumps(document)
    request = {"object": "deal", "selection": selection, "page_size": 1}
    answers = [
        await client("QueryRecords", count=kind, **request) for kind in ("exact", "estimated")
    ]
    return [a.count for a in answers]


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=NO_SHRINKING,
)
@given(seed=SEEDS)
async def test_counts_are_those_of_the_selection(plane: Plane, seed: int) -> None:
    client, world = await filled(plane, seed, deals=30)
    for _ in range(12):
        document, tree = a_tree(world)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(planner, "SELECTIVE", world.rng.choice(SELECTIVE))
            want = expected(world, tree, "", a_context(world), show_deleted=False)
            assert await count_all(client, world, document) == [len(want)] * 2, document


async def disturb(client: Client, world: World, others: Sequence[str], done: asyncio.Event) -> None:
    """Create, change, delete and bring back records that nobody counts on."""
    rng = Random(world.rng.random())
    plain = ("title", "score", "due", "stage", "stars", "hot", "rate", "seen")
    fields = [world.deals.fields[name] for name in plain]
    while not done.is_set():
        body = jsonio.dumps({f.name: raw_value(rng, f) for f in fields if rng.random() < 0.8})
        other = {"object": "deal", "id": rng.choice(others)}
        method = rng.choice(["CreateRecord", "UpdateRecord", "DeleteRecord", "UndeleteRecord"])
        request: dict[str, Any] = dict(other)
        if method == "CreateRecord":
            request = {"object": "deal", "fields_json": body}
        elif method == "UpdateRecord":
            request["fields_json"] = body
        answer = (await asyncio.gather(client(method, **request), return_exceptions=True))[0]
        assert not isinstance(answer, BaseException) or "no record" in str(answer), answer


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=NO_SHRINKING,
)
@given(seed=SEEDS)
async def test_unchanged_records_neither_repeat_nor_vanish_while_others_are_written(
    plane: Plane, seed: int
) -> None:
    client, world = await filled(plane, seed, deals=30)
    others = [r.record.id for r in await client.create_all([{"score": n} for n in range(20)])]
    done = asyncio.Event()
    busy = [asyncio.create_task(disturb(client, world, others, done)) for _ in range(3)]
    ours = {r["id"] for r in world.records}
    try:
        for _ in range(10):
            document, tree = a_tree(world)
            sort = a_sort(world.rng)
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(planner, "SELECTIVE", world.rng.choice(SELECTIVE))
                want = expected(world, tree, sort, a_context(world), show_deleted=False)
                found = await pages(client, world, document, sort, world.rng.choice([2, 5, 20]))
                assert [i for i in found if i in ours] == want, (document, sort)
    finally:
        done.set()
        await asyncio.gather(*busy)


async def test_paths_through_relations_look_each_record_up(plane: Plane) -> None:
    """Four hops over 600 records: a scan for each hop would take minutes, not a second."""
    acme = plane.client(uuid4())
    companies = await acme.create_all([{"name": f"c{n % 7}"} for n in range(100)], "company")
    ids = [r.record.id for r in companies]
    deals = await acme.create_all([{"name": "x", "company": i} for i in ids for _ in range(5)])
    wanted = sorted(d.record.id for n, d in enumerate(deals) if n // 5 % 7 == 3)

    for where in (
        {"company.name": "c3"},
        {"company.deals": {"some": {"company.name": "c3"}}},
        {"not": {"company.deals": {"none": {"company.deals": {"some": {"company.name": "c3"}}}}}},
    ):
        async with asyncio.timeout(3):
            answer = await acme.query(where=where, page_size=1000, count="exact")
        assert [r.id for r in answer.records] == wanted
        assert answer.count == len(wanted)
