"""Unique values and upserts: one live holder of a value, whoever races for it."""

import asyncio
from typing import Any

from kit.errors import AlreadyExists
from services.records.logic import numbers
from tests.integration.records.client import Client, fields_of, outcome
from tests.services import reason, refusal


async def test_of_twenty_concurrent_creates_of_one_value_exactly_one_wins(acme: Client) -> None:
    answers = await asyncio.gather(
        *(acme.create(name=f"n{k}", code="one", n=k) for k in range(20)), return_exceptions=True
    )
    lost = [a for a in answers if isinstance(a, AlreadyExists)]
    assert len(lost) == 19
    assert {e.reason for e in lost} == {"VALUE_NOT_UNIQUE"}
    assert len((await acme.query()).records) == 1
    assert len(await acme.events()) == 1
    assert len(await acme.rows("SELECT 1 FROM value_number")) == 1


async def test_values_are_unique_in_their_canonical_form(acme: Client) -> None:
    await acme.create(name="x", code="A", slug="Straße", contact="ada@example.com")
    taken: dict[str, Any] = {"slug": "STRASSE", "contact": {"primary": "ADA@EXAMPLE.com"}}
    found = await refusal(acme.create(name="y", code="a", **taken))
    assert {(v.path, v.code) for v in found.violations} == {
        ("fields.slug", "NOT_UNIQUE"),
        ("fields.contact", "NOT_UNIQUE"),
    }
    await acme.create(name="y", code="a")
    await acme.create(
        name="z", contact={"primary": "b@example.com", "additional": ["ada@example.com"]}
    )


async def test_a_delete_frees_the_value_and_an_undelete_checks_it_again(acme: Client) -> None:
    first = await acme.create(name="a", code="v")
    await acme.delete(first)
    second = await acme.create(name="b", code="v")

    undelete = {"object": "deal", "id": first.id}
    taken = await refusal(acme("UndeleteRecord", **undelete))
    assert (taken.code, taken.reason) == ("ALREADY_EXISTS", "VALUE_NOT_UNIQUE")
    await acme.update(second, code="w")
    await acme("UndeleteRecord", **undelete)
    assert await reason(acme.update(second, code="v")) == "ALREADY_EXISTS/VALUE_NOT_UNIQUE"
    await acme.update(first, code=None)
    await acme.update(second, code="v")


async def test_an_undelete_and_a_create_of_one_value_race_to_one_holder(acme: Client) -> None:
    for attempt in range(5):
        first = await acme.create(name="a", code=f"v{attempt}")
        await acme.delete(first)
        answers = await asyncio.gather(
            acme("UndeleteRecord", object="deal", id=first.id),
            acme.create(name="b", code=f"v{attempt}"),
            return_exceptions=True,
        )
        assert len([a for a in answers if isinstance(a, AlreadyExists)]) == 1
        holders = await acme.query(where={"code": f"v{attempt}"})
        assert len(holders.records) == 1


async def test_an_upsert_says_what_it_did(acme: Client) -> None:
    created = await acme.upsert("code", code="k", name="a")
    updated = await acme.upsert("code", code="k", n=1)
    unchanged = await acme.upsert("code", code="k", n=1)
    assert [a.outcome for a in (created, updated, unchanged)] == [
        outcome("CREATED"),
        outcome("UPDATED"),
        outcome("UNCHANGED"),
    ]
    assert len({a.record.id for a in (created, updated, unchanged)}) == 1
    assert (unchanged.record.version, fields_of(unchanged.record)["name"]) == (2, "a")


async def test_an_upsert_restores_the_record_that_was_deleted_last(acme: Client) -> None:
    first = await acme.create(name="a", code="k")
    await acme.delete(first)
    second = await acme.create(name="b", code="k")
    await acme.delete(second)

    restored = await acme.upsert("code", code="k", n=1)
    assert restored.outcome == outcome("RESTORED")
    assert restored.record.id == second.id
    assert not restored.record.HasField("delete_time")
    assert fields_of(await acme.get(second)) == fields_of(second) | {"n": 1}
    types = [e["type"] for e in await acme.events(second)]
    assert types == ["record.created", "record.deleted", "record.undeleted", "record.updated"]
    await acme.delete(second)
    await acme("PurgeRecord", object="deal", id=second.id)
    assert (await acme.upsert("code", code="k", n=2)).record.id == first.id


async def test_an_upsert_matches_by_unique_fields_that_the_record_gives(acme: Client) -> None:
    for match in ([], ["name"], ["cod"], ["nope"]):
        found = await refusal(acme.upsert(*match, code="k", name="a"))
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", "MATCH_INVALID"), match
    assert "'code'" in (await refusal(acme.upsert("cod", code="k", name="a"))).message
    for missing in ({}, {"code": None}, {"code": ""}):
        found = await refusal(acme.upsert("code", name="a", **missing))
        assert found.code == "INVALID_ARGUMENT"
        assert "fields.code" in {v.path for v in found.violations}
    await acme.create(name="a", code="a")
    await acme.create(name="b", slug="b")
    both = acme.upsert("code", "slug", code="a", slug="b")
    assert await reason(both) == "INVALID_ARGUMENT/MATCH_INVALID"


async def test_twenty_concurrent_upserts_of_one_key_make_one_record(acme: Client) -> None:
    answers = await asyncio.gather(
        *(acme.upsert("code", code="k", name=f"n{k}", n=k) for k in range(20))
    )
    assert len({a.record.id for a in answers}) == 1
    assert sorted(a.record.version for a in answers) == list(range(1, 21))
    assert [a.outcome for a in answers].count(outcome("CREATED")) == 1
    last = max(answers, key=lambda a: a.record.version)
    [row] = await acme.rows("SELECT value FROM value_number")
    assert row["value"] == numbers.encode(fields_of(last.record)["n"])


async def test_concurrent_upserts_of_a_deleted_key_restore_it_once(acme: Client) -> None:
    made = await acme.create(name="a", code="k")
    await acme.delete(made)
    answers = await asyncio.gather(*(acme.upsert("code", code="k", n=k) for k in range(12)))

    assert {a.record.id for a in answers} == {made.id}
    assert [a.outcome for a in answers].count(outcome("RESTORED")) == 1
    types = [e["type"] for e in await acme.events(made)]
    assert types.count("record.undeleted") == 1


async def test_upserts_and_deletes_of_one_key_never_refuse_the_upsert(acme: Client) -> None:
    async def upserting() -> None:
        for k in range(12):
            await acme.upsert("code", code="k", name="x", n=k)

    async def deleting(done: asyncio.Event) -> None:
        while not done.is_set():
            for record in (await acme.query(where={"code": "k"})).records:
                answer: Any = (await asyncio.gather(acme.delete(record), return_exceptions=True))[0]
                assert not isinstance(answer, BaseException) or "no record" in str(answer)

    done = asyncio.Event()
    busy = asyncio.create_task(deleting(done))
    try:
        await asyncio.gather(*(upserting() for _ in range(4)))
    finally:
        done.set()
        await busy
    await acme.upsert("code", code="k", name="x")
    assert len((await acme.query(where={"code": "k"})).records) == 1
    assert len(await acme.rows("SELECT 1 FROM value_unique")) == 1
