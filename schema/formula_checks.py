"""Judge formulas when they are defined: by the kinds of what they read, and by a trial."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from cel_expr_python import cel

from schema.field_types import FIELD_TYPES, Kind
from schema.field_types.refusals import did_you_mean, listing
from schema.formulas import as_result, lowered, names_in, outcome
from schema.model import Field, FieldType
from schema.problems import refuse

T = FieldType
MAX_LENGTH = 4_000  # of an expression
MAX_DEPTH = 32  # that CEL reads
_KINDS = {  # what CEL may find an expression to be, by the result that is declared
    "text": {"STRING", "wrapper(string)", "DYN"},
    "number": {"INT", "UINT", "DOUBLE", "wrapper(int)", "wrapper(uint)", "wrapper(double)", "DYN"},
    "boolean": {"BOOL", "wrapper(bool)", "DYN"},
    "date": {"TIMESTAMP", "DYN"},
    "date_time": {"TIMESTAMP", "DYN"},
}
_WRAPPED = "google.protobuf.{}Value"
_STRING, _DOUBLE = cel.Type(_WRAPPED.format("String")), cel.Type(_WRAPPED.format("Double"))
_INT, _BOOL = cel.Type(_WRAPPED.format("Int64")), cel.Type(_WRAPPED.format("Bool"))
_PARTS, _TEXTS = cel.Type.Map(cel.Type.STRING, cel.Type.DYN), cel.Type.List(cel.Type.STRING)
_TYPES = {
    T.TEXT: _STRING,
    T.RICH_TEXT: _STRING,
    T.NUMBER: _DOUBLE,
    T.DECIMAL: _DOUBLE,
    T.BOOLEAN: _BOOL,
    T.DATE: cel.Type.TIMESTAMP,
    T.DATE_TIME: cel.Type.TIMESTAMP,
    T.SELECT: _STRING,
    T.MULTI_SELECT: _TEXTS,
    T.RATING: _INT,
    T.CURRENCY: _PARTS,
    T.FULL_NAME: _PARTS,
    T.EMAILS: _PARTS,
    T.PHONES: _PARTS,
    T.LINKS: _PARTS,
    T.ADDRESS: _PARTS,
    T.ARRAY: _TEXTS,
    T.JSON: cel.Type.DYN,
    T.UUID: _STRING,
}
_WHERE = re.compile(r"\s*\[[A-Z_]+\]\s*$|\n\s*\|[^\n]*|(?:[A-Z_]+: )?ERROR: <input>:")
_RESULTS: Mapping[str, Any] = {
    "text": str,
    "number": int | float | Decimal,
    "boolean": bool,
    "date": datetime,
    "date_time": datetime,
}
_MISMATCH = re.compile(r"No matching overloads found : (.+)")
_NO_PART = re.compile(r'Key not found in map : "([^"]*)"')


def kind_of(field: Field) -> str:
    """How expressions see a field: two definitions of the same kind can stand for one another."""
    field = as_result(field)
    if field.type is T.NUMBER and field.settings.get("integer"):
        return "int"
    found = _TYPES.get(field.type)
    return str(found.name()) if found is not None else ""


def check(expression: str, result: str, fields: Iterable[Field], path: str) -> None:
    """Invalid where the expression is no formula over these fields, or has another result."""
    by_name = {f.name: as_result(f) for f in fields}
    if len(expression) > MAX_LENGTH:
        raise refuse(path, "TOO_LONG", f"a formula has at most {MAX_LENGTH:,} characters")
    used = [by_name[name] for name in sorted(names_in(expression)) if name in by_name]
    if blind := [f.name for f in used if not kind_of(f)]:
        why = f"{blind[0]} is a {by_name[blind[0]].type}, which a formula can't read"
        raise refuse(path, "NOT_ELIGIBLE", why)
    variables = {f.name: _INT if kind_of(f) == "int" else _TYPES[f.type] for f in used}
    try:
        kind = str(cel.NewEnv(variables=variables).compile(expression).return_type().name())
    except RuntimeError as exc:
        message = _WHERE.sub("", str(exc)).strip()[:300]
        if unknown := re.search(r"undeclared reference to '(\w+)'", message):
            hint = did_you_mean(unknown[1], list(by_name)) or f"; fields: {listing(by_name)}"
            message += hint
        elif "recursion" in message:
            message = (
                f"it is more than {MAX_DEPTH} deep: brackets, and the terms of a + b + c, count"
            )
        elif "no matching overload" in message and "int" in message and "double" in message:
            message += "; whole numbers beside fractions are written 2.0, or double(rating)"
        raise refuse(path, "INVALID_FORMULA", message) from None
    if kind not in _KINDS[result]:
        message = f"the formula is of the type {kind.lower()}, which is no {result}"
        raise refuse(path, "WRONG_RESULT", message)
    _try(expression, result, used, path)


def _try(expression: str, result: str, used: Sequence[Field], path: str) -> None:
    """Refuse what only shows when it is computed, of parts of composites: compute it for records
    that have everything. What may be in `json` nobody knows."""
    if any(f.type is T.JSON for f in used):
        return
    for answer in (True, False):
        data = {f.name: lowered(f, _sample(f, answer=answer)) for f in used}
        value, error = outcome(expression, data)
        if wrong := _MISMATCH.search(error):
            message = f"it mixes kinds of values: {wrong[1]}"
            if "int" in wrong[1] and "double" in wrong[1]:
                message += "; whole numbers beside fractions are written 2.0, or double(pieces)"
            raise refuse(path, "INVALID_FORMULA", message)
        if unknown := _NO_PART.search(error):
            parts = [part for f in used for part in _parts(f)]
            hint = did_you_mean(unknown[1], parts) or f"; parts: {listing(parts)}"
            raise refuse(path, "INVALID_FORMULA", f"there is no part {unknown[1]!r}{hint}")
        if value is not None and not isinstance(value, _RESULTS[result]):
            message = f"the formula is of the type {type(value).__name__}, which is no {result}"
            raise refuse(path, "WRONG_RESULT", message)


def _sample(field: Field, *, answer: bool) -> Any:
    """A value as it is stored, with all of its parts; of a boolean the answer."""
    match field.type:
        case T.BOOLEAN:
            return answer
        case T.NUMBER:
            return 1 if field.settings.get("integer") else 1.5
        case T.RATING:
            return 1
        case T.DECIMAL:
            return "1.5"
        case T.DATE:
            return "2000-01-01"
        case T.DATE_TIME:
            return "2000-01-01T00:00:00Z"
        case T.MULTI_SELECT | T.ARRAY:
            return ["a"]
        case T.TEXT | T.SELECT | T.UUID:
            return "a"
    spec, found = FIELD_TYPES[field.type], dict[str, Any]()
    for part, kind in spec.parts.items():
        holder, steps = found, part.split(".")
        for step in steps[:-1]:
            holder = holder.setdefault(step, {})
        holder[steps[-1]] = 1 if kind is Kind.NUMBER else "a"
    return found | {part.partition(".")[0]: [] for part in spec.list_parts}


def _parts(field: Field) -> list[str]:
    spec = FIELD_TYPES[field.type]
    names = (step for part in (*spec.parts, *spec.list_parts) for step in part.split("."))
    return list(dict.fromkeys(names))
