"""Answer the calls of SchemaService that are about blueprints."""

from armature.metadata.v1 import schema_service_pb2 as pb

from kit import idempotency
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database, Tx
from services.metadata.convert.consequences import schema_changes
from services.metadata.operations import blueprints
from services.metadata.operations.blueprint_roles import Asked
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.listing import page
from services.metadata.servicers.blueprint_parts import BlueprintParts
from services.metadata.store import blueprints as store


class Blueprints:
    """Mixed into the one servicer."""

    _db: Database
    _catalogues: Catalogues
    _parts: BlueprintParts

    async def ListBlueprints(
        self, request: pb.ListBlueprintsRequest, context: Context
    ) -> pb.ListBlueprintsResponse:
        caller = current_caller()
        caller.require("schema")
        async with self._db.transaction(caller.workspace_id) as tx:
            installed = await store.installed(tx, caller.workspace_id)
        shelf = blueprints.shelf()
        query = (str(caller.workspace_id), "blueprints")
        names, token = page(
            sorted(shelf), lambda n: [n], request.page_size, request.page_token, *query
        )
        found = []
        for name in names:
            one = pb.Blueprint(name=name, version=int(shelf[name].get("version", 1)))
            if had := installed.get(name):
                one.installed_version = had.version
                one.leaving = had.leaving
                one.pending.extend(f"{task.kind} {task.name}" for task in had.pending)
            found.append(one)
        return pb.ListBlueprintsResponse(blueprints=found, next_page_token=token)

    async def InstallBlueprint(
        self, request: pb.InstallBlueprintRequest, context: Context
    ) -> pb.InstallBlueprintResponse:
        caller = current_caller()
        caller.require("schema")
        asked = Asked(caller, request.blueprint, request.validate_only, request.restore)

        async def work(tx: Tx) -> pb.InstallBlueprintResponse:
            done = await blueprints.install(tx, self._catalogues, asked)
            changes = schema_changes(done.found)
            return pb.InstallBlueprintResponse(changes=changes, metadata_version=done.version)

        if request.validate_only:
            async with self._db.transaction(caller.workspace_id) as tx:
                planned = await blueprints.install(tx, self._catalogues, asked)
            return pb.InstallBlueprintResponse(
                changes=await self._plan(caller, planned), metadata_version=planned.version
            )
        answer = await idempotency.once(
            self._db, caller, request, pb.InstallBlueprintResponse, work
        )
        worked = await self._parts.work_off(caller, request.blueprint)
        answer.changes.extend(schema_changes(worked.found))
        answer.pending.extend(worked.pending)
        return answer

    async def UninstallBlueprint(
        self, request: pb.UninstallBlueprintRequest, context: Context
    ) -> pb.UninstallBlueprintResponse:
        caller = current_caller()
        caller.require("schema")
        asked = Asked(caller, request.blueprint, request.validate_only)

        async def work(tx: Tx) -> pb.UninstallBlueprintResponse:
            done = await blueprints.uninstall(tx, self._catalogues, asked, force=request.force)
            changes = schema_changes(done.found)
            return pb.UninstallBlueprintResponse(changes=changes, metadata_version=done.version)

        if request.validate_only:
            async with self._db.transaction(caller.workspace_id) as tx:
                planned = await blueprints.uninstall(
                    tx, self._catalogues, asked, force=request.force
                )
            return pb.UninstallBlueprintResponse(
                changes=await self._plan(caller, planned), metadata_version=planned.version
            )
        answer = await idempotency.once(
            self._db, caller, request, pb.UninstallBlueprintResponse, work
        )
        worked = await self._parts.work_off(caller, request.blueprint)
        answer.changes.extend(schema_changes(worked.found))
        answer.pending.extend(worked.pending)
        return answer

    async def _plan(self, caller: Caller, planned: blueprints.Done) -> list[pb.SchemaChange]:
        elsewhere = await self._parts.plan(caller, planned.after)
        return schema_changes([*planned.found, *elsewhere])
