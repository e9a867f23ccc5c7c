"""The bytes of numbers sort as the numbers do."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.records.logic.numbers import encode

NUMBERS = st.one_of(
    st.integers(-20, 20),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.builds(
        lambda sign, digits, exponent: Decimal((sign, tuple(map(int, str(digits))), exponent)),
        st.integers(0, 1),
        st.integers(0, 10**100),
        st.integers(-424, 308),
    ),
)


@given(NUMBERS, NUMBERS)
def test_the_order_is_kept(one: Decimal | int, other: Decimal | int) -> None:
    assert (encode(one) < encode(other)) == (Fraction(one) < Fraction(other))
    assert (encode(one) == encode(other)) == (Fraction(one) == Fraction(other))


@given(NUMBERS)
def test_neighbours_keep_the_order(number: Decimal | int) -> None:
    digits = Decimal(number).as_tuple()
    longer = Decimal((digits.sign, (*digits.digits, 1), int(digits.exponent) - 1))
    expected = encode(longer) > encode(number)
    assert expected == (Fraction(longer) > Fraction(number))


def test_a_scale_makes_no_difference() -> None:
    assert encode(Decimal("1.50")) == encode(Decimal("1.5"))
    assert encode(Decimal("5e3")) == encode(5000)
    assert encode(Decimal("-0.00")) == encode(0)
