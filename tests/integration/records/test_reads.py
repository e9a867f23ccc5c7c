"""Reads: projections, expansion, views, page tokens, and how many statements each costs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from armature.common.v1 import node_pb2
from armature.records.v1 import record_service_pb2 as pb

from tests.integration.records.client import Client, as_json, fields_of, outcome, selecting
from tests.integration.records.conftest import Plane
from tests.services import reason, refusal


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements of the records plane that go to Postgres while the block runs; other planes
    of the same test session may be at work beside it."""
    seen: list[str] = []
    execute: Any = psycopg.AsyncCursor.execute

    async def counting(cursor: Any, query: Any, *rest: Any, **more: Any) -> Any:
        if cursor.connection.info.parameter_status("application_name") == "armature-records":
            seen.append(str(query))
        return await execute(cursor, query, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", counting)
        yield seen


async def related(acme: Client, count: int) -> list[str]:
    """Deals with companies with parents, and morph subjects; their ids."""
    parents = await acme.create_all([{"name": f"p{n}"} for n in range(3)], "company")
    companies = await acme.create_all(
        [{"name": f"c{n}", "size": n, "parent": parents[n % 3].record.id} for n in range(20)],
        "company",
    )
    people = await acme.create_all([{"name": f"h{n}"} for n in range(5)], "person")
    made = await acme.create_all(
        [
            {
                "name": f"d{n:04}",
                "n": n,
                "company": companies[n % 20].record.id,
                "subject": (
                    {"object": "person", "id": people[n % 5].record.id}
                    if n % 2
                    else {"object": "company", "id": companies[n % 20].record.id}
                ),
            }
            for n in range(count)
        ]
    )
    return [r.record.id for r in made]


READS: list[Callable[[int, list[str]], tuple[str, dict[str, Any]]]] = [
    lambda size, _: ("QueryRecords", {"page_size": size}),
    lambda size, _: ("QueryRecords", {"page_size": size, "sort": "-n"}),
    lambda size, _: ("QueryRecords", {"page_size": size, "fields": "name,company.name"}),
    lambda size, _: (
        "QueryRecords",
        {"page_size": size, "fields": "name,company.name,company.parent.name,subject.name"},
    ),
    lambda size, ids: ("BatchGetRecords", {"ids": ids[:size]}),
    lambda size, ids: ("BatchGetRecords", {"ids": ids[:size], "fields": "company.parent.name"}),
    lambda size, _: (
        "QueryCalendar",
        {"page_size": size, "date_field": "closes", "from": "2026-01-01", "to": "2026-02-01"},
    ),
    lambda size, _: (
        "QueryBoard",
        {"page_size": size, "group_by": "stage", "fields": "company.name"},
    ),
    lambda size, _: (
        "QueryRecords",
        {"page_size": size, "sort": "-n", "selection": selecting({"company.name": {"ne": "x"}})},
    ),
    lambda size, _: ("AggregateRecords", {"group_by": [pb.GroupKey(field="name")], "limit": size}),
]


async def test_a_page_of_one_costs_as_many_statements_as_a_page_of_a_thousand(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await related(acme, 1000)
    for read in READS:
        found: set[int] = set()
        for size in (1, 50, 999):
            method, request = read(size, ids)
            await acme(method, object="deal", **request)  # the first board builds its statistics
            with counted(monkeypatch) as statements:
                await acme(method, object="deal", **request)
            found.add(len(statements))
        assert len(found) == 1, (read(1, ids), found)


async def test_a_batch_of_writes_costs_as_many_statements_as_one(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = await acme.create("company", name="c", domain="c.com")
    found: set[int] = set()
    for size in (1, 50, 1000):
        documents = [
            {"name": "x", "code": f"{size}-{n}", "company": company.id, "n": n} for n in range(size)
        ]
        with counted(monkeypatch) as statements:
            made = await acme.create_all(documents)
            items = [
                pb.BatchItem(id=r.record.id, fields_json=as_json({"stage": "won", "n": -1}))
                for r in made
            ]
            await acme("BatchUpdateRecords", object="deal", items=items)
            items = [pb.BatchItem(fields_json=as_json(d | {"stage": "lost"})) for d in documents]
            await acme("BatchUpsertRecords", object="deal", match=["code"], items=items)
            ids = [r.record.id for r in made]
            await acme("BatchDeleteRecords", object="deal", ids=ids)
            await acme("BatchUndeleteRecords", object="deal", ids=ids)
            await acme("BatchDeleteRecords", object="deal", ids=ids)
            back = await acme("BatchUpsertRecords", object="deal", match=["code"], items=items)
            assert {r.outcome for r in back.results} == {outcome("RESTORED")}
        found.add(len(statements))
    assert len(found) == 1, found


async def test_fields_chooses_and_expands(acme: Client) -> None:
    parent = await acme.create("company", name="parent", size=1)
    company = await acme.create("company", name="c", size=2, parent=parent.id)
    person = await acme.create("person", name="p", employer=company.id)
    deal = await acme.create(
        name="d", company=company.id, subject={"object": "person", "id": person.id}, renamed="r"
    )
    cases: dict[str, dict[str, Any]] = {
        "name": {"name": "d"},
        " name , renamed": {"name": "d", "renamed": "r"},
        "company": {"company": company.id},
        "company.name": {"company": {"id": company.id, "object": "company", "name": "c"}},
        "company.parent.size,name": {
            "company": {
                "id": company.id,
                "object": "company",
                "parent": {"id": parent.id, "object": "company", "size": 1},
            },
            "name": "d",
        },
        "subject.name": {"subject": {"id": person.id, "object": "person", "name": "p"}},
        # Of a relation to several objects, each shows those of the fields that it has.
        "subject.email,subject.size": {
            "subject": {"id": person.id, "object": "person", "email": None}
        },
        "subject.employer.name,subject.parent.name": {
            "subject": {
                "id": person.id,
                "object": "person",
                "employer": {"id": company.id, "object": "company", "name": "c"},
            }
        },
    }
    for text, expected in cases.items():
        assert fields_of(await acme.get(deal, fields=text)) == expected, text
        [row] = (await acme.query(fields=text)).records
        assert fields_of(row) == expected, text
    everything = fields_of(await acme.get(deal, fields="*,company.name"))
    assert set(everything) == set(fields_of(deal))
    assert everything["company"] == {"id": company.id, "object": "company", "name": "c"}
    await acme.delete(company)
    assert fields_of(await acme.get(deal, fields="company.name")) == {"company": None}
    assert fields_of(await acme.get(deal, fields="company")) == {"company": company.id}


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ("nam", "'name'"),
        ("company.nam", "'name'"),
        ("name.x", "no relation"),
        ("company.parent.parent.name", "2 relations"),
        ("gone", "no field"),
        ("company..name", "no field"),
    ],
)
async def test_projections_that_make_no_sense_are_named(
    acme: Client, fields: str, hint: str
) -> None:
    deal = await acme.create(name="d")
    for call in (
        acme.get(deal, fields=fields),
        acme.query(fields=fields),
        acme.board(fields=fields),
        acme("BatchGetRecords", object="deal", ids=[deal.id], fields=fields),
    ):
        found = await refusal(call)
        assert found.reason == "PROJECTION_INVALID"
        assert hint in found.message


@pytest.mark.parametrize(
    ("request_of", "expected", "hint"),
    [
        ({"where": {"stag": "won"}}, "FILTER_INVALID", "'stage'"),
        ({"where": {"stage": {"eqq": "won"}}}, "FILTER_INVALID", "'eq'"),
        ({"where": {"stage": "wonn"}}, "FILTER_INVALID", "'won'"),
        ({"where": {"stage": {"contains": "w"}}}, "FILTER_INVALID", "contains"),
        ({"where": {"n": None}}, "FILTER_INVALID", "is_empty"),
        ({"where": {"company.nam": "x"}}, "FILTER_INVALID", "'name'"),
        ({"sort": "nme"}, "SORT_INVALID", "'name'"),
        ({"sort": "tags"}, "SORT_INVALID", "no order"),
        ({"sort": "name,name"}, "SORT_INVALID", "already"),
        ({"sort": "n,name,stage,rating,closes,active"}, "SORT_INVALID", "at most 5"),
        ({"count": "exactly"}, "COUNT_INVALID", "exact"),
        ({"page_size": -1}, "PAGE_SIZE_INVALID", "greater than or equal to 0"),
        ({"page_token": "x"}, "PAGE_TOKEN_INVALID", "page_token"),
    ],
)
async def test_queries_that_make_no_sense_are_refused_with_the_nearest_name(
    acme: Client, request_of: dict[str, Any], expected: str, hint: str
) -> None:
    found = await refusal(acme.query(**request_of))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", expected)
    assert hint in found.message


async def test_me_may_be_somebody_whom_no_relation_can_name(acme: Client) -> None:
    await acme.create(name="x")
    assert not (await acme.query(where={"company": "me"})).records
    assert len((await acme.query(where={"company": {"not_in": ["me"]}})).records) == 1


async def test_unknown_objects_and_views_are_not_found(acme: Client) -> None:
    assert await reason(acme.query("nope")) == "NOT_FOUND/OBJECT_NOT_FOUND"
    for view in ("Nope", "Mine"):
        assert await reason(acme.query(view=view)) == "NOT_FOUND/VIEW_NOT_FOUND"
    assert await reason(acme.query("company", view="Won")) == "NOT_FOUND/VIEW_NOT_FOUND"
    assert "'Won'" in (await refusal(acme.query(view="Wo"))).message


async def test_a_view_filters_and_sorts_and_the_request_adds_to_it(
    acme: Client, plane: Plane
) -> None:
    await acme.create_all(
        [{"name": f"{s}{n}", "stage": s, "n": n} for s in ("won", "lost") for n in range(4)]
    )

    async def names(**more: Any) -> list[str]:
        return [fields_of(r)["name"] for r in (await acme.query(**more)).records]

    assert await names(view="Won") == ["won3", "won2", "won1", "won0"]
    assert await names(view="Won", sort="n", where={"n": {"gt": 1}}) == ["won2", "won3"]
    assert await names(view="Won", where={"stage": "lost"}) == []
    somebody = plane.client(acme.workspace_id, principal="somebody else")
    assert len((await somebody.query(view="Mine")).records) == 8


async def test_a_token_is_good_for_its_own_query_alone(
    acme: Client, new_workspace: Callable[[], Client]
) -> None:
    await acme.create_all([{"name": f"n{n}", "n": n, "stage": "won"} for n in range(6)])
    query: dict[str, Any] = {"where": {"n": {"gte": 0}}, "sort": "-n", "page_size": 2}
    token = (await acme.query(**query)).next_page_token
    others: list[dict[str, Any]] = [
        {"sort": "n"},
        {"where": {"n": {"gte": 1}}},
        {"where": None},
        {"view": "Won"},
        {"show_deleted": True},
        {"page_token": token[:-2] + ("AA" if token[-2:] != "AA" else "BB")},
        {"page_token": token[4:]},
        {"page_token": token + "AAAA"},
        {"page_token": "é"},
    ]
    refused = "INVALID_ARGUMENT/PAGE_TOKEN_INVALID"
    for other in others:
        assert await reason(acme.query(**(query | {"page_token": token} | other))) == refused, other
    theirs = new_workspace()
    assert await reason(theirs.query(**query, page_token=token)) == refused
    assert await reason(acme.query("company", page_token=token)) == refused
    board = acme(
        "QueryBoard",
        object="deal",
        group_by="stage",
        has_column=True,
        column="won",
        page_token=token,
    )
    assert await reason(board) == refused
    # The size and the fields of a page may change on the way.
    more = await acme.query(**(query | {"page_size": 3, "fields": "n"}), page_token=token)
    assert [fields_of(r) for r in more.records] == [{"n": 3}, {"n": 2}, {"n": 1}]


async def test_counts_and_plans_come_where_asked_for(acme: Client, plane: Plane) -> None:
    await acme.create_all([{"name": "x", "n": n % 3} for n in range(30)])
    for count in ("exact", "estimated"):
        answer = await acme.query(where={"n": 1}, count=count, page_size=2)
        assert (answer.count, len(answer.records)) == (10, 2)
    assert not (await acme.query()).HasField("count")
    assert not (await acme.query()).plan_json
    plan = json.loads((await acme.query(where={"n": 1}, sort="-n", explain=True)).plan_json)
    assert plan["segments"][0]["strategy"] == "condition"
    member = plane.client(acme.workspace_id, "member")
    assert await reason(member.query(explain=True)) == "PERMISSION_DENIED/PERMISSION_REQUIRED"


async def test_nodes_are_live_records_of_their_kind_that_the_caller_may_touch(
    acme: Client, plane: Plane, new_workspace: Callable[[], Client]
) -> None:
    deal = await acme.create(name="x")
    gone = await acme.create(name="y")
    await acme.delete(gone)
    foreign = await new_workspace().create(name="z")
    nodes = [
        node_pb2.Node(kind="deal", id=deal.id),
        node_pb2.Node(kind="company", id=deal.id),
        node_pb2.Node(kind="note", id=deal.id),
        node_pb2.Node(kind="deal", id=gone.id),
        node_pb2.Node(kind="deal", id=foreign.id),
        node_pb2.Node(kind="deal", id="no uuid"),
    ]
    reader = plane.client(acme.workspace_id, "read_only")
    for client, permission, first in (
        (acme, "read", True),
        (acme, "update", True),
        (reader, "read", True),
        (reader, "update", False),
    ):
        answer = await client("CheckNodes", nodes=nodes, permission=permission)
        assert list(answer.allowed) == [first, False, False, False, False, False]


async def test_records_are_found_by_who_made_and_who_changed_them(
    plane: Plane, acme: Client
) -> None:
    bob = plane.client(acme.workspace_id, principal="bob")
    ours = [await acme.create(name=f"a{n}") for n in range(3)]
    theirs = [await bob.create(name=f"b{n}") for n in range(3)]
    await bob.create("company", name="of another object")
    await bob.update(ours[0], name="changed by bob")
    await bob.delete(theirs[2])

    made = await acme.query(where={"created_by.id": "bob"}, count="exact", explain=True)
    assert {r.id for r in made.records} == {r.id for r in theirs[:2]}
    assert made.count == 2
    (step,) = json.loads(made.plan_json)["segments"]
    assert (step["strategy"], step["field_id"], step["matches"]) == ("condition", "created_by", 2)

    changed = await acme.query(where={"updated_by": {"in": ["bob", "nobody"]}})
    assert {r.id for r in changed.records} == {ours[0].id, *(r.id for r in theirs[:2])}


async def test_pages_go_on_behind_texts_of_any_length(acme: Client) -> None:
    long = ["ß" * 9000 + end for end in "abcd"] + ["😀" * 10_000, "e\u0301" * 5000, "short"]
    await acme.create_all([{"name": t, "level": t, "notes": t} for t in (*long, *long)])
    for sort in ("name", "-name,level", "level:nulls_first,-name", "-level,name,n,code,id"):
        expected = [r.id for r in await acme.every_page(sort=sort, page_size=1000)]
        found: list[str] = []
        token = ""
        while True:
            page = await acme.query(sort=sort, page_size=1, page_token=token)
            found += [r.id for r in page.records]
            token = page.next_page_token
            assert len(token) < 8192
            if not token:
                break
        assert found == expected, sort
    columns = await acme.board("Pipeline", sort="-name", page_size=3)
    token = columns[None].next_page_token
    rest = await acme(
        "QueryBoard", object="deal", view="Pipeline", sort="-name", has_column=True, column="null",
        page_token=token, page_size=200,
    )  # fmt: skip
    both = [*columns[None].records, *rest.columns[0].records]
    assert [r.id for r in both] == [r.id for r in await acme.every_page(sort="-name")]


async def test_a_place_whose_long_text_has_changed_is_gone(acme: Client) -> None:
    made = await acme.create_all([{"name": f"{c}" * 9000} for c in "abc"])
    page = await acme.query(sort="name", page_size=1)
    await acme.update(made[2].record, name="elsewhere")
    again = {"sort": "name", "page_size": 1, "page_token": page.next_page_token}
    assert len((await acme.query(**again)).records) == 1
    await acme.delete(made[0].record)  # its text stands
    assert len((await acme.query(**again)).records) == 1
    await acme("UndeleteRecord", object="deal", id=made[0].record.id)
    await acme.update(made[0].record, name="b" * 9000)
    assert await reason(acme.query(**again)) == "INVALID_ARGUMENT/PAGE_TOKEN_INVALID"
