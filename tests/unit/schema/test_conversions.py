"""Values take another form, or say why they do not fit; the published table is the code's."""

import re
from pathlib import Path
from typing import Any

import pytest

from schema.conversions import CONVERSIONS, convert
from schema.model import Field, FieldType, Option
from schema.problems import Invalid

DOCUMENT = Path(__file__).parents[3] / "docs" / "conversions.md"
OPTIONS = (Option("1", "small", "Small one"), Option("2", "big", "Big"))


def a_field(kind: str, **parts: Any) -> Field:
    if kind in {"select", "multi_select"}:
        parts.setdefault("options", OPTIONS)
    return Field(id="f", object_id="o", name="f", type=FieldType(kind), **parts)


def test_the_table_is_published() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    published = {kind: re.findall(r"`(\w+)`", to) for kind, to in rows}
    assert published == {str(a): [str(b) for b in to] for a, to in CONVERSIONS.items()}


@pytest.mark.parametrize(
    ("kind", "to", "value", "expected"),
    [
        ("text", "number", " 12.50 ", 12.5),
        ("text", "decimal", "3", "3.00"),
        ("text", "boolean", "Yes", True),
        ("text", "select", "SMALL ONE", "small"),
        ("text", "multi_select", "big, small", ["small", "big"]),
        ("text", "emails", "Ada@Example.com", {"primary": "Ada@example.com", "additional": []}),
        ("text", "full_name", "Ada King Lovelace",
         {"first_name": "Ada", "last_name": "King Lovelace"}),
        ("text", "array", "a, b", ["a", "b"]),
        ("boolean", "text", False, "false"),
        ("select", "text", "small", "Small one"),
        ("select", "multi_select", "big", ["big"]),
        ("multi_select", "select", ["big"], "big"),
        ("multi_select", "text", ["small", "big"], "Small one, Big"),
        ("date", "date_time", "2026-02-01", "2026-02-01T00:00:00Z"),
        ("date_time", "date", "2026-02-01T00:00:00Z", "2026-02-01"),
        ("currency", "number", {"amount_micros": 1_500_000, "currency_code": "EUR"}, 1.5),
        ("full_name", "text", {"first_name": "Ada", "last_name": None}, "Ada"),
        ("decimal", "number", "7.00", 7),
        ("number", "text", 2.5, "2.5"),
    ],
)  # fmt: skip
def test_what_fits_is_canonical(kind: str, to: str, value: Any, expected: Any) -> None:
    found = convert(a_field(kind), a_field(to), value, "f")
    if to == "emails":
        assert found["primary"].lower() == expected["primary"].lower()
    else:
        assert found == expected
    assert convert(a_field(kind), a_field(to), None, "f") is None


@pytest.mark.parametrize(
    ("kind", "to", "value", "code"),
    [
        ("text", "number", "12 apples", "WRONG_TYPE"),
        ("text", "number", "1e999999999", "WRONG_TYPE"),
        ("text", "number", "NaN", "WRONG_TYPE"),
        ("text", "select", "medium", "UNKNOWN_OPTION"),
        ("text", "boolean", "perhaps", "WRONG_TYPE"),
        ("multi_select", "select", ["small", "big"], "TOO_MANY_VALUES"),
        ("date_time", "date", "2026-02-01T10:00:00Z", "LOSSY"),
        ("emails", "text", {"primary": "a@b.co", "additional": ["c@d.co"]}, "LOSSY"),
        ("number", "decimal", 2.555, "TOO_MANY_DECIMALS"),
    ],
)
def test_what_does_not_fit_says_so(kind: str, to: str, value: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        convert(a_field(kind), a_field(to), value, "f")
    assert refused.value.problems[0].code in {code, "OUT_OF_RANGE"}
