"""Ask the links plane which links there are, as this plane."""

from uuid import UUID

import grpc
from armature.links.v1 import link_version_service_pb2 as pb
from armature.links.v1 import link_version_service_pb2_grpc as rpc

from kit import clients, clock, credentials
from planes.nodes import ARTIFACT_KINDS
from services.records.operations.linking import Stretch
from services.records.store.record_links import Link

_LIMIT = 2000


class Links:
    def __init__(self, channel: grpc.aio.Channel, secret: str) -> None:
        self._stub = rpc.LinkVersionServiceStub(channel)
        self._secret = secret

    async def find(self, workspace_id: UUID, after: UUID | None, until: UUID | None) -> Stretch:
        """The next links behind one and up to another; those with notes and files are left out."""
        own = credentials.Internal("records", str(workspace_id))
        answer = await clients.call(
            self._stub.FindLinkVersions,
            pb.FindLinkVersionsRequest(
                after_id=str(after) if after else "",
                until_id=str(until) if until else "",
                limit=_LIMIT,
            ),
            clients.metadata(credentials.issue(self._secret, own)),
        )
        found = [
            (_link(one), clock.from_timestamp(one.update_time))
            for one in answer.links
            if not {one.source.kind, one.target.kind} & set(ARTIFACT_KINDS)
        ]
        last = UUID(answer.links[-1].id) if answer.links else None
        return Stretch(found, last, answer.more)


def _link(one: pb.LinkVersion) -> Link:
    return Link(
        UUID(one.id),
        UUID(one.type_id),
        UUID(one.source.id),
        UUID(one.target.id),
        one.version,
        not one.deleted,
    )
