"""Keep how far each workspace's links are known: building from its first link or first use on, then
ready for good; and how far the comparison of what is known has come."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from kit.db import Tx

BUILDING, READY = "building", "ready"

_BEGIN = "INSERT INTO record_link_states (workspace_id) VALUES (%s) ON CONFLICT DO NOTHING"
_PLACE = "SELECT state, after_id FROM record_link_states WHERE workspace_id = %s"
_ADVANCE = """
UPDATE record_link_states SET after_id = %s, check_time = now() WHERE workspace_id = %s"""
_READY = """
UPDATE record_link_states SET state = 'ready', after_id = NULL, check_time = now()
WHERE workspace_id = %s"""
_BUILDING = """
SELECT workspace_id FROM record_link_states WHERE state = 'building'
ORDER BY workspace_id LIMIT %s"""
# One that was left half way waits for no more than its keeper can be at one stretch.
_CLAIM = """
WITH due AS (
  SELECT workspace_id FROM record_link_states
  WHERE state = 'ready' AND (check_time < now() - %s
    OR (after_id IS NOT NULL AND check_time < now() - interval '10 minutes'))
  ORDER BY check_time LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE record_link_states AS s SET check_time = now() FROM due
WHERE s.workspace_id = due.workspace_id RETURNING s.workspace_id"""


class Place(NamedTuple):
    """Behind which link the build, or the comparison, goes on."""

    state: str
    after: UUID | None


async def begin(tx: Tx, workspace_id: UUID) -> None:
    """Have the workspace's links read in, unless they are, or were."""
    await tx.send(_BEGIN, [workspace_id])


async def place(tx: Tx, workspace_id: UUID, *, lock: bool = False) -> Place | None:
    """None where nobody has asked yet."""
    row = await tx.maybe(_PLACE + (" FOR UPDATE" if lock else ""), [workspace_id])
    return Place(row["state"], row["after_id"]) if row else None


async def advance(tx: Tx, workspace_id: UUID, after: UUID) -> None:
    await tx.send(_ADVANCE, [after, workspace_id])


async def ready(tx: Tx, workspace_id: UUID) -> None:
    """All links are known, or have been compared once more."""
    await tx.send(_READY, [workspace_id])


async def building(tx: Tx, limit: int) -> list[UUID]:
    """Of all workspaces, some whose links are being read in."""
    return [row["workspace_id"] for row in await tx.all(_BUILDING, [limit])]


async def claim(tx: Tx, every: timedelta) -> UUID | None:
    """Of all workspaces, the one whose links were compared the longest ago, if that is long, or
    whose comparison nobody goes on with; no longer due then."""
    row = await tx.maybe(_CLAIM, [every])
    return row["workspace_id"] if row else None
