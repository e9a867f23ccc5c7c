"""Keep which blueprints a workspace has, what each has made, and what is still to be done."""

from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from kit.db import Row, Tx
from schema.jsonio import dumps
from services.metadata.model import Installed, Part, Task

_COLUMNS = "name, blueprint_version, made, parts::text AS parts, pending::text AS pending, leaving"
_LIST = f"SELECT {_COLUMNS} FROM blueprints WHERE workspace_id = %s"
_LOCK = f"SELECT {_COLUMNS} FROM blueprints WHERE workspace_id = %s AND name = %s FOR UPDATE"
_PUT = """
INSERT INTO blueprints (workspace_id, name, blueprint_version, made, parts, pending, leaving,
  version)
VALUES (%s, %s, %s, %s, %s, %s, %s, 1)
ON CONFLICT (workspace_id, name) DO UPDATE SET blueprint_version = excluded.blueprint_version,
  made = excluded.made, parts = excluded.parts, pending = excluded.pending,
  leaving = excluded.leaving, version = blueprints.version + 1, update_time = now()"""
_DROP = "DELETE FROM blueprints WHERE workspace_id = %s AND name = %s"
_parts = msgspec.json.Decoder(dict[str, dict[str, Part]])
_pending = msgspec.json.Decoder(tuple[Task, ...])


def _installed(row: Row) -> Installed:
    return Installed(
        row["name"],
        row["blueprint_version"],
        row["made"],
        _parts.decode(row["parts"]),
        _pending.decode(row["pending"]),
        row["leaving"],
    )


async def installed(tx: Tx, workspace_id: UUID) -> dict[str, Installed]:
    return {r["name"]: _installed(r) for r in await tx.all(_LIST, [workspace_id])}


async def lock(tx: Tx, workspace_id: UUID, name: str) -> Installed | None:
    """The blueprint, which nobody else changes until commit."""
    row = await tx.maybe(_LOCK, [workspace_id, name])
    return _installed(row) if row else None


async def put(tx: Tx, workspace_id: UUID, found: Installed) -> None:
    parts: Any = msgspec.to_builtins(found.parts)
    pending: Any = msgspec.to_builtins(found.pending)
    documents = [Jsonb(one, dumps=dumps) for one in (found.made, parts, pending)]
    await tx.send(_PUT, [workspace_id, found.name, found.version, *documents, found.leaving])


async def drop(tx: Tx, workspace_id: UUID, name: str) -> None:
    await tx.send(_DROP, [workspace_id, name])
