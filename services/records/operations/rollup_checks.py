"""Recount rollups bit by bit, and put right what differs: that is a fault of ours."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from kit import outbox, telemetry
from kit.caller import Caller, Cause
from kit.db import Database, Tx
from schema import rollups as definitions
from schema.compiled import CompiledObject, Workspace
from schema.formulas import exactly
from schema.rollups import Rollup
from services.records.logic import documents
from services.records.operations import rollups, writes
from services.records.operations.targets import Target
from services.records.store import index
from services.records.store import owed as owing
from services.records.store import records as record_store
from services.records.store import rollup_checks as store
from services.records.store import rollups as rollup_store
from services.records.store.rollup_checks import Compared, Due

AT_ONCE = 200  # records that are recounted at once


class Recounted(NamedTuple):
    """How many records had another figure, and what is to be recounted next; None: nothing, for
    us, since that is the end or somebody else has gone on."""

    wrong: int
    next: Due | None


async def recount_some(db: Database, workspace: Workspace, due: Due) -> Recounted:
    """Recount over the next records that have the rollup. One that these definitions do not know is
    being built, or taken away."""
    told = definitions.of(workspace.full).values()
    rollup = next((one for one in told if one.id == str(due.rollup_id)), None)
    if rollup is None:
        return Recounted(0, None)
    workspace_id = due.workspace_id
    async with db.reading(workspace_id) as tx:
        ids = await store.stretch(tx, workspace_id, rollup, due.after, AT_ONCE)
        waiting = await rollups.pending(tx, workspace_id, [rollup], ids, AT_ONCE)
    if parents := waiting.get(rollup.object_id):
        async with db.transaction(workspace_id) as tx:
            await rollups.fold(tx, workspace, rollup.object_id, [rollup], parents, passing=True)
    async with db.reading(workspace_id) as tx:
        found = await store.compared(tx, workspace, workspace_id, rollup, ids)
    suspects = [one.record_id for one in found if _is_wrong(rollup, one)]
    last = ids[-1] if len(ids) == AT_ONCE else None
    async with db.transaction(workspace_id) as tx:
        wrong = await _put_right(tx, workspace, rollup, suspects) if suspects else 0
        moved = await store.advance(tx, workspace_id, rollup, due.after, last)
    return Recounted(wrong, due._replace(after=last) if moved and last is not None else None)


def _is_wrong(rollup: Rollup, one: Compared) -> bool:
    """Whether the value is another, or what it is worked out from next time."""
    if _is_another(rollup, one):
        return True
    return rollup.adds and one.kept is not None and one.kept != one.figures[:2]


def _is_another(rollup: Rollup, one: Compared) -> bool:
    return bool(exactly(one.value) != exactly(definitions.value_of(rollup, *one.figures)))


async def _put_right(tx: Tx, workspace: Workspace, rollup: Rollup, suspects: Sequence[UUID]) -> int:
    """Judge once more under the records' locks, where nobody folds, and give those that are wrong
    what the recount says; how many. Those that somebody holds wait for the next recount."""
    workspace_id, obj = UUID(workspace.id), workspace.full.objects_by_id[rollup.object_id]
    target = Target(_ourselves(workspace_id), workspace.full, obj)
    await owing.ask(tx, workspace_id, target.object_id)  # before any row, as writers do
    locked = await record_store.lock(
        tx, workspace_id, target.object_id, sorted(suspects), passing=True
    )
    found = await store.compared(tx, workspace, workspace_id, rollup, sorted(locked))
    wrong = [one for one in found if _is_wrong(rollup, one)]
    if rollup.adds:
        figures = {one.record_id: one.figures for one in wrong}
        await rollup_store.set_sums(tx, workspace_id, UUID(rollup.id), figures)
    values = {
        one.record_id: {rollup.key: definitions.value_of(rollup, *one.figures)}
        for one in wrong
        if _is_another(rollup, one)
    }
    field = obj.fields_by_id[rollup.field_id]
    alone = CompiledObject(msgspec.structs.replace(obj.definition, fields=(field,)))
    # Where the document alone is wrong, its index has the right value already.
    entries = [(i, e) for i, value in values.items() for e in documents.entries(alone, value)]
    await index.remove(tx, workspace_id, entries)
    source = outbox.Source(telemetry.traceparent(), Cause())
    rows = [(locked[i], value, source) for i, value in values.items()]
    await writes.work_out(tx, target, rows)
    return len(wrong)


def _ourselves(workspace_id: UUID) -> Caller:
    return Caller(workspace_id, "system", "system", "Armature", frozenset({"read", "write"}))
