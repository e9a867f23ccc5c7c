"""Workspaces, callers, keys, members and roles as messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from armature.common.v1 import actor_pb2
from armature.metadata.v1 import access_pb2, schema_service_pb2, workspace_pb2

from kit.caller import Caller
from kit.clock import to_timestamp
from services.metadata.convert.masks import chosen
from services.metadata.logic.reverting import irreversible_because
from services.metadata.model import ApiKey, Change, Member, Workspace


def workspace_message(found: Workspace, metadata_version: int) -> workspace_pb2.Workspace:
    return workspace_pb2.Workspace(
        id=str(found.workspace_id),
        display_name=found.display_name,
        time_zone=found.time_zone,
        week_start=found.week_start,
        metadata_version=metadata_version,
        create_time=to_timestamp(found.create_time),
    )


def workspace_document(
    message: workspace_pb2.Workspace, paths: Sequence[str] = ()
) -> dict[str, Any]:
    full = {
        "display_name": message.display_name,
        "time_zone": message.time_zone,
        "week_start": message.week_start,
    }
    return chosen(full, {name: bool(value) for name, value in full.items()}, paths)


def principal_message(caller: Caller) -> access_pb2.Principal:
    return access_pb2.Principal(
        id=caller.principal_id,
        kind=caller.kind,
        display_name=caller.name,
        workspace_id=str(caller.workspace_id),
        role=caller.role,
        operator=caller.operator,
        time_zone=caller.time_zone,
        week_start=caller.week_start,
    )


def preferences_message(found: Member | ApiKey) -> access_pb2.Preferences:
    owner = found.principal_id if isinstance(found, Member) else str(found.api_key_id)
    return access_pb2.Preferences(
        principal_id=owner, time_zone=found.time_zone, week_start=found.week_start
    )


def key_message(found: ApiKey, last_used_time: datetime | None = None) -> access_pb2.ApiKey:
    return access_pb2.ApiKey(
        id=str(found.api_key_id),
        display_name=found.display_name,
        role=found.role,
        create_time=to_timestamp(found.create_time),
        expire_time=to_timestamp(found.expire_time),
        revoke_time=to_timestamp(found.revoke_time),
        operator=found.operator,
        last_used_time=to_timestamp(last_used_time),
    )


def member_message(found: Member) -> access_pb2.Member:
    return access_pb2.Member(
        principal_id=found.principal_id,
        kind=found.kind,
        display_name=found.display_name,
        role=found.role,
        create_time=to_timestamp(found.create_time),
        time_zone=found.time_zone,
        week_start=found.week_start,
    )


def change_message(found: Change) -> schema_service_pb2.MetadataChange:
    actor, because = found.actor, irreversible_because(found)
    return schema_service_pb2.MetadataChange(
        metadata_version=found.metadata_version,
        type=found.type,
        entity_id=found.entity_id,
        before_json=found.before,
        after_json=found.after,
        actor=actor_pb2.Actor(kind=actor["kind"], id=actor["id"], name=actor["name"]),
        create_time=to_timestamp(found.create_time),
        reversible=not because,
        irreversible_because=because,
    )
