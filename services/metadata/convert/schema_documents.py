"""A workspace's definitions as the document that ApplySchema takes, by names alone."""

from typing import Any

from schema.model import Object
from services.metadata.convert.definitions import (
    field_message,
    link_type_message,
    new_field_document,
    new_link_type_document,
    new_object_document,
    object_message,
)
from services.metadata.convert.views import view_document, view_message
from services.metadata.logic.catalog import Definitions


def schema_document(found: Definitions) -> dict[str, Any]:
    """What is active, with everybody's views. Applied where it came from, it changes nothing; to an
    empty workspace, it makes the same."""
    draft = found.draft
    active = sorted((o for o in draft.objects.values() if o.active), key=lambda o: o.name)
    links = sorted(draft.link_types.values(), key=lambda t: t.name)
    return {
        "objects": [_object(found, obj) for obj in active],
        "link_types": [
            new_link_type_document(link_type_message(found.link_types[link.id]))
            for link in links
            if link.active and not link.field_id  # those come with their relations
        ],
    }


def _object(found: Definitions, obj: Object) -> dict[str, Any]:
    draft = found.draft
    fields = draft.fields_of(obj.id)
    shown = new_object_document(object_message(found.objects[obj.id]))
    shown["fields"] = []
    for field in fields:
        one = new_field_document(field_message(found.fields[field.id]))
        one["options"] = [
            {name: text for name, text in option.items() if name != "id"}
            for option in one.get("options", ())
        ]
        shown["fields"].append(
            {k: v for k, v in one.items() if v or k in {"indexed", "searchable"}}
        )
    names = {f.id: f.name for f in fields}
    shown["unique_constraints"] = [
        {"name": one.name, "fields": [names[field_id] for field_id in one.field_ids]}
        for one in obj.unique_constraints
        if names.keys() >= set(one.field_ids)
    ]
    shown["views"] = [
        view_document(view_message(found.views[view.id], draft))
        for view in draft.views_of(obj.id)
        if view.visibility == "workspace"
    ]
    return {name: value for name, value in shown.items() if value or name == "fields"}
