"""Create, change and delete notes; every step shares the transaction, the event too."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from kit import etags, outbox
from kit.caller import Caller
from kit.db import Tx
from planes.nodes import Node
from services.artifacts import events
from services.artifacts.logic.access import Allowed, not_found
from services.artifacts.model import Holder, New, Note, NoteContent
from services.artifacts.operations import attaching, creating
from services.artifacts.store import notes as store
from services.artifacts.store import targets


async def create(tx: Tx, new: Sequence[New[NoteContent]]) -> list[Note]:
    """Store notes of one workspace on their targets and announce them."""
    made = await store.insert(tx, new[0].caller.workspace_id, new)
    return await creating.attach_and_tell(tx, new, made, events.note)


async def _found(tx: Tx, caller: Caller, note_id: UUID, etag: str, allowed: Allowed) -> Note:
    """The note, locked; NOTE_NOT_FOUND unless the caller may change it, and then ETAG_MISMATCH."""
    note = await store.get(tx, caller.workspace_id, note_id, lock=True)
    if note is None:
        raise not_found("note", str(note_id))
    note = replace(note, targets=await attaching.present(tx, caller, note.node, allowed))
    attaching.require(caller, note.node, Holder(note.creator_id, note.targets), allowed)
    etags.check(etag, note.version)
    return note


async def update(
    tx: Tx,
    caller: Caller,
    note_id: UUID,
    etag: str,
    changes: dict[str, object],
    attached: Sequence[Node] | None,
    allowed: Allowed,
) -> Note:
    """Change what is named; what changes nothing writes nothing."""
    note = await _found(tx, caller, note_id, etag, allowed)
    present = NoteContent(note.title, note.body, note.pinned)
    wanted = replace(present, **changes)  # type: ignore[arg-type]
    changed = [n for n in ("title", "body", "pinned") if getattr(wanted, n) != getattr(present, n)]
    after = await attaching.replace_all(
        tx, caller, note.node, note.create_time, note.targets, attached, allowed
    )
    if after != note.targets:
        changed.append("targets")
    if not changed:
        return note
    stored = await store.update(tx, caller.workspace_id, note_id, caller.actor(), wanted)
    stored = replace(stored, targets=after)
    await outbox.add(tx, caller, events.note("updated", stored, changed))
    return stored


async def delete(tx: Tx, caller: Caller, note_id: UUID, etag: str, allowed: Allowed) -> None:
    note = await _found(tx, caller, note_id, etag, allowed)
    await targets.detach_all(tx, caller.workspace_id, note.node)
    await store.delete(tx, caller.workspace_id, note_id)
    await outbox.add(tx, caller, events.note("deleted", note))
