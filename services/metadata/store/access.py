"""Keep members and API keys; of a key's secret only the hash is stored."""

from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Row, Tx
from services.metadata.model import ApiKey, Member

_KEY = (
    "api_key_id, workspace_id, display_name, role, operator, version, create_time, expire_time,"
    " revoke_time, time_zone, week_start"
)
_VALID = "revoke_time IS NULL AND (expire_time IS NULL OR expire_time > now())"
_FIND = f"SELECT {_KEY}, secret_hash FROM api_keys WHERE api_key_id = %s AND {_VALID}"
_KNOWN = """
SELECT workspace_id, api_key_id, display_name, secret_hash, revoke_time IS NOT NULL AS revoked,
  coalesce(expire_time <= now(), false) AS expired
FROM api_keys WHERE api_key_id = %s"""
_GET_VALID = f"""
SELECT {_KEY} FROM api_keys WHERE workspace_id = %s AND api_key_id = %s AND {_VALID}"""
_INSERT_KEY = f"""
INSERT INTO api_keys (workspace_id, api_key_id, secret_hash, display_name, role, operator,
  expire_time, version)
VALUES (%s, %s, %s, %s, %s, %s, %s, 1) ON CONFLICT DO NOTHING RETURNING {_KEY}"""
_REVOKE = f"""
UPDATE api_keys SET revoke_time = now(), version = version + 1
WHERE workspace_id = %s AND api_key_id = %s AND revoke_time IS NULL RETURNING {_KEY}"""
_GET_KEY = f"SELECT {_KEY} FROM api_keys WHERE workspace_id = %s AND api_key_id = %s"
_LIST_KEYS = f"""
SELECT {_KEY} FROM api_keys
WHERE workspace_id = %s AND (create_time, api_key_id) > (%s, %s)
ORDER BY create_time, api_key_id LIMIT %s"""

_MEMBER = "principal_id, kind, display_name, role, version, create_time, time_zone, week_start"
_GET_MEMBER = f"""
SELECT {_MEMBER} FROM members WHERE workspace_id = %s AND principal_id = %s AND active"""
_SET_MEMBER = f"""
INSERT INTO members (workspace_id, principal_id, kind, display_name, role, active, version)
VALUES (%s, %s, %s, %s, %s, true, 1)
ON CONFLICT (workspace_id, principal_id) DO UPDATE SET kind = excluded.kind,
  display_name = excluded.display_name, role = excluded.role, active = true,
  version = members.version + 1, update_time = now()
RETURNING {_MEMBER}"""
_REMOVE_MEMBER = f"""
UPDATE members SET active = false, version = version + 1, update_time = now()
WHERE workspace_id = %s AND principal_id = %s AND active RETURNING {_MEMBER}"""
_PREFER = """
UPDATE {table} SET time_zone = %s, week_start = %s, version = version + 1{touched}
WHERE workspace_id = %s AND {key} = %s AND {live} RETURNING {columns}"""
_PREFER_MEMBER = _PREFER.format(
    table="members",
    touched=", update_time = now()",
    key="principal_id",
    live="active",
    columns=_MEMBER,
)
_PREFER_KEY = _PREFER.format(
    table="api_keys", touched="", key="api_key_id", live=_VALID, columns=_KEY
)
_LIST_MEMBERS = f"""
SELECT {_MEMBER} FROM members WHERE workspace_id = %s AND principal_id > %s AND active
ORDER BY principal_id LIMIT %s"""
_IS_PAST = "SELECT %s::timestamptz <= now()"


async def find_keys(tx: Tx, api_key_id: UUID) -> list[tuple[ApiKey, bytes]]:
    """Valid keys of that id in any workspace, each with its hash; for the workers' role."""
    rows = await tx.all(_FIND, [api_key_id])
    return [(_key(row), bytes(row["secret_hash"])) for row in rows]


async def known_keys(tx: Tx, api_key_id: UUID) -> list[Row]:
    """Keys of that id in any workspace, valid or not, with why they may not be; for the workers'
    role."""
    return await tx.all(_KNOWN, [api_key_id])


async def get_valid_key(tx: Tx, workspace_id: UUID, api_key_id: UUID) -> ApiKey | None:
    row = await tx.maybe(_GET_VALID, [workspace_id, api_key_id])
    return _key(row) if row else None


async def insert_key(
    tx: Tx,
    workspace_id: UUID,
    api_key_id: UUID,
    digest: bytes,
    *,
    display_name: str,
    role: str,
    operator: bool = False,
    expire_time: datetime | None = None,
) -> ApiKey | None:
    """The new key; None where the workspace has one of that id."""
    row = await tx.maybe(
        _INSERT_KEY,
        [workspace_id, api_key_id, digest, display_name, role, operator, expire_time],
    )
    return _key(row) if row else None


async def revoke_key(tx: Tx, workspace_id: UUID, api_key_id: UUID) -> ApiKey | None:
    """The key as revoked now; None where there is none, or it was revoked before."""
    row = await tx.maybe(_REVOKE, [workspace_id, api_key_id])
    return _key(row) if row else None


async def get_key(tx: Tx, workspace_id: UUID, api_key_id: UUID) -> ApiKey | None:
    row = await tx.maybe(_GET_KEY, [workspace_id, api_key_id])
    return _key(row) if row else None


async def list_keys(tx: Tx, workspace_id: UUID, *, after: Any, limit: int) -> list[ApiKey]:
    """Oldest first, after that (create time, id)."""
    since = after or ["-infinity", UUID(int=0)]
    return [_key(row) for row in await tx.all(_LIST_KEYS, [workspace_id, *since, limit])]


async def get_member(tx: Tx, workspace_id: UUID, principal_id: str) -> Member | None:
    row = await tx.maybe(_GET_MEMBER, [workspace_id, principal_id])
    return Member(**row) if row else None


async def set_member(
    tx: Tx, workspace_id: UUID, principal_id: str, *, kind: str, display_name: str, role: str
) -> Member:
    row = await tx.one(_SET_MEMBER, [workspace_id, principal_id, kind, display_name, role])
    return Member(**row)


async def prefer_member(
    tx: Tx, workspace_id: UUID, principal_id: str, time_zone: str, week_start: str
) -> Member | None:
    row = await tx.maybe(_PREFER_MEMBER, [time_zone, week_start, workspace_id, principal_id])
    return Member(**row) if row else None


async def prefer_key(
    tx: Tx, workspace_id: UUID, api_key_id: UUID, time_zone: str, week_start: str
) -> ApiKey | None:
    row = await tx.maybe(_PREFER_KEY, [time_zone, week_start, workspace_id, api_key_id])
    return _key(row) if row else None


async def remove_member(tx: Tx, workspace_id: UUID, principal_id: str) -> Member | None:
    row = await tx.maybe(_REMOVE_MEMBER, [workspace_id, principal_id])
    return Member(**row) if row else None


async def list_members(tx: Tx, workspace_id: UUID, *, after: str, limit: int) -> list[Member]:
    """In id order, after that id."""
    rows = await tx.all(_LIST_MEMBERS, [workspace_id, after, limit])
    return [Member(**row) for row in rows]


async def is_past(tx: Tx, moment: datetime) -> bool:
    """By the database's clock, which is what decides."""
    return bool(await tx.value(_IS_PAST, [moment]))


def _key(row: Row) -> ApiKey:
    return ApiKey(**{name: row[name] for name in _KEY.split(", ")})
