"""Serve ViewService."""

from armature.metadata.v1 import view_service_pb2 as pb
from armature.metadata.v1 import view_service_pb2_grpc as rpc

from kit import idempotency
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.views import eligible_message, view_document, view_message
from services.metadata.logic.eligibility import eligibility
from services.metadata.logic.views import type_of
from services.metadata.operations import views
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import object_of, view_of
from services.metadata.operations.listing import page
from services.metadata.operations.refusals import refused


class ViewServicer(rpc.ViewServiceServicer):
    def __init__(self, db: Database, catalogues: Catalogues) -> None:
        self._db = db
        self._catalogues = catalogues

    async def CreateView(
        self, request: pb.CreateViewRequest, context: Context
    ) -> pb.CreateViewResponse:
        caller = current_caller()
        _require_views(caller)
        with refused("VIEW"):
            raw = view_document(request.view)

        async def work(tx: Tx) -> pb.CreateViewResponse:
            made, new = await views.create(
                tx, caller, self._catalogues, request.object, raw, request.view.id
            )
            return pb.CreateViewResponse(
                view=view_message(made, new.draft), metadata_version=new.version
            )

        return await idempotency.once(self._db, caller, request, pb.CreateViewResponse, work)

    async def GetView(self, request: pb.GetViewRequest, context: Context) -> pb.GetViewResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        obj = object_of(found.draft, request.object)
        view = view_of(found.draft, obj, request.view, caller.principal_id)
        return pb.GetViewResponse(
            view=view_message(found.views[view.id], found.draft), metadata_version=found.version
        )

    async def ListViews(
        self, request: pb.ListViewsRequest, context: Context
    ) -> pb.ListViewsResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        obj = object_of(found.draft, request.object)
        query = (str(caller.workspace_id), "views", obj.id, caller.principal_id)
        items, token = page(
            found.draft.views_of(obj.id, caller.principal_id),
            lambda view: [view.position, view.id],
            request.page_size,
            request.page_token,
            *query,
        )
        return pb.ListViewsResponse(
            views=[view_message(found.views[view.id], found.draft) for view in items],
            next_page_token=token,
            metadata_version=found.version,
        )

    async def UpdateView(
        self, request: pb.UpdateViewRequest, context: Context
    ) -> pb.UpdateViewResponse:
        caller = current_caller()
        _require_views(caller)
        with refused("VIEW"):
            raw = view_document(request.changes, request.update_mask.paths)

        async def work(tx: Tx) -> pb.UpdateViewResponse:
            changed, new = await views.update(
                tx, caller, self._catalogues, request.object, request.view, raw
            )
            return pb.UpdateViewResponse(
                view=view_message(changed, new.draft), metadata_version=new.version
            )

        return await idempotency.once(self._db, caller, request, pb.UpdateViewResponse, work)

    async def DeleteView(
        self, request: pb.DeleteViewRequest, context: Context
    ) -> pb.DeleteViewResponse:
        caller = current_caller()
        _require_views(caller)

        async def work(tx: Tx) -> pb.DeleteViewResponse:
            version = await views.delete(tx, caller, self._catalogues, request.object, request.view)
            return pb.DeleteViewResponse(metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.DeleteViewResponse, work)

    async def GetEligibleFields(
        self, request: pb.GetEligibleFieldsRequest, context: Context
    ) -> pb.GetEligibleFieldsResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        obj = object_of(found.draft, request.object)
        with refused("VIEW"):
            view_type = type_of(request.type, "type")
        fields = eligibility(found.draft.fields_of(obj.id), view_type)
        return pb.GetEligibleFieldsResponse(
            fields=[eligible_message(field) for field in fields], metadata_version=found.version
        )


def _require_views(caller: Caller) -> None:
    """Whoever writes records keeps views; of custom roles those that keep definitions, since a
    view is judged by all of them."""
    caller.require("write" if caller.access is None else "schema")
