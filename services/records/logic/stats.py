"""Say which group statistics an object keeps, and what a write changes in them.

A statistic is a grouping field of a kanban view with that view's sums. What is kept for a group is
the count, and for each measured number its count and exact total; of a currency, one total by code.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from schema.compiled import CompiledObject, Workspace
from schema.model import Field, FieldType, ViewType

_NAMESPACE = UUID("5b1a2c0e-7f0c-7d4a-9c5e-1f6a3f1d2b11")
_SUMMABLE = {FieldType.NUMBER, FieldType.DECIMAL, FieldType.RATING, FieldType.CURRENCY}
EMPTY = "~"  # no option's value has a tilde
COUNT = "count"
# Wide enough for any sum of numbers that doubles come near to, digit by digit: Python's own context
# rounds to 28 digits, which a single decimal may exceed.
EXACT = Context(prec=1000)


@dataclass(frozen=True, slots=True)
class Statistic:
    """Counts and sums by one field of one object."""

    id: UUID
    object_id: UUID
    group_field: Field
    sums: tuple[Field, ...]

    @property
    def definition(self) -> str:
        """Field ids: the grouping field, then what is summed; kept beside the statistic."""
        return ",".join([self.group_field.id, *(f.id for f in self.sums)])


class Delta(NamedTuple):
    stat_id: UUID
    group_key: str
    measure: str  # count, <field id>, or <field id>:<currency code>
    records: int
    total: Decimal


def statistics(workspace: Workspace, obj: CompiledObject) -> list[Statistic]:
    """What the object's kanban views make worth keeping."""
    sums: dict[str, set[str]] = defaultdict(set)
    for view in workspace.views.values():
        if view.object_id == obj.id and view.type is ViewType.KANBAN and view.group_field_id:
            sums[view.group_field_id] |= {
                a["field_id"] for a in view.aggregates if a.get("field_id")
            }
    found = []
    for field_id, measured in sorted(sums.items()):
        group_field = obj.fields_by_id.get(field_id)
        if group_field is None:
            continue
        fields = [f for i in sorted(measured) if (f := obj.fields_by_id.get(i))]
        kept = tuple(f for f in fields if f.type in _SUMMABLE)
        key = ",".join([field_id, *(f.id for f in kept)])
        found.append(Statistic(uuid5(_NAMESPACE, key), UUID(obj.id), group_field, kept))
    return found


def known(obj: CompiledObject, kept: Sequence[tuple[UUID, str]]) -> list[Statistic] | None:
    """The statistics that the store keeps, by (id, definition); None when one of them speaks of a
    field that these definitions do not know (yet)."""
    fields = {f.id: f for f in obj.definition.fields}
    found = []
    for stat_id, definition in kept:
        parts = [fields.get(i) for i in definition.split(",")]
        group_field, *sums = parts
        if group_field is None or None in sums:
            return None
        summed = tuple(f for f in sums if f is not None)
        found.append(Statistic(stat_id, UUID(obj.id), group_field, summed))
    return found


def group_key(field: Field, doc: dict[str, Any]) -> str:
    value = doc.get(field.key or field.name)
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def deltas(
    statistics: Sequence[Statistic],
    moved: Sequence[tuple[dict[str, Any] | None, dict[str, Any] | None]],
) -> list[Delta]:
    """What documents that went from the first to the second (None: not there) change."""
    sums: dict[tuple[UUID, str, str], list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for statistic in statistics:
        for before, after in moved:
            for doc, sign in ((before, -1), (after, 1)):
                if doc is None:
                    continue
                group = group_key(statistic.group_field, doc)
                for measure, total in measures(statistic, doc):
                    entry = sums[statistic.id, group, measure]
                    entry[0] += sign
                    entry[1] = EXACT.fma(sign, total, entry[1])
    return [
        Delta(*key, count, total) for key, (count, total) in sorted(sums.items()) if count or total
    ]


def measures(statistic: Statistic, doc: dict[str, Any]) -> Iterable[tuple[str, Decimal]]:
    """(measure, amount) of one document, the count first."""
    yield COUNT, Decimal(0)
    for field in statistic.sums:
        value = doc.get(field.key or field.name)
        if value is None:
            continue
        if field.type is FieldType.CURRENCY:
            yield f"{field.id}:{value['currency_code']}", Decimal(value["amount_micros"])
        else:
            yield field.id, Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
