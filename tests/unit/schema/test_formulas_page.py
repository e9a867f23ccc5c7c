"""docs/formulas.md says what formulas give, and where CEL by itself gives something else."""

from decimal import Decimal
from typing import Any

import pytest

from schema import arithmetic, formula_checks, formulas
from schema.problems import Invalid
from tests.unit.schema.test_formulas import DOC, FIELDS, a_formula

THIRD = Decimal("0." + "3" * 34)
ALIKE: list[tuple[str, str, dict[str, Any], Any]] = [
    # a mixture that only shows when it is computed
    ("double(data.deep.n) + 0.5", "number", DOC, Decimal("2.5")),
    ("data.deep.n + 0.5", "number", DOC, None),
    ("double(amount.amount_micros) * 1.5", "number", DOC, 18_750_000),
    # what is empty, and what the rest decides
    ("price + 1.0", "number", {}, None),
    ("9223372036854775807 + pieces > 0", "boolean", DOC, None),
    ("9223372036854775807 + pieces > 0 || won", "boolean", DOC, True),
    ("price > 1.0 || won", "boolean", {"won": True}, True),
    ("won && price > 1.0", "boolean", {"won": False}, False),
    ("won ? 1.0 : price", "number", {"won": True}, 1),
    ("price == 1.0", "boolean", {}, False),
    ("price != 1.0", "boolean", {}, True),
    ("due == null", "boolean", {}, True),
    ("data == null", "boolean", {}, True),
    ("tags.size() == 0", "boolean", {}, True),
    ("has(amount.amount_micros)", "boolean", {}, None),
    ("person.last_name == null", "boolean", {}, None),
    ("person.last_name == null", "boolean", {"person": {"last_name": None}}, True),
    ("has(person.last_name)", "boolean", {"person": {"last_name": None}}, True),
    ("title + title", "text", {"title": "x" * 5001}, None),
    ("at", "date", {"at": "2026-01-31T23:30:00Z"}, "2026-01-31"),
    # more than arithmetic: doubles, all of it
    ("title.size() > 1 ? 0.1 + 0.2 : 0.0", "number", DOC, Decimal("0.30000000000000004")),
    ("title < 'b' ? 0.1 + 0.2 : 0.0", "number", DOC, Decimal("0.30000000000000004")),
    ("due == at ? 0.0 : 0.1 + 0.2", "number", DOC, Decimal("0.30000000000000004")),
    ("notes == 'a' ? 0.0 : 0.1 + 0.2", "number", DOC, Decimal("0.30000000000000004")),
    ("person.first_name == 'a' ? 0.0 : 0.1 + 0.2", "number", DOC, Decimal("0.30000000000000004")),
    ("string(0.1 + 0.2)", "text", DOC, "0.30000000000000004"),
    ("title.size() > 1 && price / 0.0 > 1.0", "boolean", DOC, True),
    ("price / 0.0", "number", DOC, None),
    ("won || price / 0.0 > 1.0", "boolean", DOC, True),
    ("won ? 1.0 : price / 0.0", "number", DOC, 1),
]
OTHERWISE: list[tuple[str, str, Any, Any]] = [
    ("0.1 + 0.2", "number", Decimal("0.3"), Decimal("0.30000000000000004")),
    ("0.1 + 0.2 == 0.3", "boolean", True, False),
    ("title == 'a' ? 0.0 : 0.1 + 0.2", "number", Decimal("0.3"), Decimal("0.30000000000000004")),
    ("1.0 / 3.0", "number", THIRD, Decimal("0.3333333333333333")),
    ("1.0 / 3.0 * 3.0 == 1.0", "boolean", False, True),
    ("1e-200 * 1e-200 == 0.0", "boolean", False, True),
    ("int(2.9999999999999999999)", "number", 2, 3),
    ("double(9007199254740993) == 9007199254740992.0", "boolean", False, True),
    ("1e308 * 10.0 / 10.0", "number", Decimal("1E+308"), None),
    ("price / 0.0 > 1.0", "boolean", None, True),
    ("0.0 / 0.0 != 1.0", "boolean", None, True),
    ("price / 0.0 > 1.0 ? 1 : 2", "number", None, 1),
]
REFUSED = [
    "amount.amount_micros * 1.5 > 0.0", "place.street == ''",
    "amount == null", "tags == null", "now() > at", "title.upperAscii() == 'A'",
    " + ".join(["0.1"] * 33), "(" * 33 + "0.1" + ")" * 33,
]  # fmt: skip
DEEP = [
    "-(" * 30 + "0.1 + 0.2" + ")" * 30,
    "(" * 31 + "0.1 + 0.2" + ")" * 31,
    "double(" * 30 + "0.1 + 0.2" + ")" * 30,
    "(0.3 - " * 29 + "(0.1 + 0.2)" + ")" * 29,
    "won ? 0.1 + 0.2 : " * 30 + "0.0",
    " + ".join(["0.1", "0.2"] + ["0.0"] * 30),
]


def value(expression: str, kind: str, doc: dict[str, Any]) -> Any:
    formula_checks.check(expression, kind, FIELDS, "settings.expression")
    return formulas.ready(a_formula("f", expression, kind), FIELDS).value(doc)


@pytest.mark.parametrize(("expression", "kind", "doc", "expected"), ALIKE)
def test_what_cel_gives_as_well(
    monkeypatch: pytest.MonkeyPatch,
    expression: str,
    kind: str,
    doc: dict[str, Any],
    expected: Any,
) -> None:
    assert value(expression, kind, doc) == expected
    monkeypatch.setattr(arithmetic, "read", lambda _: None)  # CEL alone
    assert value(expression, kind, doc) == expected


@pytest.mark.parametrize(("expression", "kind", "ours", "theirs"), OTHERWISE)
def test_what_cel_has_otherwise(
    monkeypatch: pytest.MonkeyPatch, expression: str, kind: str, ours: Any, theirs: Any
) -> None:
    assert value(expression, kind, DOC) == ours
    monkeypatch.setattr(arithmetic, "read", lambda _: None)
    assert value(expression, kind, DOC) == theirs


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_refused_when_it_is_defined(expression: str) -> None:
    with pytest.raises(Invalid) as refused:
        value(expression, "boolean" if "=" in expression or ">" in expression else "number", DOC)
    [problem] = refused.value.problems
    assert problem.code == "INVALID_FORMULA"
    assert ("32 deep" in problem.message) is ("0.1" in expression)


@pytest.mark.parametrize("expression", DEEP)
def test_as_deep_as_cel_reads_it_it_is_exact(expression: str) -> None:
    found = value(expression, "number", DOC)
    assert found in {0, Decimal("0.3")}


@pytest.mark.parametrize(("more", "exact"), [("", True), (" && won && won", False)])
def test_up_to_three_hundred_words_are_exact(more: str, *, exact: bool) -> None:
    expression = " && ".join(["won"] * 146) + more + " ? 0.1 + 0.2 : 0.0"
    assert (value(expression, "number", DOC) == Decimal("0.3")) is exact
