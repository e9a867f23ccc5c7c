"""Keep what is known about files, and which contents are in the store."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists, Unavailable
from services.artifacts.model import Actor, File, FileState, Listing, NewFile
from services.artifacts.store.listing import page_sql

_COLUMNS = (
    "file_id, name, size, content_type, sha256, state, version, creator_id, created_by,"
    " create_time, update_time"
)
_INSERT = f"""
INSERT INTO files (workspace_id, file_id, name, size, content_type, sha256, state, version,
  creator_id, created_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s, %s) RETURNING {_COLUMNS}"""
_GET = f"SELECT {_COLUMNS} FROM files WHERE workspace_id = %s AND file_id = %s"
_READY = f"""
UPDATE files SET state = 'ready', content_type = %s, version = version + 1, update_time = now()
WHERE workspace_id = %s AND file_id = %s RETURNING {_COLUMNS}"""
_TOUCH = f"""
UPDATE files SET version = version + 1, update_time = now()
WHERE workspace_id = %s AND file_id = %s RETURNING {_COLUMNS}"""
_DELETE = "DELETE FROM files WHERE workspace_id = %s AND file_id = %s"

_BEGIN = """
INSERT INTO contents AS c (workspace_id, sha256, state) VALUES (%s, %s, 'storing')
ON CONFLICT (workspace_id, sha256) DO UPDATE SET state = 'storing', update_time = now()
WHERE c.state <> 'removing' RETURNING state"""
_CONTENT = "SELECT state FROM contents WHERE workspace_id = %s AND sha256 = %s FOR UPDATE"
_STORED = """
UPDATE contents SET state = 'stored', update_time = now() WHERE workspace_id = %s AND sha256 = %s"""
_REMOVING = """
UPDATE contents AS c SET state = 'removing' WHERE c.workspace_id = %(workspace_id)s
  AND c.sha256 = %(sha256)s
  AND (c.state <> 'storing' OR c.update_time < now() - make_interval(secs => %(grace)s))
  AND NOT EXISTS (SELECT FROM files AS f WHERE f.workspace_id = c.workspace_id
    AND f.sha256 = c.sha256 AND f.state = 'ready')
RETURNING state"""
_BEING_STORED = """
SELECT EXISTS (SELECT FROM contents AS c WHERE c.workspace_id = %(workspace_id)s
  AND c.sha256 = %(sha256)s AND c.state = 'storing' AND NOT EXISTS (SELECT FROM files AS f
    WHERE f.workspace_id = c.workspace_id AND f.sha256 = c.sha256 AND f.state = 'ready'))"""
_REMOVED = """
DELETE FROM contents WHERE workspace_id = %s AND sha256 = %s AND state = 'removing'"""


_FINALIZED = """
SELECT file_id FROM files WHERE workspace_id = %s AND file_id = ANY(%s) AND state = 'ready'"""


async def finalized(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the files whose content is there."""
    rows = await tx.all(_FINALIZED, [workspace_id, list(ids)])
    return {row["file_id"] for row in rows}


def _file(row: Row) -> File:
    row["id"] = row.pop("file_id")
    row["state"] = FileState(row["state"])
    return File(**row)


async def insert(
    tx: Tx, workspace_id: UUID, creator_id: str, actor: Actor, new: NewFile, state: FileState
) -> File:
    taken = AlreadyExists("FILE_EXISTS", "a file with this id exists", id=str(new.id))
    params = [workspace_id, new.id, new.name, new.size, new.content_type, new.sha256, state]
    with on_violation("pk_files", taken):
        return _file(await tx.one(_INSERT, [*params, creator_id, Jsonb(dict(actor))]))


async def get(tx: Tx, workspace_id: UUID, file_id: UUID, *, lock: bool = False) -> File | None:
    row = await tx.maybe(_GET + (" FOR UPDATE" if lock else ""), [workspace_id, file_id])
    return _file(row) if row else None


async def page(tx: Tx, workspace_id: UUID, listing: Listing) -> list[File]:
    """The ready ones."""
    sql, params = page_sql("file", _COLUMNS, workspace_id, listing, "AND a.state = 'ready'")
    return [_file(row) for row in await tx.all(sql, params)]


async def make_ready(tx: Tx, workspace_id: UUID, file_id: UUID, content_type: str) -> File:
    return _file(await tx.one(_READY, [content_type, workspace_id, file_id]))


async def touch(tx: Tx, workspace_id: UUID, file_id: UUID) -> File:
    """A new version: something about it has changed."""
    return _file(await tx.one(_TOUCH, [workspace_id, file_id]))


async def delete(tx: Tx, workspace_id: UUID, file_id: UUID) -> None:
    await tx.send(_DELETE, [workspace_id, file_id])


def _busy() -> Unavailable:
    message = "this content is just being removed from the store; try again"
    return Unavailable("CONFLICT", message, retry_after=1)


async def begin_content(tx: Tx, workspace_id: UUID, sha256: str) -> None:
    """Say that it is about to be stored, so that nobody removes it; UNAVAILABLE / CONFLICT while
    somebody does."""
    if await tx.value(_BEGIN, [workspace_id, sha256]) is None:
        raise _busy()


async def finish_content(tx: Tx, workspace_id: UUID, sha256: str) -> None:
    """It is in the store, and is held until the file that has it is committed with us."""
    state = await tx.value(_CONTENT, [workspace_id, sha256])
    if state in {None, "removing"}:
        raise _busy()
    await tx.send(_STORED, [workspace_id, sha256])


async def start_removing(tx: Tx, workspace_id: UUID, sha256: str, grace: int) -> bool:
    """Whether it is ours to remove: no file has it, and nobody has been storing it just now."""
    state = await tx.value(_CONTENT, [workspace_id, sha256])
    if state == "removing":  # begun before, by a worker that died
        return True
    params = {"workspace_id": workspace_id, "sha256": sha256, "grace": grace}
    return await tx.value(_REMOVING, params) is not None


async def being_stored(tx: Tx, workspace_id: UUID, sha256: str) -> bool:
    """Whether somebody has begun to store it, and no file has it yet."""
    params = {"workspace_id": workspace_id, "sha256": sha256}
    return bool(await tx.value(_BEING_STORED, params))


async def removed(tx: Tx, workspace_id: UUID, sha256: str) -> None:
    await tx.send(_REMOVED, [workspace_id, sha256])
