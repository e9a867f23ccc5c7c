"""Serve WorkspaceService."""

from armature.metadata.v1 import workspace_service_pb2 as pb
from armature.metadata.v1 import workspace_service_pb2_grpc as rpc

from kit import idempotency
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.access import workspace_document, workspace_message
from services.metadata.operations import workspaces
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.refusals import refused
from services.metadata.operations.sealing import Seal


class WorkspaceServicer(rpc.WorkspaceServiceServicer):
    def __init__(self, db: Database, catalogues: Catalogues, seal: Seal) -> None:
        self._db = db
        self._catalogues = catalogues
        self._seal = seal

    async def CreateWorkspace(
        self, request: pb.CreateWorkspaceRequest, context: Context
    ) -> pb.CreateWorkspaceResponse:
        caller = current_caller()
        raw = workspace_document(request.workspace)

        async def work(tx: Tx) -> pb.CreateWorkspaceResponse:
            made, key = await workspaces.create(tx, caller, raw, request.workspace.id)
            return pb.CreateWorkspaceResponse(
                workspace=workspace_message(made, 1), api_key=self._seal.close(str(key))
            )

        answer = await idempotency.once(self._db, caller, request, pb.CreateWorkspaceResponse, work)
        answer.api_key = self._seal.open(answer.api_key)
        return answer

    async def GetWorkspace(
        self, request: pb.GetWorkspaceRequest, context: Context
    ) -> pb.GetWorkspaceResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await workspaces.get(tx, caller.workspace_id)
            version = await self._catalogues.version(tx, caller.workspace_id)
        return pb.GetWorkspaceResponse(workspace=workspace_message(found, version))

    async def UpdateWorkspace(
        self, request: pb.UpdateWorkspaceRequest, context: Context
    ) -> pb.UpdateWorkspaceResponse:
        caller = current_caller()
        caller.require("admin")
        with refused("WORKSPACE"):
            raw = workspace_document(request.workspace, request.update_mask.paths)

        async def work(tx: Tx) -> pb.UpdateWorkspaceResponse:
            new, version = await workspaces.update(tx, caller, self._catalogues, raw)
            return pb.UpdateWorkspaceResponse(
                workspace=workspace_message(new, version), metadata_version=version
            )

        return await idempotency.once(self._db, caller, request, pb.UpdateWorkspaceResponse, work)
