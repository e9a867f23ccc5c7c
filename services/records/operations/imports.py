"""Take an import in, and move it from state to state."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit import ids
from kit.caller import Caller
from kit.db import Tx
from kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Violation,
)
from schema.problems import Invalid
from services.records.logic import intake, tabular
from services.records.model import Import, ImportMode, ImportOptions, ImportState
from services.records.operations import upserts
from services.records.operations.targets import Target
from services.records.store import imports as store

S = ImportState
MAX_OPEN = 20
RECEIVE_SECONDS = 24 * 3600.0  # content that stops coming is given up then
KEEP_SECONDS = 30 * 24 * 3600.0  # an import can be undone for so long
_ENDED = (S.SUCCEEDED, S.FAILED, S.CANCELLED)


def not_found(import_id: str) -> NotFound:
    return NotFound("IMPORT_NOT_FOUND", f"there is no import {import_id!r}", id=import_id)


def _state_invalid(found: Import, wanted: str) -> FailedPrecondition:
    message = f"the import is {found.state}: {wanted}"
    return FailedPrecondition("IMPORT_STATE_INVALID", message, state=str(found.state))


async def create(tx: Tx, target: Target, options: ImportOptions) -> Import:
    """Open an import that waits for its content."""
    _check(target, options)
    workspace_id, caller = target.workspace_id, target.caller
    if await store.count_open(tx, workspace_id) >= MAX_OPEN:
        message = f"a workspace has at most {MAX_OPEN} imports under way; wait for one to end"
        raise ResourceExhausted("IMPORT_TOO_MANY", message, limit=str(MAX_OPEN))
    import_id = ids.new_id()
    actor = dict(caller.actor())
    await store.schedule(tx, workspace_id, import_id, RECEIVE_SECONDS)
    return await store.create(
        tx, workspace_id, import_id, target.object_id, options, caller.principal_id, actor
    )


def _check(target: Target, options: ImportOptions) -> None:
    """Refuse what no content could make right."""
    if options.mode is ImportMode.CREATE and options.match:
        message = "rows that create match nothing: leave match out, or choose upsert or update"
        raise InvalidArgument.at("IMPORT_INVALID", "match", "NOT_ALLOWED", message)
    if options.mode is ImportMode.UPDATE and options.match == ("id",):
        return
    if options.mode is not ImportMode.CREATE:
        upserts.match_fields(target, options.match)


def is_theirs(caller: Caller, found: Import) -> bool:
    return found.principal_id == caller.principal_id or "admin" in caller.permissions


async def theirs(tx: Tx, caller: Caller, import_id: str) -> Import:
    """The import, where the caller may see it."""
    wanted = _parse(import_id)
    found = await store.get(tx, caller.workspace_id, wanted) if wanted else None
    if found is None or not is_theirs(caller, found):
        raise not_found(import_id)
    return found


async def receive(
    tx: Tx,
    target: Target,
    import_id: UUID,
    data: bytes,
    *,
    offset: int,
    last: bool,
    limit: int,
) -> Import:
    """Add a piece of the content as rows; after the last the import runs."""
    workspace_id = target.workspace_id
    locked = await store.lock(tx, workspace_id, import_id)
    if locked is None:
        raise not_found(str(import_id))
    found, tail = locked
    end = offset + len(data)
    if found.state is not S.RECEIVING:
        if end <= found.received_bytes and found.state in {S.RUNNING, *_ENDED}:
            return found  # a repeat
        raise _state_invalid(found, "it takes no more content")
    if offset > found.received_bytes:
        message = f"go on at byte {found.received_bytes}, not {offset}"
        raise Aborted("IMPORT_OFFSET_MISMATCH", message, received_bytes=str(found.received_bytes))
    if end > limit:
        message = f"an import has at most {limit} bytes"
        raise ResourceExhausted("IMPORT_TOO_LARGE", message, limit=str(limit))
    data = data[found.received_bytes - offset :]
    await _stage(tx, target, found, tail, data, last=last)
    if last:
        await store.move(tx, workspace_id, import_id, [S.RECEIVING], S.RUNNING)
        await store.schedule(tx, workspace_id, import_id, 0.0)
    return await _again(tx, workspace_id, import_id)


async def _stage(
    tx: Tx, target: Target, found: Import, tail: bytes, data: bytes, *, last: bool
) -> None:
    try:
        taken = intake.take(
            tail + data,
            is_csv=found.options.format == "csv",
            layout=found.layout,
            lines=found.lines,
            last=last,
        )
    except intake.Unreadable as exc:
        raise InvalidArgument.at("IMPORT_CONTENT_INVALID", "data", "MALFORMED", str(exc)) from None
    if taken.layout is not None and found.layout is None:
        sources_of(target, found.options, taken.layout.headers)
    await store.received(
        tx,
        target.workspace_id,
        found,
        list(intake.blocks(taken.rows)),
        size=len(data),
        lines=taken.lines,
        rows=len(taken.rows),
        tail=taken.rest,
        layout=taken.layout,
    )


def sources_of(
    target: Target, options: ImportOptions, headers: Sequence[str]
) -> list[tabular.Source]:
    """What the columns mean; INVALID_ARGUMENT / IMPORT_COLUMNS_INVALID naming those that don't."""
    if options.format != "csv":
        return []
    try:
        return tabular.sources(
            target.object, headers, options.mapping, ignore_unknown=options.ignore_unknown
        )
    except Invalid as exc:
        violations = [Violation(p.path, p.code, p.message) for p in exc.problems]
        message = violations[0].message
        raise InvalidArgument("IMPORT_COLUMNS_INVALID", message, violations=violations) from None


async def cancel(tx: Tx, found: Import, workspace_id: UUID) -> Import:
    """Stop it; what was written stays."""
    before = [S.RECEIVING, S.RUNNING]
    moved = await store.move(tx, workspace_id, found.id, before, S.CANCELLED, ended=True)
    if moved is None:
        raise _state_invalid(await _again(tx, workspace_id, found.id), "there is nothing to stop")
    await store.schedule(tx, workspace_id, found.id, KEEP_SECONDS)
    return moved


async def undo(tx: Tx, found: Import, workspace_id: UUID) -> Import:
    """Have a worker take back what was written."""
    if found.options.dry_run:
        raise _state_invalid(found, "a dry run wrote nothing")
    moved = await store.move(tx, workspace_id, found.id, _ENDED, S.UNDOING)
    if moved is None:
        now = await _again(tx, workspace_id, found.id)
        raise _state_invalid(now, "only what has ended, and was not undone, can be undone")
    if moved.finish_time is not None:
        age = (await tx.time() - moved.finish_time).total_seconds()
        if age > KEEP_SECONDS:
            raise _state_invalid(found, "it ended more than 30 days ago")
    await store.schedule(tx, workspace_id, found.id, 0.0)
    return moved


async def finish(
    tx: Tx, workspace_id: UUID, found: Import, state: ImportState, failure: str = ""
) -> None:
    """It has ended; what an undo needs is kept a while, unless that was the undo."""
    before = [S.UNDOING] if found.state is S.UNDOING else [S.RECEIVING, S.RUNNING]
    if await store.move(tx, workspace_id, found.id, before, state, failure=failure, ended=True):
        seconds = 0.0 if state is S.UNDONE or found.options.dry_run else KEEP_SECONDS
        await store.schedule(tx, workspace_id, found.id, seconds)


async def _again(tx: Tx, workspace_id: UUID, import_id: UUID) -> Import:
    found = await store.get(tx, workspace_id, import_id)
    assert found is not None
    return found


def _parse(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def renamed(fields: Any, mapping: Mapping[str, str]) -> Any:
    """The keys of one line of NDJSON as the mapping names them; an empty name leaves one out."""
    if not mapping or not isinstance(fields, dict):
        return fields
    return {mapping.get(k, k): v for k, v in fields.items() if mapping.get(k, k)}
