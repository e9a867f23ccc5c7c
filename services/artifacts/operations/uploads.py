"""Bring bytes to their place in the store: what happens there, between two transactions."""

from dataclasses import dataclass

from kit import crash
from kit.caller import Caller
from kit.db import Database
from kit.errors import FailedPrecondition
from services.artifacts.logic import contents
from services.artifacts.model import Digest, File, NewFile
from services.artifacts.operations import files
from services.artifacts.store import objects
from services.artifacts.store.objects import ObjectChanged, ObjectStore


@dataclass(frozen=True, slots=True)
class Uploads:
    db: Database
    store: ObjectStore
    upload_seconds: int

    async def keep_inline(self, caller: Caller, new: NewFile) -> None:
        """Put inline content to its place, before the file that has it is stored."""
        assert new.content is not None
        await self._begin(caller, new.sha256)
        key = objects.content_key(caller.workspace_id, new.sha256)
        if await self.store.size(key) != len(new.content):
            await self.store.put(key, new.content)
        crash.point("artifacts.content_stored")

    async def verify(self, caller: Caller, file: File) -> str:
        """Check the uploaded bytes and copy them to their place; returns their type.

        FAILED_PRECONDITION / UPLOAD_INCOMPLETE while they are missing, and UPLOAD_MISMATCH, which
        ends the upload, when they are not those announced.
        """
        source = objects.upload_key(caller.workspace_id, file.id)
        size = await self.store.size(source)
        if size is None:
            raise _incomplete()
        if size != file.size:
            raise await self._mismatch(caller, file, f"{size} bytes came, not {file.size}")
        digest = await self.store.digest(source)
        if digest is None:
            raise _incomplete()
        if digest.sha256 != file.sha256 or digest.size != file.size:
            raise await self._mismatch(caller, file, "their SHA-256 is another one")
        crash.point("artifacts.upload_verified")
        await self._begin(caller, file.sha256)
        target = objects.content_key(caller.workspace_id, file.sha256)
        if await self.store.size(target) != file.size:
            await self._copy(caller, file, source, target, digest)
        crash.point("artifacts.content_stored")
        return contents.sniffed(digest.head, file.name, file.content_type)

    async def _begin(self, caller: Caller, sha256: str) -> None:
        async with self.db.transaction(caller.workspace_id) as tx:
            await files.begin_content(tx, caller, sha256, self.upload_seconds)

    async def _copy(
        self, caller: Caller, file: File, source: str, target: str, digest: Digest
    ) -> None:
        try:
            await self.store.copy(source, target, digest)
        except ObjectChanged as exc:
            raise await self._mismatch(caller, file, "they were replaced meanwhile") from exc

    async def _mismatch(self, caller: Caller, file: File, why: str) -> FailedPrecondition:
        async with self.db.transaction(caller.workspace_id) as tx:
            await files.refuse_upload(tx, caller.workspace_id, file.id)
        message = f"the bytes are not those announced: {why}; the upload is over, begin a new one"
        return FailedPrecondition("UPLOAD_MISMATCH", message)


def _incomplete() -> FailedPrecondition:
    message = "the bytes are not in the store yet: PUT them to upload_url, then finalize again"
    return FailedPrecondition("UPLOAD_INCOMPLETE", message)
