"""What the planner may ask the value tables, and what it may not."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from schema.field_types import Kind
from schema.filters.closure import compile_closure
from schema.filters.index import IndexCondition, indexable
from schema.filters.parse_json import parse
from schema.filters.resolve import resolve_relative
from schema.ordering import index_entries
from schema.problems import Invalid
from tests.unit.filters.cases import CTX, DEALS, WORLD, record_id, related_among
from tests.unit.filters.generate import a_filter, a_random_world


def found(document: dict[str, Any]) -> list[IndexCondition]:
    tree = parse(WORLD, DEALS, document)
    assert tree is not None
    return indexable(resolve_relative(tree, CTX))


def a(name: str, kind: Kind, op: str, *values: Any, part: str = "", **more: Any) -> IndexCondition:
    return IndexCondition(f"01-{name}", part, kind, op, values, **more)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"title": "Straße"}, [a("title", Kind.TEXT, "eq", "strasse")]),
        ({"title": {"ieq": "É"}}, [a("title", Kind.TEXT, "eq", "e")]),
        ({"title": {"in": ["A", "a", "b"]}}, [a("title", Kind.TEXT, "in", "a", "b")]),
        ({"title": {"starts_with": "Ä"}}, [a("title", Kind.TEXT, "prefix", "a")]),
        ({"title": {"starts_with": "\u0301"}}, []),
        ({"title": {"contains": "x"}}, []),
        ({"title": {"contains": "Straß"}}, [a("title", Kind.TEXT, "contains", "strass")]),
        ({"title": {"search": "ab Café caf\u00e9"}}, [a("title", Kind.TEXT, "contains", "cafe")]),
        (
            {"emails.primary": {"iends_with": "@B.de"}},
            [a("emails", Kind.TEXT, "contains", "@b.de", part="primary")],
        ),
        ({"notes": {"icontains": "prose"}}, []),
        ({"title": {"ne": "x"}}, []),
        ({"hot": True}, [a("hot", Kind.TEXT, "eq", "true")]),
        ({"stage": {"gte": "won"}}, [a("stage", Kind.TEXT, "in", "won", "lost")]),
        (
            {"tags": {"contains_all": ["red", "blue"]}},
            [a("tags", Kind.TEXT, "eq", t) for t in ("red", "blue")],
        ),
        ({"company": record_id(1)}, [a("company", Kind.REF, "eq", record_id(1))]),
        ({"emails.primary": "A@b.de"}, [a("emails", Kind.TEXT, "eq", "a@b.de", part="primary")]),
        ({"emails.additional": {"contains_any": ["a@b.de"]}}, []),
        (
            {"score": {"gt": 1, "lte": 3}, "and": [{"score": {"gte": 1}}]},
            [a("score", Kind.NUMBER, "range", low=1, high=3, low_inclusive=False)],
        ),
        (
            {"amount.amount_micros": {"between": [5, 5]}},
            [a("amount", Kind.NUMBER, "range", part="amount_micros", low=5, high=5)],
        ),
        (
            {"rate": {"lt": "2.50"}},
            [a("rate", Kind.NUMBER, "range", high=Decimal("2.5"), high_inclusive=False)],
        ),
        (
            {"due": {"within": "today"}},
            [
                a(
                    "due",
                    Kind.DATE,
                    "range",
                    low=date(2026, 3, 11),
                    high=date(2026, 3, 12),
                    high_inclusive=False,
                )
            ],
        ),
        (
            {"seen": {"gt": "2026-01-01T00:00:00.5Z", "gte": "2026-01-01T00:00:00Z"}},
            [
                a(
                    "seen",
                    Kind.TIMESTAMP,
                    "range",
                    low=datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC),
                    low_inclusive=False,
                )
            ],
        ),
        ({"or": [{"score": 1}, {"score": 2}]}, []),
        ({"not": {"score": 1}}, []),
        ({"company.name": "x"}, []),
        ({"version": 1}, []),
        ({"meta": {"has_key": "a"}}, []),
    ],
)
def test_the_top_level_conjunction_is_what_an_index_can_answer(
    document: dict[str, Any], expected: list[IndexCondition]
) -> None:
    assert found(document) == expected


def meets(condition: IndexCondition, entries: list[Any]) -> bool:
    """Whether a record has an index row that the condition asks for."""
    values = [v for part, kind, v in entries if (part, kind) == (condition.part, condition.kind)]
    return any(_matches(condition, v[0] if condition.kind is Kind.TEXT else v) for v in values)


def _matches(condition: IndexCondition, value: Any) -> bool:
    if condition.op == "prefix":
        return bool(value.startswith(condition.values[0]))
    if condition.op == "contains":
        return all(needle in value for needle in condition.values)
    if condition.op != "range":
        return value in condition.values
    low, high = condition.low, condition.high
    above = low is None or value > low or (condition.low_inclusive and value == low)
    below = high is None or value < high or (condition.high_inclusive and value == high)
    return above and below


@pytest.mark.parametrize("seed", range(60))
def test_an_index_condition_never_loses_a_record(seed: int) -> None:
    world = a_random_world(seed + 5000)
    for _ in range(40):
        try:
            document = {"and": [a_filter(world, world.deals, depth=0) for _ in range(2)]}
            tree = parse(world.workspace, world.deals, document)
        except Invalid:
            continue
        assert tree is not None
        conditions = indexable(resolve_relative(tree, world.ctx))
        holds = compile_closure(tree, world.ctx, related_among(world.records))
        for record in filter(holds, world.records[:14]):
            for condition in conditions:
                field = world.deals.fields_by_id[condition.field_id]
                value = record["fields"].get(field.key or field.name)
                assert meets(condition, index_entries(field, value)), document


@pytest.mark.parametrize(
    ("document", "field", "op", "values"),
    [
        ({"created_by.id": "Ada"}, "created_by", "eq", ("Ada",)),
        ({"updated_by": {"in": ["b", "a", "b"]}}, "updated_by", "in", ("b", "a")),
        ({"created_by.id": {"ne": "a"}}, "", "", ()),
        ({"created_by.name": "Ada"}, "", "", ()),
        ({"or": [{"created_by.id": "a"}, {"hot": True}]}, "", "", ()),
        ({"company.created_by.id": "a"}, "", "", ()),
    ],
)
def test_the_actors_of_an_objects_records_are_found_as_they_are(
    document: dict[str, Any], field: str, op: str, values: tuple[str, ...]
) -> None:
    tree = parse(WORLD, DEALS, document)
    expected = [IndexCondition(field, "id", Kind.TEXT, op, values, object_id=DEALS.id)]
    assert indexable(tree, DEALS.id) == (expected if field else [])
    assert indexable(tree) == []
