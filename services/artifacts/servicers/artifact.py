"""ArtifactService: what other planes ask about files, notes and todos together."""

from uuid import UUID

from armature.artifacts.v1 import artifact_service_pb2 as pb
from armature.artifacts.v1 import artifact_service_pb2_grpc as rpc

from kit.errors import ResourceExhausted
from planes.nodes import Node
from services.artifacts.servicers.desk import Context, Desk
from services.artifacts.store import files

_MAX_NODES = 1000


class ArtifactServicer(rpc.ArtifactServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def CheckArtifacts(
        self, request: pb.CheckArtifactsRequest, context: Context
    ) -> pb.CheckArtifactsResponse:
        caller = self._desk.reader()
        if len(request.nodes) > _MAX_NODES:
            raise ResourceExhausted(
                "BATCH_TOO_LARGE", f"at most {_MAX_NODES} nodes", limit=str(_MAX_NODES)
            )
        nodes = [_node(message.kind, message.id) for message in request.nodes]
        asked = {node for node in nodes if node is not None and node.is_artifact}
        if request.permission == "update" and "write" not in caller.permissions:
            asked = set()
        if request.finalized and asked:
            async with self._desk.db.transaction(caller.workspace_id) as tx:
                named = [node.id for node in asked if node.kind == "file"]
                ready = await files.finalized(tx, caller.workspace_id, named)
            asked = {node for node in asked if node.kind != "file" or node.id in ready}
        permission = "update" if request.permission == "update" else "read"
        allowed = await self._desk.rights.allowed(caller, asked, permission)
        return pb.CheckArtifactsResponse(
            allowed=[node is not None and node in asked and allowed[node] for node in nodes]
        )


def _node(kind: str, node_id: str) -> Node | None:
    try:
        return Node(kind, UUID(node_id))
    except ValueError:
        return None
