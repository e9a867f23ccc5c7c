"""Serve a workflow's own URL: its token is the credential, with a signature where one is asked."""

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID, uuid5

from armature.automation.v1 import workflow_service_pb2 as pb

from kit import ids, telemetry, webhooks
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database
from kit.errors import Unauthenticated
from planes.definitions import Definitions
from schema import jsonio
from schema.problems import Invalid
from services.automation import convert
from services.automation.model import InputField, Kind, TriggerType
from services.automation.operations import secrets, workflows
from services.automation.store import secrets as store

PREFIX = "hook_"
PERMISSION = "hook"
_TOLERANCE_SECONDS = 300


def _refused(message: str) -> Unauthenticated:
    return Unauthenticated("CREDENTIALS_INVALID", message)


class HookAuthenticator:
    """Knows the tokens of workflows' URLs; asks `others` about everything else."""

    def __init__(self, db: Database, others: Callable[[str], Awaitable[Caller]]) -> None:
        self._db = db
        self._others = others

    async def authenticate(self, credential: str) -> Caller:
        if not credential.startswith(PREFIX):
            return await self._others(credential)
        try:
            workspace, workflow, token = credential.removeprefix(PREFIX).split(".")
            workspace_id, workflow_id = UUID(workspace), UUID(workflow)
        except ValueError:
            raise _refused("this is no address of a workflow") from None
        async with self._db.transaction(workspace_id) as tx:
            found = await store.hook(tx, workspace_id, workflow_id)
        if found is None or not secrets.is_token(token, found):
            raise _refused("this is no address of a workflow")
        return Caller(
            workspace_id,
            str(workflow_id),
            "webhook",
            "Webhook",
            permissions=frozenset({PERMISSION}),
        )


class Hooks:
    """The part of the servicer that takes what others send."""

    _db: Database
    _definitions: Definitions
    _sealer: webhooks.Sealer
    _per_minute: int

    async def ReceiveHook(
        self,
        request: pb.ReceiveHookRequest,
        context: Context,
    ) -> pb.ReceiveHookResponse:
        caller = current_caller()
        caller.require(PERMISSION)
        workspace_id, workflow_id = caller.workspace_id, UUID(caller.principal_id)
        async with self._db.transaction(workspace_id) as tx:
            seen = await workflows.find(tx, workspace_id, str(workflow_id))
            starter, definition = await workflows.published(tx, workspace_id, seen)
            sealed = await store.signing(tx, workspace_id, Kind.WORKFLOW, workflow_id)
        if definition.trigger.type is not TriggerType.WEBHOOK:
            raise workflows.not_published(seen)
        if definition.trigger.signed:
            bound = secrets.bound_to(workspace_id, workflow_id)
            _verify([self._sealer.open(one, bound) for one in sealed], request)
        inputs = _inputs(definition.inputs, request.body)
        workspace = await self._definitions.workspace(workspace_id)
        # What is sent again under the same webhook-id is the same: it has its run.
        run_id = uuid5(workflow_id, request.webhook_id) if request.webhook_id else ids.new_id()
        wanted = [workflows.Started(run_id, None, inputs)]
        async with self._db.transaction(workspace_id) as tx:
            await workflows.start(
                tx,
                caller,
                starter,
                wanted,
                event_type="webhook.received",
                time_zone=workspace.time_zone,
                traceparent=telemetry.traceparent(),
                per_minute=self._per_minute,
            )
        return pb.ReceiveHookResponse(run_id=str(run_id))


def _verify(known: Sequence[str], request: pb.ReceiveHookRequest) -> None:
    """Standard Webhooks; what is older than five minutes, or signed by no secret that holds, is
    refused."""
    stamp = request.webhook_timestamp
    if not (request.webhook_id and stamp.isdigit() and len(stamp) < 12):
        raise _refused("webhook-id and webhook-timestamp are needed")
    if abs(time.time() - int(stamp)) > _TOLERANCE_SECONDS:
        raise _refused("webhook-timestamp is too old or too new")
    expected = webhooks.sign(known, request.webhook_id, int(stamp), request.body).split(" ")
    # `v1,<mac>` of each has no space in it, so that both sides split alike.
    given = request.webhook_signature.split()
    fits = [hmac.compare_digest(g.encode(), e.encode()) for g in given for e in expected]
    if not any(fits):
        raise _refused("webhook-signature does not fit")


def _inputs(form: tuple[InputField, ...], body: bytes) -> dict[str, object]:
    """By the workflow's inputs where it has some; otherwise the body as it is, as `body`."""
    if form:
        return convert.filled(form, body)
    try:
        return {"body": jsonio.loads_exact(body) if body.strip() else None}
    except Invalid:
        return {"body": body.decode("utf-8", "replace").replace("\0", "")}
