"""Answer ImportService: take documents in, and show what has become of them."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from armature.records.v1 import import_pb2, tabular_pb2
from armature.records.v1 import import_service_pb2 as pb
from armature.records.v1 import import_service_pb2_grpc as rpc

from kit import clock, idempotency, paging
from kit.caller import Caller, current_caller, set_caller
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import InvalidArgument, ResourceExhausted
from planes.definitions import Definitions
from services.records import convert
from services.records.model import Import, ImportMode, ImportOptions, ImportState, RowError
from services.records.operations import imports
from services.records.operations.targets import Target
from services.records.servicers import scope
from services.records.store import imports as store

_MAX_PIECE = 8 * 1024 * 1024
_STATES = {
    ImportState.RECEIVING: import_pb2.IMPORT_STATE_RECEIVING,
    ImportState.RUNNING: import_pb2.IMPORT_STATE_RUNNING,
    ImportState.SUCCEEDED: import_pb2.IMPORT_STATE_SUCCEEDED,
    ImportState.FAILED: import_pb2.IMPORT_STATE_FAILED,
    ImportState.CANCELLED: import_pb2.IMPORT_STATE_CANCELLED,
    ImportState.UNDOING: import_pb2.IMPORT_STATE_UNDOING,
    ImportState.UNDONE: import_pb2.IMPORT_STATE_UNDONE,
}
_MODES = {
    ImportMode.CREATE: import_pb2.IMPORT_MODE_CREATE,
    ImportMode.UPSERT: import_pb2.IMPORT_MODE_UPSERT,
    ImportMode.UPDATE: import_pb2.IMPORT_MODE_UPDATE,
}
_ACTIONS = {
    ImportMode.CREATE: ("create",),
    ImportMode.UPSERT: ("create", "update"),
    ImportMode.UPDATE: ("update",),
}
_FORMATS = {"csv": tabular_pb2.TABULAR_FORMAT_CSV, "ndjson": tabular_pb2.TABULAR_FORMAT_NDJSON}


class ImportServicer(rpc.ImportServiceServicer):
    def __init__(self, db: Database, definitions: Definitions, max_bytes: int) -> None:
        self._db = db
        self._definitions = definitions
        self._max_bytes = max_bytes

    async def target_for(self, caller: Caller, found: Import) -> Target:
        """The object of an import as the caller may see it now; the worker's way in."""
        set_caller(caller)
        return await self._target(str(found.object_id), found.options.mode)

    async def undo_target_for(self, caller: Caller, found: Import) -> Target:
        """The object of an import, for one who may undo it."""
        set_caller(caller)
        actions = ["update"] if found.options.mode is ImportMode.UPDATE else ["update", "delete"]
        return await scope.writing(self._definitions, str(found.object_id), actions)

    async def _target(self, name: str, mode: ImportMode, at_version: int = 0) -> Target:
        return await scope.writing(self._definitions, name, _ACTIONS[mode], at_version)

    async def CreateImport(
        self, request: pb.CreateImportRequest, context: Context
    ) -> pb.CreateImportResponse:
        mode = _mode(request)
        target = await self._target(request.object, mode, request.at_version)
        options = ImportOptions(
            object=target.object.name,
            format="ndjson" if request.format == tabular_pb2.TABULAR_FORMAT_NDJSON else "csv",
            mapping=dict(request.mapping),
            match=tuple(request.match),
            mode=mode,
            dry_run=request.dry_run,
            clear_empty=request.clear_empty,
            ignore_unknown=request.ignore_unknown,
        )

        async def work(tx: Tx) -> pb.CreateImportResponse:
            created = await imports.create(tx, target, options)
            return pb.CreateImportResponse(**{"import": _message(created)})

        return await idempotency.once(
            self._db, target.caller, request, pb.CreateImportResponse, work
        )

    async def UploadImport(
        self, request: pb.UploadImportRequest, context: Context
    ) -> pb.UploadImportResponse:
        caller = current_caller()
        if len(request.data) > _MAX_PIECE:
            message = f"a piece has at most {_MAX_PIECE} bytes"
            raise ResourceExhausted("IMPORT_TOO_LARGE", message, limit=str(_MAX_PIECE))
        async with self._db.reading(caller.workspace_id) as tx:
            known = await imports.theirs(tx, caller, request.id)
        target = await self._target(str(known.object_id), known.options.mode)

        # By its offset a piece is known again, so no key is needed to repeat it safely.
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await imports.receive(
                tx,
                target,
                known.id,
                request.data,
                offset=request.offset,
                last=request.last,
                limit=self._max_bytes,
            )
        return pb.UploadImportResponse(**{"import": _message(found)})

    async def GetImport(
        self, request: pb.GetImportRequest, context: Context
    ) -> pb.GetImportResponse:
        caller = current_caller()
        caller.require("read")
        async with self._db.reading(caller.workspace_id) as tx:
            found = await imports.theirs(tx, caller, request.id)
        return pb.GetImportResponse(**{"import": _message(found)})

    async def ListImports(
        self, request: pb.ListImportsRequest, context: Context
    ) -> pb.ListImportsResponse:
        caller = current_caller()
        caller.require("read")
        limit = paging.clamp(request.page_size)
        bound = ("ListImports", str(caller.workspace_id))
        place = paging.decode(request.page_token, *bound)
        after = UUID(place[0]) if place else None
        own = None if "admin" in caller.permissions else caller.principal_id
        async with self._db.reading(caller.workspace_id) as tx:
            found = await store.page(tx, caller.workspace_id, own, after, limit + 1)
        token = paging.encode([str(found[limit - 1].id)], *bound) if len(found) > limit else ""
        return pb.ListImportsResponse(
            imports=[_message(one) for one in found[:limit]], next_page_token=token
        )

    async def CancelImport(
        self, request: pb.CancelImportRequest, context: Context
    ) -> pb.CancelImportResponse:
        caller = _writer()

        async def work(tx: Tx) -> pb.CancelImportResponse:
            found = await imports.theirs(tx, caller, request.id)
            stopped = await imports.cancel(tx, found, caller.workspace_id)
            return pb.CancelImportResponse(**{"import": _message(stopped)})

        return await idempotency.once(self._db, caller, request, pb.CancelImportResponse, work)

    async def UndoImport(
        self, request: pb.UndoImportRequest, context: Context
    ) -> pb.UndoImportResponse:
        caller = _writer()

        async def work(tx: Tx) -> pb.UndoImportResponse:
            found = await imports.theirs(tx, caller, request.id)
            begun = await imports.undo(tx, found, caller.workspace_id)
            return pb.UndoImportResponse(**{"import": _message(begun)})

        return await idempotency.once(self._db, caller, request, pb.UndoImportResponse, work)

    async def ListImportErrors(
        self, request: pb.ListImportErrorsRequest, context: Context
    ) -> pb.ListImportErrorsResponse:
        caller = current_caller()
        caller.require("read")
        limit = paging.clamp(request.page_size)
        bound = ("ListImportErrors", str(caller.workspace_id), request.id)
        place = paging.decode(request.page_token, *bound)
        after = (int(place[0]), str(place[1])) if place else (0, "")
        async with self._db.reading(caller.workspace_id) as tx:
            found = await imports.theirs(tx, caller, request.id)
            errors = await store.errors(tx, caller.workspace_id, found.id, after, limit + 1)
        token = ""
        if len(errors) > limit:
            last = errors[limit - 1]
            token = paging.encode([last.line, last.phase], *bound)
        return pb.ListImportErrorsResponse(
            errors=[one for error in errors[:limit] for one in _errors(error)],
            next_page_token=token,
        )


def _writer() -> Caller:
    """The caller, who may write; by a custom role, something."""
    caller = current_caller()
    if caller.access is None:
        caller.require("write")
    return caller


def _mode(request: pb.CreateImportRequest) -> ImportMode:
    for mode, value in _MODES.items():
        if value == request.mode:
            return mode
    if request.mode != import_pb2.IMPORT_MODE_UNSPECIFIED:
        message = "mode is create, upsert or update"
        raise InvalidArgument.at("IMPORT_INVALID", "mode", "UNKNOWN", message)
    return ImportMode.UPSERT if request.match else ImportMode.CREATE


def _message(value: Import) -> import_pb2.Import:
    options = value.options
    return import_pb2.Import(
        id=str(value.id),
        object=options.object,
        format=_FORMATS[options.format],
        mapping=options.mapping,
        match=options.match,
        mode=_MODES[options.mode],
        dry_run=options.dry_run,
        clear_empty=options.clear_empty,
        ignore_unknown=options.ignore_unknown,
        state=_STATES[value.state],
        received_bytes=value.received_bytes,
        failure=value.failure,
        created_by=convert.actor(value.created_by),
        create_time=clock.to_timestamp(value.create_time),
        update_time=clock.to_timestamp(value.update_time),
        finish_time=clock.to_timestamp(value.finish_time),
        **asdict(value.counts),
    )


def _errors(error: RowError) -> Sequence[import_pb2.ImportError]:
    return [
        import_pb2.ImportError(
            line=error.line,
            column=problem.path,
            code=problem.code,
            message=problem.message,
            phase=error.phase,
        )
        for problem in error.problems
    ]
