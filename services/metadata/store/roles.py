"""Keep the roles of the workspaces' own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from kit.db import Row, Tx
from kit.errors import AlreadyExists
from schema.access import ObjectAccess
from schema.jsonio import dumps
from services.metadata.model import CustomRole

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)  # others can't be, and are not asked for
_COLUMNS = (
    "role_id, name, description, permissions, objects::text AS objects, version, create_time,"
    " update_time"
)
_GET = f"SELECT {_COLUMNS} FROM roles WHERE workspace_id = %s AND name = %s"
_LIST = f"SELECT {_COLUMNS} FROM roles WHERE workspace_id = %s ORDER BY name"
_HOLD = "SELECT true FROM roles WHERE workspace_id = %s AND name = %s FOR SHARE"
_LOCK = f"{_GET} FOR UPDATE"
_INSERT = f"""
INSERT INTO roles (workspace_id, role_id, name, description, permissions, objects, version)
VALUES (%(workspace_id)s, %(role_id)s, %(name)s, %(description)s, %(permissions)s, %(objects)s, 1)
RETURNING {_COLUMNS}"""
_UPDATE = f"""
UPDATE roles SET description = %(description)s, permissions = %(permissions)s,
  objects = %(objects)s, version = version + 1, update_time = now()
WHERE workspace_id = %(workspace_id)s AND role_id = %(role_id)s RETURNING {_COLUMNS}"""
_DELETE = "DELETE FROM roles WHERE workspace_id = %s AND role_id = %s"
_USERS = """
SELECT (SELECT count(*) FROM members WHERE workspace_id = %(workspace_id)s AND role = %(role)s
  AND active) AS members,
  (SELECT count(*) FROM api_keys WHERE workspace_id = %(workspace_id)s AND role = %(role)s
  AND revoke_time IS NULL AND (expire_time IS NULL OR expire_time > now())) AS keys"""
_objects = msgspec.json.Decoder(dict[str, ObjectAccess])


async def get(tx: Tx, workspace_id: UUID, name: str) -> CustomRole | None:
    row = await tx.maybe(_GET, [workspace_id, name]) if NAME.fullmatch(name) else None
    return _role(row) if row else None


async def lock(tx: Tx, workspace_id: UUID, name: str) -> CustomRole | None:
    """The role, which stays as it is until commit, and which nobody is given meanwhile."""
    row = await tx.maybe(_LOCK, [workspace_id, name]) if NAME.fullmatch(name) else None
    return _role(row) if row else None


async def hold(tx: Tx, workspace_id: UUID, name: str) -> bool:
    """Whether there is the role; it is not deleted before commit."""
    return bool(NAME.fullmatch(name) and await tx.maybe(_HOLD, [workspace_id, name]))


async def every(tx: Tx, workspace_id: UUID) -> list[CustomRole]:
    """All of the workspace, in name order."""
    return [_role(row) for row in await tx.all(_LIST, [workspace_id])]


async def insert(
    tx: Tx,
    workspace_id: UUID,
    role_id: UUID,
    name: str,
    description: str,
    permissions: Sequence[str],
    objects: Mapping[str, ObjectAccess],
) -> CustomRole:
    """ALREADY_EXISTS / ROLE_NAME_TAKEN where there is one of that name."""
    message = f"there is a role {name!r} already"
    tx.violations["uq_roles_name"] = AlreadyExists("ROLE_NAME_TAKEN", message, role=name)
    values = _values(workspace_id, role_id, description, permissions, objects)
    return _role(await tx.one(_INSERT, values | {"name": name}))


async def update(
    tx: Tx,
    workspace_id: UUID,
    role_id: UUID,
    description: str,
    permissions: Sequence[str],
    objects: Mapping[str, ObjectAccess],
) -> CustomRole:
    values = _values(workspace_id, role_id, description, permissions, objects)
    return _role(await tx.one(_UPDATE, values))


async def delete(tx: Tx, workspace_id: UUID, role_id: UUID) -> None:
    await tx.run(_DELETE, [workspace_id, role_id])


async def users(tx: Tx, workspace_id: UUID, name: str) -> tuple[int, int]:
    """How many active members and valid keys have the role."""
    row = await tx.one(_USERS, {"workspace_id": workspace_id, "role": name})
    return row["members"], row["keys"]


def _values(
    workspace_id: UUID,
    role_id: UUID,
    description: str,
    permissions: Sequence[str],
    objects: Mapping[str, ObjectAccess],
) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "role_id": role_id,
        "description": description,
        "permissions": Jsonb(list(permissions)),
        "objects": Jsonb(msgspec.to_builtins(dict(objects)), dumps=dumps),
    }


def _role(row: Row) -> CustomRole:
    return CustomRole(
        row["role_id"],
        row["name"],
        row["description"],
        tuple(row["permissions"]),
        _objects.decode(row["objects"]),
        row["version"],
        row["create_time"],
        row["update_time"],
    )
