"""Write and lock rows of `records`; every function takes the transaction it runs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists
from schema import jsonio
from services.records.model import Stored

_COLUMNS = (
    "record_id, object_id, doc::text AS doc, version, position, create_time, update_time,"
    " delete_time, created_by, updated_by"
)
_INSERT = """
INSERT INTO records (workspace_id, object_id, record_id, doc, folds, version, position,
                     created_by, updated_by)
SELECT %(workspace)s, %(object)s, t.id, t.doc::jsonb, t.folds::jsonb, 1,
       coalesce(t.position, extract(epoch FROM clock_timestamp())), %(actor)s::jsonb,
       %(actor)s::jsonb
FROM unnest(%(ids)s::uuid[], %(docs)s::text[], %(folds)s::text[], %(positions)s::numeric[])
  AS t (id, doc, folds, position)
RETURNING record_id, position, create_time"""
_LOCK = f"""
SELECT {_COLUMNS} FROM records
WHERE workspace_id = %s AND object_id = %s AND record_id = ANY(%s)
ORDER BY record_id FOR UPDATE"""
_UPDATE = """
UPDATE records AS r
SET doc = t.doc::jsonb, folds = t.folds::jsonb, position = coalesce(t.position, r.position),
    version = r.version + 1, update_time = now(), updated_by = %(actor)s::jsonb, delete_time = NULL
FROM unnest(%(ids)s::uuid[], %(docs)s::text[], %(folds)s::text[], %(positions)s::numeric[])
  AS t (id, doc, folds, position)
WHERE r.workspace_id = %(workspace)s AND r.record_id = t.id
RETURNING r.record_id, r.position, r.update_time"""
_DELETE = """
UPDATE records SET delete_time = now(), update_time = now(), version = version + 1,
                   updated_by = %s::jsonb
WHERE workspace_id = %s AND record_id = ANY(%s) RETURNING record_id, update_time"""
_PURGE = "DELETE FROM records WHERE workspace_id = %s AND record_id = ANY(%s)"
_LIVE = """
SELECT record_id, object_id FROM records
WHERE workspace_id = %s AND record_id = ANY(%s) AND delete_time IS NULL"""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to insert, or the new state of one; position None leaves or appends."""

    id: UUID
    doc: Mapping[str, Any]
    folds: Mapping[str, str] | None
    position: Any = None


def stored(row: Row) -> Stored:
    return Stored(
        id=row["record_id"],
        object_id=row["object_id"],
        doc=jsonio.loads_stored(row["doc"].encode()),
        version=row["version"],
        position=row["position"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        delete_time=row["delete_time"],
        created_by=row["created_by"],
        updated_by=row["updated_by"],
    )


def _arrays(rows: Sequence[NewRow]) -> dict[str, Any]:
    return {
        "ids": [r.id for r in rows],
        "docs": [jsonio.dumps(r.doc).decode() for r in rows],
        "folds": [None if r.folds is None else jsonio.dumps(r.folds).decode() for r in rows],
        "positions": [r.position for r in rows],
    }


async def insert(
    tx: Tx, workspace_id: UUID, object_id: UUID, rows: Sequence[NewRow], actor: Mapping[str, str]
) -> dict[UUID, tuple[Any, datetime]]:
    """Insert live records at version 1; their positions and create time by id. ALREADY_EXISTS /
    RECORD_EXISTS where an id is taken, in this object or another."""
    params = {
        "workspace": workspace_id,
        "object": object_id,
        "actor": jsonio.dumps(dict(actor)).decode(),
        **_arrays(rows),
    }
    taken = AlreadyExists("RECORD_EXISTS", "there is a record with this id already")
    with on_violation("pk_records", taken):
        found = await tx.all(_INSERT, params)
    return {r["record_id"]: (r["position"], r["create_time"]) for r in found}


async def lock(
    tx: Tx, workspace_id: UUID, object_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, Stored]:
    """The records of these ids, deleted ones included, locked in id order until commit."""
    rows = await tx.all(_LOCK, [workspace_id, object_id, list(ids)])
    return {row["record_id"]: stored(row) for row in rows}


async def update(
    tx: Tx, workspace_id: UUID, rows: Sequence[NewRow], actor: Mapping[str, str]
) -> dict[UUID, tuple[Any, datetime]]:
    """Write new documents over locked records, which are live afterwards."""
    params = {
        "workspace": workspace_id,
        "actor": jsonio.dumps(dict(actor)).decode(),
        **_arrays(rows),
    }
    found = await tx.all(_UPDATE, params)
    return {r["record_id"]: (r["position"], r["update_time"]) for r in found}


async def mark_deleted(
    tx: Tx, workspace_id: UUID, ids: Sequence[UUID], actor: Mapping[str, str]
) -> dict[UUID, datetime]:
    params = [jsonio.dumps(dict(actor)).decode(), workspace_id, list(ids)]
    return {r["record_id"]: r["update_time"] for r in await tx.all(_DELETE, params)}


async def purge(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> None:
    await tx.run(_PURGE, [workspace_id, list(ids)])


async def live(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The objects of those of these records that exist and are not deleted."""
    rows = await tx.all(_LIVE, [workspace_id, list(ids)])
    return {row["record_id"]: row["object_id"] for row in rows}
