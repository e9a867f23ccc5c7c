"""Canonical numbers: read exactly, never rounded, never through a double."""

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from schema.field_types.base import SettingConflict, Write
from schema.field_types.refusals import wrong_type
from schema.model import Field
from schema.problems import refuse

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
MAX_DIGITS = 100  # significant digits of a fraction
MICROS = 6
_DOUBLE_MAX = Decimal("1.7976931348623157E+308")
_DOUBLE_MAX_EXPONENT, _DOUBLE_MIN_EXPONENT = 308, -324
_EXACT = Context(prec=1000)
_DIGITS = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)

Number = int | Decimal


def exact(raw: object, path: str) -> Number:
    """A number without rounding: an int where it is integral and fits int64, else a Decimal.

    Refuses what is no number, and what a double could not come near: NaN, 1e400, 1e-400.
    """
    if isinstance(raw, int) and not isinstance(raw, bool) and INT64_MIN <= raw <= INT64_MAX:
        return raw
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise wrong_type(path, "a number", raw)
    if isinstance(raw, int) and raw.bit_length() > 1024:  # before its digits are written out
        raise _outside_double(path)
    number = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    if not number.is_finite():
        raise refuse(path, "NOT_FINITE", "must be a finite number")
    if not number:
        return 0
    if not _DOUBLE_MIN_EXPONENT <= number.adjusted() <= _DOUBLE_MAX_EXPONENT:
        raise _outside_double(path)
    if number.copy_abs() > _DOUBLE_MAX:
        raise _outside_double(path)
    if len(number.as_tuple().digits) > _EXACT.prec:
        raise refuse(path, "TOO_MANY_DIGITS", f"must have at most {MAX_DIGITS} digits")
    number = number.normalize(_EXACT)
    if decimals(number) == 0:
        return int(number) if INT64_MIN <= number <= INT64_MAX else number
    if len(number.as_tuple().digits) > MAX_DIGITS:
        raise refuse(path, "TOO_MANY_DIGITS", f"must have at most {MAX_DIGITS} digits")
    return number


def _outside_double(path: str) -> Exception:
    return refuse(path, "OUT_OF_RANGE", "must be a number that a double can hold")


def decimals(number: Number) -> int:
    """How many digits a normalised number has behind the point."""
    if isinstance(number, int):
        return 0
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def integer(raw: object, path: str, low: int = INT64_MIN, high: int = INT64_MAX) -> int:
    """An integer, however it is spelled (`5.0`, `5e0`), within its bounds."""
    if type(raw) is int and low <= raw <= high:
        return raw
    number = exact(raw, path)
    if decimals(number):
        raise refuse(path, "NOT_INTEGER", "must be an integer")
    if not low <= number <= high:
        bounds = "within int64" if (low, high) == (INT64_MIN, INT64_MAX) else f"{low} to {high}"
        raise refuse(path, "OUT_OF_RANGE", f"must be an integer {bounds}")
    return int(number)


def digits(raw: object, path: str, wanted: str) -> Decimal:
    """An exact decimal, from a string of digits (no exponent) or a JSON number."""
    if not isinstance(raw, str):
        if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
            raise wrong_type(path, wanted, raw)
        return Decimal(exact(raw, path))
    if len(raw) > 2 * MAX_DIGITS or not _DIGITS.fullmatch(raw):
        message = "must be a string of digits such as '-12.50', without an exponent"
        raise refuse(path, "PATTERN_MISMATCH", message)
    return Decimal(exact(Decimal(raw), path))


def too_many_decimals(path: str, limit: int, found: int) -> Exception:
    message = f"must have at most {limit} decimals, this has {found}; nothing is rounded"
    return refuse(path, "TOO_MANY_DECIMALS", message)


def compile_number(_field: Field, settings: Mapping[str, Any]) -> Write:
    whole: bool = settings["integer"]
    low = None if settings["min"] is None else exact(settings["min"], "min")
    high = None if settings["max"] is None else exact(settings["max"], "max")
    limit: int | None = settings["decimals"]

    def write(_old: object, raw: object, path: str) -> Number:
        number = integer(raw, path) if whole else exact(raw, path)
        if limit is not None and (found := decimals(number)) > limit:
            raise too_many_decimals(path, limit, found)
        if low is not None and number < low:
            raise refuse(path, "OUT_OF_RANGE", f"must be at least {low}")
        if high is not None and number > high:
            raise refuse(path, "OUT_OF_RANGE", f"must be at most {high}")
        return number

    return write


def number_conflicts(settings: Mapping[str, Any]) -> list[SettingConflict]:
    found: list[SettingConflict] = []
    low, high = settings["min"], settings["max"]
    if low is not None and high is not None and exact(low, "min") > exact(high, "max"):
        found.append(("min", "OUT_OF_RANGE", "must not be above max"))
    if settings["integer"] and settings["decimals"]:
        found.append(("decimals", "CONFLICTING_SETTINGS", "must be 0 for an integer"))
    return found


def compile_decimal(_field: Field, settings: Mapping[str, Any]) -> Write:
    precision: int = settings["precision"]
    scale: int = settings["scale"]
    unit = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)

    def write(_old: object, raw: object, path: str) -> str:
        number = digits(raw, path, "a string of digits such as '12.50', or a number")
        if (found := decimals(number)) > scale:
            raise too_many_decimals(path, scale, found)
        if number.copy_abs() >= limit:  # abs() would round to 28 digits
            message = f"must have at most {precision - scale} digits before the point"
            raise refuse(path, "OUT_OF_RANGE", message)
        return format(number.quantize(unit, context=_EXACT), "f")

    return write


def decimal_conflicts(settings: Mapping[str, Any]) -> list[SettingConflict]:
    if settings["scale"] > settings["precision"]:
        return [("scale", "OUT_OF_RANGE", "must not be above precision")]
    return []


def compile_rating(_field: Field, settings: Mapping[str, Any]) -> Write:
    high: int = settings["max"]

    def write(_old: object, raw: object, path: str) -> int:
        return integer(raw, path, 1, high)

    return write


def compile_position(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(_old: object, raw: object, path: str) -> Number | str:
        if raw in ("first", "last"):
            return str(raw)
        if isinstance(raw, str):
            raise wrong_type(path, "a number, 'first' or 'last'", raw)
        return exact(raw, path)

    return write


def to_micros(raw: object, path: str) -> int:
    """An amount of money in millionths, exactly."""
    amount = digits(raw, path, "a number, or a string of digits such as '12.50'")
    if (found := decimals(amount)) > MICROS:
        raise too_many_decimals(path, MICROS, found)
    micros = amount.scaleb(MICROS, context=_EXACT)
    if not INT64_MIN <= micros <= INT64_MAX:
        raise refuse(path, "OUT_OF_RANGE", "must be within int64 millionths")
    return int(micros)
