"""Bring rollups up to date before a read that would tell of them."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from kit.db import Database, Tx
from schema import rollups as definitions
from schema.compiled import CompiledObject, Workspace
from schema.rollups import Rollup
from services.records.logic import rollup_reads
from services.records.logic.rollup_reads import Sight
from services.records.model import Projection
from services.records.operations import rollups
from services.records.store import records

_MOST = 1000  # records of each object that a read of many waits for


async def brought_up(db: Database, workspace: Workspace, sights: Sequence[Sight]) -> None:
    """Fold in what writers have appended for the rollups that a read of many records may tell of,
    for as many records of each as a read waits for."""
    told = definitions.of(workspace.full)
    if not told:
        return
    found = {r.id: r for one in sights for r in rollup_reads.of_query(workspace, told, one)}
    if not found:
        return
    workspace_id, kept = UUID(workspace.id), list(found.values())
    async with db.reading(workspace_id) as tx:
        parents = await rollups.pending(tx, workspace_id, kept, None, _MOST)
    await _fold_all(db, workspace, kept, parents)


async def named_brought_up(
    db: Database,
    workspace: Workspace,
    obj: CompiledObject,
    ids: Sequence[UUID],
    shown: Projection | None,
) -> None:
    """The same before a read of these records, of all their rollups, since it tells of their
    versions; of those that are shown beside them; and of what the rules of all of them go by."""
    told = definitions.of(workspace.full)
    if not told:
        return
    workspace_id = UUID(workspace.id)
    own = [one for one in told.values() if one.object_id == obj.id]
    others = rollup_reads.beside(workspace, told, [obj], shown)
    if not own and not others:
        return
    async with db.reading(workspace_id) as tx:
        wanted = {obj.id: set(ids)}
        if others:
            await _follow(tx, workspace, [obj], ids, shown, wanted)
        kept = {one.id: one for one in (*own, *others)}
        parents: dict[str, list[UUID]] = {}
        for object_id in sorted({one.object_id for one in kept.values()}):
            of_it = [one for one in kept.values() if one.object_id == object_id]
            some = sorted(wanted[object_id]) if object_id in wanted else None
            parents |= await rollups.pending(tx, workspace_id, of_it, some, _MOST)
    await _fold_all(db, workspace, list(kept.values()), parents)


async def _follow(
    tx: Tx,
    workspace: Workspace,
    objects: Sequence[CompiledObject],
    ids: Iterable[UUID],
    shown: Projection | None,
    into: dict[str, set[UUID]],
) -> None:
    """Collect the records that are shown beside these, by object."""
    for name, inner in shown.expand.items() if shown is not None else ():
        keys = {f.key or f.name for o in objects if (f := o.fields.get(name)) is not None}
        found = await records.pointed_to(tx, UUID(workspace.id), sorted(ids), sorted(keys))
        targets = rollup_reads.reached(workspace, objects, name)
        for target in targets:
            into.setdefault(target.id, set()).update(found)
        await _follow(tx, workspace, targets, found, inner, into)


async def _fold_all(
    db: Database,
    workspace: Workspace,
    kept: Sequence[Rollup],
    parents: Mapping[str, Sequence[UUID]],
) -> None:
    for object_id, own in sorted(parents.items()):
        for at in range(0, len(own), rollups.AT_ONCE):
            async with db.transaction(UUID(workspace.id)) as tx:
                await rollups.fold(tx, workspace, object_id, kept, own[at : at + rollups.AT_ONCE])
