"""Patches: parts merge, lists change by $remove and $add, null clears."""

from decimal import Decimal
from typing import Any

import pytest

from schema.model import Field
from schema.values import patch
from tests.unit.schema.field_builders import AN_ID, OTHER_ID, a_field, refused

MONEY = a_field("currency")
NAME = a_field("full_name")
EMAILS = a_field("emails")
PHONES = a_field("phones")
LINKS = a_field("links")
MULTI = a_field("multi_select")
ARRAY = a_field("array")
FILE = a_field("file")

FIVE_EUR = {"amount_micros": 5_000_000, "currency_code": "EUR"}
ADA = {"first_name": "Ada", "last_name": "King"}
AB = {"primary": "a@x.co", "additional": ["b@x.co"]}
A = {"primary": "a@x.co", "additional": []}
BERLIN = {"number": "+4930123456", "country_code": "DE", "extension": "7"}
SWISS = {"number": "+41446681800", "country_code": "CH", "extension": None}
HOME = {"url": "https://a.co", "label": "Home"}

PATCHED: list[tuple[Field, Any, Any, Any]] = [
    (MONEY, FIVE_EUR, {"currency_code": "CHF"}, {**FIVE_EUR, "currency_code": "CHF"}),
    (MONEY, FIVE_EUR, {"amount": "7"}, {**FIVE_EUR, "amount_micros": 7_000_000}),
    (MONEY, FIVE_EUR, {"amount": None, "currency_code": None}, None),
    (MONEY, FIVE_EUR, {}, FIVE_EUR),
    (MONEY, None, {"amount": 1, "currency_code": "EUR"}, {**FIVE_EUR, "amount_micros": 10**6}),
    (NAME, ADA, {"last_name": None}, {"first_name": "Ada", "last_name": None}),
    (NAME, ADA, {"last_name": "", "first_name": " "}, None),
    (EMAILS, AB, "c@x.co", {"primary": "c@x.co", "additional": ["b@x.co"]}),
    (EMAILS, AB, "b@x.co", {"primary": "b@x.co", "additional": []}),
    (EMAILS, AB, {"primary": None}, {"primary": "b@x.co", "additional": []}),
    (EMAILS, AB, {"additional": []}, A),
    (EMAILS, AB, {"additional": {"$remove": ["B@x.co"], "$add": ["d@x.co"]}},
     {"primary": "a@x.co", "additional": ["d@x.co"]}),
    (EMAILS, AB, {"$remove": ["a@x.co"]}, {"primary": "b@x.co", "additional": []}),
    (EMAILS, AB, {"$add": ["a@x.co"]}, AB),
    (EMAILS, None, {"$add": ["a@x.co"]}, A),
    (EMAILS, A, {"$remove": ["a@x.co"]}, None),
    (PHONES, {"primary": BERLIN, "additional": []}, {"primary": {"extension": None}},
     {"primary": {**BERLIN, "extension": None}, "additional": []}),
    (PHONES, {"primary": BERLIN, "additional": []}, {"primary": {"number": "+41446681800"}},
     {"primary": SWISS, "additional": []}),
    (PHONES, {"primary": SWISS, "additional": []}, {"primary": {"number": "044 668 18 01"}},
     {"primary": {**SWISS, "number": "+41446681801"}, "additional": []}),
    (PHONES, {"primary": SWISS, "additional": [BERLIN]}, {"primary": {"number": None}},
     {"primary": BERLIN, "additional": []}),
    (LINKS, {"primary": HOME, "secondary": []}, {"primary": {"label": None}},
     {"primary": {**HOME, "label": None}, "secondary": []}),
    (LINKS, {"primary": HOME, "secondary": []}, {"primary": {"url": "b.co"}},
     {"primary": {"url": "https://b.co", "label": "Home"}, "secondary": []}),
    (LINKS, {"primary": HOME, "secondary": []}, {"secondary": {"$add": ["a.co", "b.co"]}},
     {"primary": HOME, "secondary": [{"url": "https://b.co", "label": None}]}),
    (MULTI, ["won"], {"$add": ["new", "won"]}, ["new", "won"]),
    (MULTI, ["new", "won"], {"$remove": ["won"], "$add": ["lost"]}, ["new", "lost"]),
    (MULTI, ["new"], {"$remove": ["new"]}, None),
    (MULTI, ["new"], ["won"], ["won"]),
    (ARRAY, ["a", "b", "a"], {"$remove": ["a"], "$add": ["a", "b"]}, ["b", "a", "b"]),
    (ARRAY, ["a"], [], None),
    (FILE, [AN_ID], {"$add": [AN_ID, OTHER_ID]}, [AN_ID, OTHER_ID]),
    (a_field("json"), {"a": 1}, {"b": {"$add": [1]}}, {"b": {"$add": [1]}}),
    (a_field("rich_text"), {"markdown": "x"}, {"markdown": None}, None),
    (a_field("address"), None, {"lat": Decimal("1.50")},
     {**dict.fromkeys(("street1", "street2", "city", "postcode", "state", "country", "lng")),
      "lat": Decimal("1.5")}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "old", "raw", "expected"), PATCHED)
def test_a_patch_merges_into_the_old_value(field: Field, old: Any, raw: Any, expected: Any) -> None:
    assert patch(field, old, raw, "f") == expected


REFUSED: list[tuple[Field, Any, Any, str, str]] = [
    (MONEY, FIVE_EUR, {"amount": None}, "f.amount_micros", "REQUIRED"),
    (MONEY, None, {"currency_code": "EUR"}, "f.amount_micros", "REQUIRED"),
    (MULTI, ["new"], {"$remove": ["x"]}, "f.$remove.0", "UNKNOWN_OPTION"),
    (MULTI, ["new"], {"$add": ["x"]}, "f.$add.0", "UNKNOWN_OPTION"),
    (MULTI, ["new"], {"$add": "won"}, "f.$add", "WRONG_TYPE"),
    (MULTI, ["new"], {"$add": None}, "f.$add", "WRONG_TYPE"),
    (MULTI, ["new"], {"$push": ["won"]}, "f", "WRONG_TYPE"),
    (MULTI, ["new"], {}, "f", "WRONG_TYPE"),
    (MULTI, ["new"], {"$add": [], "x": 1}, "f", "MIXED_CHANGE"),
    (EMAILS, AB, {"$add": [], "primary": "a@x.co"}, "f", "MIXED_CHANGE"),
    (ARRAY, ["a"] * 100, {"$add": ["a"]}, "f", "TOO_MANY_VALUES"),
    (PHONES, {"primary": SWISS, "additional": []}, {"primary": {"country_code": "FR"}},
     "f.primary.country_code", "COUNTRY_MISMATCH"),
    (LINKS, {"primary": HOME, "secondary": []}, {"primary": {"url": None}},
     "f.primary.url", "REQUIRED"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "old", "raw", "path", "code"), REFUSED)
def test_a_refused_patch_says_where(field: Field, old: Any, raw: Any, path: str, code: str) -> None:
    assert refused(lambda: patch(field, old, raw, "f")) == [(path, code)]


def test_a_patch_leaves_the_old_value_alone() -> None:
    old = {"primary": "a@x.co", "additional": ["b@x.co"]}
    patch(EMAILS, old, {"$add": ["c@x.co"]}, "f")
    assert old == AB
