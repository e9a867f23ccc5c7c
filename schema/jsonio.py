"""Read and write JSON without losing a digit: no number goes through a double."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from schema.problems import Invalid, Problem, refuse

MAX_DEPTH = 64
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MAX_PROBLEMS = 20
_MAX_INTEGER_DIGITS = 4300  # Python reads no longer one
# Only an escape can bring NUL or a surrogate into a text: unescaped, the reader refuses them.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")

_encoder = msgspec.json.Encoder(decimal_format="number")
_stored = msgspec.json.Decoder(float_hook=Decimal)


def dumps(value: object) -> bytes:
    """Compact JSON; a Decimal is written as the number it is. Never called with NaN."""
    return _encoder.encode(value)


def loads_stored(document: bytes) -> Any:
    """Read, exactly and fast, JSON that `dumps` or Postgres wrote; others go to `loads_exact`."""
    return _stored.decode(document)


def loads_exact(document: bytes) -> Any:
    """Read a caller's JSON: fractions become Decimal, integers int.

    Raises Invalid, with a path where there is one: MALFORMED_JSON, DUPLICATE_KEY, NOT_FINITE,
    OUT_OF_RANGE (a number nobody can mean), CONTROL_CHARACTER (NUL), INVALID_UNICODE (a lone
    surrogate) or TOO_DEEP (more than 64 levels).
    """
    try:
        text = document.decode()
        value = _reader.decode(text)
    except UnicodeDecodeError as error:
        raise refuse("", "MALFORMED_JSON", f"must be UTF-8; byte {error.start} is not") from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise refuse("", "MALFORMED_JSON", f"must be JSON: {error.msg}, {where}") from None
    except (ValueError, InvalidOperation):
        raise _explained(text) from None
    # A document is no deeper than it has opening brackets, so most need no look.
    brackets = document.count(b"[") + document.count(b"{")
    if brackets > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _too_deep()
    if _SUSPICIOUS.search(document):
        problems: list[Problem] = []
        _walk(value, "", problems)
        if problems:
            raise Invalid(problems[:_MAX_PROBLEMS])
    return value


def _too_deep() -> Invalid:
    return refuse("", "TOO_DEEP", f"must not nest deeper than {MAX_DEPTH} levels")


class _Refused(ValueError):
    """Something the reader saw; the slow reader finds out where it is."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused
    return found


def _constant(_name: str) -> NoReturn:
    raise _Refused


_reader = json.JSONDecoder(parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_object)


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [x for one in level for x in (one.values() if isinstance(one, dict) else one)]
    return depth


# --- the slow reader: only after a refusal, to say where ---


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys as written, duplicates included."""


class _Number:
    """A number that was refused."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message


def _not_finite(name: str) -> _Number:
    return _Number("NOT_FINITE", f"{name} is no JSON number")


def _bounded_int(digits: str) -> object:
    if len(digits) <= _MAX_INTEGER_DIGITS:
        return 0
    return _Number("OUT_OF_RANGE", "must be a number that a double can hold")


def _bounded_float(digits: str) -> object:
    try:
        Decimal(digits)
    except InvalidOperation:
        return _Number("OUT_OF_RANGE", "must be a number that a double can hold")
    return 0


_slow_reader = json.JSONDecoder(
    parse_float=_bounded_float,
    parse_int=_bounded_int,
    parse_constant=_not_finite,
    object_pairs_hook=_Pairs,
)


def _explained(text: str) -> Invalid:
    problems: list[Problem] = []
    try:
        _walk(_slow_reader.decode(text), "", problems)
    except json.JSONDecodeError as error:  # a second mistake, behind the first
        return refuse("", "MALFORMED_JSON", f"must be JSON: {error.msg}, line {error.lineno}")
    except RecursionError:
        return _too_deep()
    return (
        Invalid(problems[:_MAX_PROBLEMS])
        if problems
        else refuse("", "MALFORMED_JSON", "must be JSON")
    )


def _walk(value: object, path: str, problems: list[Problem]) -> None:
    if isinstance(value, str):
        _check_text(value, path, problems)
    elif isinstance(value, _Number):
        problems.append(Problem(path, value.code, value.message))
    elif isinstance(value, dict | _Pairs):
        seen: set[str] = set()
        for key, one in value.items() if isinstance(value, dict) else value:
            name = key if key.isprintable() and len(key) <= 60 else repr(key[:60])[1:-1]
            inner = f"{path}.{name}" if path else name
            _check_text(key, inner, problems)
            if key in seen:
                problems.append(Problem(inner, "DUPLICATE_KEY", "must not be given twice"))
            seen.add(key)
            _walk(one, inner, problems)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            _walk(one, f"{path}.{i}" if path else str(i), problems)


def _check_text(text: str, path: str, problems: list[Problem]) -> None:
    if "\0" in text:
        problems.append(Problem(path, "CONTROL_CHARACTER", "must not hold the character NUL"))
    if LONE_SURROGATE.search(text):
        problems.append(Problem(path, "INVALID_UNICODE", "must not hold a lone surrogate"))
