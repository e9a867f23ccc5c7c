"""Sorts read from both forms, refuse what has no order, and order as the index does."""

from typing import Any

import pytest

from schema.ordering import sorter
from schema.problems import Invalid, Problem
from schema.sorts import (
    ID_KEY,
    SortKey,
    keyset_sql,
    order_by_sql,
    parse_sort,
    record_key,
    sort_values,
)
from tests.unit.filters.cases import DEALS, EMPTY, FULL, WORLD, record_id
from tests.unit.filters.generate import SORTABLE, a_random_world


def names(raw: object) -> list[tuple[str, bool, bool]]:
    keys = parse_sort(WORLD, DEALS, raw)
    return [(key.leaf.name, key.descending, key.nulls_first) for key in keys]


def problems(raw: object) -> list[Problem]:
    with pytest.raises(Invalid) as caught:
        parse_sort(WORLD, DEALS, raw)
    return caught.value.problems


def test_both_forms_say_the_same_and_end_in_the_id() -> None:
    listed = [{"field": "amount", "direction": "desc"}, {"field": "title", "nulls": "first"}]
    expected = [("amount", True, False), ("title", False, True), ("id", False, False)]

    assert names("-amount, title:nulls_first") == names(listed) == expected
    assert names("") == names([]) == names(None) == [("id", False, False)]
    assert names("-id,title") == [("id", True, False)]


@pytest.mark.parametrize(
    ("raw", "at", "code", "says"),
    [
        ("titel", "sort.0", "UNKNOWN_FIELD", "did you mean 'title'"),
        ("title,-tags", "sort.1", "UNSORTABLE", "multi_select"),
        ("meta", "sort.0", "UNSORTABLE", "json"),
        ("notes", "sort.0", "UNSORTABLE", "rich_text"),
        ("words", "sort.0", "UNSORTABLE", "array"),
        ("files", "sort.0", "UNSORTABLE", "file"),
        ("company.name", "sort.0", "UNSORTABLE", "through a relation"),
        ("title,-title", "sort.1", "DUPLICATE_SORT", "already"),
        ("title:nulls_fist", "sort.0", "SYNTAX", "did you mean 'nulls_first'"),
        ("title,,due", "sort.1", "SYNTAX", "no sort key"),
        ("title,score,due,seen,stage,stars", "sort", "SORT_LIMIT", "at most 5"),
        ({"field": "title"}, "sort", "WRONG_TYPE", "a list of"),
        ([{"direction": "asc"}], "sort.0", "WRONG_TYPE", "a list of"),
        ([{"field": "title", "direction": "up"}], "sort.0.direction", "WRONG_TYPE", "asc or desc"),
        ([{"field": "title", "order": "up"}], "sort.0.order", "UNKNOWN_PART", "allowed: field"),
    ],
)
def test_refusals_say_where_and_what_is_allowed(raw: Any, at: str, code: str, says: str) -> None:
    problem = problems(raw)[0]

    assert (problem.path, problem.code) == (at, code)
    assert says in problem.message


def test_all_problems_come_at_once() -> None:
    assert [p.path for p in problems("titel,meta,title")] == ["sort.0", "sort.1"]


def test_a_token_carries_json_scalars() -> None:
    keys = parse_sort(WORLD, DEALS, "title,amount,-seen,create_time,score")

    assert sort_values(keys, FULL) == [
        *("strasse 100% a_b\\c", "Straße 100% a_b\\c", "eur", "EUR", 5_000_000),
        *("2026-03-10T23:30:00.5", "2026-03-01T00:00:00Z", "12.5", record_id(1)),
    ]
    assert sort_values(keys[:1], EMPTY) == [None, None]


def test_a_token_of_another_sort_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        keyset_sql(parse_sort(WORLD, DEALS, "title"), ["a"])


def test_names_are_parameters_and_order_by_names_its_nulls() -> None:
    order = order_by_sql(parse_sort(WORLD, DEALS, "-title,due:nulls_first"))

    assert "name" in order.params.values()
    assert "name" not in order.text
    assert order.text.count("DESC NULLS LAST") == 2
    assert order.text.count("ASC NULLS FIRST") == 1


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", [n for n in SORTABLE if n.partition(".")[0] in DEALS.fields])
def test_records_sort_as_the_index_sorts_their_values(seed: int, name: str) -> None:
    world = a_random_world(seed, deals=20)
    deals = world.records[:20]
    field = world.deals.fields[name.partition(".")[0]]
    for descending in (False, True):
        (found,) = parse_sort(world.workspace, world.deals, name)[:1]
        key = record_key([SortKey(found.leaf, descending), ID_KEY])
        indexed = sorter(field, name.partition(".")[2], descending=descending)

        def by_index(record: dict[str, Any], indexed: Any = indexed) -> Any:
            value = record["fields"].get(field.key or field.name)
            return (*indexed(value), record["id"])

        assert sorted(deals, key=key) == sorted(deals, key=by_index)
