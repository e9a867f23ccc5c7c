"""Keep todos."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists
from services.artifacts.model import Actor, Listing, Todo, TodoContent
from services.artifacts.store.listing import page_sql

_COLUMNS = (
    "todo_id, title, body, status, due, due_time, priority, assignees, position, version,"
    " creator_id, created_by, updated_by, create_time, update_time, complete_time"
)
# New ones come last: after all others without reading them.
_POSITION = (
    "coalesce(nullif(%(position)s::float8, 0), extract(epoch FROM clock_timestamp()) * 1000)"
)
_INSERT = f"""
INSERT INTO todos (workspace_id, todo_id, title, body, status, due, due_time, priority, assignees,
  position, version, creator_id, created_by, updated_by, complete_time)
VALUES (%(workspace_id)s, %(todo_id)s, %(title)s, %(body)s, %(status)s, %(due)s, %(due_time)s,
  %(priority)s, %(assignees)s, {_POSITION}, 1, %(creator_id)s, %(actor)s, %(actor)s,
  CASE WHEN %(status)s = 'done' THEN now() END)
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


async def insert(
    tx: Tx, workspace_id: UUID, todo_id: UUID, creator_id: str, actor: Actor, content: TodoContent
) -> Todo:
    params = _params(workspace_id, todo_id, actor, content) | {"creator_id": creator_id}
    taken = AlreadyExists("TODO_EXISTS", "a todo with this id exists", id=str(todo_id))
    with on_violation("pk_todos", taken):
        return _todo(await tx.one(_INSERT, params))


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
