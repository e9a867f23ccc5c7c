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
from schema.field_types.rollups import as_rollup_result
from schema.field_types.table import type_of_values
from schema.field_types.text import clean
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, refuse

T = FieldType
MAX_TEXT = 10_000  # of a text that is computed
_LITERAL = re.compile(r"""[rRbB]{0,2}(?:\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*')""", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])[a-z_][a-z0-9_]*")
_PLACES = ("lat", "lng")
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
            data = {f.name: lowered(f, doc.get(f.key or f.name)) for f in self.reads}
            found = outcome(self.field.formula, data)[0]
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


def outcome(expression: str, data: Mapping[str, Any]) -> tuple[Any, str]:
    """What CEL makes of it, and why it makes nothing: a formula over nothing is nothing."""
    names = tuple((name, isinstance(value, datetime)) for name, value in data.items())
    try:
        found = _program(expression, names).eval(data=data)
    except RuntimeError as exc:
        return None, str(exc)
    value = found.plain_value()
    return (None, str(value)) if found.type().name() == "ERROR" else (value, "")


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


def lowered(field: Field, value: Any) -> Any:
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
        case T.ADDRESS:  # whole degrees are fractions as well
            places = {part: float(value[part]) for part in _PLACES if value.get(part) is not None}
            return {**_plain(value), **places}
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
