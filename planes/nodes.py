"""Ask the planes that own them which nodes exist and what the caller may do with them.

One call for each plane and thousand nodes, with the caller's own credential: the plane that owns a
node applies the caller's rights to it. What may not be seen answers like what does not exist. Those
who ask about records with the same credential at the same time share a call.
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

from kit import clients, deadlines, origin, telemetry
from kit.caller import Caller
from kit.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from kit.together import Together

ARTIFACT_KINDS = frozenset({"note", "todo", "file"})
_BATCH = 1000
_SECONDS = 10.0  # that a call for several may take


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


class _Asking(NamedTuple):
    """What questions of one call have in common. Not to be logged."""

    workspace_id: UUID
    credential: str
    permission: str
    forwarded: tuple[tuple[str, str], ...]  # the client they come from


class Nodes:
    """Checks nodes of all planes. Without a channel to a plane, its nodes are nobody's."""

    def __init__(
        self, records: grpc.aio.Channel | None, artifacts: grpc.aio.Channel | None
    ) -> None:
        self._records = None if records is None else records_rpc.RecordServiceStub(records)
        self._artifacts = (
            None if artifacts is None else artifacts_rpc.ArtifactServiceStub(artifacts)
        )
        self._together: Together[_Asking, tuple[Node, ...], dict[Node, bool]] = Together(
            self._ask_records, size=len, most_size=_BATCH, again=_again
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
        came = origin.current()
        forwarded = tuple(came.forwarded()) if came else ()
        asking = _Asking(caller.workspace_id, caller.credential, permission, forwarded)
        if telemetry.is_recording():  # a trace that is followed tells of this call alone
            return (await self._ask_records(asking, [tuple(nodes)]))[tuple(nodes)]
        found = await self._together.ask(asking, tuple(nodes))
        assert found is not None
        return found

    async def _ask_records(
        self, asking: "_Asking", questions: Sequence[tuple[Node, ...]]
    ) -> dict[tuple[Node, ...], dict[Node, bool]]:
        assert self._records is not None
        nodes = list(dict.fromkeys(node for nodes in questions for node in nodes))
        headers = clients.metadata(asking.credential)
        if len(questions) > 1:
            deadlines.set_remaining(_SECONDS)  # each who waits does so by a deadline of its own
            headers += asking.forwarded
        answer = await clients.call(
            self._records.CheckNodes,
            records_pb.CheckNodesRequest(nodes=map(_message, nodes), permission=asking.permission),
            headers,
            name="RecordService/CheckNodes",
        )
        allowed = dict(zip(nodes, answer.allowed, strict=True))
        return {some: {node: allowed[node] for node in some} for some in questions}

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


def _again(failure: BaseException, _question: object) -> bool:
    """Not of a plane that is away, or has too much to do already: all hear it."""
    return not isinstance(failure, Unavailable | ResourceExhausted | DeadlineExceeded)


def _message(node: Node) -> NodeMessage:
    return NodeMessage(kind=node.kind, id=str(node.id))


def _parts(nodes: Sequence[Node]) -> list[Sequence[Node]]:
    return [nodes[at : at + _BATCH] for at in range(0, len(nodes), _BATCH)]
