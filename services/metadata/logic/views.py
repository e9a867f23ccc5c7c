"""Scaffold views from the fields they stand on, and keep every part of one checked."""

from collections.abc import Mapping
from typing import Any

import msgspec

from schema.field_types import type_of_values
from schema.field_types.refusals import Problems, did_you_mean, join, listing, unknown_names
from schema.field_types.text import clean
from schema.filters.parse_json import parse
from schema.model import Field, FieldType, Object, View, ViewType
from schema.problems import Invalid, Problem, refuse
from schema.sorts import parse_sort
from services.metadata.logic.catalog import Draft, chosen_id, is_visible, new_id
from services.metadata.logic.eligibility import eligibility
from services.metadata.logic.repairs import new_group
from services.metadata.logic.view_parts import aggregates_of, columns_of, groups_of

_CHOICES = {
    "visibility": ("workspace", "private"),
    "layout": ("month", "week", "day"),
    "open_in": ("side_panel", "page"),
    "materialized": ("auto", "on", "off"),
}
KEYS = (
    "name", "type", "icon", "position", "columns", "filter", "sort", "groups", "group_field",
    "aggregates", "date_field", "end_date_field", "location_field", *_CHOICES,
)  # fmt: skip
_MAX_NAME = 255
_BOUND = {
    ViewType.KANBAN: "group_field",
    ViewType.CALENDAR: "date_field",
    ViewType.MAP: "location_field",
}
_FIGURED = (FieldType.CURRENCY, FieldType.NUMBER, FieldType.DECIMAL)


def scaffold_default(draft: Draft, obj: Object, principal_id: str) -> View:
    """The table that a new object comes with: it shows every field."""
    name = f"All {obj.plural_label}"[:_MAX_NAME]
    return draft.put_view(
        View(
            id=new_id(),
            object_id=obj.id,
            name=name,
            type=ViewType.TABLE,
            created_by=principal_id,
            columns=_all_columns(draft, obj),
        )
    )


def create(
    draft: Draft,
    obj: Object,
    raw: Mapping[str, Any],
    principal_id: str,
    *,
    given_id: str = "",
    path: str = "",
) -> View:
    """Add a view, with what its type brings; Invalid names everything wrong with it."""
    if len(draft.views_of(obj.id)) >= draft.limits.views:
        message = f"an object has at most {draft.limits.views} views"
        raise refuse(path, "LIMIT_REACHED", message)
    problems = Problems()
    view_type: ViewType | None = None
    with problems.collect():
        view_type = type_of(raw.get("type"), join(path, "type"))
    if view_type is None:
        _check(draft, obj, View("", obj.id, "", ViewType.TABLE), raw, problems, path)
        problems.raise_any()
    assert view_type is not None
    last = max((v.position for v in draft.views_of(obj.id)), default=-1)
    base = View(
        id=chosen_id(given_id, draft.views),
        object_id=obj.id,
        name="",
        type=view_type,
        position=last + 1,
        created_by=principal_id,
    )
    bound: Field | None = None
    with problems.collect():
        bound = _bound_field(draft, obj, view_type, raw, path)
    base = _scaffolded(draft, obj, base, bound)
    new = _check(draft, obj, base, {"name": None, **raw}, problems, path)
    problems.raise_any()
    return draft.put_view(new)


def update(draft: Draft, obj: Object, old: View, raw: Mapping[str, Any], path: str = "") -> View:
    """Change what is named; a view keeps its type."""
    problems = Problems()
    if raw.get("type", old.type) != old.type:
        message = f"a view keeps its type, {old.type}; create another view"
        problems.add(join(path, "type"), "IMMUTABLE", message)
    base = old
    if _BOUND.get(old.type, "") in raw:
        with problems.collect():
            bound = _bound_field(draft, obj, old.type, raw, path)
            was = {old.group_field_id, old.date_field_id, old.location_field_id}
            if bound and bound.id not in was:
                base = _scaffolded(draft, obj, old, bound)
                base = msgspec.structs.replace(base, aggregates=old.aggregates, columns=old.columns)
    new = _check(draft, obj, base, raw, problems, path)
    if _is_last_table(draft, old) and new.visibility == "private":
        problems.append(_last_table(path))
    problems.raise_any()
    return draft.put_view(new)


def delete(draft: Draft, view: View, path: str = "") -> None:
    """Remove a view; Invalid / LAST_TABLE_VIEW for the last table that everybody sees."""
    if _is_last_table(draft, view):
        raise Invalid([_last_table(path)])
    draft.drop_view(view.id)


def show_new_field(draft: Draft, obj: Object, field: Field) -> None:
    """Give the tables that show every other field a column for the new one; the label's first."""
    others = {f.id for f in draft.fields_of(obj.id)} - {field.id}
    for view in draft.views_of(obj.id):
        shown = [c for c in view.columns if c["field_id"] != field.id]
        if view.type is not ViewType.TABLE or not others <= {c["field_id"] for c in shown}:
            continue
        column = _column(field.id)
        shown = [column, *shown] if obj.label_field == field.name else [*shown, column]
        columns = tuple({**c, "position": i} for i, c in enumerate(shown))
        draft.put_view(msgspec.structs.replace(view, columns=columns))


def type_of(raw: object, path: str) -> ViewType:
    known = [str(t) for t in ViewType]
    if raw not in known:
        message = f"must be one of {listing(known)}{did_you_mean(raw or '', known)}"
        raise refuse(path, "UNKNOWN_CHOICE", message)
    return ViewType(str(raw))


def _scaffolded(draft: Draft, obj: Object, view: View, bound: Field | None) -> View:
    """What the type brings: columns, groups with one for no value, figures, the bound field."""
    view = msgspec.structs.replace(view, columns=view.columns or _all_columns(draft, obj))
    if bound is None:
        return view
    if view.type is ViewType.CALENDAR:
        return msgspec.structs.replace(view, date_field_id=bound.id, end_date_field_id="")
    if view.type is ViewType.MAP:
        return msgspec.structs.replace(view, location_field_id=bound.id)
    chosen = [(o.id, o.color) for o in bound.options]
    if type_of_values(bound) is FieldType.BOOLEAN:
        chosen = [("false", "gray"), ("true", "green")]
    groups = [new_group(i, color) for i, color in (*chosen, ("", "gray"))]
    if bound.type is FieldType.RELATION:
        groups = []  # they are the records that it leads to
    aggregates: list[dict[str, Any]] = [{"fn": "count", "field_id": "", "as": "count"}]
    for field in draft.fields_of(obj.id):
        if type_of_values(field) in _FIGURED:
            figure = {"fn": "sum", "field_id": field.id, "as": f"sum_{field.name}"}
            aggregates.append(figure)
            break
    return msgspec.structs.replace(
        view,
        group_field_id=bound.id,
        groups=tuple({**g, "position": i} for i, g in enumerate(groups)),
        aggregates=tuple(aggregates),
    )


def _bound_field(
    draft: Draft, obj: Object, view_type: ViewType, raw: Mapping[str, Any], path: str
) -> Field | None:
    """The field that a view stands on: the named one, or the only eligible one."""
    part = _BOUND.get(view_type)
    if part is None:
        return None
    at = join(path, part)
    found = eligibility(draft.fields_of(obj.id), view_type)
    eligible = [e.field for e in found if e.eligible]
    names = [f.name for f in eligible]
    if named := raw.get(part):
        field = draft.field(obj.id, named) if isinstance(named, str) else None
        if field is None:
            message = f"{obj.name} has no field {named!r}{did_you_mean(named, names)}"
            raise refuse(at, "UNKNOWN_FIELD", f"{message}; eligible: {listing(names)}")
        if field not in eligible:
            reason = next(e.reason for e in found if e.field == field)
            raise refuse(at, "NOT_ELIGIBLE", f"{reason}; eligible: {listing(names)}")
        return field
    if not eligible:
        types = found[0].reason.partition("; ")[2] if found else "it has no fields"
        message = f"{obj.name} has no field that unlocks {view_type} ({types})"
        raise refuse(at, "NO_ELIGIBLE_FIELD", message)
    # A relation is there to lead somewhere; whoever wants a board by one says so.
    choices = [f for f in eligible if f.type is not FieldType.RELATION] or eligible
    if len(choices) > 1:
        message = f"several fields of {obj.name} unlock {view_type}: name one of {listing(names)}"
        listed = [Problem(at, "ELIGIBLE_FIELD", name) for name in names]
        raise Invalid([Problem(at, "FIELD_AMBIGUOUS", message), *listed])
    return choices[0]


def _all_columns(draft: Draft, obj: Object) -> tuple[dict[str, Any], ...]:
    fields = draft.fields_of(obj.id)
    fields.sort(key=lambda f: f.name != obj.label_field)
    return tuple({**_column(f.id), "position": i} for i, f in enumerate(fields))


def _column(field_id: str) -> dict[str, Any]:
    return {"field_id": field_id, "position": 0, "width": 0, "visible": True, "aggregate": ""}


def _check(
    draft: Draft, obj: Object, base: View, raw: Mapping[str, Any], problems: Problems, path: str
) -> View:
    """`base` with what is named in `raw`, each part checked."""
    if unknown := [key for key in raw if key not in KEYS]:
        problems += unknown_names(path, "UNKNOWN_PROPERTY", "property of a view", unknown, KEYS)
    new: dict[str, Any] = {}
    for part, allowed in _CHOICES.items():
        if raw.get(part):
            if raw[part] not in allowed:
                message = f"must be one of {listing(allowed)}{did_you_mean(raw[part], allowed)}"
                problems.add(join(path, part), "UNKNOWN_CHOICE", message)
            else:
                new[part] = raw[part]
    if "name" in raw or new.get("visibility", base.visibility) != base.visibility:
        with problems.collect():
            visibility = new.get("visibility", base.visibility)
            named = msgspec.structs.replace(base, visibility=visibility)
            new["name"] = _name(draft, obj, named, raw.get("name", base.name), join(path, "name"))
    if raw.get("icon") is not None:
        with problems.collect():
            new["icon"] = clean(raw["icon"], join(path, "icon"), _MAX_NAME)
    if raw.get("position") is not None:
        position = raw["position"]
        if not isinstance(position, int) or isinstance(position, bool) or position < 0:
            problems.add(join(path, "position"), "OUT_OF_RANGE", "must be a whole number from 0")
        else:
            new["position"] = position
    if raw.get("columns") is not None:
        with problems.collect():
            new["columns"] = columns_of(draft, obj, raw["columns"], join(path, "columns"))
    if raw.get("aggregates") is not None:
        with problems.collect():
            at = join(path, "aggregates")
            new["aggregates"] = aggregates_of(draft, obj, raw["aggregates"], at)
    if "filter" in raw:
        with problems.collect():
            document = raw["filter"] if raw["filter"] is not None else {}
            parse(draft.compiled(), _compiled(draft, obj), document, path=join(path, "filter"))
            new["filter"] = document
    if "sort" in raw:
        with problems.collect():
            new["sort"] = _sort(draft, obj, raw["sort"], join(path, "sort"))
    _check_bound(draft, obj, base, raw, new, problems, path)
    return msgspec.structs.replace(base, **new)


def _check_bound(
    draft: Draft,
    obj: Object,
    base: View,
    raw: Mapping[str, Any],
    new: dict[str, Any],
    problems: Problems,
    path: str,
) -> None:
    """What stands only in views of one type: groups of a kanban, dates of a calendar."""
    of_type = {
        "groups": ViewType.KANBAN,
        "group_field": ViewType.KANBAN,
        "date_field": ViewType.CALENDAR,
        "end_date_field": ViewType.CALENDAR,
        "location_field": ViewType.MAP,
    }
    for part, wanted in of_type.items():
        if raw.get(part) and base.type is not wanted:
            message = f"a {base.type} has no {part}; a {wanted} has"
            problems.add(join(path, part), "NOT_OF_THIS_TYPE", message)
    grouped = draft.fields.get(base.group_field_id)
    if raw.get("groups") and grouped is not None:
        with problems.collect():
            new["groups"] = groups_of(grouped, base.groups, raw["groups"], join(path, "groups"))
    if "end_date_field" in raw and base.type is ViewType.CALENDAR:
        with problems.collect():
            at = join(path, "end_date_field")
            new["end_date_field_id"] = _end_date(draft, obj, base, raw["end_date_field"], at)


def _end_date(draft: Draft, obj: Object, base: View, raw: object, at: str) -> str:
    if not raw:
        return ""
    dates = [e.field for e in eligibility(draft.fields_of(obj.id), ViewType.CALENDAR) if e.eligible]
    found = next((f for f in dates if raw in {f.name, f.id}), None)
    names = [f.name for f in dates]
    if found is None:
        message = f"must be a date or date_time field of {obj.name}: {listing(names)}"
        raise refuse(at, "NOT_ELIGIBLE", message + did_you_mean(raw, names))
    start = draft.fields.get(base.date_field_id)
    if start is not None and type_of_values(start) is not type_of_values(found):
        message = f"must be a {type_of_values(start)}, as {start.name} is"
        raise refuse(at, "NOT_ELIGIBLE", message)
    return found.id


def _name(draft: Draft, obj: Object, view: View, raw: object, at: str) -> str:
    if raw is None or raw == "":
        raise refuse(at, "REQUIRED", "a view needs a name")
    name = clean(raw, at, _MAX_NAME).strip()
    if not name:
        raise refuse(at, "REQUIRED", "a view needs a name")
    others = [v for v in draft.views_of(obj.id) if v.id != view.id and v.name == name]
    # A private view of somebody else takes no name away: nobody may learn of it.
    if any(is_visible(other, view.created_by) for other in others):
        raise refuse(at, "NAME_TAKEN", f"{obj.name} has a view {name!r} already")
    return name


def _sort(draft: Draft, obj: Object, raw: object, at: str) -> str:
    if raw is not None and not isinstance(raw, str):
        raise refuse(at, "WRONG_TYPE", 'must be a text such as "-amount,name:nulls_first"')
    text = (raw or "").strip()
    if text:
        parse_sort(draft.compiled(), _compiled(draft, obj), text, path=at)
    return text


def _compiled(draft: Draft, obj: Object) -> Any:
    return draft.compiled().objects_by_id[obj.id]


def _is_last_table(draft: Draft, view: View) -> bool:
    tables = [
        v.id
        for v in draft.views_of(view.object_id)
        if v.type is ViewType.TABLE and v.visibility == "workspace"
    ]
    return tables == [view.id]


def _last_table(path: str) -> Problem:
    return Problem(path, "LAST_TABLE_VIEW", "the last table view of an object stays, for everybody")
