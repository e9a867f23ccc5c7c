"""Word what the metadata plane announces; every event's data says the metadata version."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import msgspec

from kit.outbox import Event
from services.metadata.model import (
    ApiKey,
    CustomRole,
    Difference,
    Flag,
    Job,
    Member,
    Workspace,
)


def definition(
    difference: Difference,
    own_version: int,
    metadata_version: int,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    object_name: str,
) -> Event:
    """`object.created`, `field.deactivated`, `view.deleted` and so on."""
    return Event(
        f"{difference.noun}.{difference.verb}",
        difference.noun,
        UUID(difference.entity_id),
        own_version,
        {
            "id": difference.entity_id,
            "object": object_name,
            "metadata_version": metadata_version,
            "before": _shown(before),
            "after": _shown(after),
        },
        object=object_name,
    )


def _shown(document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """All of it, but of a private view only that there is one: everybody reads events."""
    if document is None or document.get("visibility") != "private":
        return document
    return {name: document[name] for name in ("id", "object_id", "visibility", "created_by")}


def workspace(verb: str, now: Workspace, metadata_version: int, was: Workspace | None) -> Event:
    return Event(
        f"workspace.{verb}",
        "workspace",
        now.workspace_id,
        now.version,
        {
            "id": str(now.workspace_id),
            "metadata_version": metadata_version,
            "before": workspace_document(was) if was else None,
            "after": workspace_document(now),
        },
    )


def workspace_document(found: Workspace) -> dict[str, Any]:
    return {
        "id": str(found.workspace_id),
        "display_name": found.display_name,
        "time_zone": found.time_zone,
        "week_start": found.week_start,
    }


def api_key(verb: str, key: ApiKey, metadata_version: int, was: ApiKey | None = None) -> Event:
    """`api_key.created`, `api_key.updated` and `api_key.revoked`; never with the secret."""
    document = _api_key(key)
    before = document if was is None else _api_key(was)
    return Event(
        f"api_key.{verb}",
        "api_key",
        key.api_key_id,
        key.version,
        {
            "id": str(key.api_key_id),
            "metadata_version": metadata_version,
            "before": None if verb == "created" else before,
            "after": None if verb == "revoked" else document,
        },
    )


def _api_key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.api_key_id),
        "display_name": key.display_name,
        "role": key.role,
        "operator": key.operator,
        "time_zone": key.time_zone,
        "week_start": key.week_start,
    }


def member(
    verb: str,
    workspace_id: UUID,
    now: Member,
    metadata_version: int,
    was: Member | None,
) -> Event:
    """`member.created`, `member.updated` and `member.removed`."""
    return Event(
        f"member.{verb}",
        "member",
        uuid5(workspace_id, now.principal_id),
        now.version,
        {
            "id": now.principal_id,
            "metadata_version": metadata_version,
            "before": _member(was) if was else None,
            "after": None if verb == "removed" else _member(now),
        },
    )


def role(verb: str, was: CustomRole | None, now: CustomRole | None, metadata_version: int) -> Event:
    """`role.created`, `role.updated` and `role.deleted`; objects and fields by id."""
    found = now or was
    assert found is not None
    return Event(
        f"role.{verb}",
        "role",
        found.role_id,
        found.version + (now is None),
        {
            "id": str(found.role_id),
            "metadata_version": metadata_version,
            "before": _role(was) if was else None,
            "after": _role(now) if now else None,
        },
    )


def _role(found: CustomRole) -> dict[str, Any]:
    return {
        "name": found.name,
        "description": found.description,
        "permissions": list(found.permissions),
        "objects": msgspec.to_builtins(found.objects),
    }


def _member(found: Member) -> dict[str, str]:
    return {
        "principal_id": found.principal_id,
        "kind": found.kind,
        "display_name": found.display_name,
        "role": found.role,
        "time_zone": found.time_zone,
        "week_start": found.week_start,
    }


def field_job_requested(
    job: Job, plan: Mapping[str, Any], metadata_version: int, *, dry_run: bool
) -> Event:
    """field_job.requested: the records plane is to see to data. The event has the job's id: it is
    what the changes of records name as their cause."""
    return Event(
        "field_job.requested",
        "field_job",
        UUID(job.id),
        1,
        {
            "job_id": job.id,
            "kind": job.kind,
            "object_id": job.object_id,
            "field_id": job.field_id,
            "plan": plan,
            "dry_run": dry_run,
            "metadata_version": metadata_version,
        },
        event_id=UUID(job.id),
    )


def field_job_applied(job_id: UUID, metadata_version: int) -> Event:
    """field_job.applied: the definition that the job was for stands from this version on."""
    data = {"job_id": str(job_id), "metadata_version": metadata_version}
    return Event("field_job.applied", "field_job", job_id, 3, data)


def flag(was: Flag | None, now: Flag | None) -> Event:
    """`flag.created`, `flag.updated` and `flag.deleted`."""
    found = now or was
    assert found is not None
    verb = "created" if was is None else "deleted" if now is None else "updated"
    return Event(
        f"flag.{verb}",
        "flag",
        found.flag_id,
        found.version + (now is None),
        {
            "id": str(found.flag_id),
            "key": found.key,
            "before": _flag(was) if was else None,
            "after": _flag(now) if now else None,
        },
    )


def _flag(found: Flag) -> dict[str, Any]:
    return {
        "key": found.key,
        "environment": found.environment,
        "type": found.type,
        "value": msgspec.json.decode(found.value),
        "rollout_percentage": found.rollout_percentage,
        "reason": found.reason,
    }
