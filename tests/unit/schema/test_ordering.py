"""Order and folding: Python's order, the index's order, and what is indexed of a value."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.field_types import FIELD_TYPES
from schema.fold import fold
from schema.model import Field, FieldType
from schema.ordering import index_entries, sort_key, sorter
from schema.values import canonical
from tests.unit.schema.field_builders import AN_ID, OTHER_ID, a_field


def ordered(field: Field, part: str, values: list[Any], **directions: bool) -> list[Any]:
    return sorted(values, key=lambda v: sort_key(field, part, v, **directions))


def test_fold() -> None:
    assert fold("Straße") == "strasse"
    assert fold("ÉCLAIR") == "eclair"
    assert fold("İ") == "i"
    assert fold("ﬁ①Ａ") == "fi1a"


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("text", ["a", "A b", "Éa", "eb", "z", None]),
        ("text", ["A", "a", "Á", "á"]),
        ("number", [-1, Decimal("0.5"), 2, Decimal("1e300"), None]),
        ("decimal", ["-2.00", "9.00", "10.00"]),
        ("boolean", [False, True, None]),
        ("select", ["new", "won", "lost", "retired", None]),
        ("date_time", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z"]),
        (
            "currency",
            [
                {"amount_micros": 9, "currency_code": "CHF"},
                {"amount_micros": 1, "currency_code": "EUR"},
                {"amount_micros": 10, "currency_code": "EUR"},
                None,
            ],
        ),
        (
            "full_name",
            [
                {"first_name": "Ada", "last_name": "B"},
                {"first_name": "ada", "last_name": "A"},
                {"first_name": "Bo", "last_name": None},
                {"first_name": None, "last_name": "A"},
                None,
            ],
        ),
        ("emails", [{"primary": "a@b.co"}, {"primary": "b@b.co"}, None]),
    ],
)
def test_values_sort_in_the_design_s_order(type_: str, values: list[Any]) -> None:
    field = a_field(type_)
    assert ordered(field, "", values[::-1]) == values
    nulls = [value for value in values if value is None]
    assert ordered(field, "", values, nulls_first=True)[: len(nulls)] == nulls
    if type_ != "full_name":  # where a part is empty, it comes last in both directions
        reverse = [value for value in values[::-1] if value is not None]
        assert ordered(field, "", values, descending=True) == reverse + nulls


def test_a_part_sorts_by_its_path() -> None:
    values = [
        {"amount_micros": 9, "currency_code": "EUR"},
        {"amount_micros": 10, "currency_code": "CHF"},
    ]
    assert ordered(a_field("currency"), "amount_micros", values[::-1]) == values


@pytest.mark.parametrize("type_", ["multi_select", "array", "json", "file", "rich_text"])
def test_some_types_have_no_order(type_: str) -> None:
    assert not FIELD_TYPES[FieldType(type_)].sortable
    with pytest.raises(ValueError, match="has no order"):
        sorter(a_field(type_))


def text(value: str) -> tuple[str, str]:
    return fold(value), value


@pytest.mark.parametrize(
    ("field", "raw", "expected"),
    [
        (a_field("text"), "Éa", [("", "text", ("ea", "Éa"))]),
        (a_field("number"), 0.5, [("", "number", Decimal("0.5"))]),
        (a_field("decimal"), "1.50", [("", "number", Decimal("1.5"))]),
        (a_field("boolean"), True, [("", "text", text("true"))]),
        (a_field("date"), "2026-01-31", [("", "date", date(2026, 1, 31))]),
        (
            a_field("date_time"),
            "2026-01-31T09:30:00.5Z",
            [("", "timestamp", datetime(2026, 1, 31, 9, 30, 0, 500000, UTC))],
        ),
        (a_field("select"), "won", [("", "text", text("won"))]),
        (
            a_field("multi_select"),
            ["won", "new"],
            [("", "text", text("new")), ("", "text", text("won"))],
        ),
        (a_field("array"), ["b", "b", "a"], [("", "text", text("b")), ("", "text", text("a"))]),
        (
            a_field("currency"),
            {"amount": 1, "currency_code": "EUR"},
            [("amount_micros", "number", 10**6), ("currency_code", "text", text("EUR"))],
        ),
        (a_field("full_name"), {"last_name": "K"}, [("last_name", "text", text("K"))]),
        (a_field("emails"), "a@b.co", [("primary", "text", text("a@b.co"))]),
        (a_field("relation"), AN_ID, [("", "ref", AN_ID)]),
        (
            a_field("relation", settings={"targets": ["a", "b"]}),
            {"object": "a", "id": OTHER_ID},
            [("", "ref", OTHER_ID)],
        ),
        (a_field("uuid"), AN_ID, [("", "ref", AN_ID)]),
        (a_field("json"), {"a": 1}, []),
        (a_field("file"), [AN_ID], []),
        (a_field("text"), None, []),
    ],
)  # fmt: skip
def test_index_entries(field: Field, raw: Any, expected: Any) -> None:
    assert index_entries(field, canonical(field, raw, "f")) == expected


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    "number": st.integers(-(2**63), 2**63 - 1)
    | st.decimals(-(10**9), 10**9, places=6)
    | st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(-(10**9), 10**9, places=2).map(str).filter(lambda s: "E" not in s),
    "boolean": st.booleans(),
    "date": st.dates().map(date.isoformat),
    "date_time": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    "rating": st.integers(1, 5),
    "uuid": st.uuids().map(str),
}


@pytest.mark.parametrize("type_", SCALARS)
def test_the_index_orders_as_the_sort_does(type_: str) -> None:
    field = a_field(type_)

    @given(st.lists(SCALARS[type_], max_size=12))
    def check(raw: list[Any]) -> None:
        values = [v for v in (canonical(field, one, "f") for one in raw) if v is not None]
        for value in values:
            assert canonical(field, value, "f") == value
        by_index: Callable[[Any], Any] = lambda v: index_entries(field, v)[0][2]  # noqa: E731
        assert sorted(values, key=by_index) == ordered(field, "", values)
        assert ordered(field, "", values, descending=True) == sorted(
            values, key=by_index, reverse=True
        )

    check()
