"""Ask the links plane, before a delete, whether a link with the policy restrict forbids it."""

from collections.abc import Sequence

import grpc
from armature.common.v1 import node_pb2
from armature.links.v1 import link_pb2
from armature.links.v1 import link_service_pb2 as pb
from armature.links.v1 import link_service_pb2_grpc as rpc

from kit import clients
from kit.caller import Caller
from kit.errors import FailedPrecondition, Violation
from schema.compiled import CompiledObject, Workspace

_MAX_NODES = 1000


class DeleteGuard:
    """No network call unless the workspace has a link type that restricts."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.LinkServiceStub(channel)

    async def check(
        self, caller: Caller, workspace: Workspace, obj: CompiledObject, ids: Sequence[str]
    ) -> None:
        """FAILED_PRECONDITION / DELETE_RESTRICTED, listing the blockers."""
        restricting = any(
            "restrict" in (t.on_source_delete, t.on_target_delete)
            for t in workspace.full.link_types.values()
        )
        if not restricting or not ids:
            return
        nodes = [node_pb2.Node(kind=obj.name, id=i) for i in ids[:_MAX_NODES]]
        answer = await clients.call(
            self._stub.CheckDelete,
            pb.CheckDeleteRequest(nodes=nodes),
            clients.metadata(caller.credential),
        )
        if answer.blockers:
            violations = [Violation("id", "RESTRICTED", _worded(b)) for b in answer.blockers]
            message = f"links forbid the delete: {violations[0].message}; unlink them first"
            raise FailedPrecondition("DELETE_RESTRICTED", message, violations=violations)


def _worded(blocker: link_pb2.Link) -> str:
    """The link that forbids a delete; of what the caller may not see no more than that it is."""
    if not blocker.id:
        return "a link that your role does not show"
    source, target = blocker.source, blocker.target
    return f"{blocker.type}: {source.kind} {source.id} and {target.kind} {target.id}"
