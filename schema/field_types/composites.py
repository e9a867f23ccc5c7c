"""Write a composite: parts merge into the old value, all empty is empty; names, money, places."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from babel.core import get_global

from schema.field_types import countries
from schema.field_types.base import Write
from schema.field_types.numbers import Number, exact, integer, to_micros
from schema.field_types.refusals import Problems, did_you_mean, shown, unknown_names, wrong_type
from schema.field_types.text import clean, stripped
from schema.model import Field
from schema.problems import refuse

MAX_PART_LENGTH = 255

PartWrite = Callable[[object, str], Any]  # (what the caller sent, its path) -> canonical, or None
Parts = dict[str, Any]


def merged(
    old: Parts | None, raw: object, path: str, parts: Mapping[str, PartWrite], wanted: str
) -> Parts:
    """Every part: as sent where it was sent, else as it was, None where it is empty."""
    if not isinstance(raw, dict):
        raise wrong_type(path, wanted, raw)
    problems = Problems()
    if unknown := [key for key in raw if key not in parts]:
        problems += unknown_names(path, "UNKNOWN_PART", "part", unknown, parts)
    new: Parts = {}
    for name, write in parts.items():
        if name not in raw:
            new[name] = old.get(name) if old else None
        elif raw[name] is None:
            new[name] = None
        else:
            with problems.collect():
                new[name] = write(raw[name], f"{path}.{name}")
    problems.raise_any()
    return new


def none_if_empty(parts: Parts) -> Parts | None:
    return parts if any(part is not None and part != [] for part in parts.values()) else None


def trimmed(raw: object, path: str) -> str | None:
    """A short text without surrounding space; None where nothing is left."""
    return clean(stripped(raw, path), path, MAX_PART_LENGTH) or None


def compile_full_name(_field: Field, _settings: Mapping[str, Any]) -> Write:
    parts: dict[str, PartWrite] = {"first_name": trimmed, "last_name": trimmed}

    def write(old: Parts | None, raw: object, path: str) -> Parts | None:
        return none_if_empty(merged(old, raw, path, parts, 'an object {"first_name", "last_name"}'))

    return write


def _coordinate(limit: int) -> PartWrite:
    def write(raw: object, path: str) -> Number:
        number = exact(raw, path)
        if not -limit <= number <= limit:
            raise refuse(path, "OUT_OF_RANGE", f"must be from -{limit} to {limit}")
        return number

    return write


def _country(raw: object, path: str) -> str | None:
    code = stripped(raw, path)
    return countries.country(code, path) if code else None


_ADDRESS: dict[str, PartWrite] = {
    **dict.fromkeys(("street1", "street2", "city", "postcode", "state"), trimmed),
    "country": _country,
    "lat": _coordinate(90),
    "lng": _coordinate(180),
}


def compile_address(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(old: Parts | None, raw: object, path: str) -> Parts | None:
        return none_if_empty(merged(old, raw, path, _ADDRESS, "an object of address parts"))

    return write


@lru_cache(maxsize=1)
def currency_codes() -> frozenset[str]:
    """Every ISO 4217 code, past ones included, but no currency (XXX) and the test code (XTS)."""
    return frozenset(get_global("all_currencies")) - {"XXX", "XTS"}


def _currency_code(raw: object, path: str) -> str | None:
    if not isinstance(raw, str):
        raise wrong_type(path, "a string", raw)
    code = raw.upper()
    if raw and (not raw.isascii() or code not in currency_codes()):
        message = f"must be a currency code of ISO 4217, not {shown(raw)}"
        raise refuse(
            path, "UNKNOWN_CURRENCY", message + did_you_mean(code, sorted(currency_codes()))
        )
    return code or None


_CURRENCY: dict[str, PartWrite] = {
    "amount_micros": integer,
    "amount": to_micros,
    "currency_code": _currency_code,
}
_CURRENCY_WANTED = 'an object {"amount_micros" or "amount", "currency_code"}'


def compile_currency(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(old: Parts | None, raw: object, path: str) -> Parts | None:
        new = merged(old, raw, path, _CURRENCY, _CURRENCY_WANTED)
        amount = new.pop("amount")
        if isinstance(raw, dict) and "amount" in raw:
            if raw.get("amount_micros") is None:
                new["amount_micros"] = amount
            elif amount is not None:
                message = "must not stand beside amount_micros: give one of them"
                raise refuse(f"{path}.amount", "AMBIGUOUS_AMOUNT", message)
        if (new["amount_micros"] is None) == (new["currency_code"] is None):
            return none_if_empty(new)
        missing = "amount_micros" if new["amount_micros"] is None else "currency_code"
        raise refuse(f"{path}.{missing}", "REQUIRED", "an amount and its currency go together")

    return write
