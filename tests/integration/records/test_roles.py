"""A custom role that hides an object, a field and half of the records: on every way in and out."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from armature.common.v1 import node_pb2
from armature.records.v1 import record_pb2
from armature.records.v1 import record_service_pb2 as pb

from kit.errors import ServiceError
from schema.access import Access, FieldAccess, ObjectAccess
from schema.compiled import Workspace
from schema.model import Snapshot
from tests.integration.records.client import (
    PARTIAL,
    Client,
    as_json,
    fields_of,
    outcome,
    selecting,
)
from tests.integration.records.conftest import CUSTOM, Plane
from tests.integration.records.world import (
    COMPANY,
    DEAL,
    DEAL_FIELDS,
    OBJECTS,
    VIEWS,
    definitions,
    field_id,
)
from tests.services import reason

ALL = ("read", "create", "update", "delete", "purge")
# Values that no answer to the role may hold.
SECRETS = ("sesame", "4242", "hidden deal", "shadow inc", "mole", "plain", "person")
CUSTOM["sales"] = msgspec.json.encode(
    Access(
        "sales",
        {
            DEAL: ObjectAccess(
                ALL,
                {
                    field_id("plain"): FieldAccess(read=False, update=False),
                    field_id("rate"): FieldAccess(read=False, update=False),
                    field_id("slug"): FieldAccess(read=False, update=False),
                    field_id("n"): FieldAccess(update=False),
                },
                {"level": {"ne": "top"}},
            ),
            COMPANY: ObjectAccess(("read",), rule={"size": {"lt": 100}}),
        },
    )
)
CUSTOM["narrow"] = msgspec.json.encode(
    Access("narrow", {DEAL: ObjectAccess(ALL, {field_id("rate"): FieldAccess(read=False)})})
)
CUSTOM["mine"] = msgspec.json.encode(
    Access("mine", {DEAL: ObjectAccess(ALL, rule={"created_by.id": "me"})})
)


@dataclass(frozen=True)
class House:
    """A workspace with something to hide, its admin, and one whose role hides it."""

    admin: Client
    sales: Client
    shown: list[record_pb2.Record]
    hidden: list[record_pb2.Record]
    near: record_pb2.Record  # companies
    shadow: record_pb2.Record
    mole: record_pb2.Record  # a person


@pytest.fixture
async def house(plane: Plane, acme: Client) -> House:
    near = await acme.create("company", name="near", size=5)
    shadow = await acme.create("company", name="shadow inc", size=500)
    mole = await acme.create("person", name="mole")
    documents: list[dict[str, Any]] = []
    for n in range(8):
        hidden = n % 2
        documents.append(
            {
                "name": "hidden deal" if hidden else f"deal {n}",
                "code": f"c{n}",
                "slug": f"sesame-{n}",
                "stage": ("new", "won")[n // 4],
                "amount": {"amount_micros": 7 * (n + 1), "currency_code": "EUR"},
                "n": n,
                "rate": "4242.5",
                "closes": f"2026-05-0{n + 1}",
                "level": "top" if hidden else "basic",
                "plain": "sesame",
                "company": shadow.id if n == 2 else near.id,
                "subject": {"object": "person", "id": mole.id},
            }
        )
    made = [r.record for r in await acme.create_all(documents)]
    sales = plane.client(acme.workspace_id, "sales", "bob")
    return House(acme, sales, made[::2], made[1::2], near, shadow, mole)


def leak_free(*answers: Any) -> None:
    """No hidden value, name or id stands in any of these answers."""
    for answer in answers:
        text = str(answer)
        for secret in SECRETS:
            assert secret not in text, (secret, text)


async def refusal_of(call: Awaitable[Any]) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        await call
    return refused.value


async def test_reads_show_what_the_role_shows(house: House) -> None:
    sales = house.sales
    ids = {r.id for r in house.shown}
    page = await sales.query(count="exact")
    assert {r.id for r in page.records} == ids
    assert page.count == 4
    assert len(await sales.every_page(page_size=2, sort="-n")) == 4
    got = await sales.get(house.shown[0])
    assert set(fields_of(got)).isdisjoint({"plain", "rate", "slug", "subject"})
    assert fields_of(got)["code"] == "c0"
    batch = await sales(
        "BatchGetRecords", object="deal", ids=[house.shown[0].id, house.hidden[0].id]
    )
    assert batch.results[0].record.id == house.shown[0].id
    assert batch.results[1].error.reason == "RECORD_NOT_FOUND"
    board = await sales.board(view="", group_by="stage", measures=[pb.Measure(fn="count")])
    assert {key: c.count for key, c in board.items() if c.count} == {"new": 2, "won": 2}
    calendar = await sales(
        "QueryCalendar",
        object="deal",
        date_field="closes",
        to="2026-06-01",
        selection=selecting(None),
        **{"from": "2026-05-01"},
    )
    assert {r.id for r in calendar.records} == ids
    assert not (await sales.query("company", {"name": "shadow inc"})).records
    leak_free(page, got, batch.results[0], board, calendar)
    everyone = await house.admin.query(count="exact")
    assert everyone.count == 8


async def test_a_board_of_the_role_is_counted_and_the_kept_figures_stay_everybodys(
    house: House,
) -> None:
    everything = await house.admin.board()
    board = await house.sales.board(view="", group_by="stage")
    assert {k: c.count for k, c in everything.items() if c.count} == {"new": 4, "won": 4}
    assert {k: c.count for k, c in board.items() if c.count} == {"new": 2, "won": 2}
    view = await house.sales.board()  # it sums a hidden field, and is shown without that
    assert set(json.loads(view["new"].values_json)) == {
        "count",
        "total_amount",
        "total_n",
        "total_exact",
    }
    leak_free(view)

    narrow = house.admin.stub, house.admin.workspace_id, house.admin.db, "narrow"
    kept = await house.admin.rows("SELECT DISTINCT stat_id FROM group_stats")
    figures = await Client(*narrow).board()
    assert {k: c.count for k, c in figures.items() if c.count} == {"new": 4, "won": 4}
    assert "total_rate" not in json.loads(figures["new"].values_json)
    assert await house.admin.rows("SELECT DISTINCT stat_id FROM group_stats") == kept


async def test_what_is_hidden_answers_exactly_like_what_does_not_exist(house: House) -> None:
    sales, gone = house.sales, "019aa000-0000-7000-8000-00000000dead"
    hidden = house.hidden[0]
    for method, more in (
        ("GetRecord", {}),
        ("UpdateRecord", {"fields_json": as_json({"name": "x"})}),
        ("DeleteRecord", {}),
        ("UndeleteRecord", {}),
        ("PurgeRecord", {}),
    ):
        errors = [
            await refusal_of(sales(method, object="deal", id=one, **more))
            for one in (hidden.id, gone)
        ]
        said = [str(e).replace(one, "") for e, one in zip(errors, (hidden.id, gone), strict=True)]
        assert (errors[0].code, errors[0].reason) == ("NOT_FOUND", "RECORD_NOT_FOUND")
        assert said[0] == said[1]
    asked = [gone, hidden.id]
    back = await sales("BatchUndeleteRecords", object="deal", ids=asked, mode=PARTIAL)
    said = [r.error.message.replace(one, "") for r, one in zip(back.results, asked, strict=True)]
    assert {r.error.reason for r in back.results} == {"RECORD_NOT_FOUND"}
    assert said[0] == said[1]
    for obj in ("person", "people", house.mole.object):
        assert await reason(sales.query(obj)) == "NOT_FOUND/OBJECT_NOT_FOUND"
    nodes = [
        node_pb2.Node(kind="deal", id=house.shown[0].id),
        node_pb2.Node(kind="deal", id=hidden.id),
        node_pb2.Node(kind="person", id=house.mole.id),
        node_pb2.Node(kind="company", id=house.near.id),
        node_pb2.Node(kind="company", id=house.shadow.id),
    ]
    read = await sales("CheckNodes", nodes=nodes, permission="read")
    update = await sales("CheckNodes", nodes=nodes, permission="update")
    assert list(read.allowed) == [True, False, False, True, False]
    assert list(update.allowed) == [True, False, False, False, False]


@pytest.mark.parametrize(
    "where",
    [
        {"plain": "sesame"},
        {"rate": {"gte": "4000"}},
        {"plan": "x"},
        {"slg": "x"},
        {"subject": "019aa000-0000-7000-8000-00000000dead"},
        {"subject.name": "mole"},
        {"employer": {"some": {"name": "x"}}},
        {field_id("plain"): "sesame"},
    ],
)
async def test_no_filter_reaches_a_hidden_field(house: House, where: dict[str, Any]) -> None:
    error = await refusal_of(house.sales.query("deal", where))
    assert error.reason == "FILTER_INVALID"
    name = next(iter(where)).partition(".")[0]
    said = f"{error} {error.violations}".replace(next(iter(where)), "").replace(name, "")
    leak_free(said)


async def test_no_sort_group_projection_or_figure_reaches_a_hidden_field(house: House) -> None:
    sales = house.sales
    calls = {
        "plain": sales.query(sort="plain"),
        "rate": sales.query(sort="-rate"),
        "slug": sales.query(fields="name,slug"),
        "subject": sales.query(fields="subject.name"),
        "deals": sales.query("company", fields="deals"),
        "level": sales.board(view="", group_by="rate"),
        "figure": sales.board(
            view="", group_by="stage", measures=[pb.Measure(fn="sum", field="rate")]
        ),
        "date": sales("QueryCalendar", object="deal", date_field="rate", selection=selecting(None)),
    }
    for name, call in calls.items():
        error = await refusal_of(call)
        assert error.code == "INVALID_ARGUMENT", name
        said = f"{error} {error.violations}"
        for word in ("plain", "slug", "subject"):
            said = said.replace(repr(word), "").replace(f"{word}.name", "")
        leak_free(said.replace(f"{name}:", ""))


async def test_rules_hold_on_the_way_through_relations(house: House) -> None:
    sales = house.sales
    found = await sales.query("deal", {"company.name": {"icontains": "inc"}})
    assert not found.records  # the deal is shown, its company is not
    near = await sales.query("deal", {"company.name": "near"})
    assert len(near.records) == 3
    some = await sales.query("company", {"deals": {"some": {"n": {"in": [1, 3, 5, 7]}}}})
    assert not some.records
    every = await sales.query("company", {"deals": {"every": {"level": "basic"}}})
    assert [r.id for r in every.records] == [house.near.id]
    expanded = await sales.query(fields="name,company.name", sort="n")
    companies = [fields_of(r)["company"] for r in expanded.records]
    assert [c and c["name"] for c in companies] == ["near", None, "near", "near"]
    leak_free(expanded, found, near)


async def test_groups_and_words_are_of_what_the_role_shows(plane: Plane, house: House) -> None:
    sales, admin = house.sales, house.admin
    searchable = {"name", "plain"}
    fields = tuple(msgspec.structs.replace(f, searchable=f.name in searchable) for f in DEAL_FIELDS)
    deal = msgspec.structs.replace(OBJECTS[0], fields=fields)
    known = definitions(admin.workspace_id)
    snapshot = Snapshot(known.id, 4, (deal, *OBJECTS[1:]), VIEWS)
    plane.literal.known[admin.workspace_id] = Workspace(snapshot)

    everything = await admin("SearchRecords", q="sesame", objects=["deal"])
    assert len(everything.results) == 8
    nothing = await sales("SearchRecords", q="sesame", snippets=True)
    assert not nothing.results
    deals = await sales("SearchRecords", q="deal", objects=["deal"], snippets=True)
    assert {r.record.id for r in deals.results} == {r.id for r in house.shown}

    by_stage: dict[str, Any] = {"object": "deal", "group_by": [pb.GroupKey(field="stage")]}
    name: Any = {"as": "n"}
    count = pb.Measure(fn="count", **name)
    groups = await sales("AggregateRecords", **by_stage, measures=[count])
    assert [json.loads(g.values_json) for g in groups.groups] == [{"n": 2}, {"n": 2}]
    leak_free(nothing, deals, groups)
    for asked in (
        {"group_by": [pb.GroupKey(field="plain")]},
        {"measures": [pb.Measure(fn="max", field="rate")]},
        {"group_by": [pb.GroupKey(field="subject")]},
    ):
        error = await refusal_of(sales("AggregateRecords", object="deal", **asked))
        assert error.reason == "AGGREGATE_INVALID"
        said = f"{error} {error.violations}"
        for word in ("plain", "subject"):
            said = said.replace(repr(word), "")
        leak_free(said)


async def test_writes_judge_by_what_is_shown_and_keep_what_is_hidden(house: House) -> None:
    sales, admin, shown = house.sales, house.admin, house.shown[0]
    changed = await sales.update(shown, name="renamed")
    leak_free(changed)
    whole = fields_of(await admin.get(shown))
    assert (whole["name"], whole["plain"], whole["rate"]) == ("renamed", "sesame", "4242.50")
    found = await admin.query("deal", {"rate": "4242.5"}, count="exact")
    assert found.count == 8  # the index of hidden fields is as it was

    for fields, path in (
        ({"plain": "x"}, "fields.plain"),
        ({"n": 5}, "fields.n"),
        ({"subject": {"object": "person", "id": house.mole.id}}, "fields.subject"),
    ):
        error = await refusal_of(sales.update(shown, **fields))
        assert error.reason == "FIELDS_INVALID"
        assert [v.path for v in error.violations] == [path]
    same = await sales.update(shown, n=0, name="renamed")  # as it is: nothing that may not be
    assert same.outcome == outcome("UNCHANGED")
    unknown = await refusal_of(sales.update(shown, company=house.shadow.id))
    missing = await refusal_of(sales.update(shown, company="019aa000-0000-7000-8000-00000000dead"))
    assert str(unknown) == str(missing)

    outside = sales.update(shown, level="top")
    assert await reason(outside) == "PERMISSION_DENIED/RECORD_RULE_VIOLATED"
    assert fields_of(await admin.get(shown))["level"] == "basic"
    new = sales.create(name="x", level="top")
    assert await reason(new) == "PERMISSION_DENIED/RECORD_RULE_VIOLATED"
    made = await sales.create(name="fine")
    leak_free(made)
    assert await reason(sales.create("company", name="x")) == (
        "PERMISSION_DENIED/OBJECT_PERMISSION_REQUIRED"
    )
    results = await sales.create_all(
        [{"name": "a"}, {"name": "b", "level": "top"}, {"name": "c", "n": 1}], mode=PARTIAL
    )
    assert [r.error.reason for r in results] == ["", "RECORD_RULE_VIOLATED", "FIELDS_INVALID"]
    gone = await sales.delete(made)
    back = await sales("UndeleteRecord", object="deal", id=made.id)
    leak_free(gone, back)
    await sales.delete(made)
    back = await sales("BatchUndeleteRecords", object="deal", ids=[made.id, shown.id])
    assert [r.outcome for r in back.results] == [outcome("RESTORED"), outcome("UNCHANGED")]
    leak_free(*(r.record for r in back.results))
    elsewhere = sales("BatchUndeleteRecords", object="company", ids=[house.near.id])
    assert await reason(elsewhere) == "PERMISSION_DENIED/OBJECT_PERMISSION_REQUIRED"
    await sales.delete(made)
    await sales("PurgeRecord", object="deal", id=made.id)


async def test_unique_values_give_nothing_away(house: House) -> None:
    sales = house.sales
    clash = await refusal_of(sales.create(name="x", code="c1"))  # a hidden record has it
    assert clash.reason == "VALUE_NOT_UNIQUE"
    leak_free(f"{clash} {clash.violations}")
    merged = await refusal_of(sales.upsert("code", name="mine", code="c1"))
    assert merged.reason == "VALUE_NOT_UNIQUE"
    leak_free(f"{merged} {merged.violations}")
    by_hidden = await refusal_of(sales.upsert("slug", name="x", slug="sesame-0"))
    assert by_hidden.reason == "MATCH_INVALID"
    leak_free(str(by_hidden).replace("'slug'", ""))
    fine = await sales.upsert("code", name="ours", code="c0")
    assert fine.record.id == house.shown[0].id
    leak_free(fine)
    kept = fields_of(await house.admin.get(house.hidden[0]))
    assert kept["name"] == "hidden deal"


async def test_a_rule_of_me_keeps_people_apart(
    plane: Plane, acme: Client, new_workspace: Callable[[], Client]
) -> None:
    bob, eve = (plane.client(acme.workspace_id, "mine", name) for name in ("bob", "eve"))
    his = await bob.create(name="his")
    hers = await eve.create(name="hers")
    assert [r.id for r in (await bob.query()).records] == [his.id]
    assert [r.id for r in (await eve.query()).records] == [hers.id]
    assert await reason(eve.get(his)) == "NOT_FOUND/RECORD_NOT_FOUND"
    assert (await acme.query(count="exact")).count == 2


_READ = ObjectAccess(("read",))
RULES: tuple[dict[str, Any], ...] = (
    {"n": {"between": [2, 5]}},
    {"stage": "won"},
    {"or": [{"stage": "new"}, {"n": {"gt": 6}}]},
    {"not": {"closes": {"lt": "2026-05-04"}}},
    {"company.name": "near"},
    {"amount.amount_micros": {"gte": 21}, "level": {"ne": "none"}},
)
FILTERS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"n": {"gte": 3}},
    {"stage": {"ne": "won"}},
    {"code": {"in": ["c1", "c4", "c6"]}},
    {"company.size": {"lt": 10}},
    {"not": {"level": "top"}},
)


def drawn(board: dict[Any, pb.BoardColumn]) -> dict[Any, Any]:
    return {key: (c.count, c.values_json, [r.id for r in c.records]) for key, c in board.items()}


@pytest.mark.parametrize("rule", RULES, ids=str)
async def test_a_role_sees_what_the_rule_and_the_filter_select(
    plane: Plane, house: House, rule: dict[str, Any]
) -> None:
    name = f"rule {RULES.index(rule)}"
    access = Access(name, {DEAL: ObjectAccess(("read",), rule=rule), COMPANY: _READ})
    CUSTOM[name] = msgspec.json.encode(access)
    ruled = plane.client(house.admin.workspace_id, name, "bob")
    count: Any = {"as": "n"}
    for where in FILTERS:
        both = {"and": [rule, where]} if where else rule
        for sort in ("-n", "stage,name", ""):
            got = await ruled.query("deal", where, sort=sort, count="exact")
            wanted = await house.admin.query("deal", both, sort=sort, count="exact")
            assert [r.id for r in got.records] == [r.id for r in wanted.records]
            assert got.count == wanted.count
        figures = [pb.Measure(fn="sum", field="n", **count)]
        mine = await ruled.board("", where, group_by="stage", measures=figures)
        theirs = await house.admin.board("", both, group_by="stage", measures=figures)
        assert drawn(mine) == drawn(theirs)
