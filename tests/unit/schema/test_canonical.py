"""Every row of the field-type table: what is accepted, what it becomes, what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from schema.jsonio import dumps, loads_exact, loads_stored
from schema.model import Field
from schema.values import canonical, patch
from tests.unit.schema.field_builders import AN_ID
from tests.unit.schema.sample_fields import (
    ADDRESS,
    ARRAY,
    BOOLEAN,
    CENTS,
    DATE,
    DECIMAL,
    EMAILS,
    FILE,
    INTEGER,
    JSON,
    LINKS,
    MONEY,
    MORPH,
    MULTI,
    NAME,
    NUMBER,
    PHONES,
    POSITION,
    RATING,
    RICH,
    SELECT,
    SHORT,
    TEXT,
    TIME,
    TO_ONE,
    UUID,
    WIDE,
)

BERLIN = {"number": "+4930123456", "country_code": "DE", "extension": None}
SWISS = {"number": "+41446681800", "country_code": "CH", "extension": None}


def money(micros: int, code: str = "EUR") -> dict[str, Any]:
    return {"amount_micros": micros, "currency_code": code}


def mails(primary: str, *additional: str) -> dict[str, Any]:
    return {"primary": primary, "additional": list(additional)}


def link(url: str, label: str | None = None) -> dict[str, Any]:
    return {"url": url, "label": label}


def links(primary: dict[str, Any], *secondary: dict[str, Any]) -> dict[str, Any]:
    return {"primary": primary, "secondary": list(secondary)}


def phones(primary: dict[str, Any], *additional: dict[str, Any]) -> dict[str, Any]:
    return {"primary": primary, "additional": list(additional)}


def place(**parts: Any) -> dict[str, Any]:
    names = ("street1", "street2", "city", "postcode", "state", "country", "lat", "lng")
    return {**dict.fromkeys(names), **parts}


ACCEPTED: list[tuple[Field, Any, Any]] = [
    (TEXT, "Acme", "Acme"),
    (TEXT, "  as given ", "  as given "),
    (TEXT, "a\r\nb\rc\td", "a\nb\nc\td"),
    (TEXT, "", None),
    (TEXT, "x" * 10_000, "x" * 10_000),
    (SHORT, "é\U0001f600a", "é\U0001f600a"),
    (SHORT, "", None),
    (RICH, "# Hi", {"markdown": "# Hi"}),
    (RICH, {"markdown": "<script>x</script>"}, {"markdown": "<script>x</script>"}),
    (RICH, {"markdown": ""}, None),
    (RICH, {}, None),
    (NUMBER, 5, 5),
    (NUMBER, Decimal("5.0"), 5),
    (NUMBER, Decimal("-0.0"), 0),
    (NUMBER, 0.1, Decimal("0.1")),
    (NUMBER, Decimal("0.12345678901234567890123"), Decimal("0.12345678901234567890123")),
    (NUMBER, Decimal("1e2"), 100),
    (NUMBER, Decimal("1e300"), Decimal("1e300")),
    (INTEGER, Decimal("5.0"), 5),
    (CENTS, Decimal("12.50"), Decimal("12.5")),
    (CENTS, Decimal("12.500"), Decimal("12.5")),
    (CENTS, Decimal("0.1"), Decimal("0.1")),
    (DECIMAL, "12.5", "12.50"),
    (DECIMAL, "12.500", "12.50"),
    (DECIMAL, "-0", "0.00"),
    (DECIMAL, 7, "7.00"),
    (DECIMAL, Decimal("12.5"), "12.50"),
    (DECIMAL, "999.99", "999.99"),
    (DECIMAL, Decimal("1e2"), "100.00"),
    (WIDE, "0." + "1" * 38, "0." + "1" * 38),
    (BOOLEAN, True, True),
    (BOOLEAN, False, False),
    (DATE, "2026-02-28", "2026-02-28"),
    (DATE, "0001-01-01", "0001-01-01"),
    (DATE, "9999-12-31", "9999-12-31"),
    (TIME, "2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z"),
    (TIME, "2026-01-31 09:30:00.120+01:00", "2026-01-31T08:30:00.12Z"),
    (TIME, "2026-01-31T09:30:00.1234569Z", "2026-01-31T09:30:00.123456Z"),
    (TIME, "2026-01-31T09:30:00.000Z", "2026-01-31T09:30:00Z"),
    (TIME, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    (SELECT, "won", "won"),
    (MULTI, ["lost", "new", "lost"], ["new", "lost"]),
    (MULTI, [], None),
    (RATING, 5, 5),
    (RATING, Decimal("4.0"), 4),
    (MONEY, {"amount_micros": 12_500_000, "currency_code": "eur"}, money(12_500_000)),
    (MONEY, {"amount": "12.50", "currency_code": "EUR"}, money(12_500_000)),
    (MONEY, {"amount": Decimal("12.5"), "currency_code": "EUR"}, money(12_500_000)),
    (MONEY, {"amount": "0.000001", "currency_code": "JPY"}, money(1, "JPY")),
    (MONEY, {"amount_micros": Decimal("5.0"), "currency_code": "EUR"}, money(5)),
    (MONEY, {"amount_micros": 0, "currency_code": "EUR"}, money(0)),
    (MONEY, {"amount_micros": None, "currency_code": ""}, None),
    (MONEY, {}, None),
    (NAME, {"first_name": " Ada ", "last_name": ""}, {"first_name": "Ada", "last_name": None}),
    (NAME, {"first_name": " ", "last_name": None}, None),
    (EMAILS, " Ada@Example.COM ", mails("ada@example.com")),
    (EMAILS, "", None),
    (EMAILS, {"primary": "a@b.co", "additional": ["A@B.co", "c@d.co", ""]},
     mails("a@b.co", "c@d.co")),
    (EMAILS, {"additional": ["c@d.co"]}, mails("c@d.co")),
    (EMAILS, {"primary": None, "additional": None}, None),
    (EMAILS, "jürgen@bücher.example", mails("jürgen@xn--bcher-kva.example")),
    (EMAILS, "a+b.c@x.test", mails("a+b.c@x.test")),
    (EMAILS, '"a b"@x.test', mails('"a b"@x.test')),
    (PHONES, "+49 30 123456", phones(BERLIN)),
    (PHONES, {"primary": {"number": "030 123456", "country_code": "de"}}, phones(BERLIN)),
    (PHONES, {"primary": "+49 30 123456 ext. 7"}, phones({**BERLIN, "extension": "7"})),
    (PHONES, {"additional": ["+41446681800", "+4930123456", "+41 44 668 18 00"]},
     phones(SWISS, BERLIN)),
    (PHONES, {"primary": {"number": "", "country_code": None}}, None),
    (LINKS, "acme.com", links(link("https://acme.com"))),
    (LINKS, "HTTP://Acme.COM:80/", links(link("http://acme.com"))),
    (LINKS, "https://bücher.example/ü?q=%41#x", links(link("https://xn--bcher-kva.example/ü?q=%41#x"))),
    (LINKS, "http://localhost:3000/a", links(link("http://localhost:3000/a"))),
    (LINKS, "http://[::1]:443", links(link("http://[::1]:443"))),
    (LINKS, {"primary": {"url": "a.co", "label": " A "}, "secondary": ["https://A.co", "b.co"]},
     links(link("https://a.co", "A"), link("https://b.co"))),
    (LINKS, {"secondary": [{"url": "b.co"}]}, links(link("https://b.co"))),
    (ADDRESS, {"city": " Bern ", "country": "ch"}, place(city="Bern", country="CH")),
    (ADDRESS, {"lat": Decimal("46.95"), "lng": -180}, place(lat=Decimal("46.95"), lng=-180)),
    (ADDRESS, {"city": "", "lat": None}, None),
    (ARRAY, ["b", "", " ", "a", "b"], ["b", "a", "b"]),
    (ARRAY, ["", " "], None),
    (JSON, {}, {}),
    (JSON, [], []),
    (JSON, "", ""),
    (JSON, False, False),
    (JSON, {"a": [1, Decimal("1.50"), None, "x\r\n"]}, {"a": [1, Decimal("1.5"), None, "x\r\n"]}),
    (UUID, AN_ID.upper(), AN_ID),
    (UUID, AN_ID.replace("-", ""), AN_ID),
    (UUID, "0" * 32, "00000000-0000-0000-0000-000000000000"),
    (TO_ONE, AN_ID.upper(), AN_ID),
    (TO_ONE, {"object": "company", "id": AN_ID}, AN_ID),
    (TO_ONE, {"id": AN_ID}, AN_ID),
    (TO_ONE, {"match": {"email": "a@b.co"}}, {"object": "company", "match": {"email": "a@b.co"}}),
    (MORPH, {"object": "person", "id": AN_ID}, {"object": "person", "id": AN_ID}),
    (MORPH, {"object": "person", "match": {"code": 1}}, {"object": "person", "match": {"code": 1}}),
    (FILE, [AN_ID.upper(), AN_ID], [AN_ID]),
    (FILE, [], None),
    (POSITION, "first", "first"),
    (POSITION, Decimal("1.5"), Decimal("1.5")),
]  # fmt: skip


@pytest.mark.parametrize(("field", "raw", "expected"), ACCEPTED)
def test_accepted_values_become_canonical(field: Field, raw: Any, expected: Any) -> None:
    found = canonical(field, raw, "fields.f")
    assert found == expected
    assert type(found) is type(expected)
    assert isinstance(found, bool) or dumps(found) == dumps(expected)


@pytest.mark.parametrize(("field", "raw", "expected"), ACCEPTED)
def test_canonical_values_stay_as_they_are(field: Field, raw: Any, expected: Any) -> None:
    if expected is not None:
        assert canonical(field, expected, "f") == expected
        assert patch(field, None, expected, "f") == expected
        assert loads_stored(dumps(expected)) == expected
        assert loads_exact(dumps(expected)) == expected
        assert canonical(field, loads_stored(dumps(expected)), "f") == expected


@pytest.mark.parametrize("field", {id(f): f for f, _, _ in ACCEPTED}.values())
def test_null_is_empty_for_every_type(field: Field) -> None:
    assert canonical(field, None, "f") is None
    assert patch(field, None, None, "f") is None
