"""The table of cases, judged by closures."""

import pytest

from schema.filters.closure import compile_closure
from schema.filters.context import EvalContext
from schema.filters.parse_json import parse
from schema.problems import Invalid
from tests.unit.filters.cases import (
    CASES,
    CTX,
    DEALS,
    EVERYONE,
    RECORDS,
    WORLD,
    Case,
    related_among,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.filter))
def test_a_closure_lets_exactly_these_records_through(case: Case) -> None:
    tree = parse(WORLD, DEALS, case.filter)
    holds = compile_closure(tree, CTX, related_among(EVERYONE))

    assert {n for n, record in enumerate(RECORDS, 1) if holds(record)} == case.passes


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.filter))
def test_not_is_the_exact_complement(case: Case) -> None:
    tree = parse(WORLD, DEALS, {"not": case.filter})
    holds = compile_closure(tree, CTX, related_among(EVERYONE))

    assert {n for n, record in enumerate(RECORDS, 1) if not holds(record)} == case.passes


def test_no_filter_lets_everything_through() -> None:
    assert parse(WORLD, DEALS, {}) is None
    assert all(map(compile_closure(None, CTX), RECORDS))


def test_relations_are_refused_where_they_are_not_at_hand() -> None:
    tree = parse(WORLD, DEALS, {"company.name": "Acme"})

    with pytest.raises(Invalid, match="goes through relations"):
        compile_closure(tree, CTX)


def test_me_is_refused_where_nobody_asks() -> None:
    tree = parse(WORLD, DEALS, {"created_by.id": {"in": ["me", "bob"]}})

    with pytest.raises(Invalid, match="needs a person"):
        compile_closure(tree, EvalContext(CTX.now))
