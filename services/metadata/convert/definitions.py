"""Objects, fields and link types, both ways."""

from collections.abc import Mapping, Sequence
from typing import Any

from armature.metadata.v1 import field_pb2, link_type_pb2, object_pb2

from kit.clock import to_timestamp
from schema.field_types import views_of
from schema.jsonio import dumps
from schema.model import Field, LinkType, Object
from services.metadata.convert.masks import chosen, document
from services.metadata.model import Stored


def object_message(stored: Stored[Object]) -> object_pb2.Object:
    found = stored.value
    return object_pb2.Object(
        id=found.id,
        name=found.name,
        plural_name=found.plural_name,
        label=found.label,
        plural_label=found.plural_label,
        description=found.description,
        icon=found.icon,
        label_field=found.label_field,
        standard=found.standard,
        active=found.active,
        create_time=to_timestamp(stored.create_time),
        update_time=to_timestamp(stored.update_time),
        duplicate_criteria=[
            object_pb2.DuplicateCriterion(fields=one) for one in found.duplicate_criteria
        ],
    )


def object_document(message: object_pb2.Object, paths: Sequence[str] = ()) -> dict[str, Any]:
    full: dict[str, Any] = {
        "name": message.name,
        "plural_name": message.plural_name,
        "label": message.label,
        "plural_label": message.plural_label,
        "description": message.description,
        "icon": message.icon,
        "label_field": message.label_field,
        "active": message.active,
        "duplicate_criteria": [{"fields": list(one.fields)} for one in message.duplicate_criteria],
    }
    return chosen(full, {name: bool(value) for name, value in full.items()}, paths)


def new_object_document(message: object_pb2.Object) -> dict[str, Any]:
    """For a creation, which says nothing of `active`."""
    found = object_document(message)
    found.pop("active", None)
    return found


def field_message(stored: Stored[Field], jobs: Mapping[str, str] | None = None) -> field_pb2.Field:
    """`jobs` are those that fields wait for, by field id."""
    found = stored.value
    return field_pb2.Field(
        id=found.id,
        object_id=found.object_id,
        name=found.name,
        label=found.label,
        description=found.description,
        type=found.type,
        settings_json=dumps(found.settings),
        options=[
            field_pb2.Option(id=o.id, value=o.value, label=o.label, color=o.color)
            for o in found.options
        ],
        default_json=b"" if found.default is None else dumps(found.default),
        required=found.required,
        unique=found.unique,
        indexed=found.indexed,
        searchable=found.searchable,
        pii=found.pii,
        active=found.active,
        state=found.state,
        position=found.position,
        standard=found.standard,
        unlocks=sorted(views_of(found)),
        create_time=to_timestamp(stored.create_time),
        update_time=to_timestamp(stored.update_time),
        field_job=(jobs or {}).get(found.id, ""),
    )


def field_document(message: field_pb2.Field, paths: Sequence[str] = ()) -> dict[str, Any]:
    """Invalid where settings or default are no JSON."""
    full: dict[str, Any] = {
        "name": message.name,
        "label": message.label,
        "description": message.description,
        "type": message.type,
        "settings": document(message.settings_json, "settings", {}),
        "options": [_option(option) for option in message.options],
        "default": document(message.default_json, "default", None),
        "required": message.required,
        "unique": message.unique,
        "indexed": message.indexed if message.HasField("indexed") else True,
        "searchable": message.searchable if message.HasField("searchable") else None,
        "pii": message.pii,
        "active": message.active,
        "position": message.position,
    }
    is_set = {name: bool(value) for name, value in full.items()}
    is_set["settings"] = bool(message.settings_json)
    is_set["default"] = bool(message.default_json)
    for name in ("indexed", "searchable"):
        is_set[name] = message.HasField(name)
    return chosen(full, is_set, paths)


def new_field_document(message: field_pb2.Field) -> dict[str, Any]:
    """For a creation: a field is active, and comes last."""
    found = field_document(message)
    found.pop("active", None)
    found.pop("position", None)
    return found


def _option(option: field_pb2.Option) -> dict[str, str]:
    full = {"id": option.id, "value": option.value, "label": option.label, "color": option.color}
    return {name: text for name, text in full.items() if text}


def link_type_message(stored: Stored[LinkType]) -> link_type_pb2.LinkType:
    found = stored.value
    return link_type_pb2.LinkType(
        id=found.id,
        name=found.name,
        inverse_name=found.inverse_name,
        source_kinds=found.source_kinds,
        target_kinds=found.target_kinds,
        cardinality=found.cardinality,
        on_source_delete=found.on_source_delete,
        on_target_delete=found.on_target_delete,
        symmetric=found.symmetric,
        field_id=found.field_id,
        label=found.label,
        inverse_label=found.inverse_label,
        active=found.active,
    )


def link_type_document(
    message: link_type_pb2.LinkType, paths: Sequence[str] = ()
) -> dict[str, Any]:
    full: dict[str, Any] = {
        "name": message.name,
        "inverse_name": message.inverse_name,
        "source_kinds": list(message.source_kinds),
        "target_kinds": list(message.target_kinds),
        "cardinality": message.cardinality,
        "on_source_delete": message.on_source_delete,
        "on_target_delete": message.on_target_delete,
        "symmetric": message.symmetric,
        "label": message.label,
        "inverse_label": message.inverse_label,
        "active": message.active,
    }
    return chosen(full, {name: bool(value) for name, value in full.items()}, paths)


def new_link_type_document(message: link_type_pb2.LinkType) -> dict[str, Any]:
    found = link_type_document(message)
    found.pop("active", None)
    return found
