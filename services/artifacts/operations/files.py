"""Announce, verify, attach and delete files; what touches the database of it."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, Unavailable
from planes.nodes import Node
from services.artifacts import events
from services.artifacts.logic.access import Allowed, not_found, require_targets
from services.artifacts.model import File, FileState, Holder, JobKind, NewFile
from services.artifacts.operations import attaching
from services.artifacts.store import files as store
from services.artifacts.store import jobs, targets


async def announce(
    tx: Tx, caller: Caller, new: NewFile, allowed: Allowed, upload_seconds: int
) -> File:
    """Store a pending file, to be reaped unless it is finalized in time."""
    file = await _insert(tx, caller, new, allowed, FileState.PENDING)
    await jobs.add(
        tx,
        caller.workspace_id,
        JobKind.REAP_UPLOAD,
        file_id=file.id,
        seconds=upload_seconds,
    )
    return file


async def create_ready(
    tx: Tx, caller: Caller, new: NewFile, content_type: str, allowed: Allowed
) -> File:
    """Store a file whose content is in the store already, and announce it."""
    known = replace(new, content_type=content_type)
    file = await _insert(tx, caller, known, allowed, FileState.READY)
    await store.finish_content(tx, caller.workspace_id, new.sha256)
    await outbox.add(tx, caller, events.file("created", file))
    return file


async def _insert(tx: Tx, caller: Caller, new: NewFile, allowed: Allowed, state: FileState) -> File:
    require_targets(new.targets, allowed)
    file = await store.insert(
        tx, caller.workspace_id, caller.principal_id, caller.actor(), new, state
    )
    await targets.attach(tx, caller.workspace_id, [(file.node, file.create_time, new.targets)])
    return replace(file, targets=tuple(sorted(new.targets)))


async def begin_content(tx: Tx, caller: Caller, sha256: str, seconds: int) -> None:
    """Before content goes to its place: should its file never come, it is collected."""
    await store.begin_content(tx, caller.workspace_id, sha256)
    await jobs.add(tx, caller.workspace_id, JobKind.COLLECT_CONTENT, sha256=sha256, seconds=seconds)


async def found(tx: Tx, caller: Caller, file_id: UUID, allowed: Allowed) -> File:
    """The file, locked; FILE_NOT_FOUND unless the caller may change it."""
    file = await store.get(tx, caller.workspace_id, file_id, lock=True)
    if file is None:
        raise not_found("file", str(file_id))
    file = replace(file, targets=await attaching.present(tx, caller, file.node, allowed))
    attaching.require(caller, file.node, Holder(file.creator_id, file.targets), allowed)
    return file


async def finalize(
    tx: Tx, caller: Caller, file_id: UUID, content_type: str | None, allowed: Allowed
) -> File:
    """Make a pending file ready; `content_type` is what was verified, None where nothing was."""
    file = await found(tx, caller, file_id, allowed)
    if file.state is FileState.READY:
        return file
    if content_type is None:
        raise Unavailable("CONFLICT", "the upload changed meanwhile; try again")
    await store.finish_content(tx, caller.workspace_id, file.sha256)
    ready = await store.make_ready(tx, caller.workspace_id, file_id, content_type)
    ready = replace(ready, targets=file.targets)
    await _end_upload(tx, caller.workspace_id, file_id)
    await outbox.add(tx, caller, events.file("created", ready))
    return ready


async def refuse_upload(tx: Tx, workspace_id: UUID, file_id: UUID) -> None:
    """End an upload whose bytes are not those announced, or that nobody finalized."""
    file = await store.get(tx, workspace_id, file_id, lock=True)
    if file is None or file.state is not FileState.PENDING:
        return
    await targets.detach_all(tx, workspace_id, file.node)
    await store.delete(tx, workspace_id, file_id)
    await _end_upload(tx, workspace_id, file_id)


async def _end_upload(tx: Tx, workspace_id: UUID, file_id: UUID) -> None:
    await jobs.cancel(tx, workspace_id, file_id, JobKind.REAP_UPLOAD)
    await jobs.add(tx, workspace_id, JobKind.REMOVE_UPLOAD, file_id=file_id)


async def attach(tx: Tx, caller: Caller, file_id: UUID, target: Node, allowed: Allowed) -> File:
    """Add a target; one that it has stays as it is."""
    file = await found(tx, caller, file_id, allowed)
    require_targets([target], allowed)
    if target in file.targets:
        return file
    await targets.attach(tx, caller.workspace_id, [(file.node, file.create_time, [target])])
    return await _touched(tx, caller, file, (*file.targets, target), "attached", target)


async def detach(tx: Tx, caller: Caller, file_id: UUID, target: Node, allowed: Allowed) -> File:
    """Take a target away; one that it does not have changes nothing."""
    file = await found(tx, caller, file_id, allowed)
    if target not in file.targets or not allowed.get(target):
        return file
    await targets.detach(tx, caller.workspace_id, file.node, [target])
    rest = tuple(t for t in file.targets if t != target)
    return await _touched(tx, caller, file, rest, "detached", target)


async def _touched(
    tx: Tx, caller: Caller, file: File, after: Sequence[Node], what: str, target: Node
) -> File:
    stored = await store.touch(tx, caller.workspace_id, file.id)
    stored = replace(stored, targets=tuple(sorted(after)))
    if stored.state is FileState.READY:
        await outbox.add(tx, caller, events.file(what, stored, target))
    return stored


async def delete(tx: Tx, caller: Caller, file_id: UUID, allowed: Allowed) -> None:
    """Remove the file at once; its bytes follow, unless another file has them."""
    file = await found(tx, caller, file_id, allowed)
    if file.state is FileState.PENDING:
        await refuse_upload(tx, caller.workspace_id, file_id)
        return
    await targets.detach_all(tx, caller.workspace_id, file.node)
    await store.delete(tx, caller.workspace_id, file_id)
    await jobs.add(tx, caller.workspace_id, JobKind.COLLECT_CONTENT, sha256=file.sha256)
    await outbox.add(tx, caller, events.file("deleted", file))


def require_ready(file: File) -> None:
    if file.state is not FileState.READY:
        message = "the upload is not finalized yet: PUT the bytes, then call FinalizeUpload"
        raise FailedPrecondition("FILE_NOT_READY", message, id=str(file.id))
