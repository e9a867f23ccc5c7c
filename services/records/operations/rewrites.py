"""Give records a next version for a value that no writer gave them, and tell of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from kit import outbox
from kit.db import Tx
from schema.model import Field
from services.records import events
from services.records.model import Stored
from services.records.operations import rollup_notes, transitions, upkeep
from services.records.operations.targets import Target
from services.records.store import records as store
from services.records.store.owed import Owed


class Rewrite(NamedTuple):
    """A live, locked record, its next document, and what one field held and holds."""

    record: Stored
    doc: dict[str, Any]
    before: Any
    after: Any


async def tell(
    tx: Tx, target: Target, field: Field, rewrites: Sequence[Rewrite], asked: Owed
) -> None:
    """Store the documents as the records' next versions and announce each; the indexes of the
    field are kept by whoever made the documents, and has `asked` before it locked the records."""
    if not rewrites:
        return
    obj, actor, now = target.full, target.caller.actor(), await tx.time()
    moved = []
    for r in rewrites:
        next_version = r.record.version + 1
        made = replace(r.record, doc=r.doc, version=next_version, update_time=now, updated_by=actor)
        moved.append(made)
    rows = [transitions.row(obj, one) for one in moved]
    await store.update(tx, target.workspace_id, rows, actor)
    pairs = [(r.record, one) for r, one in zip(rewrites, moved, strict=True)]
    await upkeep.note(tx, target.workspace, obj, pairs, await asked.kept())
    known = target.workspace.version
    told = [
        events.rewritten(obj, one, known, field, r.before, r.after)
        for r, one in zip(rewrites, moved, strict=True)
    ]
    await outbox.add(tx, target.caller, *told)
    await rollup_notes.note(tx, target.caller, target.workspace, asked, pairs, told)
