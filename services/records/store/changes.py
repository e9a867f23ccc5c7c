"""Read records as they stand now, deleted ones included, for whoever follows what changes."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Tx
from services.records.model import Stored
from services.records.store.records import stored

_CURRENT = """
SELECT record_id, object_id, doc::text AS doc, version, position, create_time, update_time,
       delete_time, created_by, updated_by
FROM records WHERE workspace_id = %s AND record_id = ANY(%s)"""


async def current(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Stored]:
    """Those of these records that there are; purged ones are not."""
    if not ids:
        return {}
    rows = await tx.all(_CURRENT, [workspace_id, list(ids)])
    return {row["record_id"]: stored(row) for row in rows}
