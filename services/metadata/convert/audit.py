"""Audit entries, uses of keys, and what planes have seen, as messages and back."""

from uuid import UUID

from armature.common.v1 import actor_pb2
from armature.metadata.v1 import audit_pb2
from armature.metadata.v1 import audit_service_pb2 as pb

from kit import clock
from kit.journal import Batch, Kind, Tally
from services.metadata.model import AuditEntry, KeyUse


def entry_message(found: AuditEntry) -> audit_pb2.AuditEntry:
    return audit_pb2.AuditEntry(
        id=str(found.entry_id),
        create_time=clock.to_timestamp(found.create_time),
        actor=actor_pb2.Actor(**found.actor),
        action=found.action,
        target_kind=found.target_kind,
        target_id=found.target_id,
        before_json=found.before,
        after_json=found.after,
        metadata_version=found.metadata_version,
        reason=found.reason,
        permission=found.permission,
        method=found.method,
        count=found.count,
        first_time=clock.to_timestamp(found.first_time),
        request_id=found.request_id,
        trace_id=found.trace_id,
        ip=found.ip,
        peer=found.peer,
        user_agent=found.user_agent,
    )


def use_message(found: KeyUse) -> audit_pb2.KeyUse:
    return audit_pb2.KeyUse(
        day=found.day,
        plane=found.plane,
        calls=found.calls,
        last_used_time=clock.to_timestamp(found.last_used_time),
    )


def batch(request: pb.RecordActivityRequest, workspace_id: UUID) -> Batch:
    """What a plane tells of the workspace that its credential names."""
    found = Batch(request.request_id)
    for d in request.denials:
        kind = Kind(
            workspace_id,
            d.actor.kind,
            d.actor.id,
            d.actor.name,
            d.action,
            d.method,
            d.reason,
            d.permission,
        )
        tally = Tally(
            d.count,
            clock.from_timestamp(d.first_time),
            0.0,
            d.request_id,
            d.trace_id,
            d.ip,
            d.peer,
            d.user_agent,
        )
        found.denials.append((kind, tally))
    for use in request.key_calls:
        found.uses[use.api_key_id] = found.uses.get(use.api_key_id, 0) + use.calls
    return found
