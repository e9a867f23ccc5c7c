"""Find what is due for a check, and compare a set of view entries with the records.

Everything that is compared comes from one snapshot, so that what writers do meanwhile is no
difference.
"""

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from kit.db import Row, Tx
from schema.filters.columns import Params
from services.records.model import Query
from services.records.store.queries import conditions_of

_CLAIM = """
WITH due AS (
  SELECT workspace_id, {key} FROM {table} WHERE {state} AND check_time < now() - %s
  ORDER BY check_time LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE {table} AS s SET check_time = now() FROM due
WHERE s.workspace_id = due.workspace_id AND s.{key} = due.{key}
RETURNING s.workspace_id, s.object_id, {columns}"""
_STATISTIC = _CLAIM.format(
    table="stat_states", key="stat_id", state="ready", columns="s.stat_id, s.measures"
)
_SET = _CLAIM.format(
    table="view_states", key="set_id", state="state = 'ready'", columns="s.set_id, s.view_id"
)
_SOME = """
WITH place AS MATERIALIZED (
  SELECT group_key, low FROM view_buckets
  WHERE workspace_id = %(workspace)s AND set_id = %(set)s ORDER BY random() LIMIT 1
)
SELECT e.group_key, e.sort_key, r.* FROM (
  SELECT group_key, sort_key, record_id FROM view_entries
  WHERE workspace_id = %(workspace)s AND set_id = %(set)s
    AND group_key = (SELECT group_key FROM place) AND sort_key >= (SELECT low FROM place)
  ORDER BY sort_key LIMIT %(limit)s
) AS e LEFT JOIN LATERAL (
  SELECT record_id, object_id, doc::text AS doc, version, position, create_time, update_time,
         delete_time, created_by, updated_by
  FROM records WHERE workspace_id = %(workspace)s AND record_id = e.record_id OFFSET 0
) AS r ON true"""


class Counts(NamedTuple):
    """How many there are of a set in one snapshot: entries, by its buckets and deltas, records."""

    entries: int
    counted: int
    records: int

    @property
    def agree(self) -> bool:
        return self.entries == self.counted == self.records


async def claim_statistic(tx: Tx, every: timedelta) -> Row | None:
    """workspace_id, object_id, stat_id and measures of the statistic of all workspaces that is due
    the longest, which is then no longer due; None where none is."""
    return await tx.maybe(_STATISTIC, [every])


async def claim_set(tx: Tx, every: timedelta) -> Row | None:
    """workspace_id, object_id, set_id and view_id, as `claim_statistic`."""
    return await tx.maybe(_SET, [every])


async def counts(tx: Tx, workspace_id: UUID, query: Query, set_id: UUID) -> Counts:
    """Of the set, and of the records that the query selects."""
    params = Params()
    own = (
        f"WHERE workspace_id = {params.add(workspace_id, 'uuid')}"
        f" AND set_id = {params.add(set_id, 'uuid')}"
    )
    where = [
        f"r.workspace_id = {params.add(workspace_id, 'uuid')}",
        *conditions_of(query, query.tree, params),
    ]
    [row] = await tx.tuples(
        f"SELECT (SELECT count(*) FROM view_entries {own}),"
        f" (SELECT coalesce(sum(count), 0)::int8 FROM"
        f" (SELECT count FROM view_buckets {own} UNION ALL SELECT change FROM view_deltas {own})"
        f" AS parts), (SELECT count(*) FROM records AS r WHERE {' AND '.join(where)})",
        params.values,
    )
    return Counts(*row)


async def some(tx: Tx, workspace_id: UUID, set_id: UUID, limit: int) -> list[dict[str, Any]]:
    """Entries from a place by chance on, each with its record as `records.stored` takes it; with
    nothing in it where there is none."""
    params = {"workspace": workspace_id, "set": set_id, "limit": limit}
    return await tx.all(_SOME, params)
