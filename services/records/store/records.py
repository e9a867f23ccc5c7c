"""Write and lock rows of `records`; every function takes the transaction it runs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit.db import Row, Tx
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
SELECT %(workspace)s, %(object)s, t.id, t.doc, t.folds, 1, t.position, %(actor)s::jsonb,
       %(actor)s::jsonb
FROM jsonb_to_recordset(%(rows)s::jsonb) AS t (id uuid, doc jsonb, folds jsonb, position numeric)"""
_LOCK = f"""
SELECT {_COLUMNS} FROM records
WHERE workspace_id = %s AND object_id = %s AND record_id = ANY(%s)
ORDER BY record_id FOR UPDATE"""
_LOCK_FREE = f"{_LOCK} SKIP LOCKED"
_PRESENT = "SELECT record_id FROM records WHERE workspace_id = %s AND record_id = ANY(%s)"
_UPDATE = """
UPDATE records AS r
SET doc = t.doc, folds = t.folds, position = t.position, version = r.version + 1,
    update_time = now(), updated_by = %(actor)s::jsonb, delete_time = NULL
FROM jsonb_to_recordset(%(rows)s::jsonb) AS t (id uuid, doc jsonb, folds jsonb, position numeric)
WHERE r.workspace_id = %(workspace)s AND r.record_id = t.id"""
_DELETE = """
UPDATE records SET delete_time = now(), update_time = now(), version = version + 1,
                   updated_by = %(actor)s::jsonb,
                   folds = (coalesce(folds, '{}') - 'updated_by.name') || %(folds)s::jsonb
WHERE workspace_id = %(workspace)s AND record_id = ANY(%(ids)s)"""
_PURGE = "DELETE FROM records WHERE workspace_id = %s AND record_id = ANY(%s)"
_LIVE = """
SELECT record_id, object_id FROM records
WHERE workspace_id = %s AND record_id = ANY(%s) AND delete_time IS NULL"""

# Of a relation to one object the value is an id, of one to several {"object", "id"}.
_POINTED_TO = """
SELECT DISTINCT coalesce(r.doc->k.key->>'id', r.doc->>k.key)::uuid AS record_id
FROM records AS r CROSS JOIN unnest(%s::text[]) AS k (key)
WHERE r.workspace_id = %s AND r.record_id = ANY(%s) AND r.doc ? k.key"""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to insert, or the new state of one."""

    id: UUID
    doc: Mapping[str, Any]
    folds: Mapping[str, str] | None
    position: Any


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


def _params(workspace_id: UUID, rows: Sequence[NewRow], actor: Mapping[str, str]) -> dict[str, Any]:
    documents = [
        {"id": str(r.id), "doc": r.doc, "folds": r.folds, "position": r.position} for r in rows
    ]
    return {
        "workspace": workspace_id,
        "actor": jsonio.dumps(dict(actor)).decode(),
        "rows": jsonio.dumps(documents).decode(),
    }


async def insert(
    tx: Tx,
    workspace_id: UUID,
    object_id: UUID,
    rows: Sequence[NewRow],
    actor: Mapping[str, str],
) -> None:
    """Insert live records at version 1. ALREADY_EXISTS / RECORD_EXISTS where an id is taken, in
    this object or another."""
    message = "there is a record with this id already"
    tx.violations["pk_records"] = AlreadyExists("RECORD_EXISTS", message)
    await tx.collect(_INSERT, _params(workspace_id, rows, actor) | {"object": object_id})


async def lock(
    tx: Tx, workspace_id: UUID, object_id: UUID, ids: Sequence[UUID], *, passing: bool = False
) -> dict[UUID, Stored]:
    """The records of these ids, deleted ones included, locked in id order until commit; with
    `passing`, without those that others hold."""
    query = _LOCK_FREE if passing else _LOCK
    rows = await tx.all(query, [workspace_id, object_id, list(ids)])
    return {row["record_id"]: stored(row) for row in rows}


async def present(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these ids that are records', of whatever object, deleted or not."""
    rows = await tx.all(_PRESENT, [workspace_id, list(ids)])
    return {row["record_id"] for row in rows}


async def update(
    tx: Tx, workspace_id: UUID, rows: Sequence[NewRow], actor: Mapping[str, str]
) -> None:
    """Write new documents over locked records, which are live afterwards."""
    await tx.collect(_UPDATE, _params(workspace_id, rows, actor))


async def mark_deleted(
    tx: Tx,
    workspace_id: UUID,
    ids: Sequence[UUID],
    actor: Mapping[str, str],
    folds: Mapping[str, str],
) -> None:
    """`folds` are those of the actor."""
    params = {
        "workspace": workspace_id,
        "ids": list(ids),
        "actor": jsonio.dumps(dict(actor)).decode(),
        "folds": jsonio.dumps(folds).decode(),
    }
    await tx.send(_DELETE, params)


async def purge(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> None:
    await tx.run(_PURGE, [workspace_id, list(ids)])


async def live(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The objects of those of these records that exist and are not deleted."""
    rows = await tx.all(_LIVE, [workspace_id, list(ids)])
    return {row["record_id"]: row["object_id"] for row in rows}


async def pointed_to(
    tx: Tx, workspace_id: UUID, record_ids: Sequence[UUID], keys: Sequence[str]
) -> list[UUID]:
    """The records that the relations of these keys lead to from any of these records."""
    rows = await tx.all(_POINTED_TO, [list(keys), workspace_id, list(record_ids)])
    return [row["record_id"] for row in rows]
