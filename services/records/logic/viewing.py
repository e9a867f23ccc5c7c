"""Say how a view's records are kept in its order: which they are, under which bytes, or why not.

A view as it is defined now has a set of entries of its own, named by a hash of all that decides
which records are in it and where: its filter, sort and grouping, and of the fields that these speak
of the type and the order of the options. Any replica that knows the same definition knows the set;
one that does not must not write to it.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from schema import jsonio
from schema.compiled import Workspace
from schema.field_types import views_of
from schema.filters import parse_json
from schema.filters.closure import Predicate, compile_closure
from schema.filters.context import EvalContext
from schema.filters.resolve import resolve_relative
from schema.filters.tree import And, Condition, Leaf, Not, Or, Tree
from schema.filters.walk import conditions, follows_relations
from schema.model import Field, FieldType, View, ViewType
from schema.problems import Invalid
from schema.sorts import SortKey, parse_sort
from services.records.logic import sort_bytes, stats
from services.records.model import Stored

GROUPED = {FieldType.SELECT, FieldType.BOOLEAN, FieldType.RELATION}  # what boards group by
_FORM = "1"  # another form of the bytes is another set
_SOME_CONTEXT = EvalContext(datetime(2000, 1, 1, tzinfo=UTC), "UTC", "monday", "")


@dataclass(frozen=True, slots=True)
class Kept:
    """A view whose entries can be kept."""

    view_id: UUID
    object_id: UUID
    set_id: UUID
    group_field: Field | None
    keys: tuple[SortKey, ...]
    holds: Predicate
    sort_key: Callable[[Mapping[str, Any]], bytes]
    place: Callable[[Any], bytes]  # of a page token's values
    figures: stats.Statistic | None  # of a kanban with a filter


@dataclass(frozen=True, slots=True)
class Refused:
    """A view whose entries can't be kept, or must not."""

    why: str


@dataclass(frozen=True, slots=True)
class Use:
    """How a query may be answered by a view's entries: all of them, or one group's."""

    kept: Kept
    group: str | None = None


Entry = tuple[str, bytes]  # group and sort key

_known: "WeakKeyDictionary[Workspace, dict[str, Kept | Refused]]" = WeakKeyDictionary()


def plan(workspace: Workspace, view: View) -> Kept | Refused:
    """How the view's records are kept; made once for each snapshot of the definitions."""
    full = workspace.full
    plans = _known.setdefault(full, {})
    found = plans.get(view.id)
    if found is None:
        found = plans[view.id] = _plan(full, full.views.get(view.id, view))
    return found


def _plan(workspace: Workspace, view: View) -> Kept | Refused:
    obj = workspace.objects_by_id.get(view.object_id)
    if obj is None:
        return Refused("its object is not there")
    try:
        keys = parse_sort(workspace, obj, view.sort or "")
        tree: Tree | None = None
        if view.filter:
            tree = parse_json.parse(workspace, obj, view.filter, path="view.filter")
    except Invalid:
        return Refused("its filter or sort is not valid any more")
    if tree is not None and follows_relations(tree):
        return Refused("its filter follows relations or links, whose other end changes by itself")
    if tree is not None and resolve_relative(tree, _SOME_CONTEXT) != tree:
        return Refused("its filter depends on who asks or when")
    group_field = None
    if view.type is ViewType.KANBAN:
        group_field = obj.fields_by_id.get(view.group_field_id)
        if group_field is not None and not groups_boards(group_field):
            group_field = None
    leaves = [c.path.leaf for c in conditions(tree)] if tree is not None else []
    leaves += [key.leaf for key in keys]
    fields = [leaf.field for leaf in leaves if leaf.field is not None]
    if any(f.state != "ready" for f in [*fields, *([group_field] if group_field else [])]):
        return Refused("a field of its filter, sort or grouping is being rebuilt")
    form = [
        _FORM, view.object_id, _tree_form(tree),
        [[_leaf_form(k.leaf), k.descending, k.nulls_first] for k in keys],
        _field_form(group_field) if group_field is not None else None,
    ]  # fmt: skip
    digest = hashlib.sha256(UUID(view.id).bytes + jsonio.dumps(form)).digest()
    view_id, object_id, set_id = UUID(view.id), UUID(view.object_id), UUID(bytes=digest[:16])
    holds = compile_closure(tree, _SOME_CONTEXT)
    figures = None
    if group_field is not None and tree is not None:
        sums = stats.summable(obj, view)
        figures = stats.of_view(object_id, (view_id, set_id), group_field, sums, holds)
    encode, place = sort_bytes.of_record(keys), sort_bytes.of_values(keys)
    return Kept(view_id, object_id, set_id, group_field, keys, holds, encode, place, figures)


def groups_boards(field: Field) -> bool:
    """Whether boards can be grouped by the field; by a relation only where it has one target."""
    return field.type in GROUPED and "kanban" in views_of(field)


def _tree_form(tree: Tree | None) -> Any:
    match tree:
        case None:
            return None
        case And(children):
            return ["and", *map(_tree_form, children)]
        case Or(children):
            return ["or", *map(_tree_form, children)]
        case Not(child):
            return ["not", _tree_form(child)]
        case Condition(path, op, value):
            return [_leaf_form(path.leaf), op, value]
    raise AssertionError(tree)  # those that follow relations are refused before


def _leaf_form(leaf: Leaf) -> Any:
    of = _field_form(leaf.field) if leaf.field is not None else None
    return [leaf.kind, leaf.parts, leaf.column, leaf.each, of]


def _field_form(field: Field) -> Any:
    return [field.id, field.key or field.name, field.type, [o.value for o in field.options]]


def as_record(record: Stored) -> dict[str, Any]:
    """A stored record as predicates and sorts take it."""
    return {
        "id": str(record.id),
        "version": record.version,
        "position": record.position,
        "create_time": record.create_time,
        "update_time": record.update_time,
        "delete_time": record.delete_time,
        "created_by": record.created_by,
        "updated_by": record.updated_by,
        "fields": record.doc,
    }


def entry(kept: Kept, record: Mapping[str, Any] | None) -> Entry | None:
    """Where a record stands in the view; None where it is not in it, or not there at all."""
    if record is None or not kept.holds(record):
        return None
    return stats.group_key(kept.group_field, record["fields"]), kept.sort_key(record)
