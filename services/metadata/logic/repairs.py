"""Repair the views that a change of a field would break, in the same draft."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schema.compiled import CompiledObject, Workspace
from schema.field_types import views_of
from schema.filters.parse_json import parse
from schema.filters.paths import resolve_path, resolve_reach
from schema.filters.tree import COMPLEMENTS, QUANTIFIERS, And, Condition, Hop, Not, Or, Tree
from schema.model import Field, View, ViewType
from schema.problems import Invalid
from schema.sorts import parse_sort
from services.metadata.logic.catalog import Draft
from services.metadata.logic.eligibility import can_figure

_LISTS = ("and", "or")


def without_field(draft: Draft, field: Field) -> list[str]:
    """Take a field that still is active out of every view; ids of the views that changed or went.

    A kanban grouped by it, a calendar and a map bound to it go; filters of other objects lose the
    conditions that pass through it.
    """
    workspace = draft.compiled()
    repaired: list[str] = []
    for view in list(draft.views.values()):
        if field.id in {view.group_field_id, view.date_field_id, view.location_field_id}:
            draft.drop_view(view.id)
            repaired.append(view.id)
            continue
        mended = _mended(workspace, view, field)
        if mended != view:
            draft.put_view(mended)
            repaired.append(view.id)
    return repaired


def without_paths(draft: Draft, gone: frozenset[str], *, but_object_id: str = "") -> list[str]:
    """Drop, from every filter, the conditions that pass through relation fields or link types of
    these ids, all of them still active; ids of the views that changed. An object that goes as a
    whole keeps its own views as they are, for its return."""
    workspace = draft.compiled()
    repaired: list[str] = []
    for view in list(draft.views.values()):
        obj = workspace.objects_by_id.get(view.object_id)
        if obj is None or not view.filter or obj.id == but_object_id:
            continue
        kept = _pruned(workspace, obj, view.filter, gone)
        if kept != view.filter:
            draft.put_view(msgspec.structs.replace(view, filter=kept))
            repaired.append(view.id)
    return repaired


def _mended(workspace: Workspace, view: View, field: Field) -> View:
    obj = workspace.objects_by_id.get(view.object_id)
    if obj is None:
        return view
    new: dict[str, Any] = {}
    if view.filter:
        new["filter"] = _pruned(workspace, obj, view.filter, frozenset({field.id}))
    if view.object_id == field.object_id:
        new["columns"] = _renumbered([c for c in view.columns if c["field_id"] != field.id])
        new["aggregates"] = tuple(a for a in view.aggregates if a["field_id"] != field.id)
        new["sort"] = ",".join(t for t in view.sort.split(",") if not _sorts_by(t, field))
        if view.end_date_field_id == field.id:
            new["end_date_field_id"] = ""
    return msgspec.structs.replace(view, **new)


def _sorts_by(term: str, field: Field) -> bool:
    name = term.strip().lstrip("+-").partition(":")[0].partition(".")[0]
    return name in {field.name, field.id}


def _renumbered(columns: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple({**column, "position": i} for i, column in enumerate(columns))


def _pruned(
    workspace: Workspace, obj: CompiledObject, document: Mapping[str, Any], gone: frozenset[str]
) -> dict[str, Any]:
    """The filter without the conditions that speak of what is gone; what is left empty goes too."""
    kept: dict[str, Any] = {}
    for key, value in document.items():
        if key in _LISTS:
            children = [_pruned(workspace, obj, child, gone) for child in value]
            if children := [child for child in children if child]:
                kept[key] = children
        elif key == "not":
            if child := _pruned(workspace, obj, value, gone):
                kept[key] = child
        else:
            try:
                tree = parse(workspace, obj, {key: value})
            except Invalid:  # it was broken before; nothing of it can be kept
                continue
            if tree is not None and not _mentions(tree, gone):
                kept[key] = value
    return kept


def _mentions(tree: Tree, gone: frozenset[str]) -> bool:
    match tree:
        case Condition(path):
            own = path.leaf.field
            return (own is not None and own.id in gone) or _passes(path.hops, gone)
        case And(children) | Or(children):
            return any(_mentions(child, gone) for child in children)
        case Not(child):
            return _mentions(child, gone)
    return _passes((*tree.path.hops, tree.path.many), gone) or _mentions(tree.child, gone)


def _passes(hops: tuple[Hop, ...], gone: frozenset[str]) -> bool:
    return any(
        hop.link_type_id in gone or (hop.field is not None and hop.field.id in gone) for hop in hops
    )


def follow_options(draft: Draft, old: Field, new: Field) -> list[str]:
    """Show new options on the boards grouped by the field, and their new order where a board had
    the old one; ids of the boards that changed."""
    if old.options == new.options:
        return []
    changed: list[str] = []
    before, after = [o.id for o in old.options], [o.id for o in new.options]
    for view in list(draft.views.values()):
        if view.group_field_id != new.id:
            continue
        left = {"", *after} if new.options else None
        shown = {g["option_id"]: g for g in view.groups if left is None or g["option_id"] in left}
        order = [option_id for option_id in shown if option_id]
        if order == before:
            order = after
        else:
            order += [option_id for option_id in after if option_id not in shown]
        if "" in shown:
            order.append("")
        colors = {o.id: o.color for o in new.options}
        groups = [
            {**(shown.get(i) or new_group(i, colors.get(i, "gray"))), "position": n}
            for n, i in enumerate(order)
        ]
        mended = msgspec.structs.replace(view, groups=tuple(groups))
        if mended != view:
            draft.put_view(mended)
            changed.append(view.id)
    return changed


def after_change(
    draft: Draft, old: Field, new: Field, reassign: Mapping[str, str | None]
) -> list[str]:
    """Mend every view that the field's new definition leaves behind: conditions follow options that
    were renamed or reassigned, those and the sort terms that make no sense any more go, and so do
    boards and calendars that can't stand on it."""
    workspace = draft.compiled()
    moved = _moved(old, new, reassign)
    repaired: list[str] = []
    for view in list(draft.views.values()):
        obj = workspace.objects_by_id.get(view.object_id)
        if obj is None:
            continue
        if not _still_stands(view, new):
            draft.drop_view(view.id)
            repaired.append(view.id)
            continue
        mended = msgspec.structs.replace(
            view,
            filter=_following(workspace, obj, view.filter, new, moved) if view.filter else {},
            sort=_sensible(workspace, obj, view.sort),
            columns=tuple(_column_without(c, new) for c in view.columns),
            aggregates=tuple(a for a in view.aggregates if _figures(a["fn"], a["field_id"], new)),
        )
        if view.end_date_field_id == new.id and new.type is not old.type:
            mended = msgspec.structs.replace(mended, end_date_field_id="")
        if mended != view:
            draft.put_view(mended)
            repaired.append(view.id)
    return repaired


@dataclass(frozen=True, slots=True)
class _Moved:
    """What became of the values of options that are no more: another one, or nothing."""

    renamed: Mapping[str, str | None]  # by the option's own new value
    taken: Mapping[str, str | None]  # by what records have instead

    def of(self, op: str) -> Mapping[str, str | None]:
        """What an operator's operand becomes: what is shut out is not what others have become."""
        return self.renamed if op in COMPLEMENTS else self.taken


def _moved(old: Field, new: Field, reassign: Mapping[str, str | None]) -> _Moved:
    now = {o.id: o.value for o in new.options}
    values = set(now.values())
    gone = [o for o in old.options if o.value not in values] if new.options else []
    renamed = {o.value: now.get(o.id) for o in gone}
    return _Moved(renamed, {v: reassign.get(v, other) for v, other in renamed.items()})


def _following(
    workspace: Workspace,
    obj: CompiledObject,
    document: Mapping[str, Any],
    field: Field,
    moved: _Moved,
) -> dict[str, Any]:
    """The filter by the options that there are; what makes no sense any more goes."""
    return _pruned(workspace, obj, _renamed(workspace, obj, document, field, moved), frozenset())


def _renamed(
    workspace: Workspace,
    obj: CompiledObject,
    document: Mapping[str, Any],
    field: Field,
    moved: _Moved,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in document.items():
        if key in _LISTS:
            found[key] = [_renamed(workspace, obj, one, field, moved) for one in value]
        elif key == "not":
            found[key] = _renamed(workspace, obj, value, field, moved)
        else:
            found[key] = _operands(workspace, obj, key, value, field, moved)
    return found


def _operands(
    workspace: Workspace,
    obj: CompiledObject,
    name: str,
    value: Any,
    field: Field,
    moved: _Moved,
) -> Any:
    operators = dict(value) if isinstance(value, Mapping) else {"eq": value}
    for op in operators.keys() & QUANTIFIERS.keys():
        with contextlib.suppress(Invalid):
            far = resolve_reach(workspace, obj, name, "filter").many.object_id
            inner = workspace.objects_by_id[far]
            operators[op] = _renamed(workspace, inner, operators[op], field, moved)
    with contextlib.suppress(Invalid):
        own = resolve_path(workspace, obj, name, "filter").leaf.field
        if own is not None and own.id == field.id:
            operators = {op: _operand(one, moved.of(op)) for op, one in operators.items()}
    return operators if isinstance(value, Mapping) else operators["eq"]


def _operand(operand: Any, moved: Mapping[str, str | None]) -> Any:
    """An operand with what became of its options; a list loses those that are no more."""
    if isinstance(operand, list):
        new = [moved.get(one, one) if isinstance(one, str) else one for one in operand]
        return [one for n, one in enumerate(new) if one is not None and one not in new[:n]]
    if isinstance(operand, str):
        return moved.get(operand) or operand
    return operand


def _still_stands(view: View, field: Field) -> bool:
    wanted = {
        view.group_field_id: ViewType.KANBAN,
        view.date_field_id: ViewType.CALENDAR,
        view.location_field_id: ViewType.MAP,
    }
    needed = wanted.get(field.id)
    return needed is None or needed in views_of(field)


def _sensible(workspace: Workspace, obj: CompiledObject, sort: str) -> str:
    kept = []
    for term in filter(None, sort.split(",")):
        with contextlib.suppress(Invalid):
            parse_sort(workspace, obj, term)
            kept.append(term)
    return ",".join(kept)


def _column_without(column: dict[str, Any], field: Field) -> dict[str, Any]:
    if _figures(column["aggregate"], column["field_id"], field):
        return column
    return {**column, "aggregate": ""}


def _figures(fn: str, field_id: str, field: Field) -> bool:
    return field_id != field.id or fn in {"", "count"} or can_figure(fn, field)


def new_group(option_id: str, color: str) -> dict[str, Any]:
    return {"option_id": option_id, "position": 0, "visible": True, "color": color}
