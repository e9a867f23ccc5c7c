"""Read JSON Schemas off the descriptors, so that the document can't differ from the contracts."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.json_in import (
    choices_of,
    enum_values,
    is_document,
    is_list,
    is_map,
    kind_of,
    member_name,
)
from gateway.json_out import OBJECTS

Shape = dict[str, Any]
_F = FieldDescriptor

TEXT: Shape = {"type": "string"}
TIME: Shape = {"type": "string", "format": "date-time"}
ANY: Shape = {}
_OBJECT: Shape = {"type": "object"}
_SCALARS: Mapping[int, Shape] = {
    _F.TYPE_STRING: TEXT,
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_INT32: {"type": "integer", "format": "int32"},
    _F.TYPE_INT64: {"type": "integer", "format": "int64"},
    _F.TYPE_DOUBLE: {"type": "number", "format": "double"},
}
# Documents by their member's name; others hold any JSON.
_DOCUMENTS: Mapping[str, Shape] = {
    "settings": _OBJECT,
    "attributes": _OBJECT,
    "data": _OBJECT,
    "input": _OBJECT,
    "fields": _OBJECT,
    "values": _OBJECT,
    "filter": {"$ref": "#/components/schemas/Filter"},
    "condition": {"$ref": "#/components/schemas/Filter"},
}
_SPECIAL = {
    "armature.records.v1.Record": "Record",
    "armature.records.v1.BatchResult": "BatchResult",
}


class Components:
    """The named schemas that shapes refer to, gathered as they are met."""

    def __init__(self) -> None:
        self.found: dict[str, Shape] = {}

    def reference(self, kind: Descriptor) -> Shape:
        name = _SPECIAL.get(kind.full_name, kind.name)
        if kind.full_name not in _SPECIAL and name not in self.found:
            self.found[name] = {}  # a message may hold itself
            self.found[name] = output_object(kind)
        return {"$ref": f"#/components/schemas/{name}"}


COMPONENTS = Components()


def input_object(
    kind: Descriptor, names: Sequence[str] | None, extra: Mapping[str, Any] | None = None
) -> Shape:
    """What a body of those members looks like."""
    known = {member_name(f): f for f in kind.fields}
    chosen = list(known) if names is None else list(names)
    properties = {name: input_value(known[name]) for name in chosen} | dict(extra or {})
    return {"type": "object", "properties": properties, "additionalProperties": False}


def input_value(field: FieldDescriptor, *, one_of_many: bool = False) -> Shape:
    if is_map(field):
        return {"type": "object", "additionalProperties": TEXT}
    shape = _input_scalar(field)
    if is_list(field) and not one_of_many:
        return {"type": "array", "items": shape}
    return shape


def _input_scalar(field: FieldDescriptor) -> Shape:
    if is_document(field):
        return _DOCUMENTS.get(member_name(field), ANY)
    if field.type == _F.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    if field.type == _F.TYPE_ENUM:
        return {"enum": list(enum_values(choices_of(field)))}
    if field.type == _F.TYPE_MESSAGE:
        if kind_of(field).full_name == "google.protobuf.Timestamp":
            return TIME
        return input_object(kind_of(field), None)
    return _SCALARS[field.type]


def output_object(kind: Descriptor, without: Sequence[str] = ()) -> Shape:
    properties = {member_name(f): output_value(f) for f in kind.fields if f.name not in without}
    return {"type": "object", "properties": properties}


def output_value(field: FieldDescriptor) -> Shape:
    if is_map(field):
        return {"type": "object", "additionalProperties": TEXT}
    if field.type == _F.TYPE_MESSAGE:
        time = kind_of(field).full_name == "google.protobuf.Timestamp"
        shape = TIME if time else COMPONENTS.reference(kind_of(field))
    else:
        shape = _input_scalar(field)
    if is_list(field):
        return {"type": "array", "items": shape}
    absent = is_document(field) and member_name(field) not in OBJECTS
    if (field.has_presence or absent) and shape:
        return {"oneOf": [shape, {"type": "null"}]}
    return shape


def output_of(kind: Descriptor, without: Sequence[str] = ()) -> Shape:
    """The response's own fields, as one object."""
    return output_object(kind, without)


def output_of_field(kind: Descriptor, field: str, extras: Sequence[str]) -> Shape:
    """One field of the response, with others beside its own members."""
    inner = COMPONENTS.reference(kind_of(kind.fields_by_name[field]))
    if not extras:
        return inner
    more = {name: output_value(kind.fields_by_name[name]) for name in extras}
    return {"allOf": [inner, {"type": "object", "properties": more}]}


def page_of(kind: Descriptor, field: str) -> Shape:
    return listing(COMPONENTS.reference(kind_of(kind.fields_by_name[field])))


def listing(item: Shape) -> Shape:
    """A page of such items."""
    properties: Shape = {
        "data": {"type": "array", "items": item},
        "next_page_token": {"type": "string", "description": "empty on the last page"},
    }
    return {"type": "object", "properties": properties, "required": ["data", "next_page_token"]}
