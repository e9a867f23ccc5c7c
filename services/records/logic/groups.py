"""Turn rows of figures into groups: keys as JSON, exact figures, empty groups, order and having."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from itertools import islice, product
from typing import Any
from uuid import UUID

from kit.errors import ResourceExhausted
from schema.field_types.dates import canonical_instant
from schema.filters import parse_json
from schema.filters.closure import Predicate, compile_closure
from schema.filters.context import EvalContext
from schema.filters.tree import Kind, Leaf
from schema.fold import fold
from schema.problems import Invalid
from schema.sorts import record_key
from services.records.logic import group_names
from services.records.logic.aggregate_parts import Aggregate, Key, Measure

MAX_GROUPS = 50_000
_AVERAGE = Context(prec=50)  # the digits of a quotient; sums are exact
_EXACT = Context(prec=1000)

Keys = tuple[Any, ...]
Figures = dict[str, Any]
Found = dict[Keys, Figures]


@dataclass(frozen=True, slots=True)
class Group:
    """The records with the same keys."""

    keys: Keys
    values: Mapping[str, Any]


def too_many() -> ResourceExhausted:
    message = (
        f"this makes more than {MAX_GROUPS:,} groups; narrow the filter, group by larger buckets "
        "or fewer keys, or leave include_empty out"
    )
    return ResourceExhausted("TOO_MANY_GROUPS", message, limit=str(MAX_GROUPS))


def arranged(found: Found, asked: Aggregate, keep: Predicate | None) -> list[Group]:
    """The groups that having keeps, in the order asked; the keys decide between equals."""
    if len(found) > MAX_GROUPS:
        raise too_many()
    if asked.include_empty and asked.keys:
        found = _completed(found, asked)
    places = [_place_of(key) for key in asked.keys]
    groups = [Group(keys, values) for keys, values in found.items()]
    groups.sort(key=lambda g: [place(k) for place, k in zip(places, g.keys, strict=True)])
    if keep is None and not asked.sort:
        return groups
    rows = [_as_record(group, n, asked) for n, group in enumerate(groups)]
    chosen = [n for n, row in enumerate(rows) if keep is None or keep(row)]
    if asked.sort:
        order = record_key(asked.sort)
        chosen.sort(key=lambda n: order(rows[n]))
    return [groups[n] for n in chosen]


def having(asked: Aggregate, context: EvalContext) -> Predicate | None:
    """Whether a group is kept; Invalid where having is no filter over the keys and figures."""
    if not asked.having:
        return None
    names = asked.names
    try:
        tree = parse_json.parse(names.workspace, names.object, dict(asked.having), path="having")
        return compile_closure(tree, context)
    except Invalid as invalid:
        raise group_names.said(invalid, names) from None


def _as_record(group: Group, place: int, asked: Aggregate) -> dict[str, Any]:
    """The group as `asked.names` describes it; its id is its place by the keys."""
    inner = asked.names.inner
    fields = {inner[key.name]: shown(v) for key, v in zip(asked.keys, group.keys, strict=True)}
    fields |= {inner[name]: v for name, v in group.values.items() if name in inner}
    return {"id": f"{place:08}", "fields": fields}


def keys_of(keys: Sequence[Key], row: Sequence[Any]) -> Keys:
    """The keys at the beginning of a row."""
    return tuple(_key(key.leaf, key.bucket, row[n]) for n, key in enumerate(keys))


def _key(leaf: Leaf, bucket: str, value: Any) -> Any:
    """A key as JSON; hashable, so a relation to several objects is a text until it is shown."""
    if value is None or bucket:
        return value
    if isinstance(value, dict):
        return Target(value["object"], value["id"])
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return canonical_instant(value)
    if leaf.kind in {Kind.NUMBER, Kind.POSITION} and not isinstance(value, str):
        return _plain(Decimal(value))
    return value


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """The value of a relation to one of several objects."""

    object: str
    id: str


def shown(key: Any) -> Any:
    """A key as clients see it."""
    return {"object": key.object, "id": key.id} if isinstance(key, Target) else key


def figure_of(measure: Measure, figure: Any, count: int) -> Any:
    """A figure over `count` values as JSON."""
    match measure.fn:
        case "count" | "count_distinct":
            return figure
        case "sum":
            return _plain(figure) if count else 0
        case "avg":
            return _plain(_AVERAGE.divide(figure, Decimal(count))) if count else None
    if figure is None or measure.leaf is None:
        return None
    if measure.leaf.kind is Kind.DATE_TIME:
        return canonical_instant(figure) if isinstance(figure, datetime) else f"{figure}Z"
    return figure if measure.leaf.kind is Kind.DATE else _plain(Decimal(figure))


def amount(code: str, figure: Any) -> dict[str, Any]:
    """One entry of a currency's figures."""
    return {"currency_code": code, "amount_micros": figure}


def _plain(value: Decimal) -> int | Decimal:
    whole = int(value)
    if whole != value:
        return _EXACT.normalize(value)
    return whole if whole.bit_length() < 64 else value  # JSON writers take no longer int


def empty(asked: Aggregate) -> Figures:
    """The figures of a group without records."""
    return {m.name: [] if m.by_currency else _nothing(m.fn) for m in asked.measures}


def _nothing(fn: str) -> int | None:
    return 0 if fn in {"count", "count_distinct", "sum"} else None


def _completed(found: dict[Keys, Figures], asked: Aggregate) -> dict[Keys, Figures]:
    """Every combination of the options with the other keys' values, empty ones with zeros."""
    present = [dict.fromkeys(keys[n] for keys in found) for n in range(len(asked.keys))]
    every: list[Iterable[Any]] = [
        values if key.choices is None else dict.fromkeys([*key.choices, None, *values])
        for key, values in zip(asked.keys, present, strict=True)
    ]
    combined = dict(found)
    for keys in islice(product(*every), MAX_GROUPS + 1):
        combined.setdefault(keys, empty(asked))
    if len(combined) > MAX_GROUPS:
        raise too_many()
    return combined


def _place_of(key: Key) -> Callable[[Any], Any]:
    """A function that gives a key's place: as its field sorts, null last."""
    ranks = {value: n for n, value in enumerate(key.choices or ())}
    leaf, bucket = key.leaf, key.bucket
    has_ranks = key.choices is not None
    as_number = leaf.kind in {Kind.NUMBER, Kind.POSITION}
    as_text = leaf.kind is Kind.TEXT
    as_instant = leaf.kind is Kind.DATE_TIME and not bucket

    def place(value: Any) -> Any:
        if value is None:
            return (1,)
        if has_ranks:
            return (0, ranks.get(value, len(ranks)), str(value))
        if as_number:
            return (0, Decimal(value))
        if as_text:
            return (0, fold(value), value)
        return (0, value[:-1]) if as_instant else (0, value)

    return place
