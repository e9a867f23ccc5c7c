"""Formulas: what they compute, what is refused when they are defined, and in which order."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from schema import arithmetic, formula_checks, formulas
from schema.compiled import CompiledObject
from schema.field_changes import FieldChange, read_change
from schema.jsonio import dumps
from schema.model import Field, FieldType, Object
from schema.problems import Invalid
from schema.values import record_values


def a_field(name: str, kind: str, **settings: Any) -> Field:
    return Field(
        id=f"id-{name}", object_id="o", name=name, type=FieldType(kind), key=name, settings=settings
    )


def a_formula(name: str, expression: str, result: str = "number", **settings: Any) -> Field:
    return a_field(name, "formula", expression=expression, result_type=result, **settings)


FIELDS = (
    a_field("price", "number"),
    a_field("pieces", "number", integer=True),
    a_field("rate", "decimal", precision=10, scale=2),
    a_field("due", "date"),
    a_field("at", "date_time"),
    a_field("won", "boolean"),
    a_field("title", "text"),
    a_field("notes", "rich_text"),
    a_field("amount", "currency"),
    a_field("tags", "array"),
    a_field("stars", "rating"),
    a_field("company", "relation", targets=["company"]),
    a_field("person", "full_name"),
    a_field("place", "address"),
    a_field("mails", "emails"),
    a_field("calls", "phones"),
    a_field("sites", "links"),
    a_field("data", "json"),
)
DOC = {
    "price": 2.5,
    "pieces": 3,
    "rate": "12.50",
    "due": "2026-01-31",
    "at": "2026-01-31T02:00:00.5Z",
    "won": True,
    "title": "Zoë",
    "notes": {"markdown": "# Hi"},
    "amount": {"amount_micros": 12_500_000, "currency_code": "EUR"},
    "tags": ["a", "b"],
    "stars": 4,
    "person": {"first_name": "Ada", "last_name": "King"},
    "place": {"city": "Kiel", "country": "DE", "lat": 10},
    "mails": {"primary": "a@b.de", "additional": ["c@d.de"]},
    "calls": {"primary": {"number": "+49431", "country_code": "DE"}, "additional": []},
    "sites": {"primary": {"url": "https://a.de", "label": "A"}, "secondary": []},
    "data": {"deep": {"n": 2, "f": 0.5, "t": "x"}},
}
PARTS = [
    ("amount.amount_micros", "number", 12_500_000),
    ("amount.currency_code", "text", "EUR"),
    ("person.first_name", "text", "Ada"),
    ("person.first_name + ' ' + person.last_name", "text", "Ada King"),
    ("place.city", "text", "Kiel"),
    ("place.city == 'Kiel' ? 1 : 2", "number", 1),
    ("place.street2", "text", None),
    ("mails.primary", "text", "a@b.de"),
    ("calls.primary.number", "text", "+49431"),
    ("sites.primary.url", "text", "https://a.de"),
    ("place.lat * 2.0", "number", 20),
    ("data.deep.n + 1", "number", 3),
    ("data.deep.f", "number", Decimal("0.5")),
    ("data.deep.t", "text", "x"),
    ("data.deep.t == null || place.city != ''", "boolean", True),
]
VALUES = [
    ("price * double(pieces)", "number", {}, Decimal("7.5")),
    ("price / 3.0", "number", {"decimals": 2}, Decimal("0.83")),
    ("pieces * stars", "number", {}, 12),
    ("rate + 0.25", "number", {}, Decimal("12.75")),
    ("amount.amount_micros / 1000000", "number", {}, 12),
    ("amount.currency_code + ' ' + title", "text", {}, "EUR Zoë"),
    ("title.size() + notes.size()", "number", {}, 7),
    ("won && 'a' in tags", "boolean", {}, True),
    ("due + duration('36h')", "date", {}, "2026-02-01"),
    ("at + duration('36h')", "date_time", {}, "2026-02-01T14:00:00.5Z"),
    ("(at - due).getMinutes()", "number", {}, 120),
    ("title == '' ? 'no' : 'yes'", "text", {}, "yes"),
    ("''", "text", {}, None),
    ("1.0 / 0.0", "number", {}, None),
    ("pieces / 0", "number", {}, None),
    ("9223372036854775807 + pieces", "number", {}, None),
    ("due + duration('99999999h')", "date", {}, None),
    ("'a\\u0000b'", "text", {}, None),
]


@pytest.mark.parametrize(("expression", "result", "expected"), PARTS)
def test_parts_are_what_cel_gives(
    monkeypatch: pytest.MonkeyPatch, expression: str, result: str, expected: Any
) -> None:
    field = a_formula("f", expression, result)
    formula_checks.check(expression, result, FIELDS, "settings.expression")
    assert formulas.ready(field, FIELDS).value(DOC) == expected
    assert formulas.ready(field, FIELDS).value({}) is None
    monkeypatch.setattr(arithmetic, "read", lambda _: None)  # CEL alone
    assert formulas.ready(field, FIELDS).value(DOC) == expected
    assert formulas.ready(field, FIELDS).value({}) is None


@pytest.mark.parametrize(("expression", "result", "settings", "expected"), VALUES)
def test_a_formula_has_a_canonical_value(
    expression: str, result: str, settings: dict[str, Any], expected: Any
) -> None:
    formula_checks.check(expression, result, FIELDS, "expression")
    made = formulas.ready(a_formula("f", expression, result, **settings), FIELDS)
    found = made.value(DOC)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("expression", ["price + 1.0", "amount.amount_micros", "due", "title"])
def test_a_formula_over_nothing_is_nothing(expression: str) -> None:
    kind = {"due": "date", "title": "text"}.get(expression, "number")
    assert formulas.ready(a_formula("f", expression, kind), FIELDS).value({}) is None


def test_a_formula_can_ask_for_what_is_empty() -> None:
    made = formulas.ready(a_formula("f", "price == null ? -1.0 : price"), FIELDS)
    assert (made.value({}), made.value({"price": 2})) == (-1, 2)
    assert formulas.ready(a_formula("f", "tags.size()"), FIELDS).value({}) == 0


REFUSED = [
    ("prices * 2.0", "number", "INVALID_FORMULA", "did you mean 'price'"),
    ("price * 2", "number", "INVALID_FORMULA", "2.0"),
    ("price +", "number", "INVALID_FORMULA", "Syntax error"),
    ("price > 1.0", "number", "WRONG_RESULT", "bool"),
    ("title", "date", "WRONG_RESULT", "string"),
    ("company == ''", "boolean", "NOT_ELIGIBLE", "relation"),
    ("amount.amount_micros * 1.5", "number", "INVALID_FORMULA", "double(pieces)"),
    ("won ? 1.0 : amount.amount_micros + 0.5", "number", "INVALID_FORMULA", "mixes kinds"),
    ("amount.amount_micro", "number", "INVALID_FORMULA", "did you mean 'amount_micros'"),
    ("calls.primary.digits == ''", "boolean", "INVALID_FORMULA", "parts: primary, number"),
    ("amount.amount_micros", "text", "WRONG_RESULT", "int, which is no text"),
    ("person.first_name", "boolean", "WRONG_RESULT", "str, which is no boolean"),
    ("x" * 4_001, "text", "TOO_LONG", "4,000"),
    ("open('/etc/passwd')", "text", "INVALID_FORMULA", "open"),
]


@pytest.mark.parametrize(("expression", "result", "code", "part"), REFUSED)
def test_what_is_no_formula_is_refused_with_the_reason(
    expression: str, result: str, code: str, part: str
) -> None:
    with pytest.raises(Invalid) as refused:
        formula_checks.check(expression, result, FIELDS, "settings.expression")
    [problem] = refused.value.problems
    assert (problem.path, problem.code) == ("settings.expression", code)
    assert part in problem.message


def test_names_in_texts_and_members_are_no_fields() -> None:
    assert formulas.names_in("a.b + 'c d' + \"e\" + f(g) + h.size()") == {"a", "f", "g", "h"}


def test_formulas_come_behind_those_that_they_read_and_never_go_round() -> None:
    chain = [a_formula("a", "b + 1"), a_formula("b", "c + 1"), a_formula("c", "pieces")]
    assert [f.name for f in formulas.in_order([*chain, *FIELDS])] == ["c", "b", "a"]
    with pytest.raises(Invalid, match="a -> b -> a"):
        formulas.in_order([a_formula("a", "b + 1"), a_formula("b", "a + 1")])


def an_object(*fields: Field) -> CompiledObject:
    made = Object(id="o", name="o", plural_name="os", fields=(*FIELDS, *fields))
    return CompiledObject(formulas.with_results(made))


def test_a_write_computes_every_formula_and_tells_which_changed() -> None:
    obj = an_object(a_formula("twice", "total * 2.0"), a_formula("total", "price * double(pieces)"))
    now = datetime.now(UTC)

    def write(sent: dict[str, Any], old: dict[str, Any] | None) -> Any:
        return record_values(
            obj, sent, old=old, now=now, new_uuid=lambda: "", me=None, path="fields"
        )

    made = write({"price": 2, "pieces": 3}, None)
    assert (made.values["total"], made.values["twice"]) == (6, 12)
    assert {f.name for f in made.changed} == {"price", "pieces", "total", "twice"}
    same = write({"title": "x"}, made.values)
    assert [f.name for f in same.changed] == ["title"]
    cleared = write({"price": None}, made.values)
    assert cleared.values.keys() == {"pieces"}
    with pytest.raises(Invalid) as refused:
        write({"total": 1}, None)
    assert refused.value.problems[0].code == "READ_ONLY_FIELD"


def test_a_change_works_out_what_it_reads_as_well() -> None:
    twice, total = a_formula("twice", "total * 2.0"), a_formula("total", "price + 1.0")
    change = FieldChange(
        old=twice,
        target=msgspec.structs.replace(twice, key="twice__2", slot="s"),
        reads=(msgspec.structs.replace(total, key="total__2"), FIELDS[0]),
    )
    read = read_change(dumps(change))
    assert (read.target.type, read.value_of({"price": 2, "total": 99})) == (FieldType.NUMBER, 6)
    assert read.touches({"price": 1}, {"price": 2})
    assert not read.touches({"twice": 1}, {"twice": 2})
