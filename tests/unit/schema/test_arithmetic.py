"""Plain arithmetic is exact, and means what CEL means by it."""

import math
import random
from decimal import Decimal
from typing import Any

import pytest
from cel_expr_python import cel

from schema import arithmetic
from schema.formulas import ready
from schema.model import Field, FieldType

T = FieldType
FIELDS = (
    Field("p", "o", "price", T.DECIMAL),
    Field("f", "o", "factor", T.NUMBER),
    Field("n", "o", "pieces", T.NUMBER, settings={"integer": True}),
    Field("a", "o", "amount", T.CURRENCY),
    Field("t", "o", "title", T.TEXT),
    Field("d", "o", "due", T.DATE),
)
MONEY = {"amount_micros": 19_990_000, "currency_code": "EUR"}


def computed(expression: str, doc: dict[str, Any], **settings: Any) -> Any:
    said = {"expression": expression, "result_type": "number", **settings}
    return ready(Field("x", "o", "x", T.FORMULA, settings=said), FIELDS).value(doc)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("price + factor", Decimal("0.3")),
        ("price * 3.0 == 0.3 ? 1 : 0", 1),
        ("double(amount.amount_micros) / 1000000.0 * 1.19", Decimal("23.7881")),
        ("(price + 0.2) * 10.0 - 3.0", 0),
        ("price == null ? 0.0 : price - 0.1", 0),
        ("amount.currency_code == 'EUR' && pieces > 2 ? pieces : 0", 7),
        ("1.0 / 3.0", Decimal("0." + "3" * 34)),
        ("pieces / 2", 3),
        ("-pieces % 4", -3),
        ("int(2.9) + int(-2.9)", 0),
        ("price / 0.0", None),
        ("missing_part_of == 1.0 ? 1 : 2", None),
        ("9223372036854775807 + pieces", None),
        ("price > 1.0 || factor / 0.0 > 1.0 ? 1 : 0", None),
        ("price < 1.0 || factor / 0.0 > 1.0 ? 1 : 0", 1),
    ],
)
def test_fractions_are_decimals(expression: str, expected: Any) -> None:
    doc = {"price": "0.10", "factor": 0.2, "pieces": 7, "amount": MONEY}
    assert computed(expression, doc) == expected


def test_decimals_round_half_to_even_of_the_exact_value() -> None:
    assert computed("price * 1.0", {"price": "0.125"}, decimals=2) == Decimal("0.12")
    assert computed("price * 1.0", {"price": "2.675"}, decimals=2) == Decimal("2.68")


@pytest.mark.parametrize(
    "expression",
    ["title.size() > 1", "price in [1.0]", "title + 'x'", "0x1F", "2u", "-" * 120 + "1.0",
     "(" * 60 + "1.0" + ")" * 60, " + ".join(["1.0"] * 400), "a ? b", "1.0 +"],
)  # fmt: skip
def test_what_is_more_than_arithmetic_is_left_to_cel(expression: str) -> None:
    found = arithmetic.read(expression)
    if found is not None:  # then what it is over says so
        with pytest.raises(arithmetic.BeyondError):
            found({"title": "t", "price": Decimal(1)})


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
def test_an_order_of_whole_numbers_and_fractions_is_left_to_cel(sign: str) -> None:
    compute = arithmetic.read(f"pieces {sign} price")
    assert compute is not None
    with pytest.raises(arithmetic.BeyondError):
        compute({"pieces": 7, "price": Decimal("7.5")})


NUMBERS = ("price", "factor", "1.5", "0.25", "double(pieces)", "double(amount.amount_micros)")
WHOLE = ("pieces", "3", "-2", "amount.amount_micros", "int(factor)")


def an_expression(rng: random.Random, depth: int, whole: bool) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(WHOLE if whole else NUMBERS)
    one, other = (an_expression(rng, depth - 1, whole) for _ in range(2))
    if rng.random() < 0.2:
        a, b = (an_expression(rng, depth - 1, whole) for _ in range(2))
        sign = rng.choice(["<", "<=", "==", "!=", ">", ">="])
        joint = rng.choice(["", f" && {a} != {b}", f" || {b} > {a}"])
        return f"({a} {sign} {b}{joint} ? {one} : {other})"
    return f"({one} {rng.choice(['+', '-', '*', '/', *(['%'] if whole else [])])} {other})"


@pytest.mark.parametrize("seed", range(300))
def test_it_is_what_cel_gives_but_for_what_doubles_lose(seed: int) -> None:
    rng = random.Random(seed)
    whole = rng.random() < 0.5
    expression = an_expression(rng, 3, whole)
    fields: dict[str, Any] = {
        "price": 2.5,
        "factor": rng.choice([0.5, -8.0, 0.0]),
        "pieces": rng.randint(-5, 5),
    }
    fields["amount"] = {"amount_micros": rng.randint(-9, 9), "currency_code": "EUR"}
    kinds = dict.fromkeys(fields, cel.Type.DYN)
    told = cel.NewEnv(variables=kinds).compile(expression).eval(data=fields)
    expected = None if told.type().name() == "ERROR" else told.plain_value()
    compute = arithmetic.read(expression)
    assert compute is not None
    exact: Any = {k: Decimal(repr(v)) if isinstance(v, float) else v for k, v in fields.items()}
    try:
        found = compute(exact)
    except arithmetic.NoValueError:
        found = None
    if isinstance(expected, float) and not math.isfinite(expected):
        return  # a division by nothing, which has no value in the end either way
    if found is None and expected is not None:
        assert "/" in expression  # CEL's own division by zero gave something finite on the way
        return
    if expected is None:
        assert found is None
    elif isinstance(expected, int):
        assert found == expected
    else:
        assert math.isclose(float(found), expected, rel_tol=1e-9, abs_tol=1e-9)
