"""Answer LinkVersionService: what other planes build, and compare, what they know of links by."""

from uuid import UUID

from armature.links.v1 import link_version_service_pb2 as pb
from armature.links.v1 import link_version_service_pb2_grpc as rpc

from kit import clock, ids
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database
from services.links import convert
from services.links.store import versions

_USUAL, _MOST = 1000, 2000


class LinkVersionServicer(rpc.LinkVersionServiceServicer):
    def __init__(self, db: Database) -> None:
        self._db = db

    async def FindLinkVersions(
        self, request: pb.FindLinkVersionsRequest, context: Context
    ) -> pb.FindLinkVersionsResponse:
        caller = current_caller()
        caller.require_plane()
        after = _bound(request.after_id, "after_id")
        until = _bound(request.until_id, "until_id")
        limit = min(request.limit or _USUAL, _MOST)
        async with self._db.reading(caller.workspace_id) as tx:
            found = await versions.after(tx, caller.workspace_id, after, until, limit + 1)
        return pb.FindLinkVersionsResponse(
            links=[
                pb.LinkVersion(
                    id=str(one.link.id),
                    type_id=str(one.link.type_id),
                    source=convert.node_message(one.link.source),
                    target=convert.node_message(one.link.target),
                    version=one.link.version,
                    deleted=one.deleted,
                    update_time=clock.to_timestamp(one.link.update_time),
                )
                for one in found[:limit]
            ],
            more=len(found) > limit,
        )


def _bound(text: str, path: str) -> UUID | None:
    return ids.parse_id(text, path) if text else None
