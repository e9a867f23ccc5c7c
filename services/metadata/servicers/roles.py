"""Serve the calls of AccessService that are about roles."""

from collections.abc import Sequence

from armature.metadata.v1 import access_pb2
from armature.metadata.v1 import access_service_pb2 as pb

from kit import idempotency
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import InvalidArgument
from schema.access import ACTIONS, parse_access
from schema.field_types.refusals import did_you_mean, listing
from services.metadata.convert.roles import custom_role_message, role_document, role_message
from services.metadata.logic.catalog import Definitions
from services.metadata.logic.custom_roles import described
from services.metadata.logic.roles import PERMISSIONS, ROLES, verdict
from services.metadata.model import CustomRole
from services.metadata.operations import roles
from services.metadata.operations.authentication import Authenticator
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import field_of, object_of
from services.metadata.operations.listing import page
from services.metadata.operations.refusals import refused
from services.metadata.store import roles as store


class RoleCalls:
    """Mixed into the one servicer."""

    _db: Database
    _catalogues: Catalogues
    _authenticator: Authenticator

    async def CheckAccess(
        self, request: pb.CheckAccessRequest, context: Context
    ) -> pb.CheckAccessResponse:
        caller = current_caller()
        caller.require("read")
        if request.object:
            return await self._check_object(caller, request)
        wanted = request.permission
        _check_known(wanted, PERMISSIONS)
        allowed = wanted in caller.permissions
        verb = "has" if allowed else "lacks"
        return pb.CheckAccessResponse(
            allowed=allowed, reason=f"The role {caller.role} {verb} the permission {wanted}."
        )

    async def _check_object(
        self, caller: Caller, request: pb.CheckAccessRequest
    ) -> pb.CheckAccessResponse:
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        obj = object_of(found.draft, request.object)
        field = field_of(found.draft, obj, request.field) if request.field else None
        _check_known(request.permission, ACTIONS)
        allowed, reason = verdict(
            caller.role,
            caller.permissions,
            parse_access(caller.access) if caller.access is not None else None,
            request.permission,
            object_id=obj.id,
            object_name=obj.name,
            field_id=field.id if field else "",
            field_name=field.name if field else "",
        )
        return pb.CheckAccessResponse(allowed=allowed, reason=reason)

    async def ListRoles(
        self, request: pb.ListRolesRequest, context: Context
    ) -> pb.ListRolesResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            own = await store.every(tx, caller.workspace_id)
            found = await self._catalogues.read(tx, caller.workspace_id)
        messages = [role_message(role) for role in ROLES.values()]
        messages += [_message(caller, role, found) for role in own]
        messages.sort(key=lambda role: role.name)
        items, token = page(
            messages, lambda role: [role.name], request.page_size, request.page_token, "roles"
        )
        return pb.ListRolesResponse(roles=items, next_page_token=token)

    async def GetRole(self, request: pb.GetRoleRequest, context: Context) -> pb.GetRoleResponse:
        caller = current_caller()
        caller.require("read")
        if standard := ROLES.get(request.role):
            return pb.GetRoleResponse(role=role_message(standard))
        async with self._db.transaction(caller.workspace_id) as tx:
            role = await store.get(tx, caller.workspace_id, request.role)
            found = await self._catalogues.read(tx, caller.workspace_id)
        if role is None:
            raise roles.not_found(request.role)
        return pb.GetRoleResponse(role=_message(caller, role, found))

    async def CreateRole(
        self, request: pb.CreateRoleRequest, context: Context
    ) -> pb.CreateRoleResponse:
        caller = current_caller()
        caller.require("admin")
        with refused("ROLE"):
            raw = role_document(request.role)

        async def work(tx: Tx) -> pb.CreateRoleResponse:
            made, found = await roles.create(tx, caller, self._catalogues, raw)
            return pb.CreateRoleResponse(role=_message(caller, made, found))

        return await idempotency.once(self._db, caller, request, pb.CreateRoleResponse, work)

    async def UpdateRole(
        self, request: pb.UpdateRoleRequest, context: Context
    ) -> pb.UpdateRoleResponse:
        caller = current_caller()
        caller.require("admin")
        with refused("ROLE"):
            raw = role_document(request.changes, request.update_mask.paths)

        async def work(tx: Tx) -> pb.UpdateRoleResponse:
            tx.after_commit(self._authenticator.forget)
            new, found = await roles.update(
                tx, caller, self._catalogues, request.role, raw, request.etag
            )
            return pb.UpdateRoleResponse(role=_message(caller, new, found))

        return await idempotency.once(self._db, caller, request, pb.UpdateRoleResponse, work)

    async def DeleteRole(
        self, request: pb.DeleteRoleRequest, context: Context
    ) -> pb.DeleteRoleResponse:
        caller = current_caller()
        caller.require("admin")

        async def work(tx: Tx) -> pb.DeleteRoleResponse:
            await roles.delete(tx, caller, request.role)
            return pb.DeleteRoleResponse()

        return await idempotency.once(self._db, caller, request, pb.DeleteRoleResponse, work)


def _check_known(permission: str, known: Sequence[str]) -> None:
    if permission not in known:
        message = f"must be one of {listing(known)}{did_you_mean(permission, known)}"
        raise InvalidArgument.at("PERMISSION_UNKNOWN", "permission", "UNKNOWN_CHOICE", message)


def _message(caller: Caller, role: CustomRole, found: Definitions) -> access_pb2.Role:
    """What it may do with which records is for admins: it names what others may not see."""
    if "admin" not in caller.permissions:
        return custom_role_message(role)
    return custom_role_message(role, described(found.draft.compiled(), role.objects))
