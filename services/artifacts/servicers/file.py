"""FileService: the calls as the contract names them."""

from armature.artifacts.v1 import artifact_pb2
from armature.artifacts.v1 import file_service_pb2 as pb
from armature.artifacts.v1 import file_service_pb2_grpc as rpc
from armature.common.v1 import node_pb2

from kit import idempotency
from kit.caller import Caller
from kit.db import Tx
from planes.nodes import Node
from schema.compiled import Workspace
from schema.problems import Problem
from services.artifacts import convert
from services.artifacts.logic import contents
from services.artifacts.logic.access import require_targets, visible
from services.artifacts.model import File, FileState
from services.artifacts.operations import files
from services.artifacts.operations.uploads import Uploads
from services.artifacts.servicers.desk import Context, Desk
from services.artifacts.store import files as store
from services.artifacts.store import objects

_URL_SECONDS = 300


class FileServicer(rpc.FileServiceServicer):
    def __init__(self, desk: Desk, uploads: Uploads, max_file_bytes: int) -> None:
        self._desk = desk
        self._uploads = uploads
        self._max_file_bytes = max_file_bytes

    async def CreateUpload(
        self, request: pb.CreateUploadRequest, context: Context
    ) -> pb.CreateUploadResponse:
        caller = self._desk.writer()
        workspace, allowed = await self._desk.may_attach(caller, request.targets)
        new = convert.new_file(workspace, request, self._max_file_bytes)
        if new.content is not None:
            if all(allowed.get(target) for target in new.targets):
                await self._uploads.keep_inline(caller, new)
            kind = contents.sniffed(new.content[: contents.HEAD], new.name, new.content_type)

        async def work(tx: Tx) -> pb.CreateUploadResponse:
            require_targets(new.targets, allowed)
            if new.content is not None:
                file = await files.create_ready(tx, caller, new, kind, allowed)
                return pb.CreateUploadResponse(file=convert.file(file, file.targets))
            seconds = self._uploads.upload_seconds
            file = await files.announce(tx, caller, new, allowed, seconds)
            url, headers = self._uploads.store.upload_url(
                caller.workspace_id, file.id, file.size, file.sha256, seconds
            )
            return pb.CreateUploadResponse(
                file=convert.file(file, file.targets), upload_url=url, upload_headers=headers
            )

        return await idempotency.once(self._desk.db, caller, request, pb.CreateUploadResponse, work)

    async def FinalizeUpload(
        self, request: pb.FinalizeUploadRequest, context: Context
    ) -> pb.FinalizeUploadResponse:
        caller = self._desk.writer()
        node, _, allowed = await self._desk.may_change(caller, "file", request.id)
        content_type = await self._verified(caller, node, allowed)

        async def work(tx: Tx) -> pb.FinalizeUploadResponse:
            file = await files.finalize(tx, caller, node.id, content_type, allowed)
            return pb.FinalizeUploadResponse(file=_shown(file, allowed))

        return await idempotency.once(
            self._desk.db, caller, request, pb.FinalizeUploadResponse, work
        )

    async def _verified(self, caller: Caller, node: Node, allowed: dict[Node, bool]) -> str | None:
        """The type of the bytes that wait in quarantine; None where nothing waits for us."""
        if not allowed[node]:
            return None
        async with self._desk.db.transaction(caller.workspace_id) as tx:
            file = await store.get(tx, caller.workspace_id, node.id)
        if file is None or file.state is not FileState.PENDING:
            return None
        return await self._uploads.verify(caller, file)

    async def GetFile(self, request: pb.GetFileRequest, context: Context) -> pb.GetFileResponse:
        caller = self._desk.reader()
        file, shown = await self._desk.one(caller, "file", request.id, store.get)
        return pb.GetFileResponse(file=convert.file(file, shown))

    async def ListFiles(
        self, request: pb.ListFilesRequest, context: Context
    ) -> pb.ListFilesResponse:
        caller = self._desk.reader()
        listing, query = await self._desk.listing(
            caller,
            "Files",
            request.target if request.HasField("target") else None,
            (request.page_size, request.page_token),
        )
        found, token = await self._desk.page(caller, listing, query, store.page)
        return pb.ListFilesResponse(
            files=[convert.file(file, shown) for file, shown in found], next_page_token=token
        )

    async def GetDownloadUrl(
        self, request: pb.GetDownloadUrlRequest, context: Context
    ) -> pb.GetDownloadUrlResponse:
        caller = self._desk.reader()
        file, _ = await self._desk.one(caller, "file", request.id, store.get)
        files.require_ready(file)
        url = self._uploads.store.download_url(
            objects.content_key(caller.workspace_id, file.sha256),
            file.content_type,
            contents.disposition(file.name, file.content_type),
            _URL_SECONDS,
        )
        return pb.GetDownloadUrlResponse(url=url, expires_in=_URL_SECONDS)

    async def AttachFile(
        self, request: pb.AttachFileRequest, context: Context
    ) -> pb.AttachFileResponse:
        caller = self._desk.writer()
        node, workspace, allowed = await self._desk.may_change(
            caller, "file", request.id, [request.target]
        )

        async def work(tx: Tx) -> pb.AttachFileResponse:
            await files.found(tx, caller, node.id, allowed)
            target = self._target(workspace, request.target)
            file = await files.attach(tx, caller, node.id, target, allowed)
            return pb.AttachFileResponse(file=_shown(file, allowed))

        return await idempotency.once(self._desk.db, caller, request, pb.AttachFileResponse, work)

    async def DetachFile(
        self, request: pb.DetachFileRequest, context: Context
    ) -> pb.DetachFileResponse:
        caller = self._desk.writer()
        node, workspace, allowed = await self._desk.may_change(
            caller, "file", request.id, [request.target]
        )

        async def work(tx: Tx) -> pb.DetachFileResponse:
            await files.found(tx, caller, node.id, allowed)
            target = self._target(workspace, request.target)
            file = await files.detach(tx, caller, node.id, target, allowed)
            return pb.DetachFileResponse(file=_shown(file, allowed))

        return await idempotency.once(self._desk.db, caller, request, pb.DetachFileResponse, work)

    def _target(self, workspace: Workspace, message: node_pb2.Node) -> Node:
        problems: list[Problem] = []
        found = convert.targets(workspace, [message], "target", ("note", "todo"), problems)
        convert.raise_any("FILE_INVALID", problems)
        return found[0]

    async def DeleteFile(
        self, request: pb.DeleteFileRequest, context: Context
    ) -> pb.DeleteFileResponse:
        caller = self._desk.writer()
        node, _, allowed = await self._desk.may_change(caller, "file", request.id)

        async def work(tx: Tx) -> pb.DeleteFileResponse:
            await files.delete(tx, caller, node.id, allowed)
            return pb.DeleteFileResponse()

        return await idempotency.once(self._desk.db, caller, request, pb.DeleteFileResponse, work)


def _shown(file: File, allowed: dict[Node, bool]) -> artifact_pb2.File:
    return convert.file(file, visible(file.targets, allowed))
