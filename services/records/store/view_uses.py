"""Keep what queries by views cost of late, and what was decided about them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from kit.db import Tx

_ADD = """
INSERT INTO view_uses AS u (workspace_id, view_id, object_id, queries, cost_us, decision)
SELECT %s, *, '' FROM unnest(%s::uuid[], %s::uuid[], %s::int8[], %s::int8[])
ON CONFLICT (workspace_id, view_id) DO UPDATE
SET window_start = CASE WHEN u.window_start < now() - %s::interval THEN now()
                        ELSE u.window_start END,
    queries = excluded.queries
      + CASE WHEN u.window_start < now() - %s::interval THEN 0 ELSE u.queries END,
    cost_us = excluded.cost_us
      + CASE WHEN u.window_start < now() - %s::interval THEN 0 ELSE u.cost_us END,
    last_time = now()"""
_USE = """
UPDATE stat_states SET use_time = now()
WHERE workspace_id = %s AND stat_id = ANY(%s) AND use_time < now() - interval '1 hour'"""
_COLUMNS = (
    "workspace_id, view_id, object_id, queries, cost_us, last_time, decision, decision_time,"
    " now() AS now"
)
_ALL = f"""
SELECT {_COLUMNS} FROM view_uses WHERE workspace_id IN (
  SELECT workspace_id FROM view_uses
  WHERE %(within)s::interval IS NULL OR last_time > now() - %(within)s::interval)"""
_OF_OBJECT = f"SELECT {_COLUMNS} FROM view_uses WHERE workspace_id = %s AND object_id = %s"
_DECIDE = """
UPDATE view_uses SET decision = %s, decision_time = now()
WHERE workspace_id = %s AND view_id = %s AND decision <> %s"""
_FORGET = "DELETE FROM view_uses WHERE workspace_id = %s AND view_id = %s"


class Use(NamedTuple):
    """What a view's queries cost within a window, and what was decided last."""

    workspace_id: UUID
    view_id: UUID
    object_id: UUID
    queries: int
    cost_us: int
    last_time: datetime
    decision: str
    decision_time: datetime | None
    now: datetime


async def add(
    tx: Tx, workspace_id: UUID, spent: Sequence[tuple[UUID, UUID, int, int]], window: timedelta
) -> None:
    """Add (view, object, queries without entries, what these cost) to the window that runs."""
    columns = [list(column) for column in zip(*sorted(spent), strict=True)]
    await tx.run(_ADD, [workspace_id, *columns, window, window, window])


async def use_statistics(tx: Tx, workspace_id: UUID, stat_ids: Sequence[UUID]) -> None:
    await tx.run(_USE, [workspace_id, sorted(stat_ids)])


async def everything(tx: Tx, within: timedelta | None) -> list[Use]:
    """Of all workspaces, or of those where a view was used within that time."""
    return [Use(**row) for row in await tx.all(_ALL, {"within": within})]


async def of_object(tx: Tx, workspace_id: UUID, object_id: UUID) -> list[Use]:
    return [Use(**row) for row in await tx.all(_OF_OBJECT, [workspace_id, object_id])]


async def decide(tx: Tx, workspace_id: UUID, view_id: UUID, decision: str) -> None:
    """Say what was decided, unless that is what was said last."""
    await tx.run(_DECIDE, [decision, workspace_id, view_id, decision])


async def forget(tx: Tx, workspace_id: UUID, view_id: UUID) -> None:
    await tx.run(_FORGET, [workspace_id, view_id])
