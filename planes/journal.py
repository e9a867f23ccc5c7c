"""Tell the metadata plane which calls a plane has refused, and which API keys it has seen."""

from uuid import UUID

import grpc
from armature.common.v1 import actor_pb2
from armature.metadata.v1 import audit_service_pb2 as pb
from armature.metadata.v1 import audit_service_pb2_grpc as rpc

from kit import clients, credentials
from kit.clock import to_timestamp
from kit.journal import Batch, Journal, Kind, Tally


def journal(channel: grpc.aio.Channel, secret: str, plane: str) -> Journal:
    """For Wiring.journal: by AuditService.RecordActivity, in the plane's own name."""
    stub = rpc.AuditServiceStub(channel)

    async def tell(workspace_id: UUID, batch: Batch) -> None:
        own = credentials.issue(secret, credentials.Internal(plane, str(workspace_id)))
        request = pb.RecordActivityRequest(
            plane=plane,
            denials=[_denial(*denial) for denial in batch.denials],
            key_calls=[pb.KeyCalls(api_key_id=k, calls=n) for k, n in batch.uses.items()],
            request_id=batch.request_id,
            answered_request_id=batch.answered_id,
        )
        await clients.call(stub.RecordActivity, request, clients.metadata(own), timeout=3.0)

    return Journal(tell)


def _denial(kind: Kind, tally: Tally) -> pb.Denial:
    return pb.Denial(
        actor=actor_pb2.Actor(kind=kind.actor_kind, id=kind.actor_id, name=kind.actor_name),
        action=kind.action,
        method=kind.method,
        reason=kind.reason,
        permission=kind.permission,
        count=tally.count,
        first_time=to_timestamp(tally.first_time),
        request_id=tally.request_id,
        trace_id=tally.trace_id,
        ip=tally.ip,
        peer=tally.peer,
        user_agent=tally.user_agent,
    )
