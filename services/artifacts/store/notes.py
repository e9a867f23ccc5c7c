"""Keep notes, and each version of them.

Words are matched on a text-search vector made at the write. A GIN index over it would be of no use:
row security lets only leak-proof operators drive an index, and `@@` is not one. So a search walks
the notes of one target or creator by their own index, and looks at their vectors.
"""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists
from services.artifacts.model import Actor, Listing, Note, NoteContent
from services.artifacts.store.listing import page_sql

_COLUMNS = (
    "note_id, title, body, pinned, version, creator_id, created_by, updated_by, create_time,"
    " update_time"
)
# A vector holds at most 1 MB; so many characters fit whatever the script.
_WORDS = """setweight(to_tsvector('simple', %(title)s), 'A')
  || to_tsvector('simple', left(%(body)s, 100000))"""
_INSERT = f"""
INSERT INTO notes (workspace_id, note_id, title, body, pinned, words, version, creator_id,
  created_by, updated_by)
VALUES (%(workspace_id)s, %(note_id)s, %(title)s, %(body)s, %(pinned)s, {_WORDS}, 1,
  %(creator_id)s, %(actor)s, %(actor)s)
RETURNING {_COLUMNS}"""
_UPDATE = f"""
UPDATE notes SET title = %(title)s, body = %(body)s, pinned = %(pinned)s, words = {_WORDS},
  version = version + 1, updated_by = %(actor)s, update_time = now()
WHERE workspace_id = %(workspace_id)s AND note_id = %(note_id)s
RETURNING {_COLUMNS}"""
_KEEP = """
INSERT INTO note_revisions (workspace_id, note_id, version, title, body, updated_by, update_time)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_GET = f"SELECT {_COLUMNS} FROM notes WHERE workspace_id = %s AND note_id = %s"
_MATCHES = """AND numnode(plainto_tsquery('simple', %(query)s)) > 0
  AND a.words @@ plainto_tsquery('simple', %(query)s)"""


def _note(row: Row) -> Note:
    row["id"] = row.pop("note_id")
    return Note(**row)


def _params(
    workspace_id: UUID, note_id: UUID, actor: Actor, content: NoteContent
) -> dict[str, Any]:
    who = Jsonb(dict(actor))
    return {"workspace_id": workspace_id, "note_id": note_id, "actor": who} | asdict(content)


async def insert(
    tx: Tx, workspace_id: UUID, note_id: UUID, creator_id: str, actor: Actor, content: NoteContent
) -> Note:
    params = _params(workspace_id, note_id, actor, content) | {"creator_id": creator_id}
    taken = AlreadyExists("NOTE_EXISTS", "a note with this id exists", id=str(note_id))
    with on_violation("pk_notes", taken):
        note = _note(await tx.one(_INSERT, params))
    await _keep(tx, workspace_id, note)
    return note


async def update(
    tx: Tx, workspace_id: UUID, note_id: UUID, actor: Actor, content: NoteContent
) -> Note:
    note = _note(await tx.one(_UPDATE, _params(workspace_id, note_id, actor, content)))
    await _keep(tx, workspace_id, note)
    return note


async def _keep(tx: Tx, workspace_id: UUID, note: Note) -> None:
    who = Jsonb(dict(note.updated_by))
    await tx.send(
        _KEEP,
        [workspace_id, note.id, note.version, note.title, note.body, who, note.update_time],
    )


async def get(tx: Tx, workspace_id: UUID, note_id: UUID, *, lock: bool = False) -> Note | None:
    row = await tx.maybe(_GET + (" FOR UPDATE" if lock else ""), [workspace_id, note_id])
    return _note(row) if row else None


async def page(tx: Tx, workspace_id: UUID, listing: Listing) -> list[Note]:
    where = _MATCHES if listing.query else ""
    sql, params = page_sql("note", _COLUMNS, workspace_id, listing, where)
    return [_note(row) for row in await tx.all(sql, params | {"query": listing.query})]


async def delete(tx: Tx, workspace_id: UUID, note_id: UUID) -> None:
    for table in ("note_revisions", "notes"):
        query = f"DELETE FROM {table} WHERE workspace_id = %s AND note_id = %s"
        await tx.send(query, [workspace_id, note_id])
