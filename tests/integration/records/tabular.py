"""Import and export against the records plane of these tests, its worker included."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

import grpc
from armature.records.v1 import export_service_pb2 as export_pb
from armature.records.v1 import import_pb2
from armature.records.v1 import import_service_pb2 as pb
from armature.records.v1.export_service_pb2_grpc import ExportServiceStub
from armature.records.v1.import_service_pb2_grpc import ImportServiceStub
from armature.records.v1.tabular_pb2 import TABULAR_FORMAT_CSV, TABULAR_FORMAT_NDJSON

from kit import clients, server, status
from kit.caller import Caller
from kit.calls import CallPolicy
from kit.errors import Unauthenticated
from schema.compiled import CompiledObject, Workspace
from services.records.servicers import tabular_servicers
from services.records.servicers.importing import ImportServicer
from services.records.workers.imports import ImportWorker, Rights
from tests.integration.records.client import Client, selecting
from tests.integration.records.conftest import Plane, authenticate
from tests.services import until

FORMATS = {"csv": TABULAR_FORMAT_CSV, "ndjson": TABULAR_FORMAT_NDJSON}
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "UNDONE"}


def state_of(found: import_pb2.Import) -> str:
    return import_pb2.ImportState.Name(found.state).removeprefix("IMPORT_STATE_")


def counts_of(found: import_pb2.Import) -> dict[str, int]:
    """The counts that are not zero."""
    names = ("rows", "processed", "created", "updated", "unchanged", "restored", "failed")
    every = (*names, "undone", "undo_skipped")
    return {name: getattr(found, name) for name in every if getattr(found, name)}


@dataclass(frozen=True)
class Desk:
    """Takes documents in and hands them out, for the workspace of any client."""

    imports: ImportServiceStub
    exports: ExportServiceStub
    worker: ImportWorker

    async def call(self, who: Client, method: str, **request: Any) -> Any:
        made = getattr(pb, f"{method}Request")(**request)
        return await clients.call(getattr(self.imports, method), made, _headers(who), timeout=25.0)

    async def begin(
        self, who: Client, document: str | bytes, form: str = "csv", piece: int = 0, **more: Any
    ) -> import_pb2.Import:
        """Create an import of deals and send all of its content, in pieces of that size."""
        data = document.encode() if isinstance(document, str) else document
        asked = {"object": "deal", "format": FORMATS[form]} | more
        made = getattr((await self.call(who, "CreateImport", **asked)), "import")
        size = piece or max(1, len(data))
        for at in range(0, max(1, len(data)), size):
            part = data[at : at + size]
            last = at + size >= len(data)
            sent = await self.call(who, "UploadImport", id=made.id, offset=at, data=part, last=last)
        found: import_pb2.Import = getattr(sent, "import")
        return found

    async def done(self, who: Client, document: str | bytes, **more: Any) -> import_pb2.Import:
        """The import at its end."""
        return await self.ended(who, await self.begin(who, document, **more))

    async def ended(self, who: Client, begun: import_pb2.Import) -> import_pb2.Import:
        async def look() -> import_pb2.Import | None:
            answer = await self.call(who, "GetImport", id=begun.id)
            found: import_pb2.Import = getattr(answer, "import")
            return found if state_of(found) in ENDED else None

        return await until(look)

    async def undo(self, who: Client, found: import_pb2.Import) -> import_pb2.Import:
        answer = await self.call(who, "UndoImport", id=found.id)
        return await self.ended(who, getattr(answer, "import"))

    async def errors(self, who: Client, found: import_pb2.Import) -> list[tuple[int, str, str]]:
        """(line, column, code)."""
        answer = await self.call(who, "ListImportErrors", id=found.id)
        return [(e.line, e.column, e.code) for e in answer.errors]

    async def export(self, who: Client, where: Any = None, form: str = "csv", **more: Any) -> str:
        asked: dict[str, Any] = {"object": "deal", "format": FORMATS[form]}
        asked |= {"selection": selecting(where)} | more
        export: Any = self.exports.ExportRecords
        made = export_pb.ExportRecordsRequest(**asked)
        call = export(made, metadata=_headers(who), timeout=25.0)
        try:
            return b"".join([answer.chunk async for answer in call]).decode()
        except grpc.aio.AioRpcError as exc:
            raise status.from_rpc_error(exc) from exc

    async def lines(self, who: Client, **more: Any) -> list[dict[str, Any]]:
        text = await self.export(who, form="ndjson", **more)
        return [json.loads(line) for line in text.splitlines()]


def _headers(who: Client) -> list[tuple[str, str]]:
    return clients.metadata(f"{who.workspace_id}:{who.role}:{quote(who.principal)}")


@asynccontextmanager
async def desk(plane: Plane) -> AsyncIterator[Desk]:
    importing = ImportServicer(plane.db, plane.literal, 10_000_000)

    async def caller_of(workspace_id: UUID, principal: str) -> Caller:
        if principal == "leaver":
            raise Unauthenticated("CREDENTIALS_INVALID", "there is no such member any more")
        return await authenticate(f"{workspace_id}:member:{principal}")

    async def no_links(_: Caller, __: Workspace, ___: CompiledObject, ____: object) -> None:
        """Nothing is linked here."""

    rights = Rights(caller_of, importing.target_for, importing.undo_target_for, no_links)
    worker = ImportWorker(plane.db, plane.worker_db, rights)
    async with AsyncExitStack() as opened:

        async def ready() -> bool:
            return True

        services = tabular_servicers(plane.db, plane.literal, importing, plane.index)
        port = await opened.enter_async_context(
            server.running("127.0.0.1:0", services, CallPolicy(authenticate), ready, grace=0.5)
        )
        channel = clients.channel(f"127.0.0.1:{port}")
        opened.push_async_callback(channel.close)
        working = asyncio.create_task(worker.run())
        try:
            yield Desk(ImportServiceStub(channel), ExportServiceStub(channel), worker)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
