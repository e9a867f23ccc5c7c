"""Keep the history of the definitions, one row per definition changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx
from schema.jsonio import dumps
from services.metadata.model import Change

_INSERT = """
INSERT INTO metadata_changes
  (workspace_id, metadata_version, ordinal, type, entity_id, before, after, actor, create_time,
  job_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_LIST = """
SELECT metadata_version, ordinal, type, entity_id, coalesce(before::text, '') AS before,
  coalesce(after::text, '') AS after, actor, create_time, job_id
FROM metadata_changes
WHERE workspace_id = %(workspace_id)s
  AND NOT (type LIKE 'view.%%' AND coalesce(after, before)->>'visibility' = 'private'
    AND coalesce(after, before)->>'created_by' <> %(principal_id)s)
  AND (metadata_version < %(version)s OR (metadata_version = %(version)s AND ordinal > %(ordinal)s))
ORDER BY metadata_version DESC, ordinal LIMIT %(limit)s"""
_OF_VERSION = """
SELECT metadata_version, ordinal, type, entity_id, coalesce(before::text, '') AS before,
  coalesce(after::text, '') AS after, actor, create_time, job_id
FROM metadata_changes WHERE workspace_id = %s AND metadata_version = %s
  AND NOT (type LIKE 'view.%%' AND coalesce(after, before)->>'visibility' = 'private'
    AND coalesce(after, before)->>'created_by' <> %s)
ORDER BY ordinal"""
_NEWEST = 2**62


async def add(
    tx: Tx,
    workspace_id: UUID,
    place: tuple[int, int],
    kind: str,
    entity_id: str | UUID,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    actor: Mapping[str, str],
    at: datetime,
    job_id: UUID | None = None,
) -> None:
    """Note one change at its place: (metadata version, ordinal); with the job that it ends."""
    await tx.send(
        _INSERT,
        [
            workspace_id,
            *place,
            kind,
            entity_id,
            None if before is None else Jsonb(before, dumps=dumps),
            None if after is None else Jsonb(after, dumps=dumps),
            Jsonb(dict(actor)),
            at,
            job_id,
        ],
    )


async def newest(
    tx: Tx, workspace_id: UUID, principal_id: str, *, after: tuple[int, int] | None, limit: int
) -> list[Change]:
    """Newest versions first, the changes of each in their order; after that place.

    Private views' changes show to their creator alone.
    """
    version, ordinal = after or (_NEWEST, 0)
    rows = await tx.all(
        _LIST,
        {
            "workspace_id": workspace_id,
            "principal_id": principal_id,
            "version": version,
            "ordinal": ordinal,
            "limit": limit,
        },
    )
    return [_change(row) for row in rows]


async def of_version(tx: Tx, workspace_id: UUID, principal_id: str, version: int) -> list[Change]:
    """What made a version, in its order; private views' changes show to their creator alone."""
    rows = await tx.all(_OF_VERSION, [workspace_id, version, principal_id])
    return [_change(row) for row in rows]


def _change(row: Row) -> Change:
    return Change(
        metadata_version=row["metadata_version"],
        ordinal=row["ordinal"],
        type=row["type"],
        entity_id=str(row["entity_id"]),
        before=row["before"].encode(),
        after=row["after"].encode(),
        actor=row["actor"],
        create_time=row["create_time"],
        job_id=str(row["job_id"] or ""),
    )
