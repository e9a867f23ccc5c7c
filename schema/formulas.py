"""Compute formula fields: CEL over the fields of the same record, typed when it is defined.

Wherever records are written, filtered, sorted or indexed a formula field is a field of its result's
type with `formula` set (`as_result`), so that nothing else has to know of formulas. Its value is
worked out in the write that changes what it reads, and stored. It is empty where the formula has no
value: over something empty, a division by zero, a result that its type can't hold.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException
from functools import lru_cache
from typing import Any

import msgspec
from cel_expr_python import cel

from schema import arithmetic
from schema.field_types.dates import canonical_instant
from schema.field_types.numbers import exact
from schema.field_types.refusals import did_you_mean, listing
from schema.field_types.rollups import as_rollup_result
from schema.field_types.table import type_of_values
from schema.field_types.text import clean
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, refuse

T = FieldType
MAX_LENGTH = 4_000  # of an expression
MAX_DEPTH = 32  # that CEL reads
MAX_TEXT = 10_000  # of a text that is computed
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
_LITERAL = re.compile(r"""[rRbB]{0,2}(?:\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*')""", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])[a-z_][a-z0-9_]*")
_WHERE = re.compile(r"\s*\[[A-Z_]+\]\s*$|\n\s*\|[^\n]*|(?:[A-Z_]+: )?ERROR: <input>:")
_DIGITS = Context(prec=400, rounding=ROUND_HALF_EVEN)


def names_in(expression: str) -> frozenset[str]:
    """What an expression may speak of: its identifiers that are no members."""
    return frozenset(_NAME.findall(_LITERAL.sub(" ", expression)))


def as_result(field: Field) -> Field:
    """A formula or a rollup as a field of its values' type; any other field as it is."""
    if field.type is T.ROLLUP and field.settings:
        return as_rollup_result(field)
    expression = field.settings.get("expression", "")
    if field.type is not T.FORMULA or not expression:
        return field
    settings = {k: v for k, v in field.settings.items() if k == "decimals"}
    return msgspec.structs.replace(
        field,
        type=type_of_values(field),
        settings=settings,
        formula=expression,
    )


def with_results(obj: Object) -> Object:
    """The object with its formulas and rollups as fields of their values' types."""
    if not any(f.type in {T.FORMULA, T.ROLLUP} for f in obj.fields):
        return obj
    return msgspec.structs.replace(obj, fields=tuple(map(as_result, obj.fields)))


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


def reads(field: Field, fields: Iterable[Field]) -> list[Field]:
    """The fields of the object that a formula speaks of."""
    expression = as_result(field).formula
    names = names_in(expression) if expression else frozenset()
    return [f for f in fields if f.name in names]


def in_order(fields: Sequence[Field]) -> list[Field]:
    """The formulas among the fields, each behind those that it reads; Invalid / FORMULA_CYCLE,
    naming the way round, where there is no such order."""
    found: dict[str, Field] = {}
    formulas = {f.name: f for f in map(as_result, fields) if f.formula}

    def visit(field: Field, way: tuple[str, ...]) -> None:
        if field.name in way:
            round_trip = " -> ".join([*way[way.index(field.name) :], field.name])
            message = f"formulas can't go round in a circle: {round_trip}"
            raise refuse(field.name, "FORMULA_CYCLE", message)
        if field.name in found:
            return
        for one in reads(field, formulas.values()):
            visit(one, (*way, field.name))
        found[field.name] = field

    for name in sorted(formulas):
        visit(formulas[name], ())
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Computed:
    """A formula made ready: what it reads, and how its result is stored."""

    field: Field
    key: str
    reads: tuple[Field, ...]

    def value(self, doc: Mapping[str, Any]) -> Any:
        """The canonical value for a document (by key); None where there is none."""
        found = self._exactly(doc)
        if found is ...:
            data = {f.name: _lowered(f, doc.get(f.key or f.name)) for f in self.reads}
            found = _evaluated(self.field.formula, data)
        if found is None:
            return None
        try:
            return _stored(self.field, found)
        except Invalid:
            return None

    def _exactly(self, doc: Mapping[str, Any]) -> Any:
        """What arithmetic alone gives, fractions included; `...` where it takes more than that."""
        compute_exactly = arithmetic.read(self.field.formula)
        if compute_exactly is None:
            return ...
        try:
            return compute_exactly(
                {f.name: _exact_of(f, doc.get(f.key or f.name)) for f in self.reads}
            )
        except arithmetic.NoValueError:
            return None
        except (arithmetic.BeyondError, DecimalException):
            return ...


def ready(field: Field, fields: Iterable[Field]) -> Computed:
    result = as_result(field)
    return Computed(result, field.key or field.name, tuple(map(as_result, reads(field, fields))))


def compute(formulas: Sequence[Computed], doc: dict[str, Any]) -> list[Field]:
    """Write the value of every formula into a document, in place; the fields that changed."""
    changed = []
    for one in formulas:
        before, value = doc.get(one.key), one.value(doc)
        if value is None:
            doc.pop(one.key, None)
        else:
            doc[one.key] = value
        if exactly(before) != value or type(before) is bool is not type(value):
            changed.append(one.field)
    return changed


def exactly(value: Any) -> Any:
    """A stored value so that it compares with one worked out: a double by its digits."""
    return Decimal(repr(value)) if isinstance(value, float) else value


@lru_cache(maxsize=4096)
def _program(expression: str, names: tuple[tuple[str, bool], ...]) -> Any:
    """Names are dynamic, so that they may be null; but what is an instant must be declared one."""
    kinds = {name: cel.Type.TIMESTAMP if instant else cel.Type.DYN for name, instant in names}
    return cel.NewEnv(variables=kinds).compile(expression)


def _evaluated(expression: str, data: Mapping[str, Any]) -> Any:
    """What CEL makes of it; None for an error, since a formula over nothing is nothing."""
    names = tuple((name, isinstance(value, datetime)) for name, value in data.items())
    try:
        found = _program(expression, names).eval(data=data)
        return None if found.type().name() == "ERROR" else found.plain_value()
    except RuntimeError:
        return None


def _exact_of(field: Field, value: Any) -> Any:
    """A stored value as arithmetic knows it: whole numbers are int where CEL has them so, fractions
    Decimal."""
    if value is None and field.type not in {T.MULTI_SELECT, T.ARRAY}:
        return None
    match field.type:
        case T.NUMBER if field.settings.get("integer"):
            return int(value)
        case T.NUMBER | T.DECIMAL:
            return exactly(value) if isinstance(value, float) else Decimal(value)
        case T.CURRENCY | T.BOOLEAN | T.RATING | T.SELECT | T.TEXT | T.UUID:
            return value
    return ...  # what it is, arithmetic alone can't say


def _lowered(field: Field, value: Any) -> Any:
    """A stored value as CEL knows it."""
    if value is None:
        return [] if field.type in {T.MULTI_SELECT, T.ARRAY} else None
    match field.type:
        case T.NUMBER if field.settings.get("integer"):
            return int(value)
        case T.NUMBER | T.DECIMAL:
            return float(value)
        case T.RICH_TEXT:
            return value["markdown"]
        case T.DATE:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        case T.DATE_TIME:
            return datetime.fromisoformat(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return float(value)
    return value


def _stored(field: Field, value: Any) -> Any:
    """The canonical value of a result; None, or Invalid, where its type can't hold it."""
    match field.type:
        case T.TEXT if isinstance(value, str):
            return clean(value, field.name, MAX_TEXT) or None
        case T.BOOLEAN if isinstance(value, bool):
            return value
        case T.NUMBER if isinstance(value, Decimal):
            return _number(field, value)
        case T.NUMBER if isinstance(value, int | float) and not isinstance(value, bool):
            return _number(field, value) if math.isfinite(value) else None
        case T.DATE if isinstance(value, datetime):
            return _aware(value).date().isoformat()
        case T.DATE_TIME if isinstance(value, datetime):
            return canonical_instant(_aware(value))
    return None


def _number(field: Field, value: float | Decimal) -> Any:
    decimals = field.settings.get("decimals")
    if isinstance(value, int):
        return exact(value, field.name)
    found = exactly(value)
    if decimals is None:
        return exact(arithmetic.rounded(found), field.name)
    unit = Decimal(1).scaleb(-decimals)
    return exact(found.quantize(unit, context=_DIGITS), field.name)


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
