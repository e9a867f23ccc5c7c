"""Liquid's filters for numbers, exact: Decimal instead of floats, and no text counts as zero."""

import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from liquid.exceptions import FilterArgumentError

Number: TypeAlias = int | Decimal
_MAX_DIGITS = 1000


def number(value: object) -> Number:
    """An integer or Decimal; FilterArgumentError for what is no number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, str) and len(value) <= _MAX_DIGITS:
        try:
            found = Decimal(value.strip())
        except decimal.InvalidOperation:
            found = Decimal("NaN")
        if found.is_finite():
            return int(found) if value.strip().lstrip("+-").isdigit() else found
    shown = "nothing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
    raise FilterArgumentError(f"a number is needed here, and this is {shown}", token=None)


def _divided_by(left: Number, right: Number) -> Number:
    if right == 0:
        raise FilterArgumentError("nothing can be divided by zero", token=None)
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return Decimal(left) / Decimal(right)


def _modulo(left: Number, right: Number) -> Number:
    if right == 0:
        raise FilterArgumentError("nothing can be divided by zero", token=None)
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    return Decimal(left) % Decimal(right)


def _times(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > 4 * _MAX_DIGITS:
            raise FilterArgumentError("the product is too large", token=None)
        return left * right
    return Decimal(left) * Decimal(right)


def _rounded(value: object, digits: object = 0) -> Number:
    places = int(number(digits))
    if not -50 <= places <= 50:
        raise FilterArgumentError("round takes -50 to 50 digits", token=None)
    found = Decimal(number(value)).quantize(Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)
    return found if places > 0 else int(found)


def _two(work: Callable[[Number, Number], Number]) -> Callable[..., Number]:
    return lambda left, right: work(number(left), number(right))


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(number(value)),
    "at_least": _two(max),
    "at_most": _two(min),
    "ceil": lambda value: int(Decimal(number(value)).to_integral_value(decimal.ROUND_CEILING)),
    "divided_by": _two(_divided_by),
    "floor": lambda value: int(Decimal(number(value)).to_integral_value(decimal.ROUND_FLOOR)),
    "minus": _two(lambda left, right: _exact(left, right, -1)),
    "modulo": _two(_modulo),
    "plus": _two(lambda left, right: _exact(left, right, 1)),
    "round": _rounded,
    "times": _two(_times),
}


def _exact(left: Number, right: Number, sign: int) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left + sign * right
    return Decimal(left) + sign * Decimal(right)
