"""Keep feature flags."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx
from services.metadata.model import Flag

_COLUMNS = (
    "flag_id, key, environment, type, value::text AS value, rollout_percentage, reason, operator,"
    " version, create_time, update_time"
)
_EVERY = f"SELECT {_COLUMNS} FROM flags WHERE workspace_id = %s ORDER BY key, environment"
_GET = f"""
SELECT {_COLUMNS} FROM flags WHERE workspace_id = %s AND key = %s AND environment = %s"""
_LOCK = f"{_GET} FOR UPDATE"
_INSERT = f"""
INSERT INTO flags (workspace_id, flag_id, key, environment, type, value, rollout_percentage,
  reason, operator, version)
VALUES (%(workspace_id)s, %(flag_id)s, %(key)s, %(environment)s, %(type)s, %(value)s::jsonb,
  %(rollout)s, %(reason)s, %(operator)s, 1)
RETURNING {_COLUMNS}"""
_UPDATE = f"""
UPDATE flags SET type = %(type)s, value = %(value)s::jsonb, rollout_percentage = %(rollout)s,
  reason = %(reason)s, operator = %(operator)s, version = version + 1, update_time = now()
WHERE workspace_id = %(workspace_id)s AND flag_id = %(flag_id)s RETURNING {_COLUMNS}"""
_DELETE = "DELETE FROM flags WHERE workspace_id = %s AND flag_id = %s"


async def every(tx: Tx, workspace_id: UUID) -> list[Flag]:
    """All of the workspace, by key and environment."""
    return [_flag(row) for row in await tx.all(_EVERY, [workspace_id])]


async def get(tx: Tx, workspace_id: UUID, key: str, environment: str) -> Flag | None:
    row = await tx.maybe(_GET, [workspace_id, key, environment])
    return _flag(row) if row else None


async def lock(tx: Tx, workspace_id: UUID, key: str, environment: str) -> Flag | None:
    """The flag, which stays as it is until commit."""
    row = await tx.maybe(_LOCK, [workspace_id, key, environment])
    return _flag(row) if row else None


async def insert(tx: Tx, workspace_id: UUID, flag_id: UUID, **values: Any) -> Flag:
    return _flag(await tx.one(_INSERT, _values(workspace_id, flag_id, values)))


async def update(tx: Tx, workspace_id: UUID, flag_id: UUID, **values: Any) -> Flag:
    return _flag(await tx.one(_UPDATE, _values(workspace_id, flag_id, values)))


async def delete(tx: Tx, workspace_id: UUID, flag_id: UUID) -> None:
    await tx.run(_DELETE, [workspace_id, flag_id])


def _values(workspace_id: UUID, flag_id: UUID, values: dict[str, Any]) -> dict[str, Any]:
    own = {"workspace_id": workspace_id, "flag_id": flag_id}
    return own | values | {"operator": Jsonb(values["operator"])}


def _flag(row: Row) -> Flag:
    return Flag(**{**row, "value": row["value"].encode()})
