"""Keep the audit log, which only grows, and how often API keys are used."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx
from schema.jsonio import dumps
from services.metadata.model import AuditEntry, KeyUse

_COLUMNS = (
    "entry_id, actor_kind, actor_id, actor_name, action, target_kind, target_id, before, after,"
    " metadata_version, reason, permission, method, count, first_time, request_id, trace_id, ip,"
    " peer, user_agent"
)
_TYPES = (
    "uuid, text, text, text, text, text, text, jsonb, jsonb, int8, text, text, text, int8,"
    " timestamptz, text, text, text, text, text"
).split(", ")
_INSERT = (
    f"INSERT INTO audit_log (workspace_id, {_COLUMNS}) SELECT %s, * FROM"
    f" unnest({', '.join(f'%s::{kind}[]' for kind in _TYPES)})"
)
_READ = _COLUMNS.replace(
    "before, after",
    "coalesce(before::text, '') AS before, coalesce(after::text, '') AS after",
)
_FILTERS = {
    "actor_id": "actor_id = %(actor_id)s",
    "action": "action = %(action)s",
    "target_id": "target_id = %(target_id)s",
    "from_time": "create_time >= %(from_time)s",
    "to_time": "create_time < %(to_time)s",
    "before_time": "(create_time, entry_id) < (%(before_time)s, %(before_id)s)",
}
_COUNT = """
INSERT INTO key_uses (workspace_id, api_key_id, day, plane, calls)
SELECT %(workspace_id)s, key, (now() AT TIME ZONE 'UTC')::date, %(plane)s, calls
FROM unnest(%(keys)s::uuid[], %(calls)s::int8[]) AS n(key, calls) ORDER BY key
ON CONFLICT (workspace_id, api_key_id, day, plane) DO UPDATE SET
  calls = key_uses.calls + excluded.calls, last_used_time = excluded.last_used_time"""
_USES = """
SELECT day, plane, calls, last_used_time FROM key_uses
WHERE workspace_id = %(workspace_id)s AND api_key_id = %(key)s
  AND (day < %(day)s OR (day = %(day)s AND plane > %(plane)s))
ORDER BY day DESC, plane LIMIT %(limit)s"""
_LAST_USES = """
SELECT api_key_id, max(last_used_time) AS last_used_time FROM key_uses
WHERE workspace_id = %s AND api_key_id = ANY(%s) GROUP BY api_key_id"""


async def add(tx: Tx, workspace_id: UUID, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write entries, each a value for every column, with the transaction that they tell of."""
    columns = [[_value(entry[name]) for entry in entries] for name in _COLUMNS.split(", ")]
    await tx.send(_INSERT, [workspace_id, *columns])


async def newest(
    tx: Tx, workspace_id: UUID, wanted: Mapping[str, Any], *, limit: int
) -> list[AuditEntry]:
    """Newest first; `wanted` by filter, of which `before_time` goes with `before_id`."""
    conditions = " AND ".join(sql for name, sql in _FILTERS.items() if name in wanted)
    sql = (
        f"SELECT {_READ}, create_time FROM audit_log WHERE workspace_id = %(workspace_id)s"
        f"{' AND ' + conditions if conditions else ''}"
        " ORDER BY create_time DESC, entry_id DESC LIMIT %(limit)s"
    )
    rows = await tx.all(sql, {**wanted, "workspace_id": workspace_id, "limit": limit})
    return [_entry(row) for row in rows]


async def count_uses(tx: Tx, workspace_id: UUID, plane: str, uses: Mapping[UUID, int]) -> None:
    """Add calls to today's, by key."""
    values = {"keys": list(uses), "calls": list(uses.values())}
    await tx.run(_COUNT, {"workspace_id": workspace_id, "plane": plane, **values})


async def uses(
    tx: Tx, workspace_id: UUID, api_key_id: UUID, *, after: tuple[str, str] | None, limit: int
) -> list[KeyUse]:
    """Newest day first, planes by name; after that (day, plane)."""
    day, plane = after or ("9999-12-31", "")
    rows = await tx.all(
        _USES,
        {
            "workspace_id": workspace_id,
            "key": api_key_id,
            "day": date.fromisoformat(day),
            "plane": plane,
            "limit": limit,
        },
    )
    return [
        KeyUse(row["day"].isoformat(), row["plane"], row["calls"], row["last_used_time"])
        for row in rows
    ]


async def last_uses(
    tx: Tx, workspace_id: UUID, api_key_ids: Sequence[UUID]
) -> dict[UUID, datetime]:
    """When each of the keys was used last; without those that never were."""
    rows = await tx.all(_LAST_USES, [workspace_id, list(api_key_ids)])
    return {row["api_key_id"]: row["last_used_time"] for row in rows}


def _value(value: Any) -> Any:
    return Jsonb(value, dumps=dumps) if isinstance(value, Mapping) else value


def _entry(row: Row) -> AuditEntry:
    values = dict(row)
    actor = {name: values.pop(f"actor_{name}") for name in ("kind", "id", "name")}
    before, after = values.pop("before").encode(), values.pop("after").encode()
    return AuditEntry(actor=actor, before=before, after=after, **values)
