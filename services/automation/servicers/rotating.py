"""Serve the rotation of a workflow's signing secret and of its own URL."""

from uuid import UUID

from armature.automation.v1 import workflow_service_pb2 as pb

from kit import idempotency, webhooks
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.clock import to_timestamp
from kit.db import Database, Tx
from services.automation.model import Kind
from services.automation.operations import secrets, workflows
from services.automation.store import secrets as store


class Rotating:
    """The part of the servicer that makes secrets, and shows them: they are kept nowhere in the
    clear, not among the idempotent answers either, so that a repeat reads them anew."""

    _db: Database
    _sealer: webhooks.Sealer
    _hook_base_url: str

    async def RotateWorkflowSecret(
        self,
        request: pb.RotateWorkflowSecretRequest,
        context: Context,
    ) -> pb.RotateWorkflowSecretResponse:
        caller = current_caller()
        caller.require("rules")
        workflow_id = await self._id(caller, request.workflow)

        async def work(tx: Tx) -> pb.RotateWorkflowSecretResponse:
            await workflows.find(tx, caller.workspace_id, str(workflow_id), lock=True)
            until = await secrets.rotate_signing(
                tx, caller, self._sealer, Kind.WORKFLOW, workflow_id, end_old=request.end_old
            )
            return pb.RotateWorkflowSecretResponse(old_expire_time=to_timestamp(until))

        response = await idempotency.once(
            self._db, caller, request, pb.RotateWorkflowSecretResponse, work
        )
        response.webhook_secret, _ = await self._secrets(caller, workflow_id)
        return response

    async def RotateHookUrl(
        self,
        request: pb.RotateHookUrlRequest,
        context: Context,
    ) -> pb.RotateHookUrlResponse:
        caller = current_caller()
        caller.require("rules")
        workflow_id = await self._id(caller, request.workflow)

        async def work(tx: Tx) -> pb.RotateHookUrlResponse:
            await workflows.find(tx, caller.workspace_id, str(workflow_id), lock=True)
            until = await secrets.rotate_hook(
                tx, caller, self._sealer, workflow_id, end_old=request.end_old
            )
            return pb.RotateHookUrlResponse(old_expire_time=to_timestamp(until))

        response = await idempotency.once(self._db, caller, request, pb.RotateHookUrlResponse, work)
        _, response.hook_url = await self._secrets(caller, workflow_id)
        return response

    async def _id(self, caller: Caller, name: str) -> UUID:
        async with self._db.transaction(caller.workspace_id) as tx:
            return (await workflows.find(tx, caller.workspace_id, name)).id

    async def _secrets(self, caller: Caller, workflow_id: UUID) -> tuple[str, str]:
        """The newest signing secret and URL; empty when the workflow has gone since."""
        workspace_id = caller.workspace_id
        async with self._db.transaction(workspace_id) as tx:
            hook = await store.hook(tx, workspace_id, workflow_id)
            if hook is None:
                return "", ""
            sealed = await store.signing(tx, workspace_id, Kind.WORKFLOW, workflow_id)
        secret = self._sealer.open(sealed[0], secrets.bound_to(workspace_id, workflow_id))
        token = secrets.token(self._sealer, workspace_id, workflow_id, hook.salt)
        return secret, f"{self._hook_base_url}/{workspace_id.hex}.{workflow_id.hex}.{token}"
