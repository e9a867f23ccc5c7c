"""Serve SchemaService."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from armature.metadata.v1 import schema_service_pb2 as pb
from armature.metadata.v1 import schema_service_pb2_grpc as rpc

from kit import idempotency, paging
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from schema.jsonio import dumps
from services.metadata.convert.access import change_message
from services.metadata.convert.consequences import schema_changes
from services.metadata.convert.schema_documents import schema_document
from services.metadata.logic.consequences import Consequence
from services.metadata.operations import schemas
from services.metadata.operations.authentication import Authenticator
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.versions import Versions
from services.metadata.servicers.blueprint_parts import BlueprintParts
from services.metadata.servicers.blueprints import Blueprints
from services.metadata.servicers.counts import RecordCounts
from services.metadata.servicers.uses import RuleUses
from services.metadata.store import changes

_LOOK_SECONDS = 5.0  # how long a watcher may stay behind when word of a version is lost


class SchemaServicer(Blueprints, rpc.SchemaServiceServicer):
    def __init__(
        self,
        db: Database,
        catalogues: Catalogues,
        versions: Versions,
        authenticator: Authenticator,
        counts: RecordCounts,
        uses: RuleUses,
        parts: BlueprintParts,
    ) -> None:
        self._db = db
        self._parts = parts
        self._counts = counts
        self._uses = uses
        self._authenticator = authenticator
        self._catalogues = catalogues
        self._versions = versions

    async def GetSnapshot(
        self, request: pb.GetSnapshotRequest, context: Context
    ) -> pb.GetSnapshotResponse:
        caller = current_caller()
        caller.require("read")
        # What a custom role shows changes with the role, without a new version.
        held = request.if_newer_than if caller.access is None else 0
        if await self._catalogues.holds(self._db, caller.workspace_id, held):
            return pb.GetSnapshotResponse(metadata_version=held)
        async with self._db.reading(caller.workspace_id) as tx:
            found = await self._catalogues.seen(tx, caller)
        whole = dumps(schema_document(found)) if request.as_document else found.snapshot_json
        return pb.GetSnapshotResponse(
            metadata_version=found.version,
            snapshot_json=whole,
            by_role=caller.access is not None,
        )

    async def WatchVersions(
        self, request: pb.WatchVersionsRequest, context: Context
    ) -> AsyncIterator[pb.WatchVersionsResponse]:
        caller = current_caller()
        caller.require("read")
        sent = 0
        while True:
            with self._versions.waiting(caller.workspace_id) as changed:
                async with self._db.transaction(caller.workspace_id) as tx:
                    version = await self._catalogues.version(tx, caller.workspace_id)
                if version > sent:
                    yield pb.WatchVersionsResponse(metadata_version=version)
                    sent = version
                await changed(_LOOK_SECONDS)
            await self._authenticator.authenticate(caller.credential)  # it may be revoked by now

    async def PlanSchema(
        self, request: pb.PlanSchemaRequest, context: Context
    ) -> pb.PlanSchemaResponse:
        caller = current_caller()
        caller.require("schema")
        mode = schemas.Mode(validate_only=True, exact=request.exact)
        async with self._db.transaction(caller.workspace_id) as tx:
            found, version = await schemas.apply(
                tx, caller, self._catalogues, request.document_json, mode
            )
        counts, uses = await asyncio.gather(
            self._counts.of(caller, found), self._uses.of(caller, _taken(found))
        )
        found = _with_uses(found, uses)
        return pb.PlanSchemaResponse(
            changes=schema_changes(found, counts),
            destructive=any(one.destructive for one in found),
            metadata_version=version,
        )

    async def ApplySchema(
        self, request: pb.ApplySchemaRequest, context: Context
    ) -> pb.ApplySchemaResponse:
        caller = current_caller()
        caller.require("schema")
        mode = schemas.Mode(request.validate_only, request.exact, request.allow_destructive)

        async def work(tx: Tx) -> pb.ApplySchemaResponse:
            found, version = await schemas.apply(
                tx, caller, self._catalogues, request.document_json, mode
            )
            return pb.ApplySchemaResponse(changes=schema_changes(found), metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.ApplySchemaResponse, work)

    async def RevertChange(
        self, request: pb.RevertChangeRequest, context: Context
    ) -> pb.RevertChangeResponse:
        caller = current_caller()
        caller.require("schema")

        async def work(tx: Tx) -> pb.RevertChangeResponse:
            found, version = await schemas.revert(tx, caller, self._catalogues, request.version)
            return pb.RevertChangeResponse(changes=schema_changes(found), metadata_version=version)

        return await idempotency.once(self._db, caller, request, pb.RevertChangeResponse, work)

    async def ListChanges(
        self, request: pb.ListChangesRequest, context: Context
    ) -> pb.ListChangesResponse:
        caller = current_caller()
        caller.require("schema")
        limit = paging.clamp(request.page_size)
        query = (str(caller.workspace_id), "changes")
        after = paging.decode(request.page_token, *query)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await changes.newest(
                tx,
                caller.workspace_id,
                caller.principal_id,
                after=after and tuple(after),
                limit=limit + 1,
            )
        shown = found[:limit]
        token = ""
        if len(found) > limit:
            token = paging.encode([shown[-1].metadata_version, shown[-1].ordinal], *query)
        return pb.ListChangesResponse(
            changes=[change_message(change) for change in shown], next_page_token=token
        )


def _taken(found: Sequence[Consequence]) -> list[tuple[str, str]]:
    """(object, field) of what is destructive and rules may use."""
    parts = (one.path.partition(".") for one in found if _usable(one))
    return [(obj, field) for obj, _, field in parts]


def _with_uses(found: Sequence[Consequence], uses: Sequence[tuple[str, ...]]) -> list[Consequence]:
    told = iter(uses)
    return [
        replace(one, affects=(*one.affects, *next(told))) if _usable(one) else one for one in found
    ]


def _usable(one: Consequence) -> bool:
    return one.destructive and one.kind in {"object", "field"}
