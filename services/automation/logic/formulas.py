"""Evaluate CEL formulas, compiled once: undeclared names and wrong operators fail at publish.

Numbers with a fraction are doubles in CEL: money is whole micros, and stays exact.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from cel_expr_python import cel

MAX_LENGTH = 4000
KEY = "$cel"  # {"$cel": "1 + 1"} stands for its value anywhere in a step's inputs
NAMES = ("trigger", "steps", "vars", "inputs", "workflow", "rule", "run", "item", "index", "event")
_INDEXED = re.compile(r"[\w)\]\"']\s*\[")
_WHERE = re.compile(r"\s*\[[A-Z_]+\]\s*$|\n\s*\|[^\n]*|^[A-Z_]+: ERROR: ")


class FormulaError(Exception):
    """A formula can't be compiled, or has no value for what there is."""


_ENVIRONMENT = cel.NewEnv(variables=dict.fromkeys(NAMES, cel.Type.DYN))


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Any:
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula has at most {MAX_LENGTH} characters")
    try:
        return _ENVIRONMENT.compile(text)
    except RuntimeError as exc:
        raise FormulaError(_sentence(exc)) from exc


def check(text: str, *, boolean: bool) -> str:
    """What is wrong with a formula; empty when nothing is, as far as can be known."""
    try:
        kind = _compiled(text).return_type().name()
    except FormulaError as exc:
        return str(exc)
    if boolean and kind not in ("BOOL", "DYN"):
        return f"must be true or false, and is {kind}"
    return ""


def result(text: str) -> str:
    """The kind of what it makes, such as INT or LIST; empty where only a run can know, also for a
    formula that is none.

    CEL takes a map's values, and a list's elements, to be of the kind of those it knows, though
    others may stand beside them: what takes something out of one is not certain.
    """
    if "{" in text or _INDEXED.search(text):
        return ""
    try:
        kind = str(_compiled(text).return_type().name())
    except FormulaError:
        return ""
    return kind.partition("<")[0].replace("DYN", "")


def evaluate(text: str, scope: Mapping[str, Any]) -> Any:
    """The JSON value of a formula; FormulaError where it has none."""
    data = {name: _lowered(scope.get(name)) for name in NAMES}
    try:
        found = _compiled(text).eval(data=data)
        kind = found.type().name()
        value = found.plain_value()
    except RuntimeError as exc:
        raise FormulaError(_sentence(exc)) from exc
    if kind == "ERROR":
        raise FormulaError(str(value))
    return _raised(value)


def holds(text: str, scope: Mapping[str, Any]) -> bool:
    """Whether it is true; FormulaError for anything that is neither true nor false."""
    value = evaluate(text, scope)
    if not isinstance(value, bool):
        raise FormulaError(f"must be true or false, and is {str(value)[:80]!r}")
    return value


def _lowered(value: Any) -> Any:
    """What CEL knows: no decimals, no integers beyond 64 bits."""
    if isinstance(value, Mapping):
        return {str(key): _lowered(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_lowered(one) for one in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return float(value)
    if isinstance(value, UUID):
        return str(value)
    return value


def _raised(value: Any) -> Any:
    """JSON again."""
    if isinstance(value, Mapping):
        return {str(key): _raised(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_raised(one) for one in value]
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _sentence(error: RuntimeError) -> str:
    return _WHERE.sub("", str(error)).strip()[:300]
