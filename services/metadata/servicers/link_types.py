"""Serve LinkTypeService."""

from armature.metadata.v1 import link_type_service_pb2 as pb
from armature.metadata.v1 import link_type_service_pb2_grpc as rpc

from kit import idempotency
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.definitions import (
    link_type_document,
    link_type_message,
    new_link_type_document,
)
from services.metadata.operations import link_types
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import link_type_of
from services.metadata.operations.listing import page
from services.metadata.operations.refusals import refused


class LinkTypeServicer(rpc.LinkTypeServiceServicer):
    def __init__(self, db: Database, catalogues: Catalogues) -> None:
        self._db = db
        self._catalogues = catalogues

    async def CreateLinkType(
        self, request: pb.CreateLinkTypeRequest, context: Context
    ) -> pb.CreateLinkTypeResponse:
        caller = current_caller()
        caller.require("schema")
        raw = new_link_type_document(request.link_type)

        async def work(tx: Tx) -> pb.CreateLinkTypeResponse:
            made, version = await link_types.create(
                tx, caller, self._catalogues, raw, request.link_type.id
            )
            return pb.CreateLinkTypeResponse(
                link_type=link_type_message(made), metadata_version=version
            )

        return await idempotency.once(self._db, caller, request, pb.CreateLinkTypeResponse, work)

    async def GetLinkType(
        self, request: pb.GetLinkTypeRequest, context: Context
    ) -> pb.GetLinkTypeResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        link = link_type_of(found.draft, request.link_type)
        return pb.GetLinkTypeResponse(link_type=link_type_message(found.link_types[link.id]))

    async def ListLinkTypes(
        self, request: pb.ListLinkTypesRequest, context: Context
    ) -> pb.ListLinkTypesResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        shown = [s for s in found.link_types.values() if s.value.active]
        shown.sort(key=lambda s: s.value.name)
        query = (str(caller.workspace_id), "link_types")
        items, token = page(
            shown, lambda s: [s.value.name], request.page_size, request.page_token, *query
        )
        return pb.ListLinkTypesResponse(
            link_types=[link_type_message(s) for s in items], next_page_token=token
        )

    async def UpdateLinkType(
        self, request: pb.UpdateLinkTypeRequest, context: Context
    ) -> pb.UpdateLinkTypeResponse:
        caller = current_caller()
        caller.require("schema")
        with refused("LINK_TYPE"):
            raw = link_type_document(request.changes, request.update_mask.paths)

        async def work(tx: Tx) -> pb.UpdateLinkTypeResponse:
            new, version = await link_types.update(
                tx, caller, self._catalogues, request.link_type, raw
            )
            return pb.UpdateLinkTypeResponse(
                link_type=link_type_message(new), metadata_version=version
            )

        return await idempotency.once(self._db, caller, request, pb.UpdateLinkTypeResponse, work)

    async def DeleteLinkType(
        self, request: pb.DeleteLinkTypeRequest, context: Context
    ) -> pb.DeleteLinkTypeResponse:
        caller = current_caller()
        caller.require("schema")

        async def work(tx: Tx) -> pb.DeleteLinkTypeResponse:
            version = await link_types.deactivate(tx, caller, self._catalogues, request.link_type)
            return pb.DeleteLinkTypeResponse(metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.DeleteLinkTypeResponse, work)
