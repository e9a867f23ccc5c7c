"""Keep notes, and each version of them.

Words are matched on a text-search vector made at the write. A GIN index over it would be of no use:
row security lets only leak-proof operators drive an index, and `@@` is not one. So a search walks
the notes of one target or creator by their own index, and looks at their vectors.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists
from services.artifacts.model import Actor, Listing, New, Note, NoteContent
from services.artifacts.store.documents import documents
from services.artifacts.store.listing import page_sql

_COLUMNS = (
    "note_id, title, body, pinned, version, creator_id, created_by, updated_by, create_time,"
    " update_time"
)
# A vector holds at most 1 MB; so many characters fit whatever the script.
_WORDS = """setweight(to_tsvector('simple', {title}), 'A')
  || to_tsvector('simple', left({body}, 100000))"""
_INSERT = f"""
INSERT INTO notes (workspace_id, note_id, title, body, pinned, words, version, creator_id,
  created_by, updated_by)
SELECT %s, n.id, n.title, n.body, n.pinned, {_WORDS.format(title="n.title", body="n.body")}, 1,
  n.creator_id, n.actor, n.actor
FROM json_to_recordset(%s) AS n (id uuid, title text, body text, pinned bool, creator_id text,
  actor jsonb)
RETURNING {_COLUMNS}"""
_UPDATE = f"""
UPDATE notes SET title = %(title)s, body = %(body)s, pinned = %(pinned)s,
  words = {_WORDS.format(title="%(title)s", body="%(body)s")},
  version = version + 1, updated_by = %(actor)s, update_time = now()
WHERE workspace_id = %(workspace_id)s AND note_id = %(note_id)s
RETURNING {_COLUMNS}"""
_KEEP = """
INSERT INTO note_revisions (workspace_id, note_id, version, title, body, updated_by, update_time)
SELECT workspace_id, note_id, version, title, body, updated_by, update_time FROM notes
WHERE workspace_id = %s AND note_id = ANY(%s)"""
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


async def insert(tx: Tx, workspace_id: UUID, new: Sequence[New[NoteContent]]) -> list[Note]:
    """Store them, in that order; NOTE_EXISTS where an id is taken."""
    taken = AlreadyExists("NOTE_EXISTS", "a note with this id exists", id=str(new[0].id))
    with on_violation("pk_notes", taken):
        rows = await tx.all(_INSERT, [workspace_id, documents(new)])
    await _keep(tx, workspace_id, [one.id for one in new])
    made = {row["note_id"]: row for row in rows}
    return [_note(made[one.id]) for one in new]


async def update(
    tx: Tx, workspace_id: UUID, note_id: UUID, actor: Actor, content: NoteContent
) -> Note:
    note = _note(await tx.one(_UPDATE, _params(workspace_id, note_id, actor, content)))
    await _keep(tx, workspace_id, [note_id])
    return note


async def _keep(tx: Tx, workspace_id: UUID, note_ids: Sequence[UUID]) -> None:
    """Keep each as the version that it now is."""
    await tx.send(_KEEP, [workspace_id, list(note_ids)])


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
