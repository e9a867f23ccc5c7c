"""Keep todos."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists
from services.artifacts.model import Actor, Listing, New, Todo, TodoContent
from services.artifacts.store.documents import documents
from services.artifacts.store.listing import page_sql

_COLUMNS = (
    "todo_id, title, body, status, due, due_time, priority, assignees, position, version,"
    " creator_id, created_by, updated_by, create_time, update_time, complete_time"
)
# New ones come last: after all others without reading them.
_POSITION = "coalesce(nullif(n.position, 0), extract(epoch FROM clock_timestamp()) * 1000)"
_INSERT = f"""
INSERT INTO todos (workspace_id, todo_id, title, body, status, due, due_time, priority, assignees,
  position, version, creator_id, created_by, updated_by, complete_time)
SELECT %s, n.id, n.title, n.body, n.status, n.due, n.due_time, n.priority, n.assignees, {_POSITION},
  1, n.creator_id, n.actor, n.actor, CASE WHEN n.status = 'done' THEN now() END
FROM json_to_recordset(%s) AS n (id uuid, title text, body text, status text, due text,
  due_time timestamptz, priority text, assignees text[], position float8, creator_id text,
  actor jsonb)
RETURNING {_COLUMNS}"""
_UPDATE = f"""
UPDATE todos SET title = %(title)s, body = %(body)s, status = %(status)s, due = %(due)s,
  due_time = %(due_time)s, priority = %(priority)s, assignees = %(assignees)s,
  position = %(position)s, version = version + 1, updated_by = %(actor)s, update_time = now(),
  complete_time = CASE WHEN %(status)s = 'done' THEN coalesce(complete_time, now()) END
WHERE workspace_id = %(workspace_id)s AND todo_id = %(todo_id)s
RETURNING {_COLUMNS}"""
_GET = f"SELECT {_COLUMNS} FROM todos WHERE workspace_id = %s AND todo_id = %s"
_DELETE = "DELETE FROM todos WHERE workspace_id = %s AND todo_id = %s"


def _todo(row: Row) -> Todo:
    row["id"] = row.pop("todo_id")
    row["assignees"] = tuple(row["assignees"])
    return Todo(**row)


def _params(
    workspace_id: UUID, todo_id: UUID, actor: Actor, content: TodoContent
) -> dict[str, Any]:
    given = asdict(content) | {"assignees": list(content.assignees)}
    who = Jsonb(dict(actor))
    return {"workspace_id": workspace_id, "todo_id": todo_id, "actor": who} | given


async def insert(tx: Tx, workspace_id: UUID, new: Sequence[New[TodoContent]]) -> list[Todo]:
    """Store them, in that order; TODO_EXISTS where an id is taken."""
    taken = AlreadyExists("TODO_EXISTS", "a todo with this id exists", id=str(new[0].id))
    with on_violation("pk_todos", taken):
        rows = await tx.all(_INSERT, [workspace_id, documents(new)])
    made = {row["todo_id"]: row for row in rows}
    return [_todo(made[one.id]) for one in new]


async def update(
    tx: Tx, workspace_id: UUID, todo_id: UUID, actor: Actor, content: TodoContent
) -> Todo:
    return _todo(await tx.one(_UPDATE, _params(workspace_id, todo_id, actor, content)))


async def get(tx: Tx, workspace_id: UUID, todo_id: UUID, *, lock: bool = False) -> Todo | None:
    row = await tx.maybe(_GET + (" FOR UPDATE" if lock else ""), [workspace_id, todo_id])
    return _todo(row) if row else None


async def page(tx: Tx, workspace_id: UUID, listing: Listing) -> list[Todo]:
    where = "AND a.status = %(status)s " if listing.status else ""
    where += "AND a.due_time < %(due_before)s" if listing.due_before else ""
    sql, params = page_sql("todo", _COLUMNS, workspace_id, listing, where)
    params |= {"status": listing.status, "due_before": listing.due_before}
    return [_todo(row) for row in await tx.all(sql, params)]


async def delete(tx: Tx, workspace_id: UUID, todo_id: UUID) -> None:
    await tx.send(_DELETE, [workspace_id, todo_id])
