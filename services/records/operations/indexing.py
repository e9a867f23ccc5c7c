"""Give records from before there was search what can be searched of them, a piece at a time."""

from uuid import UUID

from kit.db import Tx
from schema import jsonio
from schema.compiled import Workspace
from services.records.logic import search
from services.records.store import search as store

_PIECE = 500


async def build_some(tx: Tx, workspace_id: UUID, workspace: Workspace) -> bool:
    """The next records of the workspace, in id order; whether there may be more. The piece and the
    place it ends at are one transaction. Records are locked, so that no write comes between."""
    after = await store.build_place(tx, workspace_id)
    if after is None:
        return False  # another worker has ended it
    rows = await store.unbuilt(tx, workspace_id, after, _PIECE)
    entries = []
    for record_id, object_id, doc in rows:
        obj = workspace.objects_by_id.get(str(object_id))
        if obj is not None:
            found = search.entry(workspace_id, obj.full, jsonio.loads_stored(doc.encode()))
            entries.append((record_id, found))
    await store.put(tx, workspace_id, entries)
    if len(rows) < _PIECE:
        await store.end_build(tx, workspace_id)
        return False
    await store.move_build(tx, workspace_id, rows[-1][0])
    return True
