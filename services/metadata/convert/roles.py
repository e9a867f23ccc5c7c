"""Roles as messages, and messages as what is asked of a role."""

from collections.abc import Mapping, Sequence
from typing import Any

from armature.metadata.v1 import access_pb2

from kit.clock import to_timestamp
from schema.jsonio import dumps
from services.metadata.convert.masks import chosen, document
from services.metadata.logic.roles import Role
from services.metadata.model import CustomRole


def role_message(found: Role) -> access_pb2.Role:
    return access_pb2.Role(
        name=found.name,
        description=found.description,
        permissions=found.permissions,
        standard=True,
    )


def custom_role_message(
    found: CustomRole, objects: Sequence[Mapping[str, Any]] = ()
) -> access_pb2.Role:
    """`objects` as `logic.custom_roles.described` words them; none where they are not shown."""
    return access_pb2.Role(
        name=found.name,
        description=found.description,
        permissions=found.permissions,
        objects=[_object_message(one) for one in objects],
        etag=str(found.version),
        create_time=to_timestamp(found.create_time),
        update_time=to_timestamp(found.update_time),
    )


def _object_message(one: Mapping[str, Any]) -> access_pb2.ObjectPermissions:
    return access_pb2.ObjectPermissions(
        object=one["object"],
        actions=one["actions"],
        fields=[access_pb2.FieldPermissions(**field) for field in one["fields"]],
        rule_json=b"" if one["rule"] is None else dumps(one["rule"]),
    )


def role_document(message: access_pb2.Role, paths: Sequence[str] = ()) -> dict[str, Any]:
    """What is asked of a role; Invalid where a rule is no JSON, or the mask names what is not."""
    full = {
        "name": message.name,
        "description": message.description,
        "permissions": list(message.permissions),
        "objects": [_object(one, f"objects.{n}") for n, one in enumerate(message.objects)],
    }
    return chosen(full, {name: bool(value) for name, value in full.items()}, paths)


def _object(one: access_pb2.ObjectPermissions, path: str) -> dict[str, Any]:
    return {
        "object": one.object,
        "actions": list(one.actions),
        "fields": [_field(field) for field in one.fields],
        "rule": document(one.rule_json, f"{path}.rule", None),
    }


def _field(message: access_pb2.FieldPermissions) -> dict[str, Any]:
    found: dict[str, Any] = {"field": message.field}
    if message.HasField("read"):
        found["read"] = message.read
    if message.HasField("update"):
        found["update"] = message.update
    return found
