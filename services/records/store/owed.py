"""Ask once what a writer of an object owes: statistics, view entries and rollups to keep, jobs to
heed."""

from collections.abc import Sequence
from uuid import UUID

import psycopg

from kit.db import Row, Tx
from schema.field_changes import read_change
from schema.rollups import Rollup
from services.records.logic.rollups import read as read_rollup
from services.records.store.field_jobs import Duty
from services.records.store.stats import Kept, share_object

_OWED = """
SELECT 'statistic' AS kind, stat_id AS id, measures AS text, NULL::uuid AS view_id,
  NULL::boolean AS strict, NULL::int8 AS until_version
FROM stat_states WHERE workspace_id = %(workspace)s AND object_id = %(object)s
UNION ALL
SELECT 'set', set_id, '', view_id, NULL, NULL FROM view_states
WHERE workspace_id = %(workspace)s AND object_id = %(object)s AND state IN ('building', 'ready')
UNION ALL
SELECT 'duty', d.job_id, j.plan::text, NULL, d.strict, d.until_version
FROM field_duties AS d JOIN field_jobs AS j
  ON j.workspace_id = d.workspace_id AND j.job_id = d.job_id
WHERE d.workspace_id = %(workspace)s AND d.object_id = %(object)s
UNION ALL
SELECT 'rollup', rollup_id, definition::text, NULL, NULL, NULL
FROM rollups WHERE workspace_id = %(workspace)s AND object_id = %(object)s
ORDER BY id"""


class Owed:
    """The question, sent; the answer comes with the next one that is waited for."""

    def __init__(self, cursor: psycopg.AsyncCursor[Row]) -> None:
        self._cursor = cursor
        self._rows: Sequence[Row] | None = None

    async def _of(self, kind: str) -> list[Row]:
        if self._rows is None:
            self._rows = await self._cursor.fetchall()
        return [row for row in self._rows if row["kind"] == kind]

    async def kept(self) -> Kept:
        """The statistics and view entries to keep."""
        return Kept(
            [(row["id"], row["text"]) for row in await self._of("statistic")],
            [(row["id"], row["view_id"]) for row in await self._of("set")],
        )

    async def rollups(self) -> list[Rollup]:
        """The rollups over the object's records."""
        return [read_rollup(row["text"]) for row in await self._of("rollup")]

    async def duties(self, version: int) -> list[Duty]:
        """Those of a writer with definitions of that version; nearly always none."""
        return [
            Duty(
                row["id"],
                row["strict"],
                row["until_version"],
                read_change(row["text"]),
            )
            for row in await self._of("duty")
            if row["until_version"] is None or version < row["until_version"]
        ]


async def ask(tx: Tx, workspace_id: UUID, object_id: UUID) -> Owed:
    """Ask, without a wait. Until commit nothing of it comes or goes: builds and jobs see all of a
    write or leave it to the write."""
    await share_object(tx, workspace_id, object_id)
    return Owed(await tx.ask(_OWED, {"workspace": workspace_id, "object": object_id}))
