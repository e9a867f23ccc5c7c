"""Each row of an import becomes what its own write would make of it, once; and back again."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.integration.records.client import Client, fields_of
from tests.integration.records.conftest import Plane
from tests.integration.records.tabular import Desk, counts_of, desk, state_of
from tests.services import reason, refusal, until


@pytest.fixture(scope="module")
async def office(plane: Plane) -> AsyncIterator[Desk]:
    async with desk(plane) as opened:
        yield opened


async def names(who: Client) -> list[str]:
    return [fields_of(r)["name"] for r in await who.every_page(sort="name", page_size=1000)]


async def test_refused_rows_are_listed_and_the_others_written(acme: Client, office: Desk) -> None:
    await acme.create(name="there", code="taken")
    document = (
        "\ufeffname;Amount;cur;code;note\r\n"
        "one;1000000;EUR;a;x\r\n"
        ";1;EUR;b;no name\r\n"
        '"two\nlines";many;EUR;c;\r\n'
        "three;;;taken;not unique\r\n"
        "\r\n"
        "four;5;XXX;a;twice wrong\r\n"
        "five;;;;;too many\r\n"
        "six;-1.5;USD;a;a is taken by the first\r\n"
        "seven;;;;"
    )
    mapping = {"Amount": "amount.amount_micros", "cur": "amount.currency_code", "note": ""}
    found = await office.done(acme, document, mapping=mapping, piece=7)
    assert state_of(found) == "SUCCEEDED"
    assert counts_of(found) == {"rows": 8, "processed": 8, "created": 2, "failed": 6}
    assert await names(acme) == ["one", "seven", "there"]
    assert await office.errors(acme, found) == [
        (3, "name", "REQUIRED"),
        (4, "Amount", "WRONG_TYPE"),
        (6, "code", "NOT_UNIQUE"),
        (8, "cur", "UNKNOWN_CURRENCY"),
        (9, "", "TOO_MANY_CELLS"),
        (10, "Amount", "NOT_INTEGER"),
    ]


async def test_rows_are_written_with_events_in_the_name_of_the_import(
    acme: Client, office: Desk
) -> None:
    found = await office.done(
        acme,
        '{"name": "a", "n": 5}\n{"fields": {"name": "b"}}\n',
        form="ndjson",
        mapping={"n": "whole"},
    )
    assert counts_of(found) == {"rows": 2, "processed": 2, "created": 2}
    records = (await acme.query(sort="name")).records
    assert fields_of(records[0])["whole"] == 5
    who = records[0].created_by
    assert (who.kind, who.id, who.name) == ("import", found.id, "Ada")
    events = await acme.events()
    assert [(e["type"], e["after"]["name"]) for e in events] == [
        ("record.created", "a"),
        ("record.created", "b"),
    ]


async def test_an_upsert_goes_in_the_order_of_its_rows(acme: Client, office: Desk) -> None:
    kept = await acme.create(name="old", code="k", n=1)
    rows = ["code,name,n", "k,first,2", "new,made,3", "k,second,", ",none,4", "new,made,3"]
    found = await office.done(acme, "\n".join(rows), match=["code"])
    assert counts_of(found) == {
        "rows": 5,
        "processed": 5,
        "created": 1,
        "updated": 2,
        "unchanged": 1,
        "failed": 1,
    }
    assert await office.errors(acme, found) == [(5, "code", "REQUIRED")]
    now = fields_of(await acme.get(kept))
    assert (now["name"], now["n"]) == ("second", 2)  # an empty cell leaves what is there

    cleared = await office.done(acme, "code,n\nk,\nzz,1", match=["code"], mode=3, clear_empty=True)
    assert counts_of(cleared) == {"rows": 2, "processed": 2, "updated": 1, "failed": 1}
    assert await office.errors(acme, cleared) == [(3, "code", "NOT_FOUND")]
    assert fields_of(await acme.get(kept))["n"] is None

    by_id = await office.done(acme, f"id,n\n{kept.id},9\nx,1", match=["id"], mode=3)
    assert counts_of(by_id) == {"rows": 2, "processed": 2, "updated": 1, "failed": 1}
    assert fields_of(await acme.get(kept))["n"] == 9


async def test_an_undo_takes_back_what_nobody_changed_since(acme: Client, office: Desk) -> None:
    kept = await acme.create(
        name="kept", code="k", amount={"amount_micros": 5, "currency_code": "EUR"}
    )
    other = await acme.create(name="other", code="o", n=1)
    gone = await acme.create(name="gone", code="g", n=1)
    await acme.delete(gone)
    rows = ["code,name,n,amount.amount_micros", "k,one,2,7", "o,two,2,", "a,three,3,", "b,four,4,"]
    rows += ["g,five,5,", "k,six,6,8", "a,seven,7,"]
    found = await office.done(acme, "\n".join(rows), match=["code"])
    assert counts_of(found)["created"] == 2
    assert counts_of(found)["restored"] == 1
    await acme.update(other, n=100)
    made = {fields_of(r)["code"]: r for r in (await acme.query()).records}
    await acme.update(made["b"], name="mine now")

    undone = await office.undo(acme, found)
    assert state_of(undone) == "UNDONE"
    assert (undone.undone, undone.undo_skipped) == (5, 2)
    assert await office.errors(acme, found) == [(3, "", "CHANGED"), (5, "", "CHANGED")]
    left = {fields_of(r)["code"]: fields_of(r) for r in (await acme.query()).records}
    assert {code: one["name"] for code, one in left.items()} == {
        "k": "kept",
        "o": "two",
        "b": "mine now",
    }
    assert left["k"]["amount"] == {"amount_micros": 5, "currency_code": "EUR"}
    assert left["k"]["n"] is None
    assert fields_of(await acme.get(gone, show_deleted=True))["name"] == "gone"
    again = office.undo(acme, found)
    assert await reason(again) == "FAILED_PRECONDITION/IMPORT_STATE_INVALID"
    assert kept.id


async def test_a_dry_run_counts_and_writes_nothing(acme: Client, office: Desk) -> None:
    found = await office.done(acme, "name,n\na,1\nb,x\nc,3", dry_run=True)
    assert counts_of(found) == {"rows": 3, "processed": 3, "created": 2, "failed": 1}
    assert await office.errors(acme, found) == [(3, "n", "WRONG_TYPE")]
    assert await names(acme) == []
    assert await acme.events() == []
    assert await reason(office.undo(acme, found)) == "FAILED_PRECONDITION/IMPORT_STATE_INVALID"


async def test_columns_are_judged_before_anything_is_written(acme: Client, office: Desk) -> None:
    error = await refusal(office.begin(acme, "nmae,n,n\na,1,2", mapping={"away": "n"}))
    assert error.reason == "IMPORT_COLUMNS_INVALID"
    assert [(v.path, v.code) for v in error.violations] == [
        ("columns.nmae", "UNKNOWN_FIELD"),
        ("columns.n", "DUPLICATE"),
        ("mapping.away", "UNKNOWN_COLUMN"),
    ]
    found = await office.done(acme, "name,extra\na,1", ignore_unknown=True)
    assert counts_of(found) == {"rows": 1, "processed": 1, "created": 1}
    assert await reason(office.begin(acme, "name", match=["n"])) == "INVALID_ARGUMENT/MATCH_INVALID"
    made = office.begin(acme, "name", match=["code"], mode=1)
    assert await reason(made) == "INVALID_ARGUMENT/IMPORT_INVALID"


async def test_an_upload_goes_on_where_it_stopped(acme: Client, office: Desk) -> None:
    made = getattr(await office.call(acme, "CreateImport", object="deal"), "import")
    first = {"id": made.id, "offset": 0, "data": b"name\none\ntw"}
    for _ in range(2):  # a repeat changes nothing
        sent = getattr(await office.call(acme, "UploadImport", **first), "import")
        assert (sent.received_bytes, sent.rows) == (11, 0)
    error = await refusal(office.call(acme, "UploadImport", id=made.id, offset=12, data=b"x"))
    assert (error.code, error.reason) == ("ABORTED", "IMPORT_OFFSET_MISMATCH")
    assert error.metadata["received_bytes"] == "11"
    last = {"id": made.id, "offset": 9, "data": b"two\nthree", "last": True}
    await office.call(acme, "UploadImport", **last)
    await office.call(acme, "UploadImport", **last)
    await office.ended(acme, made)
    assert await names(acme) == ["one", "three", "two"]


async def test_a_cancelled_import_writes_no_more(acme: Client, office: Desk) -> None:
    made = getattr(await office.call(acme, "CreateImport", object="deal"), "import")
    await office.call(acme, "UploadImport", id=made.id, data=b"name\na\n")
    answer = await office.call(acme, "CancelImport", id=made.id)
    assert state_of(getattr(answer, "import")) == "CANCELLED"
    again = office.call(acme, "UploadImport", id=made.id, offset=7, data=b"b\n", last=True)
    assert await reason(again) == "FAILED_PRECONDITION/IMPORT_STATE_INVALID"
    twice = office.call(acme, "CancelImport", id=made.id)
    assert await reason(twice) == "FAILED_PRECONDITION/IMPORT_STATE_INVALID"
    assert await names(acme) == []


async def test_what_is_cancelled_under_way_stops_between_blocks(acme: Client, office: Desk) -> None:
    document = "\n".join(["name", *(f"d{n}" for n in range(4000))])
    begun = await office.begin(acme, document)

    async def under_way() -> bool:
        seen = getattr(await office.call(acme, "GetImport", id=begun.id), "import")
        return bool(seen.processed)

    await until(under_way, every=0.005)
    await office.call(acme, "CancelImport", id=begun.id)
    found = await office.ended(acme, begun)
    assert state_of(found) == "CANCELLED"
    assert found.processed == found.created < 4000
    assert len(await names(acme)) == found.created
    undone = await office.undo(acme, found)
    assert (undone.undone, await names(acme)) == (found.created, [])


async def test_an_import_without_a_creator_fails_and_says_so(
    acme: Client, office: Desk, plane: Plane
) -> None:
    leaver = plane.client(acme.workspace_id, "admin", "leaver")
    found = await office.done(leaver, "name\na")
    assert (state_of(found), found.failure.partition(":")[0]) == ("FAILED", "CREDENTIALS_INVALID")
    assert await names(acme) == []


async def test_imports_are_their_creators(acme: Client, office: Desk, plane: Plane) -> None:
    bob = plane.client(acme.workspace_id, "member", "bob")
    eve = plane.client(acme.workspace_id, "member", "eve")
    reader = plane.client(acme.workspace_id, "read_only", "rea")
    found = await office.done(bob, "name\nbobs")
    assert [i.id for i in (await office.call(acme, "ListImports")).imports] == [found.id]
    assert list((await office.call(eve, "ListImports")).imports) == []
    hidden = office.call(eve, "GetImport", id=found.id)
    assert await reason(hidden) == "NOT_FOUND/IMPORT_NOT_FOUND"
    denied = office.begin(reader, "name\nx")
    assert await reason(denied) == "PERMISSION_DENIED/PERMISSION_REQUIRED"
    stranger = plane.client(uuid4())
    hidden = office.call(stranger, "GetImport", id=found.id)
    assert await reason(hidden) == "NOT_FOUND/IMPORT_NOT_FOUND"


async def test_nothing_of_an_import_shows_in_another_workspace(
    acme: Client, office: Desk, plane: Plane
) -> None:
    await office.done(acme, "name,n\na,1\nb,x")
    other = plane.client(uuid4())
    for table in ("imports", "import_jobs", "import_blocks", "import_errors"):
        assert await acme.rows(f"SELECT 1 FROM {table}"), table
        assert await other.rows(f"SELECT 1 FROM {table}") == [], table
        async with plane.worker_db.across_workspaces() as tx:
            assert bool(await tx.all(f"SELECT 1 FROM {table}")) == (table == "import_jobs")


async def test_rows_that_are_not_what_they_say(acme: Client, office: Desk) -> None:
    lines = [b'{"name": "a"}', b"[1]", b'{"name": ', b'{"name": "\xff"}', b'{"name": "b", "x": 1}']
    found = await office.done(acme, b"\n".join(lines), form="ndjson")
    assert await office.errors(acme, found) == [
        (2, "", "WRONG_TYPE"),
        (3, "", "MALFORMED_JSON"),
        (4, "", "INVALID_UNICODE"),
        (5, "x", "UNKNOWN_FIELD"),
    ]
    assert await names(acme) == ["a"]
    empty = await office.done(acme, "")
    assert (state_of(empty), counts_of(empty)) == ("SUCCEEDED", {})


async def test_relations_are_found_by_unique_fields(acme: Client, office: Desk) -> None:
    company = await acme.create("company", name="Acme", domain="acme.com")
    found = await office.done(acme, "name,company.domain\na,acme.com\nb,nobody.com")
    assert await office.errors(acme, found) == [(3, "company.domain", "UNKNOWN_RECORD")]
    assert [fields_of(r)["company"] for r in (await acme.query()).records] == [company.id]


async def test_many_blocks_side_by_side(acme: Client, office: Desk) -> None:
    count = 2200
    document = "\n".join(json.dumps({"name": f"d{n:05}", "stage": "new"}) for n in range(count))
    found, other = await asyncio.gather(
        office.done(acme, document, form="ndjson"), office.done(acme, "name\nzz")
    )
    assert counts_of(found) == {"rows": count, "processed": count, "created": count}
    assert counts_of(other)["created"] == 1
    assert len(await acme.events()) == count + 1
    undone = await office.undo(acme, found)
    assert undone.undone == count
    assert await names(acme) == ["zz"]
