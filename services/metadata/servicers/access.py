"""Serve AccessService."""

from armature.metadata.v1 import access_service_pb2 as pb
from armature.metadata.v1 import access_service_pb2_grpc as rpc

from kit import idempotency, paging
from kit.caller import NOBODY, current_caller
from kit.calls import Context
from kit.clock import from_timestamp
from kit.db import Database, Tx
from kit.errors import InvalidArgument, PermissionDenied
from services.metadata.convert.access import (
    key_message,
    member_message,
    preferences_message,
    principal_message,
)
from services.metadata.operations import access
from services.metadata.operations.authentication import Authenticator
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.sealing import Seal
from services.metadata.servicers.roles import RoleCalls
from services.metadata.store import access as store
from services.metadata.store.audit import last_uses


class AccessServicer(RoleCalls, rpc.AccessServiceServicer):
    def __init__(
        self, db: Database, catalogues: Catalogues, authenticator: Authenticator, seal: Seal
    ) -> None:
        self._db = db
        self._catalogues = catalogues
        self._authenticator = authenticator
        self._seal = seal

    async def Authenticate(
        self, request: pb.AuthenticateRequest, context: Context
    ) -> pb.AuthenticateResponse:
        caller = current_caller()
        if not caller.internal or caller.workspace_id != NOBODY:
            raise PermissionDenied("PLANE_REQUIRED", "only planes ask whom a credential stands for")
        found = await self._authenticator.identify(request.credential)
        return pb.AuthenticateResponse(
            principal=principal_message(found),
            permissions=sorted(found.permissions),
            internal=found.internal,
            access_json=found.access,
            flags_json=found.flags,
        )

    async def GetCaller(
        self, request: pb.GetCallerRequest, context: Context
    ) -> pb.GetCallerResponse:
        caller = current_caller()
        caller.require("read")
        return pb.GetCallerResponse(
            principal=principal_message(caller), permissions=sorted(caller.permissions)
        )

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, context: Context
    ) -> pb.CreateApiKeyResponse:
        caller = current_caller()
        caller.require("admin")
        expire_time = None
        if request.HasField("expire_time"):
            try:
                expire_time = from_timestamp(request.expire_time)
            except OverflowError as exc:
                raise InvalidArgument.at(
                    "API_KEY_INVALID", "expire_time", "OUT_OF_RANGE", "must be a time"
                ) from exc

        async def work(tx: Tx) -> pb.CreateApiKeyResponse:
            made, key = await access.create_key(
                tx,
                caller,
                display_name=request.display_name,
                role=request.role,
                expire_time=expire_time,
            )
            return pb.CreateApiKeyResponse(
                api_key=key_message(made), secret=self._seal.close(str(key))
            )

        answer = await idempotency.once(self._db, caller, request, pb.CreateApiKeyResponse, work)
        answer.secret = self._seal.open(answer.secret)
        return answer

    async def ListApiKeys(
        self, request: pb.ListApiKeysRequest, context: Context
    ) -> pb.ListApiKeysResponse:
        caller = current_caller()
        caller.require("admin")
        limit = paging.clamp(request.page_size)
        query = (str(caller.workspace_id), "api_keys")
        after = paging.decode(request.page_token, *query)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.list_keys(tx, caller.workspace_id, after=after, limit=limit + 1)
            used = await last_uses(tx, caller.workspace_id, [key.api_key_id for key in found])
        shown, token = found[:limit], ""
        if len(found) > limit:
            last = [shown[-1].create_time.isoformat(), str(shown[-1].api_key_id)]
            token = paging.encode(last, *query)
        return pb.ListApiKeysResponse(
            api_keys=[key_message(key, used.get(key.api_key_id)) for key in shown],
            next_page_token=token,
        )

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, context: Context
    ) -> pb.RevokeApiKeyResponse:
        caller = current_caller()
        caller.require("admin")
        api_key_id = access.key_id(request.id)

        async def work(tx: Tx) -> pb.RevokeApiKeyResponse:
            tx.after_commit(self._authenticator.forget)
            return pb.RevokeApiKeyResponse(
                api_key=key_message(await access.revoke_key(tx, caller, api_key_id))
            )

        return await idempotency.once(self._db, caller, request, pb.RevokeApiKeyResponse, work)

    async def ListMembers(
        self, request: pb.ListMembersRequest, context: Context
    ) -> pb.ListMembersResponse:
        caller = current_caller()
        caller.require("read")
        limit = paging.clamp(request.page_size)
        query = (str(caller.workspace_id), "members")
        after = paging.decode(request.page_token, *query) or ""
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.list_members(tx, caller.workspace_id, after=after, limit=limit + 1)
        shown = found[:limit]
        token = paging.encode(shown[-1].principal_id, *query) if len(found) > limit else ""
        return pb.ListMembersResponse(
            members=[member_message(member) for member in shown], next_page_token=token
        )

    async def SetMember(
        self, request: pb.SetMemberRequest, context: Context
    ) -> pb.SetMemberResponse:
        caller = current_caller()
        caller.require("admin")
        wanted = request.member

        async def work(tx: Tx) -> pb.SetMemberResponse:
            tx.after_commit(self._authenticator.forget)
            member = await access.set_member(
                tx,
                caller,
                principal_id=wanted.principal_id,
                kind=wanted.kind or "user",
                display_name=wanted.display_name,
                role=wanted.role,
            )
            return pb.SetMemberResponse(member=member_message(member))

        return await idempotency.once(self._db, caller, request, pb.SetMemberResponse, work)

    async def SetPreferences(
        self, request: pb.SetPreferencesRequest, context: Context
    ) -> pb.SetPreferencesResponse:
        caller = current_caller()
        wanted = request.preferences
        principal_id = wanted.principal_id or caller.principal_id
        caller.require("read" if principal_id == caller.principal_id else "admin")

        async def work(tx: Tx) -> pb.SetPreferencesResponse:
            tx.after_commit(self._authenticator.forget)
            found = await access.set_preferences(
                tx, caller, principal_id, wanted.time_zone, wanted.week_start
            )
            return pb.SetPreferencesResponse(preferences=preferences_message(found))

        return await idempotency.once(self._db, caller, request, pb.SetPreferencesResponse, work)

    async def RemoveMember(
        self, request: pb.RemoveMemberRequest, context: Context
    ) -> pb.RemoveMemberResponse:
        caller = current_caller()
        caller.require("admin")

        async def work(tx: Tx) -> pb.RemoveMemberResponse:
            tx.after_commit(self._authenticator.forget)
            await access.remove_member(tx, caller, request.principal_id)
            return pb.RemoveMemberResponse()

        return await idempotency.once(self._db, caller, request, pb.RemoveMemberResponse, work)
