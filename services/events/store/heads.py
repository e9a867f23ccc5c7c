"""How far each consumer has come with each record."""

from collections.abc import Collection, Mapping
from uuid import UUID

from kit.db import Tx

_HEADS = """
SELECT record_id, version FROM record_heads
WHERE workspace_id = %s AND record_id = ANY(%s) AND consumer = %s"""
# For records from before heads were kept, or changed while old code ran beside new.
_DONE = """
SELECT a.record_id, a.version FROM unnest(%s::uuid[], %s::int8[]) AS a (record_id, version)
CROSS JOIN LATERAL (
  SELECT event_id, occurred_at FROM domain_events
  WHERE workspace_id = %s AND aggregate_id = a.record_id AND aggregate_version = a.version
  ORDER BY position DESC LIMIT 1
) AS e WHERE e.occurred_at < now() - interval '1 hour' OR EXISTS (
  SELECT FROM inbox AS i
  WHERE i.workspace_id = %s AND i.consumer = %s AND i.event_id = e.event_id)"""
_ADVANCE = """
INSERT INTO record_heads AS h (workspace_id, record_id, consumer, version)
SELECT %s, record_id, %s, version FROM unnest(%s::uuid[], %s::int8[]) AS n (record_id, version)
ORDER BY record_id
ON CONFLICT (workspace_id, record_id, consumer)
DO UPDATE SET version = greatest(h.version, excluded.version)"""


async def known(
    tx: Tx, workspace_id: UUID, consumer: str, record_ids: Collection[UUID]
) -> dict[UUID, int]:
    """The last version taken of each of these records that was ever taken."""
    rows = await tx.all(_HEADS, [workspace_id, list(record_ids), consumer])
    return {row["record_id"]: row["version"] for row in rows}


async def done(
    tx: Tx, workspace_id: UUID, consumer: str, versions: Mapping[UUID, int]
) -> dict[UUID, int]:
    """Those of these versions of records whose events it has taken for certain."""
    asked = [list(versions), list(versions.values()), workspace_id, workspace_id, consumer]
    rows = await tx.all(_DONE, asked)
    return {row["record_id"]: row["version"] for row in rows}


async def advance(tx: Tx, workspace_id: UUID, consumer: str, versions: Mapping[UUID, int]) -> None:
    """Note how far it has come; never back."""
    if versions:
        params = [workspace_id, consumer, list(versions), list(versions.values())]
        await tx.run(_ADVANCE, params)
