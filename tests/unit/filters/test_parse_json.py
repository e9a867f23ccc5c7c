"""What a JSON filter may say, and how everything else is refused."""

from decimal import Decimal
from typing import Any

import pytest

from schema.filters.parse_json import parse
from schema.filters.tree import And, Condition, Every, Kind, Me, Not, Or, Some, Via
from schema.problems import Invalid, Problem
from tests.unit.filters.cases import COMPANIES, DEALS, WORLD, record_id


def problems(document: object) -> list[Problem]:
    with pytest.raises(Invalid) as caught:
        parse(WORLD, DEALS, document)
    return caught.value.problems


def operand(document: dict[str, Any]) -> Any:
    tree = parse(WORLD, DEALS, document)
    assert isinstance(tree, Condition)
    return tree.value


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        ({"title": "a\r\nb"}, "a\nb"),
        ({"score": 5.0}, 5),
        ({"score": {"lt": 0.1}}, Decimal("0.1")),
        ({"rate": "12.50"}, Decimal("12.5")),
        ({"seen": "2026-01-01 01:00:00.500+01:00"}, "2026-01-01T00:00:00.5Z"),
        ({"emails.primary": " ADA@Example.COM "}, "ada@example.com"),
        ({"emails": "ADA@example.com"}, {"primary": "ada@example.com", "additional": []}),
        ({"phones.primary.number": "+49 (30) 123456"}, "+4930123456"),
        ({"links.primary.url": "ACME.com/"}, "https://acme.com"),
        ({"place.country": "ch"}, "CH"),
        ({"amount.currency_code": {"in": ["eur"]}}, ("EUR",)),
        ({"token": "0192F3A1-5C3E-7B5A-9D53-2F0C8F1F6B1E"}, "0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e"),
        ({"tags": ["blue", "red", "blue"]}, ["red", "blue"]),
        ({"company": "me"}, Me()),
        ({"created_by.id": {"in": ["me", "x"]}}, (Me(), "x")),
        ({"title": "me"}, "me"),
    ],
)
def test_operands_take_the_form_in_which_values_are_stored(
    document: dict[str, Any], canonical: Any
) -> None:
    assert operand(document) == canonical


@pytest.mark.parametrize(
    ("document", "at", "code", "says"),
    [
        ({"stge": "won"}, "filter.stge", "UNKNOWN_FIELD", "did you mean 'stage'"),
        ({"gone": "x"}, "filter.gone", "UNKNOWN_FIELD", "no field 'gone'"),
        ({"stage.x": 1}, "filter.stage.x", "UNKNOWN_FIELD", "has no parts"),
        ({"amount.micros": 1}, "filter.amount.micros", "UNKNOWN_FIELD", "amount_micros"),
        ({"created_by.nam": "x"}, "filter.created_by.nam", "UNKNOWN_FIELD", "mean 'name'"),
        ({"company.nme": "x"}, "filter.company.nme", "UNKNOWN_FIELD", "company has no field"),
        ({"subject.name": "x"}, "filter.subject.name", "NOT_A_PATH", "several objects"),
        ({"title": {"containz": "x"}}, "filter.title.containz", "UNKNOWN_OPERATOR", "'contains'"),
        ({"hot": {"lt": True}}, "filter.hot.lt", "UNKNOWN_OPERATOR", "allowed: eq, ne"),
        ({"stage": "wonn"}, "filter.stage", "UNKNOWN_OPTION", "did you mean 'won'"),
        ({"stage": {"in": ["new", "x"]}}, "filter.stage.in.1", "UNKNOWN_OPTION", "options: new"),
        ({"score": "5"}, "filter.score", "WRONG_TYPE", "number"),
        ({"score": True}, "filter.score", "WRONG_TYPE", "number"),
        ({"hot": 1}, "filter.hot", "WRONG_TYPE", "true or false"),
        ({"title": ["a"]}, "filter.title", "WRONG_TYPE", '"in"'),
        ({"due": {"eq": "2026-02-30"}}, "filter.due.eq", "INVALID_DATE", "date"),
        ({"seen": "2026-01-01T00:00:00"}, "filter.seen", "INVALID_DATE_TIME", "offset"),
        ({"emails.primary": "nobody"}, "filter.emails.primary", "INVALID_EMAIL", "e-mail"),
        (
            {"amount.currency_code": "EURO"},
            "filter.amount.currency_code",
            "UNKNOWN_CURRENCY",
            "4217",
        ),
        ({"title": {"in": []}}, "filter.title.in", "EMPTY_LIST", "leave the condition out"),
        ({"title": {"not_in": []}}, "filter.title.not_in", "EMPTY_LIST", "empty list"),
        ({"tags": {"contains_any": []}}, "filter.tags.contains_any", "EMPTY_LIST", "empty list"),
        ({"tags": {"contains_none": []}}, "filter.tags.contains_none", "EMPTY_LIST", "empty list"),
        ({"title": {"contains": ""}}, "filter.title.contains", "EMPTY_OPERAND", "is_empty"),
        ({"title": {"icontains": "\u0301"}}, "filter.title.icontains", "EMPTY_OPERAND", "accents"),
        ({"title": {"search": " "}}, "filter.title.search", "EMPTY_OPERAND", "search needs"),
        ({"title": ""}, "filter.title", "EMPTY_OPERAND", "is_empty"),
        ({"title": {"ne": ""}}, "filter.title.ne", "EMPTY_OPERAND", "is_empty"),
        ({"title": {"lt": ""}}, "filter.title.lt", "EMPTY_OPERAND", "is_empty"),
        ({"title": {"in": [""]}}, "filter.title.in.0", "EMPTY_OPERAND", "is_empty"),
        ({"title": None}, "filter.title", "NULL_OPERAND", "is_empty"),
        ({"title": {"eq": None}}, "filter.title.eq", "NULL_OPERAND", "is_empty"),
        ({"title": {"in": [None]}}, "filter.title.in.0", "NULL_OPERAND", "is_empty"),
        ({"title": {"is_empty": None}}, "filter.title.is_empty", "NULL_OPERAND", "value"),
        ({"title": {"contains": "a\0"}}, "filter.title.contains", "CONTROL_CHARACTER", "U+0000"),
        ({"title": {}}, "filter.title", "EMPTY_FILTER", "no operator"),
        ({"and": []}, "filter.and", "EMPTY_LIST", "at least one"),
        ({"or": {}}, "filter.or", "EMPTY_LIST", "at least one"),
        ({"or": [{}]}, "filter.or.0", "EMPTY_FILTER", "leave it out"),
        ({"not": {}}, "filter.not", "EMPTY_FILTER", "leave it out"),
        ({"company": {"some": {}}}, "filter.company.some", "EMPTY_FILTER", "leave it out"),
        ({"title": {"some": {"name": "x"}}}, "filter.title", "NOT_A_RELATION", "text field"),
        ({"company.deals": "x"}, "filter.company.deals", "MANY_RECORDS", "some, none or every"),
        ([], "filter", "WRONG_KIND", "JSON object"),
        (
            {"due": {"within": {"last": "PT1H"}}},
            "filter.due.within",
            "WRONG_RANGE",
            "date_time only",
        ),
        ({"due": {"within": "last_weak"}}, "filter.due.within", "UNKNOWN_RANGE", "'last_week'"),
        ({"score": {"between": [1]}}, "filter.score.between", "WRONG_TYPE", "two values"),
        (
            {"meta": {"path_eq": {"path": "a"}}},
            "filter.meta.path_eq",
            "WRONG_TYPE",
            "path_eq takes",
        ),
        ({"meta": {"has_key": "a..b"}}, "filter.meta.has_key", "EMPTY_OPERAND", "joined by dots"),
        ({"tags": {"eq": {"$add": ["red"]}}}, "filter.tags.eq", "WRONG_TYPE", "$add"),
        ({"emails": {"in": [{"$add": []}]}}, "filter.emails.in.0", "WRONG_TYPE", "$add"),
        ({"title": {"in": ["x"] * 201}}, "filter.title.in", "VALUE_LIMIT", "200"),
        ({"score": 10**400}, "filter.score", "OUT_OF_RANGE", "double"),
        (
            {"subject": {"object": "deal", "id": record_id(1)}},
            "filter.subject.object",
            "UNKNOWN_OPERATOR",
            "allowed: eq",
        ),
        (
            {"subject": {"eq": {"object": "deal", "id": record_id(1)}}},
            "filter.subject.eq",
            "WRONG_TYPE",
            "company, person",
        ),
    ],
)
def test_a_refusal_says_where_what_and_what_is_allowed(
    document: object, at: str, code: str, says: str
) -> None:
    problem = problems(document)[0]

    assert (problem.path, problem.code) == (at, code)
    assert says in problem.message


def test_all_problems_come_at_once() -> None:
    document = {"stge": "x", "or": [{"hot": 1}, {"due": "x"}], "not": {"score": {"in": [1, "2"]}}}

    paths = [p.path for p in problems(document)]
    assert paths == ["filter.stge", "filter.or.0.hot", "filter.or.1.due", "filter.not.score.in.1"]


def test_limits_are_named() -> None:
    assert "100 conditions" in problems({"and": [{"score": 1}] * 101})[0].message
    assert parse(WORLD, DEALS, {"and": [{"score": 1}] * 100}) is not None
    unknown = problems({f"x{n}": {"eq": 1, "ne": 2} for n in range(500)})
    assert len(unknown) == 101
    assert "100 conditions" in unknown[-1].message
    nested: dict[str, Any] = {"score": 1}
    for _ in range(4):
        nested = {"not": nested}
    assert parse(WORLD, DEALS, nested) is not None
    assert "at most 5" in problems({"not": nested})[0].message
    path = "company.parent.parent.name"
    assert "at most 2 relations" in problems({path: "x"})[0].message


def test_several_operators_under_one_path_are_joined_by_and() -> None:
    tree = parse(WORLD, DEALS, {"score": {"gt": 1, "lt": 3}})

    assert isinstance(tree, And)
    assert [c.op for c in tree.children if isinstance(c, Condition)] == ["gt", "lt"]


def test_the_tree_is_resolved() -> None:
    tree = parse(WORLD, DEALS, {"or": [{"company.name": "x"}, {"not": {"title": "y"}}]})

    assert isinstance(tree, Or)
    through, negated = tree.children
    assert isinstance(through, Condition)
    assert [hop.object_id for hop in through.path.hops] == [COMPANIES.id]
    assert isinstance(negated, Not)
    assert isinstance(negated.child, Condition)
    assert negated.child.path.leaf.keys == ("name",)  # the first name the field ever had
    assert negated.child.path.leaf.kind is Kind.TEXT


def test_inverse_relations_and_links_are_followed_by_quantifiers() -> None:
    some = parse(WORLD, COMPANIES, {"deals": {"some": {"stage": "won"}}})
    every = parse(WORLD, COMPANIES, {"ally_of": {"every": {"name": "x"}}})

    assert isinstance(some, Some)
    assert (some.path.many.via, some.path.many.object_id) == (Via.INVERSE, DEALS.id)
    assert isinstance(every, Every)
    assert (every.path.many.via, every.path.many.outward) == (Via.LINK, False)
