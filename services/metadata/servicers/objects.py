"""Serve ObjectService."""

from armature.metadata.v1 import object_service_pb2 as pb
from armature.metadata.v1 import object_service_pb2_grpc as rpc

from kit import idempotency
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.definitions import (
    new_object_document,
    object_document,
    object_message,
)
from services.metadata.operations import objects
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import object_of
from services.metadata.operations.listing import page
from services.metadata.operations.refusals import refused
from services.metadata.servicers.uses import RuleUses


class ObjectServicer(rpc.ObjectServiceServicer):
    def __init__(self, db: Database, catalogues: Catalogues, uses: RuleUses) -> None:
        self._db = db
        self._uses = uses
        self._catalogues = catalogues

    async def CreateObject(
        self, request: pb.CreateObjectRequest, context: Context
    ) -> pb.CreateObjectResponse:
        caller = current_caller()
        caller.require("schema")
        raw = new_object_document(request.object)

        async def work(tx: Tx) -> pb.CreateObjectResponse:
            made, version = await objects.create(
                tx, caller, self._catalogues, raw, request.object.id
            )
            return pb.CreateObjectResponse(object=object_message(made), metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.CreateObjectResponse, work)

    async def GetObject(
        self, request: pb.GetObjectRequest, context: Context
    ) -> pb.GetObjectResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        obj = object_of(found.draft, request.object, inactive=True)
        return pb.GetObjectResponse(
            object=object_message(found.objects[obj.id]), metadata_version=found.version
        )

    async def ListObjects(
        self, request: pb.ListObjectsRequest, context: Context
    ) -> pb.ListObjectsResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        shown = [s for s in found.objects.values() if s.value.active or request.show_deleted]
        shown.sort(key=lambda s: s.value.name)
        query = (str(caller.workspace_id), "objects", request.show_deleted)
        items, token = page(
            shown, lambda s: [s.value.name], request.page_size, request.page_token, *query
        )
        return pb.ListObjectsResponse(
            objects=[object_message(s) for s in items],
            next_page_token=token,
            metadata_version=found.version,
        )

    async def UpdateObject(
        self, request: pb.UpdateObjectRequest, context: Context
    ) -> pb.UpdateObjectResponse:
        caller = current_caller()
        caller.require("schema")
        with refused("OBJECT"):
            raw = object_document(request.changes, request.update_mask.paths)
        if raw.get("active") is False:
            await self._refuse_used(caller, request.object)

        async def work(tx: Tx) -> pb.UpdateObjectResponse:
            new, version = await objects.update(tx, caller, self._catalogues, request.object, raw)
            return pb.UpdateObjectResponse(object=object_message(new), metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.UpdateObjectResponse, work)

    async def DeleteObject(
        self, request: pb.DeleteObjectRequest, context: Context
    ) -> pb.DeleteObjectResponse:
        caller = current_caller()
        caller.require("schema")
        if not request.force:
            await self._refuse_used(caller, request.object)

        async def work(tx: Tx) -> pb.DeleteObjectResponse:
            gone, version = await objects.deactivate(
                tx, caller, self._catalogues, request.object, force=request.force
            )
            return pb.DeleteObjectResponse(object=object_message(gone), metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.DeleteObjectResponse, work)

    async def _refuse_used(self, caller: Caller, name: str) -> None:
        """FAILED_PRECONDITION / IN_USE for an active object that rules or workflows use."""
        async with self._db.transaction(caller.workspace_id) as tx:
            found = (await self._catalogues.read(tx, caller.workspace_id)).draft
        if (obj := found.object(name)) is not None:
            await self._uses.refuse(caller, obj.name)

    async def PurgeObject(
        self, request: pb.PurgeObjectRequest, context: Context
    ) -> pb.PurgeObjectResponse:
        caller = current_caller()
        caller.require("schema")
        caller.require("admin")

        async def work(tx: Tx) -> pb.PurgeObjectResponse:
            job, version = await objects.purge(tx, caller, self._catalogues, request.object)
            return pb.PurgeObjectResponse(field_job=job, metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.PurgeObjectResponse, work)
