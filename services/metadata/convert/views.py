"""Views, both ways: stored by the ids of fields and options, shown by their names and values."""

from collections.abc import Sequence
from typing import Any

from armature.metadata.v1 import view_pb2

from kit.clock import to_timestamp
from schema.field_types import type_of_values
from schema.jsonio import dumps
from schema.model import Field, FieldType, View
from services.metadata.convert.masks import chosen, document
from services.metadata.logic.catalog import Draft
from services.metadata.model import Eligibility, Stored

_LABELS = {"true": "Yes", "false": "No", "": "No value"}


def view_message(stored: Stored[View], draft: Draft) -> view_pb2.View:
    found = stored.value
    return view_pb2.View(
        id=found.id,
        object_id=found.object_id,
        name=found.name,
        type=found.type,
        icon=found.icon,
        position=found.position,
        visibility=found.visibility,
        columns=[
            view_pb2.Column(
                field=_field_name(draft, column["field_id"]),
                position=column["position"],
                width=column["width"],
                visible=column["visible"],
                aggregate=column["aggregate"],
            )
            for column in found.columns
        ],
        filter_json=dumps(found.filter) if found.filter else b"",
        sort=found.sort,
        groups=_groups(draft.fields.get(found.group_field_id), found),
        group_field=_field_name(draft, found.group_field_id),
        aggregates=[
            view_pb2.Aggregate(
                **{"fn": a["fn"], "field": _field_name(draft, a["field_id"]), "as": a["as"]}
            )
            for a in found.aggregates
        ],
        date_field=_field_name(draft, found.date_field_id),
        end_date_field=_field_name(draft, found.end_date_field_id),
        location_field=_field_name(draft, found.location_field_id),
        layout=found.layout,
        open_in=found.open_in,
        materialized=found.materialized,
        created_by=found.created_by,
        create_time=to_timestamp(stored.create_time),
        update_time=to_timestamp(stored.update_time),
    )


def _field_name(draft: Draft, field_id: str) -> str:
    """A platform field stands under its own name."""
    found = draft.fields.get(field_id)
    return found.name if found else field_id


def _groups(field: Field | None, view: View) -> list[view_pb2.Group]:
    if field is None:
        return []
    shown = {i: (i, label) for i, label in _LABELS.items()}
    if type_of_values(field) is not FieldType.BOOLEAN:
        shown |= {o.id: (o.value, o.label) for o in field.options}
    found = []
    for group in view.groups:
        value, label = shown[group["option_id"]]
        found.append(
            view_pb2.Group(
                value=value,
                label=label,
                position=group["position"],
                visible=group["visible"],
                color=group["color"],
            )
        )
    return found


def view_document(message: view_pb2.View, paths: Sequence[str] = ()) -> dict[str, Any]:
    """Invalid where the filter is no JSON."""
    full: dict[str, Any] = {
        "name": message.name,
        "type": message.type,
        "icon": message.icon,
        "position": message.position,
        "visibility": message.visibility,
        "columns": [_column(column) for column in _in_order(message.columns)],
        "filter": document(message.filter_json, "filter", {}),
        "sort": message.sort,
        "groups": [_group(group) for group in _in_order(message.groups)],
        "group_field": message.group_field,
        "aggregates": [
            {"fn": a.fn, "field": a.field, "as": getattr(a, "as")} for a in message.aggregates
        ],
        "date_field": message.date_field,
        "end_date_field": message.end_date_field,
        "location_field": message.location_field,
        "layout": message.layout,
        "open_in": message.open_in,
        "materialized": message.materialized,
    }
    return chosen(full, {name: bool(value) for name, value in full.items()}, paths)


def _in_order(parts: Any) -> list[Any]:
    """By position, where positions are given; otherwise as they came."""
    return sorted(parts, key=lambda part: part.position)


def _column(column: view_pb2.Column) -> dict[str, Any]:
    found: dict[str, Any] = {
        "field": column.field,
        "width": column.width,
        "aggregate": column.aggregate,
    }
    if column.HasField("visible"):
        found["visible"] = column.visible
    return found


def _group(group: view_pb2.Group) -> dict[str, Any]:
    found: dict[str, Any] = {"value": group.value, "color": group.color}
    if group.HasField("visible"):
        found["visible"] = group.visible
    return found


def eligible_message(found: Eligibility) -> view_pb2.EligibleField:
    return view_pb2.EligibleField(
        field=found.field.name,
        label=found.field.label,
        type=found.field.type,
        eligible=found.eligible,
        reason=found.reason,
    )
