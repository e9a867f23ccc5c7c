"""Write protobuf messages as JSON values, in the forms that docs/http.md promises.

Documents (`bytes x_json`) go into the reply as the bytes they are; only orjson's frame is written
around them. Encoders are compiled once per message type; a record has its own, for its pages.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.errors import document as document_of
from gateway.json_in import choices_of, is_document, is_list, is_map, kind_of, member_name
from kit.errors import BY_CODE, Internal, Violation

Encode = Callable[[Any], dict[str, Any]]

_F = FieldDescriptor
_EMPTY = orjson.Fragment(b"{}")
# Documents that are objects even when nothing was written into them.
OBJECTS = {"settings", "attributes", "fields", "data", "values"}


def time(value: Any) -> str:
    """RFC 3339 in UTC: microseconds at most, and only those that are there."""
    whole = _second(value.seconds)
    micros = value.nanos // 1000
    if not micros:
        return f"{whole}Z"
    return f"{whole}.{micros:06d}".rstrip("0") + "Z"


@lru_cache(maxsize=8192)
def _second(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    except (OverflowError, ValueError, OSError):
        return "0001-01-01T00:00:00"


def document(value: bytes) -> orjson.Fragment | None:
    return orjson.Fragment(value) if value else None


def actor(value: Any) -> dict[str, str]:
    return {"kind": value.kind, "id": value.id, "name": value.name}


def record(value: Any) -> dict[str, Any]:
    """A record: its fields are spliced in as Postgres wrote them."""
    found = {
        "id": value.id,
        "object": value.object,
        "version": value.version,
        "create_time": time(value.create_time),
        "update_time": time(value.update_time),
    }
    if value.HasField("delete_time"):
        found["delete_time"] = time(value.delete_time)
    found["created_by"] = actor(value.created_by)
    found["updated_by"] = actor(value.updated_by)
    found["position"] = value.position
    fields = value.fields_json
    found["fields"] = orjson.Fragment(fields) if fields else _EMPTY
    return found


def records(page: Any) -> orjson.Fragment | list[dict[str, Any]]:
    """A page's records: as the plane spelled them, where it was asked to."""
    if page.records_json:
        return orjson.Fragment(page.records_json)
    return [record(one) for one in page.records]


def outcome(value: int) -> str:
    return _OUTCOMES.get(value, "")


def batch_result(value: Any, trace_id: str) -> dict[str, Any]:
    """One item of a batch: its record and what was done, or why not."""
    if value.HasField("error"):
        return {"error": item_error(value.error, trace_id)}
    found: dict[str, Any] = {}
    if value.outcome:
        found["outcome"] = outcome(value.outcome)
    if value.HasField("record"):
        found["record"] = record(value.record)
    return found


def item_error(value: Any, trace_id: str) -> dict[str, Any]:
    """The problem of one item, complete as if it were the answer to a request of its own."""
    kind = BY_CODE.get(value.code, Internal)
    violations = [Violation(p.path, p.code, p.message) for p in value.problems]
    return document_of(
        kind(value.reason or "INTERNAL", value.message, violations=violations), trace_id
    )


def encoder(descriptor: Descriptor) -> Encode:
    """What writes messages of that type."""
    if found := _SPECIAL.get(descriptor.full_name):
        return found
    return _compiled(descriptor.full_name, descriptor)


@cache
def _compiled(_name: str, descriptor: Descriptor) -> Encode:
    plan: list[tuple[str, str, Callable[[Any, str], Any]]] = []

    def encode(message: Any) -> dict[str, Any]:
        if not plan:
            plan.extend((member_name(f), f.name, reader(f)) for f in descriptor.fields)
        return {member: read(message, name) for member, name, read in plan}

    return encode


def reader(field: FieldDescriptor) -> Callable[[Any, str], Any]:
    """What reads a message's field as a JSON value."""
    if is_map(field):
        return lambda m, name: dict(getattr(m, name))
    if is_list(field):
        each = _value(field)
        return lambda m, name: [each(one) for one in getattr(m, name)]
    if field.type == _F.TYPE_MESSAGE or field.has_presence:
        one = _value(field)
        return lambda m, name: one(getattr(m, name)) if m.HasField(name) else None
    if is_document(field) and member_name(field) in OBJECTS:
        return lambda m, name: document(getattr(m, name)) or _EMPTY
    one = _value(field)
    return lambda m, name: one(getattr(m, name))


def _value(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.type == _F.TYPE_MESSAGE:
        kind = kind_of(field)
        if kind.full_name == "google.protobuf.Timestamp":
            return time
        return encoder(kind)
    if field.type == _F.TYPE_ENUM:
        return enum_names(choices_of(field)).get
    if field.type == _F.TYPE_BYTES:
        return document
    return lambda value: value


def enum_names(kind: EnumDescriptor) -> Mapping[int, str]:
    prefix = kind.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {v.number: v.name.removeprefix(prefix).lower() if v.number else "" for v in kind.values}


_OUTCOMES = {1: "created", 2: "updated", 3: "unchanged", 4: "restored", 5: "deleted"}
_SPECIAL: dict[str, Encode] = {
    "armature.records.v1.Record": record,
    "armature.common.v1.Actor": actor,
}
