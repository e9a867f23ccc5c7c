"""Exports hold what a query shows, in documents that an import reads back as they were."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.records.client import Client, fields_of
from tests.integration.records.conftest import Plane
from tests.integration.records.tabular import Desk, counts_of, desk, state_of
from tests.services import reason


@pytest.fixture(scope="module")
async def office(plane: Plane) -> AsyncIterator[Desk]:
    async with desk(plane) as opened:
        yield opened


EVERYTHING: dict[str, Any] = {
    "name": "=1+1",
    "code": "'=x",
    "stage": "won",
    "tags": ["red", "blue"],
    "amount": {"amount_micros": 12_500_000, "currency_code": "EUR"},
    "n": -2.5,
    "whole": 9007199254740993,
    "rate": "12.50",
    "rating": 4,
    "active": False,
    "closes": "2026-11-21",
    "starts": "2026-11-21T09:30:00Z",
    "contact": {"primary": "ada@example.com", "additional": ["b@example.com", "c@example.com"]},
    "who": {"first_name": "Ada", "last_name": "Lovelace"},
    "phones": {
        "primary": {"number": "+493012345678"},
        "additional": [{"number": "+441212345678", "extension": "7"}],
    },
    "sites": {
        "primary": {"url": "https://acme.com", "label": "Acme"},
        "secondary": [{"url": "https://b.com"}],
    },
    "place": {"street1": '1 Rue, de "l\'Or"', "city": "Paris\nCedex", "country": "FR", "lat": 48.5},
    "words": ["a;b", " c ", "[d"],
    "meta": {"a": [1, {"b": None}]},
    "notes": {"markdown": "# Title\n\n- one"},
    "token": "0199c0de-0000-7000-8000-000000000001",
    "renamed": "@SUM(A1)",
}


async def test_what_is_exported_is_imported_as_it_was(acme: Client, office: Desk) -> None:
    company = await acme.create("company", name="Acme", domain="acme.com")
    subject = {"object": "company", "id": company.id}
    await acme.create(**EVERYTHING, company=company.id, subject=subject)
    await acme.create(name="plain", words=["x", "y"])
    kept = [fields_of(r) for r in (await acme.query(sort="name")).records]
    for form in ("csv", "ndjson"):
        document = await office.export(acme, form=form)
        for record in (await acme.query()).records:
            await acme.delete(record)
            await acme("PurgeRecord", object="deal", id=record.id)
        found = await office.done(acme, document, form=form)
        assert state_of(found) == "SUCCEEDED"
        assert (counts_of(found), await office.errors(acme, found)) == (
            {"rows": 2, "processed": 2, "created": 2},
            [],
        )
        again = [fields_of(r) for r in (await acme.query(sort="name")).records]
        assert again == kept, form


async def test_formulas_are_guarded_unless_asked_otherwise(acme: Client, office: Desk) -> None:
    await acme.create(name="=HYPERLINK(1)", n=-5, code="-1")
    rows = list(csv.DictReader(io.StringIO(await office.export(acme, fields="name,n,code"))))
    assert [(r["name"], r["n"], r["code"]) for r in rows] == [("'=HYPERLINK(1)", "-5", "-1")]
    raw = await office.export(acme, fields="name", raw_formulas=True)
    assert next(csv.DictReader(io.StringIO(raw)))["name"] == "=HYPERLINK(1)"


async def test_an_export_is_what_a_query_shows(acme: Client, office: Desk) -> None:
    company = await acme.create("company", name="Acme", size=7)
    documents = [{"name": f"d{n:04}", "n": n, "company": company.id} for n in range(1500)]
    for at in (0, 1000):
        await acme.create_all(documents[at : at + 1000])
    where = {"n": {"gte": 100}}
    lines = await office.lines(acme, where=where, sort="-n", fields="n")
    assert [line["fields"]["n"] for line in lines] == list(range(1499, 99, -1))
    wide = await office.export(acme, where=where, sort="n", fields="name,company.name,company.size")
    header, first, *_ = csv.reader(io.StringIO(wide))
    assert header[3:] == ["name", "company.name", "company.size"]
    assert first[3:] == ["d0100", "Acme", "7"]
    view = await office.lines(acme, view="Won")
    assert view == []


async def test_an_export_is_refused_as_a_query_is(acme: Client, office: Desk) -> None:
    assert await reason(office.export(acme, fields="nope")) == "INVALID_ARGUMENT/PROJECTION_INVALID"
    assert await reason(office.export(acme, sort="nope")) == "INVALID_ARGUMENT/SORT_INVALID"
    assert await reason(office.export(acme, object="nope")) == "NOT_FOUND/OBJECT_NOT_FOUND"
    assert (await office.export(acme, fields="name")).splitlines() == [
        "id,create_time,update_time,name"
    ]
