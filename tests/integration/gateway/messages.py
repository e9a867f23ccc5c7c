"""Make messages with something in every field, so that a forgotten one shows."""

from typing import Any

from armature.records.v1 import record_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_F = FieldDescriptor
ID = "0199c0de-0000-7000-8000-000000000001"
RECORDS = "/v1/objects/opportunity/records"


def filled(message: Any, depth: int = 0) -> Any:
    """The message with a value in each field."""
    for field in message.DESCRIPTOR.fields:
        name = field.name
        if field.message_type is not None:
            if field.message_type.full_name == "google.protobuf.Timestamp":
                getattr(message, name).FromJsonString("2026-11-20T09:30:00.120Z")
            elif field.message_type.GetOptions().map_entry:
                getattr(message, name)["key"] = "value"
            elif depth < 4:
                target = getattr(message, name)
                filled(target.add() if field.is_repeated else target, depth + 1)
            continue
        value = _value(field)
        if field.is_repeated:
            getattr(message, name).append(value)
        else:
            setattr(message, name, value)
    return message


def _value(field: FieldDescriptor) -> Any:
    if field.type == _F.TYPE_BYTES:
        return b'{"some": 1.50}'
    if field.type == _F.TYPE_STRING:
        return field.name
    if field.type == _F.TYPE_BOOL:
        return True
    if field.type == _F.TYPE_DOUBLE:
        return 1.5
    return 2 if field.type == _F.TYPE_ENUM else 7


def record(**more: Any) -> record_pb2.Record:
    found = record_pb2.Record(
        id=ID, object="opportunity", version=3, position=1.5, fields_json=b'{"price":1.10}'
    )
    found.create_time.FromJsonString("2026-11-20T09:30:00Z")
    found.update_time.FromJsonString("2026-11-20T09:30:00.123456Z")
    found.created_by.kind, found.created_by.id, found.created_by.name = "user", ID, "Ada"
    found.updated_by.CopyFrom(found.created_by)
    found.MergeFrom(record_pb2.Record(**more))
    return found


def members(message: Message) -> set[str]:
    """What JSON calls the message's fields."""
    return {f.name.removesuffix("_json") for f in message.DESCRIPTOR.fields}
