"""Tell which records there are for a caller: of objects that it sees, and by its record rules."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from kit.db import Tx
from schema.compiled import CompiledObject, Workspace
from services.records.store import queries
from services.records.store import records as store


async def live(
    tx: Tx, workspace_id: UUID, workspace: Workspace, ids: Iterable[UUID]
) -> dict[UUID, CompiledObject]:
    """The objects of those of these records that live and that the workspace's caller may see."""
    objects = await store.live(tx, workspace_id, sorted(ids))
    return await _seen(tx, workspace_id, workspace, objects)


async def _seen(
    tx: Tx, workspace_id: UUID, workspace: Workspace, objects: Mapping[UUID, UUID]
) -> dict[UUID, CompiledObject]:
    """One query for each object that has a rule."""
    found: dict[UUID, CompiledObject] = {}
    to_ask: dict[str, list[UUID]] = defaultdict(list)
    for record_id, object_id in objects.items():
        obj = workspace.objects_by_id.get(str(object_id))
        if obj is None:
            continue
        if obj.rule is None:
            found[record_id] = obj
        else:
            to_ask[obj.id].append(record_id)
    for asked, some in to_ask.items():
        obj = workspace.objects_by_id[asked]
        found |= dict.fromkeys(await queries.visible(tx, workspace_id, obj, some), obj)
    return found


async def among(
    tx: Tx, workspace_id: UUID, obj: CompiledObject, ids: Iterable[UUID]
) -> frozenset[UUID]:
    """Those of these records of the object, deleted ones included, that there are for the caller;
    all of them, unasked, where it has no rule."""
    wanted = frozenset(ids)
    if obj.rule is None or not wanted:
        return wanted
    return await queries.visible(tx, workspace_id, obj, sorted(wanted))
