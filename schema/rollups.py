"""Say what a rollup figures: over which records of which object, of which of their values.

Whatever reads records takes a rollup for a field of its values' type (`formulas.as_result`). The
definition is worked out here, from the names in the field's settings, and is complete: who keeps
the figures needs no other definitions, but for a filter's.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import msgspec

from schema.compiled import CompiledObject, Workspace
from schema.field_types.composites import currency_codes
from schema.field_types.dates import canonical_instant
from schema.field_types.numbers import INT64_MAX, INT64_MIN, exact
from schema.field_types.refusals import did_you_mean, join, listing
from schema.filters.context import EvalContext
from schema.filters.parse_json import parse
from schema.filters.paths import resolve_reach
from schema.filters.resolve import resolve_relative
from schema.filters.tree import Condition, Tree, Via
from schema.filters.walk import conditions, follows_relations
from schema.formulas import names_in
from schema.model import Field, FieldType
from schema.problems import Invalid, Problem, refuse

T = FieldType
_NUMBERS = {T.NUMBER, T.DECIMAL, T.RATING, T.CURRENCY}
MEASURED = {
    "sum": _NUMBERS,
    "avg": _NUMBERS,
    "min": _NUMBERS | {T.DATE, T.DATE_TIME},
    "max": _NUMBERS | {T.DATE, T.DATE_TIME},
}
AVG_DECIMALS = 6  # of an average of numbers, where nothing else is said
ANYTIME = EvalContext(datetime(2000, 1, 1, tzinfo=UTC), "UTC", "monday", "")
_ROUNDING = Context(prec=1000, rounding=ROUND_HALF_EVEN)


class Rollup(msgspec.Struct, frozen=True):
    """One figure that records of an object have of others that point to them."""

    id: str  # what its figures are kept under
    field_id: str
    object_id: str  # of the records that have it
    key: str  # of their documents
    other_id: str  # the object of the records that it is of
    relation_id: str
    relation_slot: str
    relation_key: str  # of their documents
    function: str
    measure_id: str = ""
    measure_key: str = ""
    measure: str = ""  # the type of what is measured
    result_type: str = "number"
    scale: int | None = None  # digits behind the point; None: as many as there are
    currency_code: str = ""
    filter: dict[str, Any] = {}
    reads: tuple[str, ...] = ()  # ids of the fields of the other object that it tells of
    forms: tuple[tuple[str, str, str], ...] = ()  # of these: id, key in documents, and type

    @property
    def adds(self) -> bool:
        """Whether counts and totals alone give the value."""
        return self.function in {"count", "sum", "avg"}


def resolve(workspace: Workspace, obj: CompiledObject, field: Field, path: str = "") -> Rollup:
    """The definition of a rollup field of the object; Invalid says what is wrong with it."""
    asked = field.rollup or field.settings
    relation, other = _way(workspace, obj, asked["path"], join(path, "settings.path"))
    function = asked["function"]
    measure = None
    if function != "count":
        measure = _measure(other, function, asked["field"], join(path, "settings.field"))
    code = asked.get("currency_code") or ""
    _check_currency(measure, code, join(path, "settings.currency_code"))
    reads = {relation.id} | ({measure.id} if measure is not None else set())
    if document := asked.get("filter"):
        reads |= _filtered(workspace, other, document, join(path, "settings.filter"))
    kind, scale = _result(function, measure, asked.get("decimals"))
    return Rollup(
        id=field.index_id,
        field_id=field.id,
        object_id=obj.id,
        key=field.key or field.name,
        other_id=other.id,
        relation_id=relation.id,
        relation_slot=relation.index_id,
        relation_key=relation.key or relation.name,
        function=function,
        measure_id=measure.id if measure else "",
        measure_key=(measure.key or measure.name) if measure else "",
        measure=measure.type if measure else "",
        result_type=kind,
        scale=scale,
        currency_code=code,
        filter=asked.get("filter") or {},
        reads=tuple(sorted(reads)),
        forms=_forms(other, reads),
    )


def _forms(other: CompiledObject, reads: set[str]) -> tuple[tuple[str, str, str], ...]:
    """How the values stand that a rollup reads: those that a job writes anew, it would not see."""
    read = [f for f in other.fields.values() if f.id in reads]
    return tuple(sorted((f.id, f.key or f.name, str(f.type)) for f in read))


def of(workspace: Workspace) -> Mapping[str, Rollup]:
    """The rollups of a workspace that make sense, by field id; worked out once."""
    found: dict[str, Rollup] | None = workspace.__dict__.get("_rollups")
    if found is None:
        found = {}
        for obj, field in _fields(workspace):
            with suppress(Invalid):
                found[field.id] = resolve(workspace, obj, field)
        workspace.__dict__["_rollups"] = found
    return found


def _fields(workspace: Workspace) -> Iterator[tuple[CompiledObject, Field]]:
    for obj in workspace.objects.values():
        for field in obj.fields.values():
            if field.rollup:
                yield obj, field


def tree_of(workspace: Workspace, other: CompiledObject, document: Mapping[str, Any]) -> Tree:
    """The filter of a rollup; Invalid where it makes no sense to these definitions."""
    tree = parse(workspace, other, dict(document), path="filter")
    if tree is None:
        raise refuse("filter", "EMPTY", "says nothing: leave it out")
    return tree


def _way(workspace: Workspace, obj: CompiledObject, path: str, at: str) -> tuple[Field, Any]:
    """The relation that leads here, and the object that it is of."""
    reach = resolve_reach(workspace, obj, path, at)
    hop = reach.many
    if reach.hops or hop.via is not Via.INVERSE or hop.field is None:
        message = f"{path} must be the inverse of a relation that leads to {obj.name}"
        raise refuse(at, "NOT_ELIGIBLE", message)
    if len(hop.field.settings.get("targets", ())) != 1 or not hop.field.indexed:
        why = f"the relation {hop.field.name} must lead to {obj.name} alone, and be indexed"
        raise refuse(at, "NOT_ELIGIBLE", why)
    return hop.field, workspace.objects_by_id[hop.object_id]


def _measure(other: CompiledObject, function: str, name: str, at: str) -> Field:
    able = [f.name for f in other.fields.values() if _able(other, f, function)]
    found = other.fields.get(name)
    if found is not None and found.name in able:
        return found
    if found is None:
        message = f"{other.name} has no field {name!r}{did_you_mean(name, able)}"
        raise refuse(at, "UNKNOWN_FIELD", f"{message}; {function} takes: {listing(able)}")
    why = f"{name} can't be rolled up by {function}, which takes: {listing(able)}"
    raise refuse(at, "NOT_ELIGIBLE", why)


def _able(other: CompiledObject, field: Field, function: str) -> bool:
    return field.type in MEASURED[function] and not tells_of_rollups(other, field)


def tells_of_rollups(obj: CompiledObject, field: Field) -> bool:
    """Whether it is one, or a formula over one: those are no part of a rollup."""
    todo, seen = [field], set[str]()
    while todo:
        one = todo.pop()
        if one.rollup:
            return True
        if one.formula and one.id not in seen:
            seen.add(one.id)
            names = names_in(one.formula)
            todo += [f for f in obj.fields.values() if f.name in names]
    return False


def _check_currency(measure: Field | None, code: str, at: str) -> None:
    money = measure is not None and measure.type is T.CURRENCY
    if money and not code:
        raise refuse(at, "REQUIRED", "say of which currency: amounts of others are left out")
    if code and not money:
        raise refuse(at, "CONFLICTING_SETTINGS", "is for a field of the type currency")
    if code and code not in currency_codes():
        hint = did_you_mean(code, sorted(currency_codes()))
        raise refuse(at, "UNKNOWN_CURRENCY", f"must be a currency code of ISO 4217{hint}")


def _filtered(
    workspace: Workspace, other: CompiledObject, document: Mapping[str, Any], at: str
) -> set[str]:
    """Ids of the fields that a filter speaks of; Invalid unless a record by itself decides it."""
    try:
        tree = tree_of(workspace, other, document)
    except Invalid as exc:
        moved = [Problem(p.path.replace("filter", at, 1), p.code, p.message) for p in exc.problems]
        raise Invalid(moved) from None
    if follows_relations(tree):
        raise refuse(at, "NOT_ELIGIBLE", "can't follow relations: other records decide it then")
    if resolve_relative(tree, ANYTIME) != tree:
        raise refuse(at, "NOT_ELIGIBLE", "can't depend on who asks or when")
    spoken: list[Condition] = list(conditions(tree))
    fields = [c.path.leaf.field for c in spoken if c.path.leaf.field is not None]
    if blind := [f.name for f in fields if tells_of_rollups(other, f)]:
        raise refuse(at, "NOT_ELIGIBLE", f"can't speak of {blind[0]}, which tells of a rollup")
    return {f.id for f in fields}


def _result(function: str, measure: Field | None, decimals: int | None) -> tuple[str, int | None]:
    """The type of the values, and their digits behind the point."""
    if measure is None:
        return "number", 0
    match measure.type:
        case T.DECIMAL:
            own = measure.settings.get("scale", 2)
            return "decimal", own if function != "avg" or decimals is None else decimals
        case T.NUMBER | T.RATING:
            if function == "avg":
                return "number", AVG_DECIMALS if decimals is None else decimals
            whole = measure.type is T.RATING or measure.settings.get("integer")
            return "number", 0 if whole else None
    return str(measure.type), None


def amount(rollup: Rollup, doc: Mapping[str, Any]) -> Any:
    """What a record of the other object brings in: a Decimal, or a date's text; None: nothing."""
    value = doc.get(rollup.measure_key)
    if value is None:
        return None
    if rollup.measure == T.CURRENCY:
        if value["currency_code"] != rollup.currency_code:
            return None
        return Decimal(value["amount_micros"])
    if rollup.measure in {T.DATE, T.DATE_TIME}:
        return value
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def order(rollup: Rollup, value: Any) -> Any:
    """Sorts what `amount` gives."""
    return datetime.fromisoformat(value) if rollup.measure == T.DATE_TIME else value


def value_of(rollup: Rollup, count: int, total: Decimal, extreme: Any) -> Any:
    """The canonical value; None where it is empty, or its type can't hold it."""
    match rollup.function:
        case "count":
            return count
        case "sum":
            return _number(rollup, total)
        case "avg":
            return _number(rollup, _ROUNDING.divide(total, Decimal(count))) if count else None
    return extreme if not isinstance(extreme, Decimal) else _number(rollup, extreme)


def _number(rollup: Rollup, number: Decimal) -> Any:
    if rollup.result_type == "currency":
        micros = int(number.quantize(Decimal(1), context=_ROUNDING))
        if not INT64_MIN <= micros <= INT64_MAX:
            return None
        return {"amount_micros": micros, "currency_code": rollup.currency_code}
    if rollup.scale is not None:
        number = number.quantize(Decimal(1).scaleb(-rollup.scale), context=_ROUNDING)
    if rollup.result_type == "decimal":
        return format(number, "f")
    with suppress(Invalid):
        return exact(number, "value")
    return None


def instant(value: datetime) -> str:
    """An extreme that Postgres found among instants."""
    return canonical_instant(value)
