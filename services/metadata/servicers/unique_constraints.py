"""Serve UniqueConstraintService."""

from armature.metadata.v1 import unique_constraint_service_pb2 as pb
from armature.metadata.v1 import unique_constraint_service_pb2_grpc as rpc

from kit import idempotency
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.unique_constraints import (
    unique_constraint_document,
    unique_constraint_message,
)
from services.metadata.operations import unique_constraints
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import object_of, unique_constraint_of
from services.metadata.operations.listing import page
from services.metadata.store import field_changes


class UniqueConstraintServicer(rpc.UniqueConstraintServiceServicer):
    def __init__(self, db: Database, catalogues: Catalogues) -> None:
        self._db = db
        self._catalogues = catalogues

    async def CreateUniqueConstraint(
        self, request: pb.CreateUniqueConstraintRequest, context: Context
    ) -> pb.CreateUniqueConstraintResponse:
        caller = current_caller()
        caller.require("schema")
        raw = unique_constraint_document(request.unique_constraint)

        async def work(tx: Tx) -> pb.CreateUniqueConstraintResponse:
            draft, made, version, job = await unique_constraints.create(
                tx,
                caller,
                self._catalogues,
                request.object,
                raw,
                request.unique_constraint.id,
                validate_only=request.validate_only,
            )
            jobs = {} if request.validate_only else {made.id: job}
            return pb.CreateUniqueConstraintResponse(
                unique_constraint=unique_constraint_message(draft, made, jobs),
                metadata_version=version,
                field_job=job,
            )

        return await idempotency.once(
            self._db, caller, request, pb.CreateUniqueConstraintResponse, work
        )

    async def GetUniqueConstraint(
        self, request: pb.GetUniqueConstraintRequest, context: Context
    ) -> pb.GetUniqueConstraintResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            seen = await self._catalogues.seen(tx, caller)
            jobs = await field_changes.jobs(tx, caller.workspace_id)
        obj = object_of(seen.draft, request.object)
        found = unique_constraint_of(obj, request.unique_constraint)
        return pb.GetUniqueConstraintResponse(
            unique_constraint=unique_constraint_message(seen.draft, found, jobs),
            metadata_version=seen.version,
        )

    async def ListUniqueConstraints(
        self, request: pb.ListUniqueConstraintsRequest, context: Context
    ) -> pb.ListUniqueConstraintsResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.transaction(caller.workspace_id) as tx:
            seen = await self._catalogues.seen(tx, caller)
            jobs = await field_changes.jobs(tx, caller.workspace_id)
        obj = object_of(seen.draft, request.object)
        items, token = page(
            sorted(obj.unique_constraints, key=lambda one: one.name),
            lambda one: [one.name],
            request.page_size,
            request.page_token,
            *(str(caller.workspace_id), "unique_constraints", obj.id),
        )
        return pb.ListUniqueConstraintsResponse(
            unique_constraints=[unique_constraint_message(seen.draft, c, jobs) for c in items],
            next_page_token=token,
            metadata_version=seen.version,
        )

    async def DeleteUniqueConstraint(
        self, request: pb.DeleteUniqueConstraintRequest, context: Context
    ) -> pb.DeleteUniqueConstraintResponse:
        caller = current_caller()
        caller.require("schema")

        async def work(tx: Tx) -> pb.DeleteUniqueConstraintResponse:
            version = await unique_constraints.delete(
                tx, caller, self._catalogues, request.object, request.unique_constraint
            )
            return pb.DeleteUniqueConstraintResponse(metadata_version=version)

        return await idempotency.once(
            self._db, caller, request, pb.DeleteUniqueConstraintResponse, work
        )
