"""Serve FieldService."""

from armature.metadata.v1 import field_service_pb2 as pb
from armature.metadata.v1 import field_service_pb2_grpc as rpc

from kit import idempotency
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.definitions import (
    field_document,
    field_message,
    new_field_document,
)
from services.metadata.logic.field_changes import READY, Asked
from services.metadata.operations import fields
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import field_of, object_of
from services.metadata.operations.listing import page
from services.metadata.operations.refusals import refused
from services.metadata.servicers.uses import RuleUses
from services.metadata.store import field_changes


class FieldServicer(rpc.FieldServiceServicer):
    def __init__(self, db: Database, catalogues: Catalogues, uses: RuleUses) -> None:
        self._db = db
        self._uses = uses
        self._catalogues = catalogues

    async def CreateField(
        self, request: pb.CreateFieldRequest, context: Context
    ) -> pb.CreateFieldResponse:
        caller = current_caller()
        caller.require("schema")
        with refused("FIELD"):
            raw = new_field_document(request.field)

        async def work(tx: Tx) -> pb.CreateFieldResponse:
            made, version = await fields.create(
                tx, caller, self._catalogues, request.object, raw, request.field.id
            )
            return pb.CreateFieldResponse(field=field_message(made), metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.CreateFieldResponse, work)

    async def GetField(self, request: pb.GetFieldRequest, context: Context) -> pb.GetFieldResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
            jobs = await field_changes.jobs(tx, caller.workspace_id)
        obj = object_of(found.draft, request.object)
        field = field_of(found.draft, obj, request.field)
        return pb.GetFieldResponse(
            field=field_message(found.fields[field.id], jobs), metadata_version=found.version
        )

    async def ListFields(
        self, request: pb.ListFieldsRequest, context: Context
    ) -> pb.ListFieldsResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
            jobs = await field_changes.jobs(tx, caller.workspace_id)
        obj = object_of(found.draft, request.object)
        query = (str(caller.workspace_id), "fields", obj.id, request.show_deleted)
        items, token = page(
            found.draft.fields_of(obj.id, inactive=request.show_deleted),
            lambda field: [field.position, field.id],
            request.page_size,
            request.page_token,
            *query,
        )
        return pb.ListFieldsResponse(
            fields=[field_message(found.fields[field.id], jobs) for field in items],
            next_page_token=token,
            metadata_version=found.version,
        )

    async def UpdateField(
        self, request: pb.UpdateFieldRequest, context: Context
    ) -> pb.UpdateFieldResponse:
        caller = current_caller()
        caller.require("schema")
        with refused("FIELD"):
            raw = field_document(request.changes, request.update_mask.paths)
        if raw.get("active") is False:
            await self._refuse_used(caller, request.object, request.field)

        async def work(tx: Tx) -> pb.UpdateFieldResponse:
            new, version, job = await fields.update(
                tx,
                caller,
                self._catalogues,
                request.object,
                request.field,
                raw,
                Asked(dict(request.reassign), request.backfill),
                validate_only=request.validate_only,
            )
            return pb.UpdateFieldResponse(
                field=field_message(new, {} if request.validate_only else {new.value.id: job}),
                metadata_version=version,
                field_job=job,
            )

        return await idempotency.once(self._db, caller, request, pb.UpdateFieldResponse, work)

    async def DeleteField(
        self, request: pb.DeleteFieldRequest, context: Context
    ) -> pb.DeleteFieldResponse:
        caller = current_caller()
        caller.require("schema")
        if not request.force:
            await self._refuse_used(caller, request.object, request.field)

        async def work(tx: Tx) -> pb.DeleteFieldResponse:
            gone, repaired, version = await fields.deactivate(
                tx,
                caller,
                self._catalogues,
                request.object,
                request.field,
                force=request.force,
            )
            return pb.DeleteFieldResponse(
                field=field_message(gone), repaired_views=repaired, metadata_version=version
            )

        return await idempotency.once(self._db, caller, request, pb.DeleteFieldResponse, work)

    async def _refuse_used(self, caller: Caller, object_name: str, field_name: str) -> None:
        """FAILED_PRECONDITION / IN_USE for an active field that rules or workflows use; what is
        wrong otherwise, the work says."""
        async with self._db.transaction(caller.workspace_id) as tx:
            found = (await self._catalogues.read(tx, caller.workspace_id)).draft
        obj = found.object(object_name)
        field = found.field(obj.id, field_name) if obj is not None else None
        if obj is not None and field is not None and field.state == READY:
            await self._uses.refuse(caller, obj.name, field.name)

    async def PurgeField(
        self, request: pb.PurgeFieldRequest, context: Context
    ) -> pb.PurgeFieldResponse:
        caller = current_caller()
        caller.require("schema")
        caller.require("admin")

        async def work(tx: Tx) -> pb.PurgeFieldResponse:
            job, version = await fields.purge(
                tx, caller, self._catalogues, request.object, request.field
            )
            return pb.PurgeFieldResponse(field_job=job, metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.PurgeFieldResponse, work)
