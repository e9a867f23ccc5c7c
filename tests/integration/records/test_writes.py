"""Writes: what is stored, what is refused and how, and what is announced."""

import asyncio
import itertools
import json
from typing import Any
from uuid import uuid4

import pytest
from armature.records.v1 import record_service_pb2 as pb

from kit import ids
from services.records.logic import numbers
from tests.integration.records.client import Client, as_json, fields_of, outcome, plain
from tests.integration.records.conftest import Plane
from tests.services import reason, refusal

# What is sent, what is read back, a patch, and what is read back after it.
PATCHES: list[tuple[str, Any, Any, Any, Any]] = [
    ("name", "a\r\nb", "a\nb", "c", "c"),
    ("stage", "won", "won", None, None),
    ("tags", ["blue", "red", "blue"], ["red", "blue"], {"$remove": ["red"]}, ["blue"]),
    ("tags", ["red"], ["red"], {"$add": ["blue", "red"]}, ["red", "blue"]),
    (
        "amount",
        {"amount": "12.50", "currency_code": "eur"},
        {"amount_micros": 12_500_000, "currency_code": "EUR"},
        {"currency_code": "USD"},
        {"amount_micros": 12_500_000, "currency_code": "USD"},
    ),
    (
        "amount",
        {"amount_micros": 5, "currency_code": "EUR"},
        {"amount_micros": 5, "currency_code": "EUR"},
        {"amount_micros": None, "currency_code": None},
        None,
    ),
    ("n", 0.1, 0.1, -7, -7),
    ("rate", 3, "3.00", "2.5", "2.50"),
    ("exact", "9" * 38, "9" * 38, None, None),
    ("active", False, False, True, True),
    ("closes", "2026-01-02", "2026-01-02", "0001-01-01", "0001-01-01"),
    ("starts", "2026-01-02T01:00:00+02:00", "2026-01-01T23:00:00Z", None, None),
    (
        "contact",
        "Ada@BÜCHER.example",
        {"primary": "ada@xn--bcher-kva.example", "additional": []},
        {"additional": ["bob@example.com"]},
        {"primary": "ada@xn--bcher-kva.example", "additional": ["bob@example.com"]},
    ),
    (
        "who",
        {"first_name": " Ada ", "last_name": ""},
        {"first_name": "Ada", "last_name": None},
        {"last_name": "L"},
        {"first_name": "Ada", "last_name": "L"},
    ),
    (
        "phones",
        "+4930123456",
        {
            "primary": {"number": "+4930123456", "country_code": "DE", "extension": None},
            "additional": [],
        },
        {"primary": None},
        None,
    ),
    (
        "sites",
        "ACME.com/",
        {"primary": {"url": "https://acme.com", "label": None}, "secondary": []},
        {"primary": {"label": "Acme"}},
        {"primary": {"url": "https://acme.com", "label": "Acme"}, "secondary": []},
    ),
    (
        "place",
        {"city": "Zürich", "country": "ch"},
        {
            "street1": None,
            "street2": None,
            "city": "Zürich",
            "postcode": None,
            "state": None,
            "country": "CH",
            "lat": None,
            "lng": None,
        },
        {"city": None, "country": None},
        None,
    ),
    ("words", ["a", " ", "a"], ["a", "a"], {"$remove": ["a"], "$add": ["b"]}, ["b"]),
    ("meta", {"a": {"b": 1}}, {"a": {"b": 1}}, {"c": 2}, {"c": 2}),
    ("notes", "# Hi", {"markdown": "# Hi"}, {"markdown": None}, None),
    (
        "token",
        "0192F3A15C3E7B5A9D532F0C8F1F6B1E",
        "0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e",
        None,
        None,
    ),
    ("renamed", "x", "x", "y", "y"),
]


@pytest.mark.parametrize(("name", "sent", "stored", "patch", "after"), PATCHES)
async def test_a_value_reads_back_canonical_and_a_patch_merges(
    acme: Client, name: str, sent: Any, stored: Any, patch: Any, after: Any
) -> None:
    made = await acme.create(**{"name": "x", name: sent})
    assert fields_of(made)[name] == stored
    assert fields_of(await acme.get(made)) == fields_of(made)

    changed = await acme.update(made, **{name: patch})
    assert changed.outcome == outcome("UPDATED")
    assert fields_of(changed.record)[name] == after
    read = await acme.get(made)
    assert fields_of(read) == fields_of(changed.record)
    assert plain(read) == plain(changed.record)


async def test_a_new_record_has_its_defaults_and_says_who_made_it_and_when(acme: Client) -> None:
    made = await acme.create(name="x")

    assert fields_of(made)["level"] == "basic"
    assert "gone" not in fields_of(made)
    assert (made.version, made.object) == (1, "deal")
    assert made.create_time == made.update_time
    assert (made.created_by.kind, made.created_by.id, made.created_by.name) == (
        "user",
        "ada",
        "Ada",
    )
    assert made.updated_by == made.created_by
    assert fields_of(await acme.create("person"))["seat"] == "window"
    assert (await acme.create(name="y")).position > made.position


async def test_a_cleared_default_stays_cleared_and_a_required_field_does_not_clear(
    acme: Client,
) -> None:
    assert fields_of(await acme.create(name="x", level=None))["level"] is None
    assert await reason(acme.create(name=None)) == "INVALID_ARGUMENT/FIELDS_INVALID"
    assert await reason(acme.create(name="")) == "INVALID_ARGUMENT/FIELDS_INVALID"
    made = await acme.create(name="x")
    found = await refusal(acme.update(made, name=None))
    assert [(v.path, v.code) for v in found.violations] == [("fields.name", "REQUIRED")]


async def test_an_update_counts_its_version_and_matches_its_etag(acme: Client) -> None:
    made = await acme.create(name="x")
    update = {"object": "deal", "id": made.id, "fields_json": as_json({"n": 1})}

    second = await acme("UpdateRecord", **update, etag='"1"')
    assert second.record.version == 2
    assert second.record.create_time == made.create_time
    assert await reason(acme("UpdateRecord", **update, etag="1")) == "ABORTED/ETAG_MISMATCH"
    gone = acme("DeleteRecord", object="deal", id=made.id, etag="1")
    assert await reason(gone) == "ABORTED/ETAG_MISMATCH"
    assert (await acme("DeleteRecord", object="deal", id=made.id, etag="2")).record.version == 3


async def test_what_changes_nothing_writes_nothing_and_says_so(acme: Client) -> None:
    company = await acme.create("company", name="A", domain="a.com")
    sent: dict[str, Any] = {
        "name": "x",
        "code": "c",
        "amount": {"amount": "1", "currency_code": "EUR"},
        "rate": "1.0",
        "tags": ["red", "blue"],
        "meta": {"a": [1.0]},
        "company": company.id,
        "subject": {"object": "company", "id": company.id},
        "starts": "2026-01-01T00:00:00.50Z",
        "position": 7,
    }
    made = await acme.create(**sent)
    before = await acme.rows("SELECT xmin::text, * FROM records")
    patches: list[dict[str, Any]] = [
        {},
        sent,
        {"rate": 1, "amount": {"currency_code": "eur"}, "meta": {"a": [1]}},
        {"stage": None, "tags": {"$add": ["red"]}},
        {"company": {"match": {"domain": "a.com"}}},
        {"subject": {"object": "company", "match": {"domain": "a.com"}}},
    ]
    for patch in patches:
        answer = await acme.update(made, **patch)
        assert answer.outcome == outcome("UNCHANGED"), patch
        assert plain(answer.record) == plain(made)
    assert await acme.rows("SELECT xmin::text, * FROM records") == before
    assert [e["type"] for e in await acme.events(made)] == ["record.created"]


async def test_every_problem_is_reported_at_once_with_its_path(acme: Client) -> None:
    found = await refusal(
        acme.create(
            stage="wonn",
            amount={"amount_micros": 1.5, "currency_code": "EUR"},
            bogus=1,
            nam="x",
            version=3,
            company=str(uuid4()),
            rate="1.234",
        )
    )
    assert found.reason == "FIELDS_INVALID"
    assert {(v.path, v.code) for v in found.violations} == {
        ("fields.stage", "UNKNOWN_OPTION"),
        ("fields.amount.amount_micros", "NOT_INTEGER"),
        ("fields.bogus", "UNKNOWN_FIELD"),
        ("fields.nam", "UNKNOWN_FIELD"),
        ("fields.version", "READ_ONLY_FIELD"),
        ("fields.company", "UNKNOWN_RECORD"),
        ("fields.rate", "TOO_MANY_DECIMALS"),
        ("fields.name", "REQUIRED"),
    }
    unknown = next(v for v in found.violations if v.path == "fields.nam")
    assert "'name'" in unknown.message
    assert await acme.rows("SELECT 1 FROM records") == []


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"{", b"5", b"null", b'{"name": "\\ud800"}'])
async def test_fields_that_are_no_object_are_refused(acme: Client, body: bytes) -> None:
    call = acme("CreateRecord", object="deal", fields_json=body)
    assert await reason(call) == "INVALID_ARGUMENT/FIELDS_INVALID"


async def test_a_client_may_choose_the_id_once_in_the_workspace(acme: Client, plane: Plane) -> None:
    chosen = str(ids.new_id())
    body = {"id": chosen, "fields_json": as_json({"name": "x"})}
    made = await acme("CreateRecord", object="deal", **body)
    assert made.record.id == chosen

    assert await reason(acme("CreateRecord", object="deal", **body)) == (
        "ALREADY_EXISTS/RECORD_EXISTS"
    )
    other = acme("CreateRecord", object="company", **body)
    assert await reason(other) == "ALREADY_EXISTS/RECORD_EXISTS"
    await acme.delete(made.record)
    assert await reason(acme("CreateRecord", object="deal", **body)) == (
        "ALREADY_EXISTS/RECORD_EXISTS"
    )
    theirs = await plane.client(uuid4())("CreateRecord", object="deal", **body)
    assert theirs.record.id == chosen
    bad = await refusal(
        acme("CreateRecord", object="deal", id="x", fields_json=body["fields_json"])
    )
    assert (bad.code, [v.path for v in bad.violations]) == ("INVALID_ARGUMENT", ["id"])


async def test_targets_that_cannot_be_answer_alike(acme: Client, plane: Plane) -> None:
    deleted = await acme.create("company", name="gone")
    await acme.delete(deleted)
    other_object = await acme.create("person", name="p")
    foreign = await plane.client(uuid4()).create("company", name="theirs")

    found = [
        await refusal(acme.create(name="x", company=target))
        for target in (str(uuid4()), deleted.id, other_object.id, foreign.id)
    ]
    assert len({str(error.violations) for error in found}) == 1
    assert found[0].violations[0].path == "fields.company"
    assert found[0].violations[0].code == "UNKNOWN_RECORD"
    morph = await refusal(
        acme.create(name="x", subject={"object": "company", "id": other_object.id})
    )
    assert [v.code for v in morph.violations] == ["UNKNOWN_RECORD"]


async def test_a_relation_may_name_its_target_by_a_unique_value(acme: Client) -> None:
    company = await acme.create("company", name="A", domain="a.com")
    person = await acme.create("person", name="P", email="p@example.com")

    made = await acme.create(
        name="x",
        company={"match": {"domain": "a.com"}},
        subject={"object": "person", "match": {"email": "P@EXAMPLE.com"}},
    )
    assert fields_of(made)["company"] == company.id
    assert fields_of(made)["subject"] == {"object": "person", "id": person.id}
    assert fields_of(await acme.get(made)) == fields_of(made)
    created = (await acme.events(made))[0]
    assert created["after"]["company"] == company.id


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"domain": "b.com"}, ("fields.company", "UNKNOWN_RECORD")),
        ({"domain": ""}, ("fields.company.match.domain", "REQUIRED")),
        ({"domain": 5}, ("fields.company.match.domain", "WRONG_TYPE")),
        ({"name": "A"}, ("fields.company.match", "MATCH_INVALID")),
        ({"nope": "A"}, ("fields.company.match", "MATCH_INVALID")),
    ],
)
async def test_a_match_that_finds_nothing_or_makes_no_sense_is_one_problem(
    acme: Client, match: dict[str, Any], expected: tuple[str, str]
) -> None:
    await acme.create("company", name="A", domain="a.com")
    found = await refusal(acme.create(name="x", company={"match": match}))
    assert found.reason == "FIELDS_INVALID"
    assert [(v.path, v.code) for v in found.violations] == [expected]


async def test_a_deleted_record_leaves_every_read_and_comes_back_whole(acme: Client) -> None:
    made = await acme.create(name="x", stage="won", n=5, contact="a@example.com", active=True)
    gone = await acme.delete(made)

    assert gone.HasField("delete_time")
    assert gone.version == 2
    assert await reason(acme.get(made)) == "NOT_FOUND/RECORD_NOT_FOUND"
    assert await reason(acme.update(made, n=1)) == "NOT_FOUND/RECORD_NOT_FOUND"
    assert await reason(acme.delete(made)) == "NOT_FOUND/RECORD_NOT_FOUND"
    for conditions in (None, {"stage": "won"}, {"n": 5}, {"contact.primary": "a@example.com"}):
        assert not (await acme.query(where=conditions)).records
    assert plain(await acme.get(made, show_deleted=True)) == plain(gone)
    assert [r.id for r in (await acme.query(show_deleted=True)).records] == [made.id]
    for table in ("text", "number", "timestamp", "date", "ref", "unique"):
        assert await acme.rows(f"SELECT 1 FROM value_{table}") == []

    back = (await acme("UndeleteRecord", object="deal", id=made.id)).record
    assert (back.version, back.HasField("delete_time")) == (3, False)
    assert plain(await acme.get(made)) == plain(back)
    for conditions in (None, {"stage": "won"}, {"n": 5}, {"contact.primary": "a@example.com"}):
        assert [r.id for r in (await acme.query(where=conditions)).records] == [made.id]
    again = (await acme("UndeleteRecord", object="deal", id=made.id)).record
    assert plain(again) == plain(back)
    assert [e["type"] for e in await acme.events(made)] == [
        "record.created",
        "record.deleted",
        "record.undeleted",
    ]


async def test_only_a_deleted_record_can_be_purged_and_only_by_an_admin(
    acme: Client, plane: Plane
) -> None:
    made = await acme.create(name="x", code="c")
    purge = {"object": "deal", "id": made.id}

    assert await reason(acme("PurgeRecord", **purge)) == "FAILED_PRECONDITION/NOT_DELETED"
    await acme.delete(made)
    member = plane.client(acme.workspace_id, "member")
    assert await reason(member("PurgeRecord", **purge)) == "PERMISSION_DENIED/PERMISSION_REQUIRED"
    await acme("PurgeRecord", **purge)
    assert await reason(acme("PurgeRecord", **purge)) == "NOT_FOUND/RECORD_NOT_FOUND"
    assert await reason(acme("UndeleteRecord", **purge)) == "NOT_FOUND/RECORD_NOT_FOUND"
    assert await reason(acme.get(made, show_deleted=True)) == "NOT_FOUND/RECORD_NOT_FOUND"
    for table in ("records", "value_freed", "value_unique", "value_text"):
        assert await acme.rows(f"SELECT 1 FROM {table}") == []


async def test_each_change_is_announced_as_promised(acme: Client) -> None:
    made = await acme.create(name="x", n=1, renamed="r")
    await acme.update(made, n=2, stage="won", renamed=None)
    await acme.delete(made)
    await acme("UndeleteRecord", object="deal", id=made.id)
    await acme.delete(made)
    await acme("PurgeRecord", object="deal", id=made.id)

    events = await acme.events(made)
    assert [(e["type"], e["at"], e["version"]) for e in events] == [
        ("record.created", 1, 1),
        ("record.updated", 2, 2),
        ("record.deleted", 3, 3),
        ("record.undeleted", 4, 4),
        ("record.deleted", 5, 5),
        ("record.purged", 6, 6),
    ]
    created, updated, deleted, undeleted, _, purged = events
    first = {"name": "x", "n": 1, "level": "basic", "renamed": "r"}
    last = {"name": "x", "n": 2, "level": "basic", "stage": "won"}
    for event in events:
        assert event["record_id"] == made.id
        assert event["object"] == "deal"
        assert event["metadata_version"] == 3
    assert set(created["changed_fields"]) == set(first)
    assert (created["before"], created["after"]) == ({}, first)
    assert created["fields"] == fields_of(made)
    assert set(updated["changed_fields"]) == {"n", "stage", "renamed"}
    assert updated["before"] == {"n": 1, "stage": None, "renamed": "r"}
    assert updated["after"] == {"n": 2, "stage": "won", "renamed": None}
    assert updated["fields"] == fields_of(made) | updated["after"]
    assert set(deleted["changed_fields"]) == set(last)
    assert (deleted["before"], deleted["after"]) == (last, {})
    assert (undeleted["before"], undeleted["after"]) == ({}, last)
    assert (purged["before"], purged["after"]) == (last, {})
    assert "fields" not in purged
    actors = await acme.rows("SELECT DISTINCT actor FROM outbox")
    assert [json.loads(a["actor"]) for a in actors] == [
        {"kind": "user", "id": "ada", "name": "Ada"}
    ]


async def test_members_write_and_readers_only_read(acme: Client, plane: Plane) -> None:
    made = await plane.client(acme.workspace_id, "member").create(name="x")
    reader = plane.client(acme.workspace_id, "read_only")

    assert (await reader.get(made)).id == made.id
    denied = "PERMISSION_DENIED/PERMISSION_REQUIRED"
    item = pb.BatchItem(fields_json=b"{}")
    refused: list[tuple[str, dict[str, Any]]] = [
        ("CreateRecord", {}),
        ("UpdateRecord", {"id": made.id}),
        ("UpsertRecord", {"match": ["code"]}),
        ("DeleteRecord", {"id": made.id}),
        ("UndeleteRecord", {"id": made.id}),
        ("PurgeRecord", {"id": made.id}),
        ("BatchCreateRecords", {"items": [item]}),
        ("BatchUpdateRecords", {"items": [item]}),
        ("BatchUpsertRecords", {"items": [item]}),
        ("BatchDeleteRecords", {"ids": [made.id]}),
        ("BatchUndeleteRecords", {"ids": [made.id]}),
    ]
    for method, request in refused:
        assert await reason(reader(method, object="deal", **request)) == denied, method
    assert await reason(reader.query(explain=True)) == denied


async def test_positions_order_by_hand_and_new_records_come_last(acme: Client) -> None:
    first, second, third = [await acme.create(name=n) for n in "abc"]
    await acme.update(third, position="first")
    await acme.update(first, position="last")
    await acme.create(name="d")

    names = [fields_of(r)["name"] for r in await acme.every_page(sort="position")]
    assert names == ["c", "b", "a", "d"]
    moved = await acme.update(second, position=12.5)
    assert moved.record.position == 12.5
    assert (await acme.events(second))[-1]["changed_fields"] == []


async def test_writers_of_one_record_take_turns(acme: Client) -> None:
    made = await acme.create(name="x", meta={})
    await asyncio.gather(*(acme.update(made, n=k) for k in range(1, 13)))

    read = await acme.get(made)
    events = await acme.events(made)
    assert read.version == 13
    assert [e["at"] for e in events] == list(range(1, 14))
    for earlier, later in itertools.pairwise(events[1:]):
        assert later["before"] == earlier["after"]
    rows = await acme.rows("SELECT value FROM value_number")
    assert [row["value"] for row in rows] == [numbers.encode(fields_of(read)["n"])]


async def test_deleted_records_sort_by_who_deleted_them(acme: Client, plane: Plane) -> None:
    made = [await acme.create(name=n) for n in "abc"]
    for record, one, other in zip(
        made, ("Zoë", "Émile", "Zoë"), ("bo", "ärger", "Ôlaf"), strict=True
    ):
        await plane.client(acme.workspace_id, principal=one).update(record, n=1)
        await plane.client(acme.workspace_id, principal=other).delete(record)

    found = await acme.every_page(sort="-updated_by", show_deleted=True)
    assert [r.updated_by.name for r in found] == ["Ôlaf", "Bo", "Ärger"]
