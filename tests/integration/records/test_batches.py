"""Batches: all or nothing by default, item by item on request, always in the order asked."""

from typing import Any
from uuid import uuid4

import pytest
from armature.records.v1 import record_service_pb2 as pb

from kit import ids
from tests.integration.records.client import PARTIAL, Client, as_json, fields_of, outcome, plain
from tests.services import reason, refusal


def item(fields: Any = None, **more: Any) -> pb.BatchItem:
    return pb.BatchItem(fields_json=as_json(fields if fields is not None else {}), **more)


async def test_a_batch_answers_in_the_order_asked(acme: Client) -> None:
    made = await acme.create_all([{"name": f"n{k}", "n": k} for k in range(50)])
    assert [fields_of(r.record)["n"] for r in made] == list(range(50))
    assert {r.outcome for r in made} == {outcome("CREATED")}
    positions = [r.record.position for r in made]
    assert positions == sorted(set(positions))
    listed = await acme.every_page(page_size=7)  # by id, which is creation order
    assert [fields_of(r)["n"] for r in listed] == list(range(50))

    backwards = list(reversed(made))
    updates = [item({"n": k}, id=r.record.id) for k, r in enumerate(backwards)]
    updated = (await acme("BatchUpdateRecords", object="deal", items=updates)).results
    assert [r.record.id for r in updated] == [r.record.id for r in backwards]
    assert [fields_of(r.record)["n"] for r in updated] == list(range(50))
    read = await acme("BatchGetRecords", object="deal", ids=[r.record.id for r in backwards])
    assert [fields_of(r.record)["n"] for r in read.results] == list(range(50))
    asked = [r.record.id for r in backwards]
    gone = (await acme("BatchDeleteRecords", object="deal", ids=asked)).results
    assert [r.record.id for r in gone] == asked
    assert {r.outcome for r in gone} == {outcome("DELETED")}
    events = await acme.events(*(r.record for r in made))
    assert len(events) == 150
    for record_id in asked:
        versions = [e["version"] for e in events if e["record_id"] == record_id]
        assert versions == [1, 2, 3]


async def test_an_atomic_batch_names_every_problem_by_item_and_writes_nothing(
    acme: Client,
) -> None:
    items = [item({"name": f"n{k}", "n": k}) for k in range(6)]
    items[1] = pb.BatchItem(fields_json=b'{"name": "\\ud800"}')
    items[3] = item({"name": "x", "amount": {"amount": "x", "currency_code": "EUR"}, "bogus": 1})
    items[4] = item({"name": "x", "company": str(uuid4())})
    items[5] = item({"name": "x"}, id="no uuid")

    found = await refusal(acme("BatchCreateRecords", object="deal", items=items))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "FIELDS_INVALID")
    assert {(v.path, v.code) for v in found.violations} == {
        ("items.1.fields.name", "INVALID_UNICODE"),
        ("items.3.fields.amount.amount", "PATTERN_MISMATCH"),
        ("items.3.fields.bogus", "UNKNOWN_FIELD"),
        ("items.4.fields.company", "UNKNOWN_RECORD"),
        ("items.5.id", "INVALID_UUID"),
    }
    assert await acme.rows("SELECT 1 FROM records") == []
    assert await acme.rows("SELECT 1 FROM outbox") == []


BAD: list[tuple[dict[str, Any], str]] = [
    ({"fields_json": as_json({"name": ""})}, "FIELDS_INVALID"),
    ({"fields_json": as_json({"name": "x", "code": "taken"})}, "VALUE_NOT_UNIQUE"),
    ({"fields_json": as_json({"name": "x", "company": str(uuid4())})}, "FIELDS_INVALID"),
    ({"fields_json": b"{"}, "FIELDS_INVALID"),
    ({"fields_json": as_json({"name": "x"}), "id": "no uuid"}, "FIELDS_INVALID"),
    ({"fields_json": as_json({"name": "x"}), "id": "taken"}, "RECORD_EXISTS"),
]


@pytest.mark.parametrize(("bad", "expected"), BAD)
async def test_one_bad_item_of_fifty_fails_alone_in_partial_mode(
    acme: Client, bad: dict[str, Any], expected: str
) -> None:
    taken = await acme.create(name="t", code="taken")
    if bad.get("id") == "taken":
        bad = bad | {"id": taken.id}
    items = [item({"name": f"n{k}", "n": k, "stage": "new"}) for k in range(50)]
    items[7] = pb.BatchItem(**bad)
    before = len(await acme.events())

    answer = await acme("BatchCreateRecords", object="deal", items=items, mode=PARTIAL)
    assert len(answer.results) == 50
    for k, result in enumerate(answer.results):
        if k == 7:
            assert result.error.reason == expected
            assert not result.HasField("record")
            assert all(p.path.startswith(("items.7.", "n")) for p in result.error.problems)
        else:
            assert fields_of(result.record)["n"] == k
    assert len(await acme.events()) == before + 49
    assert len((await acme.query(where={"stage": "new"}, page_size=100)).records) == 49
    assert (await acme.board())["new"].count == 49


async def test_partial_updates_upserts_and_deletes_fail_item_by_item(acme: Client) -> None:
    made = [r.record for r in await acme.create_all([{"name": c, "code": c} for c in "abcd"])]
    unknown = str(ids.new_id())
    updates = [
        item({"n": 1}, id=made[0].id),
        item({"n": 1}, id=unknown),
        item({"n": 1}, id=made[1].id, etag="7"),
        item({"n": "x"}, id=made[2].id),
        item({"code": "a"}, id=made[3].id),
        item({"n": 2}, id=made[3].id),
    ]
    answer = await acme("BatchUpdateRecords", object="deal", items=updates, mode=PARTIAL)
    assert [r.error.reason for r in answer.results] == [
        "",
        "RECORD_NOT_FOUND",
        "ETAG_MISMATCH",
        "FIELDS_INVALID",
        "VALUE_NOT_UNIQUE",
        "",
    ]
    upserts = [item({"code": "a", "n": 9}), item({"n": 9}), item({"code": "e", "name": "e"})]
    answer = await acme(
        "BatchUpsertRecords", object="deal", match=["code"], items=upserts, mode=PARTIAL
    )
    assert [r.error.reason for r in answer.results] == ["", "FIELDS_INVALID", ""]
    assert [r.outcome for r in answer.results] == [outcome("UPDATED"), 0, outcome("CREATED")]
    asked = [made[0].id, unknown, "no uuid", made[1].id]
    answer = await acme("BatchDeleteRecords", object="deal", ids=asked, mode=PARTIAL)
    assert [r.error.reason for r in answer.results] == [
        "",
        "RECORD_NOT_FOUND",
        "RECORD_NOT_FOUND",
        "",
    ]


async def test_an_atomic_batch_with_one_missing_record_changes_none(acme: Client) -> None:
    made = await acme.create(name="x")
    unknown = str(ids.new_id())
    updates = [item({"n": 1}, id=made.id), item({"n": 1}, id=unknown)]

    call = acme("BatchUpdateRecords", object="deal", items=updates)
    assert await reason(call) == "NOT_FOUND/RECORD_NOT_FOUND"
    deletes = acme("BatchDeleteRecords", object="deal", ids=[made.id, unknown])
    assert await reason(deletes) == "NOT_FOUND/RECORD_NOT_FOUND"
    assert (await acme.get(made)).version == 1


async def test_a_batch_has_at_most_a_thousand_items_and_may_be_empty(acme: Client) -> None:
    full = await acme.create_all([{"name": "x"}] * 1000)
    assert len({r.record.id for r in full}) == 1000
    every = [r.record.id for r in full] + [str(ids.new_id())]
    many = [item({"name": "x"}) for _ in range(1001)]
    too_many: list[tuple[str, dict[str, Any]]] = [
        ("BatchCreateRecords", {"items": many}),
        ("BatchUpdateRecords", {"items": many}),
        ("BatchUpsertRecords", {"items": many, "match": ["code"]}),
        ("BatchDeleteRecords", {"ids": every}),
        ("BatchUndeleteRecords", {"ids": every}),
        ("BatchGetRecords", {"ids": every}),
    ]
    for method, request in too_many:
        call = acme(method, object="deal", **request)
        assert await reason(call) == "RESOURCE_EXHAUSTED/BATCH_TOO_LARGE", method
        empty = await acme(
            method, object="deal", **({"match": ["code"]} if "match" in request else {})
        )
        assert not empty.results, method


async def test_a_batch_names_each_record_once(acme: Client) -> None:
    chosen = str(ids.new_id())
    twice = [item({"name": "x"}, id=chosen), item({"name": "y"}, id=chosen)]
    found = await refusal(acme("BatchCreateRecords", object="deal", items=twice))
    assert [(v.path, v.code) for v in found.violations] == [("items.1.id", "DUPLICATE")]

    answer = await acme("BatchCreateRecords", object="deal", items=twice, mode=PARTIAL)
    assert [r.error.reason for r in answer.results] == ["", "RECORD_EXISTS"]
    patches = [item({"n": 1}, id=chosen), item({"n": 2}, id=chosen)]
    found = await refusal(acme("BatchUpdateRecords", object="deal", items=patches))
    assert [(v.path, v.code) for v in found.violations] == [("items.1.id", "DUPLICATE")]
    same = [item({"code": "a", "name": "x"}), item({"code": "a", "name": "y"})]
    found = await refusal(acme("BatchUpsertRecords", object="deal", match=["code"], items=same))
    assert [(v.path, v.code) for v in found.violations] == [("items.1.fields", "DUPLICATE")]
    unique = [item({"code": "b", "name": "x"}), item({"code": "b", "name": "y"})]
    found = await refusal(acme("BatchCreateRecords", object="deal", items=unique))
    assert [(v.path, v.code) for v in found.violations] == [("items.1.fields.code", "NOT_UNIQUE")]


async def test_two_records_may_swap_their_unique_values_in_one_batch(acme: Client) -> None:
    one, two = [r.record for r in await acme.create_all([{"name": c, "code": c} for c in "ab"])]
    swap = [item({"code": "b"}, id=one.id), item({"code": "a"}, id=two.id)]
    await acme("BatchUpdateRecords", object="deal", items=swap)

    assert fields_of(await acme.get(one))["code"] == "b"
    assert await reason(acme.create(name="x", code="a")) == "ALREADY_EXISTS/VALUE_NOT_UNIQUE"
    await acme.delete(one)
    assert (await acme.create(name="x", code="b")).version == 1


async def test_a_batch_brings_records_back_whole_and_in_the_order_asked(acme: Client) -> None:
    documents = [{"name": f"n{k}", "code": f"c{k}", "stage": "won", "n": k} for k in range(20)]
    made = [r.record for r in await acme.create_all(documents)]
    board = (await acme.board())["won"]
    live, gone = made[:3], made[3:]
    await acme("BatchDeleteRecords", object="deal", ids=[r.id for r in gone])
    asked = [r.id for r in [*reversed(gone), *live]]

    back = (await acme("BatchUndeleteRecords", object="deal", ids=asked)).results
    assert [r.record.id for r in back] == asked
    assert [r.outcome for r in back] == [outcome("RESTORED")] * 17 + [outcome("UNCHANGED")] * 3
    assert [r.record.version for r in back] == [3] * 17 + [1] * 3
    assert not any(r.record.HasField("delete_time") for r in back)
    read = await acme("BatchGetRecords", object="deal", ids=asked)
    assert [plain(r.record) for r in read.results] == [plain(r.record) for r in back]
    for where in ({"stage": "won"}, {"n": {"gte": 0}}, {"code": {"ne": "x"}}):
        assert len((await acme.query(where=where, page_size=100)).records) == 20, where
    won = (await acme.board())["won"]
    assert (won.count, won.values_json) == (board.count, board.values_json)
    assert await reason(acme.create(name="x", code="c5")) == "ALREADY_EXISTS/VALUE_NOT_UNIQUE"
    for record in made:
        types = [e["type"] for e in await acme.events(record)]
        expected = ["record.created", "record.deleted", "record.undeleted"]
        assert types == (expected if record in gone else expected[:1])
    again = (await acme("BatchUndeleteRecords", object="deal", ids=asked)).results
    assert {r.outcome for r in again} == {outcome("UNCHANGED")}


async def test_an_atomic_return_names_every_value_that_is_taken_and_brings_none_back(
    acme: Client,
) -> None:
    documents = [{"name": c, "code": c, "slug": c} for c in "abcd"]
    made = [r.record for r in await acme.create_all(documents)]
    asked = [r.id for r in made]
    await acme("BatchDeleteRecords", object="deal", ids=asked)
    await acme.create(name="x", code="b")
    await acme.create(name="y", code="d", slug="D")
    before = len(await acme.events())

    found = await refusal(acme("BatchUndeleteRecords", object="deal", ids=asked))
    assert (found.code, found.reason) == ("ALREADY_EXISTS", "VALUE_NOT_UNIQUE")
    paths = ["ids.1.code", "ids.3.code", "ids.3.slug"]
    assert sorted((v.path, v.code) for v in found.violations) == [(p, "NOT_UNIQUE") for p in paths]
    unknown = [asked[0], str(ids.new_id())]
    call = acme("BatchUndeleteRecords", object="deal", ids=unknown)
    assert await reason(call) == "NOT_FOUND/RECORD_NOT_FOUND"
    found = await refusal(acme("BatchUndeleteRecords", object="deal", ids=[*asked, asked[0]]))
    assert [(v.path, v.code) for v in found.violations] == [("ids.4", "DUPLICATE")]
    assert len(await acme.events()) == before
    assert len((await acme.query()).records) == 2

    asked = ["no uuid", *asked, unknown[1]]
    answer = await acme("BatchUndeleteRecords", object="deal", ids=asked, mode=PARTIAL)
    assert [r.error.reason for r in answer.results] == [
        "RECORD_NOT_FOUND",
        "",
        "VALUE_NOT_UNIQUE",
        "",
        "VALUE_NOT_UNIQUE",
        "RECORD_NOT_FOUND",
    ]
    assert [p.path for p in answer.results[2].error.problems] == ["ids.2.code"]
    assert len(await acme.events()) == before + 2


async def test_of_two_deleted_records_with_one_value_a_batch_brings_back_neither(
    acme: Client,
) -> None:
    twins = []
    for _ in range(2):
        twins.append(await acme.create(name="x", code="same"))
        await acme.delete(twins[-1])
    asked = [r.id for r in twins]

    found = await refusal(acme("BatchUndeleteRecords", object="deal", ids=asked))
    assert [(v.path, v.code) for v in found.violations] == [("ids.1.code", "NOT_UNIQUE")]
    assert not (await acme.query()).records
    answer = await acme("BatchUndeleteRecords", object="deal", ids=asked, mode=PARTIAL)
    assert [r.error.reason for r in answer.results] == ["", "VALUE_NOT_UNIQUE"]


async def test_missing_records_of_a_batch_get_answer_in_their_place(acme: Client) -> None:
    made = await acme.create(name="x")
    gone = await acme.create(name="y")
    await acme.delete(gone)
    asked = ["no uuid", made.id, str(uuid4()), made.id, gone.id]

    answer = await acme("BatchGetRecords", object="deal", ids=asked)
    assert [r.error.reason for r in answer.results] == [
        "RECORD_NOT_FOUND",
        "",
        "RECORD_NOT_FOUND",
        "",
        "RECORD_NOT_FOUND",
    ]
    answer = await acme("BatchGetRecords", object="deal", ids=asked, show_deleted=True)
    assert answer.results[4].record.HasField("delete_time")
    nil = "00000000-0000-0000-0000-000000000000"
    await acme("CreateRecord", object="deal", id=nil, fields_json=as_json({"name": "nil"}))
    answer = await acme("BatchGetRecords", object="deal", ids=[nil, "no uuid"])
    assert [r.error.reason for r in answer.results] == ["", "RECORD_NOT_FOUND"]
