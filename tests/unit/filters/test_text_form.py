"""The text form reads as the JSON form it stands for, and trees survive both round trips."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.filters.closure import compile_closure
from schema.filters.parse_json import parse
from schema.filters.parse_text import parse_text, text_to_json
from schema.filters.render import to_json, to_text
from schema.problems import Invalid
from tests.unit.filters.cases import CASES, DEALS, WORLD, Case, related_among
from tests.unit.filters.generate import a_filter, a_random_world


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("", {}),
        ('stage = "won"', {"stage": {"eq": "won"}}),
        (
            'stage in ("won","lost") and amount.amount_micros >= 1000000',
            {"stage": {"in": ["won", "lost"]}, "amount.amount_micros": {"gte": 1000000}},
        ),
        ("score>1 and score<=2.50", {"score": {"gt": 1, "lte": Decimal("2.50")}}),
        ("score > 1 and score > 2", {"and": [{"score": {"gt": 1}}, {"score": {"gt": 2}}]}),
        (
            "owner is_empty or hot != true",
            {"or": [{"owner": {"is_empty": True}}, {"hot": {"ne": True}}]},
        ),
        ("due is_empty false", {"due": {"is_empty": False}}),
        ("close_date within last_2_weeks", {"close_date": {"within": "last_2_weeks"}}),
        ('seen within last("PT36H")', {"seen": {"within": {"last": "PT36H"}}}),
        ("owner eq me", {"owner": {"eq": "me"}}),
        ('not (title icontains "a\\"c\\u00e9")', {"not": {"title": {"icontains": 'a"cé'}}}),
        (
            '(hot = true or score < -1e2) and title = "x"',
            {"or": [{"hot": {"eq": True}}, {"score": {"lt": Decimal(-100)}}], "title": {"eq": "x"}},
        ),
        ("people some (age > 3)", {"people": {"some": {"age": {"gt": 3}}}}),
        (
            'meta path_eq {"path": "a", "value": [0.1]}',
            {"meta": {"path_eq": {"path": "a", "value": [Decimal("0.1")]}}},
        ),
        ("title in ()", {"title": {"in": []}}),
        ("title = null", {"title": {"eq": None}}),
    ],
)
def test_text_stands_for_json(text: str, document: dict[str, Any]) -> None:
    assert text_to_json(text) == document


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1 and b = 2 or c = 3", "column 17: put parentheses"),
        ("a = 1 or (b = 2 or c = 3 and d = 4)", "column 26: put parentheses"),
        ("stage = won", 'column 9: text stands in double quotes: "won"'),
        ("stage = 'won'", "column 9: strings stand in double quotes"),
        ('title = "abc', "column 9: a string does not end"),
        ('title = "\\x"', "column 9: a string takes the escapes of JSON"),
        ("title", "column 6: expected an operator, found the end"),
        ("title =", "column 8: expected a value, found the end"),
        ("= 1", "column 1: expected a field name"),
        ("not a = 1", "column 5: expected '('"),
        ("(a = 1", "column 7: expected ')'"),
        ("a = 1)", "column 6: expected and, or, or the end"),
        ("a = 1 b = 2", "column 7: expected and, or, or the end"),
        ("a = (1, )", "column 9: expected a value"),
        ("a = 1 ; b", "column 7: ';' has no meaning"),
        ("a = 1and b = 2", "column 5"),
        ('m path_eq {"a": NaN}', "column 11: this JSON object"),
        ("(" * 21 + "a = 1" + ")" * 21, "at most 20"),
        ("a" * 20_001, "at most 20,000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_column(text: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        text_to_json(text)
    assert says in caught.value.problems[0].message


def test_names_and_operands_are_judged_as_in_json() -> None:
    with pytest.raises(Invalid, match="did you mean 'stage'"):
        parse_text(WORLD, DEALS, 'stge = "won"')


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.filter))
def test_every_case_survives_both_round_trips(case: Case) -> None:
    tree = parse(WORLD, DEALS, case.filter)

    assert parse(WORLD, DEALS, to_json(tree)) == tree
    assert parse_text(WORLD, DEALS, to_text(tree)) == tree


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_random_filters_survive_round_trips_and_not_is_their_complement(seed: int) -> None:
    world = a_random_world(seed, deals=5)
    for _ in range(8):
        try:
            tree = parse(world.workspace, world.deals, a_filter(world, world.deals, depth=4))
        except Invalid:
            continue
        assert tree is not None
        document = to_json(tree)
        assert parse(world.workspace, world.deals, document) == tree
        assert parse_text(world.workspace, world.deals, to_text(tree)) == tree

        related = related_among(world.records)
        holds = compile_closure(tree, world.ctx, related)
        try:
            negated = parse(world.workspace, world.deals, {"not": document})
        except Invalid as invalid:
            assert {p.code for p in invalid.problems} == {"DEPTH_LIMIT"}  # noqa: PT017
            continue
        fails = compile_closure(negated, world.ctx, related)
        deals = [r for r in world.records if r["object_id"] == world.deals.id]
        assert all(holds(record) is not fails(record) for record in deals)
