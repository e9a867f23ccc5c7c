"""Keep which blueprints a workspace has, and what each has made."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Tx

_LIST = "SELECT name, blueprint_version, made FROM blueprints WHERE workspace_id = %s"
_PUT = """
INSERT INTO blueprints (workspace_id, name, blueprint_version, made, version)
VALUES (%s, %s, %s, %s, 1)
ON CONFLICT (workspace_id, name) DO UPDATE SET blueprint_version = excluded.blueprint_version,
  made = excluded.made, version = blueprints.version + 1, update_time = now()"""
_DROP = "DELETE FROM blueprints WHERE workspace_id = %s AND name = %s"


@dataclass(frozen=True, slots=True)
class Installed:
    """A blueprint that a workspace has."""

    name: str
    version: int
    made: dict[str, list[str]]  # ids by noun


async def installed(tx: Tx, workspace_id: UUID) -> dict[str, Installed]:
    rows: list[dict[str, Any]] = await tx.all(_LIST, [workspace_id])
    return {r["name"]: Installed(r["name"], r["blueprint_version"], r["made"]) for r in rows}


async def put(tx: Tx, workspace_id: UUID, found: Installed) -> None:
    await tx.send(_PUT, [workspace_id, found.name, found.version, Jsonb(found.made)])


async def drop(tx: Tx, workspace_id: UUID, name: str) -> None:
    await tx.send(_DROP, [workspace_id, name])
