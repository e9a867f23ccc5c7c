"""Ask the planes that own them which nodes exist and what the caller may do with them.

One call for each plane and thousand nodes, with the caller's own credential: the plane that owns a
node applies the caller's rights to it. What may not be seen answers like what does not exist.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import grpc
from armature.artifacts.v1 import artifact_service_pb2 as artifacts_pb
from armature.artifacts.v1 import artifact_service_pb2_grpc as artifacts_rpc
from armature.common.v1.node_pb2 import Node as NodeMessage
from armature.records.v1 import record_service_pb2 as records_pb
from armature.records.v1 import record_service_pb2_grpc as records_rpc

from kit import clients
from kit.caller import Caller

ARTIFACT_KINDS = frozenset({"note", "todo", "file"})
_BATCH = 1000


class Node(NamedTuple):
    """Anything that can be linked or carry artifacts: an object's API name, or an artifact kind."""

    kind: str
    id: UUID

    @property
    def is_artifact(self) -> bool:
        return self.kind in ARTIFACT_KINDS

    def document(self) -> dict[str, str]:
        """As events carry it."""
        return {"kind": self.kind, "id": str(self.id)}


class Nodes:
    """Checks nodes of all planes. Without a channel to a plane, its nodes are nobody's."""

    def __init__(
        self, records: grpc.aio.Channel | None, artifacts: grpc.aio.Channel | None
    ) -> None:
        self._records = None if records is None else records_rpc.RecordServiceStub(records)
        self._artifacts = (
            None if artifacts is None else artifacts_rpc.ArtifactServiceStub(artifacts)
        )

    async def check(
        self, caller: Caller, nodes: Iterable[Node], permission: str, *, finalized: bool = False
    ) -> dict[Node, bool]:
        """For each node whether it lives and the caller may `read` or `update` it; with
        `finalized`, of files those whose content is there."""
        asked = dict.fromkeys(nodes)
        records = [n for n in asked if not n.is_artifact]
        artifacts = [n for n in asked if n.is_artifact]
        found = dict.fromkeys(asked, False)
        answers = await asyncio.gather(
            *(self._check_records(caller, part, permission) for part in _parts(records)),
            *(
                self._check_artifacts(caller, part, permission, finalized=finalized)
                for part in _parts(artifacts)
            ),
        )
        for answer in answers:
            found |= answer
        return found

    async def _check_records(
        self, caller: Caller, nodes: Sequence[Node], permission: str
    ) -> dict[Node, bool]:
        if self._records is None:
            return {}
        answer = await clients.call(
            self._records.CheckNodes,
            records_pb.CheckNodesRequest(nodes=map(_message, nodes), permission=permission),
            clients.metadata(caller.credential),
            name="RecordService/CheckNodes",
        )
        return dict(zip(nodes, answer.allowed, strict=True))

    async def _check_artifacts(
        self, caller: Caller, nodes: Sequence[Node], permission: str, *, finalized: bool
    ) -> dict[Node, bool]:
        if self._artifacts is None:
            return {}
        answer = await clients.call(
            self._artifacts.CheckArtifacts,
            artifacts_pb.CheckArtifactsRequest(
                nodes=map(_message, nodes), permission=permission, finalized=finalized
            ),
            clients.metadata(caller.credential),
            name="ArtifactService/CheckArtifacts",
        )
        return dict(zip(nodes, answer.allowed, strict=True))


def _message(node: Node) -> NodeMessage:
    return NodeMessage(kind=node.kind, id=str(node.id))


def _parts(nodes: Sequence[Node]) -> list[Sequence[Node]]:
    return [nodes[at : at + _BATCH] for at in range(0, len(nodes), _BATCH)]
