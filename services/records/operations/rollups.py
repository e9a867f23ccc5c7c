"""Give records the figures over those that point to them.

What writers append is folded in by whoever comes first: a worker, or a read that would show it. So
writers of many records under one never wait for another, and no read is behind them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from kit import crash, outbox
from kit.caller import Caller
from kit.caller import Cause as CallerCause
from kit.db import Row, Tx
from kit.errors import FailedPrecondition
from schema import rollups as definitions
from schema.compiled import CompiledObject, Workspace
from schema.field_changes import FieldChange
from schema.problems import Invalid
from schema.rollups import Rollup
from services.records.logic import documents
from services.records.logic import rollups as logic
from services.records.logic.rollups import Cause
from services.records.model import Stored
from services.records.operations import writes
from services.records.operations.targets import Target
from services.records.store import field_jobs as job_store
from services.records.store import index
from services.records.store import owed as owing
from services.records.store import records as record_store
from services.records.store import rollups as store
from services.records.store import stats as stats_store

AT_ONCE = 100  # records in one transaction
_causes = msgspec.json.Decoder(Cause)


# --- folding ---


async def pending(
    tx: Tx,
    workspace_id: UUID,
    kept: Sequence[Rollup],
    ids: Sequence[UUID] | None,
    limit: int,
) -> dict[str, list[UUID]]:
    """Records whose figures are not folded in, by object: all of `ids`, or as many of each."""
    if not kept:
        return {}
    object_of = {one.id: one.object_id for one in kept}
    found: dict[str, set[UUID]] = defaultdict(set)
    rollup_ids = [UUID(one) for one in object_of]
    for rollup_id, parent in await store.pending(tx, workspace_id, rollup_ids, ids, limit):
        found[object_of[rollup_id]].add(parent)
    most = limit if ids is None else None
    return {object_id: sorted(own)[:most] for object_id, own in found.items()}


async def fold(
    tx: Tx,
    workspace: Workspace,
    object_id: str,
    rollups: Sequence[Rollup],
    parents: Sequence[UUID],
    *,
    passing: bool = False,
) -> bool:
    """Fold what is appended for these records of one object into their figures, their own events
    included: in a transaction for each object, since writers lock those in orders of their own.
    With `passing`, those that others hold are passed by. Whether there was anything to do."""
    workspace = workspace.full
    workspace_id, obj = UUID(workspace.id), workspace.objects_by_id[object_id]
    kept = [one for one in rollups if one.object_id == object_id]
    await owing.ask(tx, workspace_id, UUID(obj.id))  # before any row, as writers do
    found = await record_store.lock(
        tx, workspace_id, UUID(obj.id), sorted(parents), passing=passing
    )
    if passing:
        held = await record_store.present(tx, workspace_id, parents) - found.keys()
        parents = [one for one in parents if one not in held]
    taken = await store.take(tx, workspace_id, [UUID(one.id) for one in kept], parents)
    values = await _values(tx, workspace, kept, found, taken)
    deleted = [(r, values[i]) for i, r in found.items() if r.delete_time and i in values]
    await job_store.reshape(tx, workspace_id, [_shape(obj, *one) for one in deleted])
    causes: dict[UUID, list[Cause]] = defaultdict(list)
    for row in taken:
        causes[row["parent_id"]].append(_causes.decode(row["cause"]))
    told: dict[tuple[str, ...], list[tuple[UUID, Cause]]] = defaultdict(list)  # by actor
    for record_id in sorted(values.keys() & causes.keys()):
        if found[record_id].delete_time is None:
            cause = logic.deepest(causes[record_id])
            told[tuple(cause.actor.values())].append((record_id, cause))
    for own in told.values():
        target = Target(_caller(workspace_id, own[0][1].actor), workspace, obj)
        rows = [(found[i], values[i], _source(cause)) for i, cause in own]
        await writes.work_out(tx, target, rows)
    crash.point("records.rollup")
    return bool(taken)


async def _values(
    tx: Tx,
    workspace: Workspace,
    kept: Sequence[Rollup],
    found: Mapping[UUID, Stored],
    taken: Sequence[Row],
) -> dict[UUID, dict[str, Any]]:
    """The new values of the records that are there, by key."""
    workspace_id = UUID(workspace.id)
    by_id = {one.id: one for one in kept}
    rows: dict[tuple[str, UUID], list[Row]] = defaultdict(list)
    for row in taken:
        if row["parent_id"] in found:
            rows[row["rollup_id"], row["parent_id"]].append(row)
    added = {
        key: (sum(r["count"] for r in own), _sum(r["total"] for r in own))
        for key, own in rows.items()
        if by_id[key[0]].adds
    }
    values: dict[UUID, dict[str, Any]] = defaultdict(dict)
    again: dict[str, list[UUID]] = defaultdict(list)
    for key, (count, total, first) in (await store.add_sums(tx, workspace_id, added)).items():
        rollup = by_id[key[0]]
        if first:  # what pointed to a purged record of this id still does
            again[key[0]].append(key[1])
        else:
            values[key[1]][rollup.key] = definitions.value_of(rollup, count, total, None)
    for (rollup_id, parent), own in rows.items():
        rollup = by_id[rollup_id]
        if rollup.adds:
            continue
        extreme, sure = _extreme(rollup, found[parent].doc, own)
        if sure:
            values[parent][rollup.key] = definitions.value_of(rollup, 0, Decimal(0), extreme)
        else:
            again[rollup_id].append(parent)
    for rollup_id, ids in again.items():
        rollup = by_id[rollup_id]
        figures = await store.recount(tx, workspace, workspace_id, rollup, ids)
        if rollup.adds:
            await store.set_sums(tx, workspace_id, UUID(rollup_id), figures)
        for parent, (count, total, extreme) in figures.items():
            values[parent][rollup.key] = definitions.value_of(rollup, count, total, extreme)
    return values


def _extreme(rollup: Rollup, doc: Mapping[str, Any], rows: Sequence[Row]) -> tuple[Any, bool]:
    """The extreme after these deltas, and whether they tell: not where it may have been taken
    away."""
    added = [text for row in rows for text in row["added"] or ()]
    removed = logic.amounts(rollup, [text for row in rows for text in row["removed"] or ()])
    present = logic.held(rollup, doc)
    candidates = logic.amounts(rollup, added) + ([present] if present is not None else [])
    found = logic.extreme(rollup, candidates)
    return found, found not in removed and not (found is None and removed)


def _sum(totals: Any) -> Decimal:
    found = Decimal(0)
    for total in totals:
        found = logic.EXACT.add(found, total)
    return found


def _shape(
    obj: CompiledObject, record: Stored, values: Mapping[str, Any]
) -> tuple[UUID, dict[str, Any], Mapping[str, str] | None]:
    doc = {k: v for k, v in {**record.doc, **values}.items() if v is not None}
    return record.id, doc, documents.folds(obj, doc, (record.created_by, record.updated_by))


def _caller(workspace_id: UUID, actor: Mapping[str, str]) -> Caller:
    """Whoever made the writes that the changes come of."""
    permissions = frozenset({"read", "write"})
    return Caller(workspace_id, actor["id"], actor["kind"], actor["name"], permissions)


def _source(cause: Cause) -> outbox.Source:
    led = CallerCause(cause.root_id, cause.causation_id, cause.depth, cause.chain)
    return outbox.Source(cause.trace, led)


# --- jobs ---


def of_change(workspace: Workspace, change: FieldChange) -> Rollup:
    """The definition that a job works out; FAILED_PRECONDITION where it makes no sense any more."""
    target = change.target
    obj = workspace.full.objects_by_id.get(target.object_id)
    try:
        if obj is not None:
            return definitions.resolve(workspace.full, obj, target)
    except Invalid as exc:
        raise FailedPrecondition("FIELD_INVALID", exc.problems[0].message) from exc
    raise FailedPrecondition("FIELD_INVALID", "its object has gone")


async def begin(tx: Tx, target: Target, change: FieldChange) -> None:
    """From the commit on every writer of the other object appends what it changes."""
    rollup = of_change(target.workspace, change)
    for object_id in sorted({rollup.object_id, rollup.other_id}):
        await stats_store.lock_object(tx, target.workspace_id, UUID(object_id))
    await store.begin(tx, target.workspace_id, rollup)


async def work_some(tx: Tx, target: Target, change: FieldChange, rows: Sequence[Stored]) -> int:
    """Figure over these records anew, in silence: nobody sees the values until the definition
    changes over; how many records there are."""
    workspace_id = target.workspace_id
    rollup = of_change(target.workspace, change)
    figures = await store.recount(tx, target.workspace, workspace_id, rollup, [r.id for r in rows])
    if rollup.adds:
        await store.set_sums(tx, workspace_id, UUID(rollup.id), figures)
    both = change.both(target.full)
    alone = CompiledObject(msgspec.structs.replace(both.definition, fields=(change.target,)))
    shapes = [
        (r, _shape(both, r, {rollup.key: definitions.value_of(rollup, *figures[r.id])}))
        for r in rows
    ]
    live = [(r, shape[1]) for r, shape in shapes if r.delete_time is None]
    old = [(r.id, e) for r, _ in live for e in documents.entries(alone, r.doc)]
    new = [(r.id, e) for r, doc in live for e in documents.entries(alone, doc)]
    await index.remove(tx, workspace_id, old)
    await index.add(tx, workspace_id, new)
    await job_store.reshape(tx, workspace_id, [shape for _, shape in shapes])
    return len(shapes)


async def forget_some(tx: Tx, workspace_id: UUID, rollup_id: UUID) -> bool:
    """Have nobody keep a rollup any more, and take some of its figures away; whether there may be
    more."""
    await store.stop(tx, workspace_id, rollup_id)
    return await store.free(tx, workspace_id, rollup_id)
