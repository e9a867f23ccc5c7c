"""Check that encoded numbers sort as the numbers do."""

from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from services.records.logic.numbers import encode

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**38), max_value=10**38)
numbers = decimals | st.integers(-(2**63), 2**63 - 1)


@given(numbers, numbers)
@example(Decimal("1.0"), 1)
@example(Decimal("-0.0"), 0)
@example(Decimal("0.12"), Decimal("0.123"))
@example(Decimal("-0.12"), Decimal("-0.123"))
@example(-1, Decimal("-1.5"))
@example(9, 10)
@example(-9, -10)
@example(Decimal("1E-40"), 0)
def test_the_order_of_bytes_is_that_of_numbers(a: Decimal | int, b: Decimal | int) -> None:
    assert (encode(a) < encode(b)) == (a < b)
    assert (encode(a) == encode(b)) == (a == b)
