"""Load a workspace's definitions in one statement, and write those that changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from kit.db import Tx
from schema.jsonio import dumps
from schema.model import Field, LinkType, Object, View
from services.metadata.logic.catalog import Definitions
from services.metadata.model import Entity, Noun, Stored

_META = ("version", "create_time", "update_time")
_DERIVED = {
    "fields",
    "formula",
    "rollup",
}  # what compiled definitions have beside those that are stored

# Where each part of a definition stands: (table, its key, struct, part -> column).
_TABLES: dict[Noun, tuple[str, str, type[Entity], dict[str, str]]] = {}


def _describe(noun: Noun, table: str, kind: type[Entity], **renamed: str) -> None:
    names = [name for name in kind.__struct_fields__ if name not in _DERIVED]
    parts = {name: renamed.get(name, name) for name in names}
    key = f"{noun}_id"
    _TABLES[noun] = (table, key, kind, parts | {"id": key})


_describe(Noun.OBJECT, "objects", Object, unique_constraints="constraints")
_describe(
    Noun.FIELD,
    "fields",
    Field,
    default="default_value",
    required="is_required",
    unique="is_unique",
    indexed="is_indexed",
    searchable="is_searchable",
)
_describe(Noun.LINK_TYPE, "link_types", LinkType, symmetric="is_symmetric")
_describe(Noun.VIEW, "views", View)

_OPTIONAL_IDS = {"group_field_id", "date_field_id", "end_date_field_id", "location_field_id"}
_JSON = {"settings", "options", "default_value", "source_kinds", "target_kinds", "columns"}
_JSON |= {"filter", "groups", "aggregates", "constraints", "duplicate_criteria"}


def _is_optional_id(noun: Noun, part: str) -> bool:
    return part in _OPTIONAL_IDS or (noun is Noun.LINK_TYPE and part == "field_id")


def _list(noun: Noun) -> str:
    """A JSON list of all rows of a table, each with its definition in exactly the struct's form."""
    table, _, _, parts = _TABLES[noun]
    columns = ", ".join(
        f"coalesce({column}::text, '') AS \"{part}\""
        if _is_optional_id(noun, part)
        else f'{column} AS "{part}"'
        for part, column in parts.items()
    )
    return (
        f"(SELECT coalesce(json_agg(json_build_object('value', row_to_json(v), 'version', version,"
        f" 'create_time', create_time, 'update_time', update_time)), '[]')::text"
        f" FROM {table} t, LATERAL (SELECT {columns}) v WHERE t.workspace_id = w.workspace_id)"
        f" AS {noun}"
    )


# One statement sees one state of the database, whoever writes meanwhile.
_LOAD = f"""
SELECT m.version, w.time_zone, w.week_start, {", ".join(_list(noun) for noun in Noun)}
FROM workspaces w JOIN metadata_versions m USING (workspace_id)
WHERE w.workspace_id = %s"""
VERSION_OF = "version_of"  # a function, of the workspace's id
_VERSION = "SELECT version FROM metadata_versions WHERE workspace_id = %s"
_LOCK = """
SELECT version, clock_timestamp() AS now FROM metadata_versions
WHERE workspace_id = %s FOR UPDATE"""
_BUMP = "UPDATE metadata_versions SET version = %s WHERE workspace_id = %s"


def _upsert(noun: Noun) -> str:
    table, key, _, parts = _TABLES[noun]
    columns = ["workspace_id", *parts.values(), *_META]
    values = ", ".join(f"%({column})s" for column in columns)
    changed = [c for c in columns if c not in {"workspace_id", key, "create_time"}]
    assignments = ", ".join(f"{c} = excluded.{c}" for c in changed)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"
        f" ON CONFLICT (workspace_id, {key}) DO UPDATE SET {assignments}"
    )


_UPSERT = {noun: _upsert(noun) for noun in Noun}
_DELETE = {
    noun: f"DELETE FROM {table} WHERE workspace_id = %s AND {key} = %s"
    for noun, (table, key, _, _) in _TABLES.items()
}
_DECODERS: dict[Noun, Any] = {
    Noun.OBJECT: msgspec.json.Decoder(list[Stored[Object]]),
    Noun.FIELD: msgspec.json.Decoder(list[Stored[Field]]),
    Noun.LINK_TYPE: msgspec.json.Decoder(list[Stored[LinkType]]),
    Noun.VIEW: msgspec.json.Decoder(list[Stored[View]]),
}


async def version_of(tx: Tx, workspace_id: UUID) -> int | None:
    """The present version; None where there is no such workspace."""
    found: int | None = await tx.value(_VERSION, [workspace_id])
    return found


async def lock(tx: Tx, workspace_id: UUID) -> tuple[int, datetime] | None:
    """Wait for other writers of the workspace; the version then, and the time."""
    row = await tx.maybe(_LOCK, [workspace_id])
    return (row["version"], row["now"]) if row else None


async def load(tx: Tx, workspace_id: UUID) -> Definitions:
    """Everything the workspace defines, at one version."""
    row = await tx.one(_LOAD, [workspace_id])
    found = {noun: _DECODERS[noun].decode(row[noun]) for noun in Noun}
    by_id: dict[Noun, dict[str, Stored[Any]]] = {
        noun: {stored.value.id: stored for stored in rows} for noun, rows in found.items()
    }
    return Definitions(
        workspace_id=str(workspace_id),
        version=row["version"],
        time_zone=row["time_zone"],
        week_start=row["week_start"],
        objects=by_id[Noun.OBJECT],
        fields=by_id[Noun.FIELD],
        link_types=by_id[Noun.LINK_TYPE],
        views=by_id[Noun.VIEW],
    )


async def bump(tx: Tx, workspace_id: UUID, version: int) -> None:
    await tx.send(_BUMP, [version, workspace_id])


async def write(tx: Tx, workspace_id: UUID, noun: Noun, stored: Stored[Any]) -> None:
    """Insert or replace one definition, under the workspace's lock."""
    parts = _TABLES[noun][3]
    row: dict[str, Any] = {
        column: _value(noun, part, column, getattr(stored.value, part))
        for part, column in parts.items()
    }
    row |= {name: getattr(stored, name) for name in _META}
    await tx.send(_UPSERT[noun], row | {"workspace_id": workspace_id})


def _value(noun: Noun, part: str, column: str, value: Any) -> Any:
    if column in _JSON:
        return None if value is None else Jsonb(value, dumps=dumps)
    if _is_optional_id(noun, part):
        return UUID(value) if value else None
    if part in {"id", "object_id"}:
        return UUID(value)
    return str(value) if isinstance(value, str) else value


async def delete(tx: Tx, workspace_id: UUID, noun: Noun, entity_id: str) -> None:
    await tx.send(_DELETE[noun], [workspace_id, entity_id])


def document(entity: Entity | None) -> Mapping[str, Any] | None:
    """A definition as JSON values, for events and the history."""
    if entity is None:
        return None
    found: dict[str, Any] = msgspec.to_builtins(entity)
    return {name: value for name, value in found.items() if name not in _DERIVED}
