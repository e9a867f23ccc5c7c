"""Ask the typed index for records that share values, and for those that point to others."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema import jsonio
from schema.filters.columns import Params
from schema.filters.index import IndexCondition
from services.records.store.probes import matches_sql

_BOUND = 2000  # of one field: a value that so many share tells nothing
_DOCUMENTS = """
SELECT record_id, doc::text AS doc FROM records
WHERE workspace_id = %s AND object_id = %s AND record_id = ANY(%s) AND delete_time IS NULL"""
_POINTING = """
SELECT v.record_id, v.slot FROM value_ref AS v
WHERE v.workspace_id = %s AND v.slot = ANY(%s) AND v.value = ANY(%s)
ORDER BY v.record_id LIMIT %s"""


async def matching(tx: Tx, workspace_id: UUID, condition: IndexCondition) -> set[UUID]:
    """The records of an index condition, up to a bound."""
    params = Params()
    matches = matches_sql(workspace_id, condition, params)
    sql = f"SELECT v.record_id {matches} LIMIT {_BOUND}"
    return {row[0] for row in await tx.tuples(sql, params.values)}


async def documents(
    tx: Tx, workspace_id: UUID, object_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """The documents of live records, by field key."""
    if not ids:
        return {}
    rows = await tx.all(_DOCUMENTS, [workspace_id, object_id, list(ids)])
    return {row["record_id"]: jsonio.loads_stored(row["doc"].encode()) for row in rows}


async def pointing(
    tx: Tx, workspace_id: UUID, slots: Sequence[UUID], targets: Sequence[UUID], limit: int
) -> list[tuple[UUID, UUID]]:
    """(record, slot) of the live relations that name one of the targets."""
    rows = await tx.all(_POINTING, [workspace_id, list(slots), list(targets), limit])
    return [(row["record_id"], row["slot"]) for row in rows]
