"""Serve FlagService."""

from collections.abc import Callable
from uuid import UUID

from armature.metadata.v1 import flag_service_pb2 as pb
from armature.metadata.v1 import flag_service_pb2_grpc as rpc

from kit import idempotency
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.flags import flag_message, value_message
from services.metadata.convert.masks import document
from services.metadata.logic.flags import deciding
from services.metadata.operations import flags
from services.metadata.operations.authentication import Authenticator
from services.metadata.operations.flags import Flags
from services.metadata.operations.listing import page
from services.metadata.operations.refusals import refused
from services.metadata.store import flags as store


class FlagServicer(rpc.FlagServiceServicer):
    def __init__(self, db: Database, flags_on: Flags, authenticator: Authenticator) -> None:
        self._db = db
        self._flags = flags_on
        self._authenticator = authenticator

    async def ListFlags(
        self, request: pb.ListFlagsRequest, context: Context
    ) -> pb.ListFlagsResponse:
        caller = current_caller()
        caller.require("admin")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.every(tx, caller.workspace_id)
        found.sort(key=lambda f: (f.key, f.environment))
        items, token = page(
            found,
            lambda f: [f.key, f.environment],
            request.page_size,
            request.page_token,
            str(caller.workspace_id),
            "flags",
        )
        return pb.ListFlagsResponse(flags=map(flag_message, items), next_page_token=token)

    async def GetFlag(self, request: pb.GetFlagRequest, context: Context) -> pb.GetFlagResponse:
        caller = current_caller()
        caller.require("admin")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.get(tx, caller.workspace_id, request.key, request.environment)
        if found is None:
            raise flags.not_found(request.key, request.environment)
        return pb.GetFlagResponse(flag=flag_message(found))

    async def SetFlag(self, request: pb.SetFlagRequest, context: Context) -> pb.SetFlagResponse:
        caller = current_caller()
        caller.require("admin")
        with refused("FLAG"):
            value = document(request.value_json, "value", None)

        async def work(tx: Tx) -> pb.SetFlagResponse:
            tx.after_commit(self._changed(caller.workspace_id))
            flag = await flags.put(
                tx,
                caller,
                key=request.key,
                environment=request.environment,
                kind=request.type,
                value=value,
                rollout=request.rollout_percentage
                if request.HasField("rollout_percentage")
                else 100,
                reason=request.reason,
                etag=request.etag,
            )
            return pb.SetFlagResponse(flag=flag_message(flag))

        return await idempotency.once(self._db, caller, request, pb.SetFlagResponse, work)

    async def DeleteFlag(
        self, request: pb.DeleteFlagRequest, context: Context
    ) -> pb.DeleteFlagResponse:
        caller = current_caller()
        caller.require("admin")

        async def work(tx: Tx) -> pb.DeleteFlagResponse:
            tx.after_commit(self._changed(caller.workspace_id))
            await flags.delete(
                tx,
                caller,
                key=request.key,
                environment=request.environment,
                reason=request.reason,
                etag=request.etag,
            )
            return pb.DeleteFlagResponse()

        return await idempotency.once(self._db, caller, request, pb.DeleteFlagResponse, work)

    async def EvaluateFlags(
        self, request: pb.EvaluateFlagsRequest, context: Context
    ) -> pb.EvaluateFlagsResponse:
        caller = current_caller()
        environment = request.environment or self._flags.environment
        principal_id = request.principal_id or caller.principal_id
        own = (principal_id, environment) == (caller.principal_id, self._flags.environment)
        caller.require("read" if own else "admin")
        async with self._db.transaction(caller.workspace_id) as tx:
            every = await store.every(tx, caller.workspace_id)
        return pb.EvaluateFlagsResponse(
            flags=[value_message(f, principal_id) for f in deciding(every, environment).values()],
            environment=environment,
        )

    def _changed(self, workspace_id: UUID) -> Callable[[], None]:
        def forget() -> None:
            self._flags.forget(workspace_id)
            self._authenticator.forget()

        return forget
