"""Say which group statistics an object keeps, and what a write changes in them.

A statistic is a grouping field of a kanban view with that view's sums, of all records or of those
of a view with a filter; or a choice field alone, or none at all, for exact counts. What is kept for
a group is the count, and for each measured number its count and exact total; of a currency, one
total by code.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from schema.compiled import CompiledObject, Workspace
from schema.filters.closure import Predicate, compile_closure
from schema.filters.context import EvalContext
from schema.filters.tree import Kind, Tree
from schema.filters.walk import conditions, follows_relations
from schema.model import Field, FieldType, View, ViewType

_NAMESPACE = UUID("5b1a2c0e-7f0c-7d4a-9c5e-1f6a3f1d2b11")
_SUMMABLE = {FieldType.NUMBER, FieldType.DECIMAL, FieldType.RATING, FieldType.CURRENCY}
EMPTY = "~"  # no option's value has a tilde
ALL = ""  # the only group of a statistic without a grouping field
OF_VIEW = "/"  # stands in definitions of statistics of a view alone
_NO_FIELD = "*"  # in the place of the grouping field's id
COUNT = "count"
# Wide enough for any sum of numbers that doubles come near to, digit by digit: Python's own context
# rounds to 28 digits, which a single decimal may exceed.
EXACT = Context(prec=1000)


@dataclass(frozen=True, slots=True)
class Statistic:
    """Counts and sums by one field of one object, or of all its records."""

    id: UUID
    object_id: UUID
    group_field: Field | None
    sums: tuple[Field, ...]
    # Of a view with a filter: the view, the name of its set of entries, which is one with what its
    # filter says, and whether a record is in it.
    of: tuple[UUID, UUID] | None = None
    holds: Predicate | None = None

    @property
    def definition(self) -> str:
        """The view and its set, where there is one; then field ids: the grouping field, and what is
        summed. Kept beside the statistic."""
        lead = "".join(f"{one}{OF_VIEW}" for one in self.of or ())
        return lead + _definition(self.group_field, self.sums)


def _definition(group_field: Field | None, sums: Sequence[Field]) -> str:
    lead = group_field.id if group_field is not None else _NO_FIELD
    return ",".join([lead, *(f.id for f in sums)])


class NotKept(Exception):
    """A statistic that an answer needs is not built yet: build it, then ask again."""

    def __init__(self, statistic: Statistic) -> None:
        super().__init__(statistic.id)
        self.statistic = statistic


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
        key = _definition(group_field, kept)
        found.append(Statistic(uuid5(_NAMESPACE, key), UUID(obj.id), group_field, kept))
    return found


def summable(obj: CompiledObject, view: View) -> tuple[Field, ...]:
    """What the view sums, in the order of the fields' ids."""
    measured = {a["field_id"] for a in view.aggregates if a.get("field_id")}
    fields = [f for i in sorted(measured) if (f := obj.fields_by_id.get(i))]
    return tuple(f for f in fields if f.type in _SUMMABLE)


def of_view(
    object_id: UUID, of: tuple[UUID, UUID], by: Field, sums: tuple[Field, ...], holds: Predicate
) -> Statistic:
    """The statistic of a kanban with a filter."""
    named = Statistic(_NAMESPACE, object_id, by, sums, of, holds)
    return replace(named, id=uuid5(_NAMESPACE, named.definition))


def counting(workspace: Workspace, obj: CompiledObject, field: Field | None) -> Statistic:
    """The statistic that counts an object's records, all of them or by a choice field: a kanban's
    where one groups by that field."""
    if field is None:
        name = f"{obj.id},{_NO_FIELD}"
        return Statistic(uuid5(_NAMESPACE, name), UUID(obj.id), None, ())
    for statistic in statistics(workspace, obj):
        if statistic.group_field is not None and statistic.group_field.id == field.id:
            return statistic
    return Statistic(uuid5(_NAMESPACE, field.id), UUID(obj.id), field, ())


class Choices(NamedTuple):
    """A selection that the value of one choice field decides; no field: every record is in it."""

    field: Field | None
    tree: Tree | None
    context: EvalContext

    def count(self, sums: Mapping[tuple[str, str], tuple[int, Decimal]]) -> int:
        """How many records are selected, of a statistic by the field."""
        counts = {group: n for (group, measure), (n, _) in sums.items() if measure == COUNT}
        if self.field is None:
            return sum(counts.values())
        holds = compile_closure(self.tree, self.context)
        key = self.field.key or self.field.name
        boolean = self.field.type is FieldType.BOOLEAN
        found = 0
        for group, n in counts.items():
            value: Any = group == "true" if boolean else group
            fields = {} if group == EMPTY else {key: value}
            found += n if holds({"fields": fields}) else 0
        return found


def choices(tree: Tree | None, context: EvalContext) -> Choices | None:
    """The selection as one that a choice field decides; None where more than that counts."""
    if tree is None:
        return Choices(None, None, context)
    if follows_relations(tree):
        return None
    fields: dict[str, Field] = {}
    for condition in conditions(tree):
        leaf = condition.path.leaf
        if leaf.field is None or leaf.parts or leaf.kind not in {Kind.SELECT, Kind.BOOLEAN}:
            return None
        fields[leaf.field.id] = leaf.field
    if len(fields) != 1:
        return None
    [field] = fields.values()
    return Choices(field, tree, context)


def known(obj: CompiledObject, kept: Sequence[tuple[UUID, str]]) -> list[Statistic] | None:
    """The statistics that the store keeps, by (id, definition); None when one of them speaks of a
    field that these definitions do not know (yet)."""
    fields = {f.id: f for f in obj.definition.fields}
    found = []
    for stat_id, definition in kept:
        lead, *measured = definition.split(",")
        group_field = fields.get(lead)
        sums = [fields.get(i) for i in measured]
        if (group_field is None and lead != _NO_FIELD) or None in sums:
            return None
        summed = tuple(f for f in sums if f is not None)
        found.append(Statistic(stat_id, UUID(obj.id), group_field, summed))
    return found


def group_key(field: Field | None, doc: Mapping[str, Any]) -> str:
    if field is None:
        return ALL
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


def measures(statistic: Statistic, doc: Mapping[str, Any]) -> Iterable[tuple[str, Decimal]]:
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
