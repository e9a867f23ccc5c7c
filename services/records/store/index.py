"""Write the typed value tables: one multi-row statement for each table that is touched."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.field_types import Kind
from services.records.logic.documents import Entry

TABLES: dict[Kind, tuple[str, str]] = {
    Kind.TEXT: ("value_text", "text"),
    Kind.NUMBER: ("value_number", "numeric"),
    Kind.TIMESTAMP: ("value_timestamp", "timestamptz"),
    Kind.DATE: ("value_date", "date"),
    Kind.REF: ("value_ref", "uuid"),
}
_ADD = {
    kind: f"INSERT INTO {table} (workspace_id, slot, value, record_id)"
    f" SELECT %s, * FROM unnest(%s::uuid[], %s::{cast}[], %s::uuid[])"
    for kind, (table, cast) in TABLES.items()
}
_ADD[Kind.TEXT] = (
    "INSERT INTO value_text (workspace_id, slot, fold, value, record_id)"
    " SELECT %s, * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[])"
)
_REMOVE = {
    kind: f"DELETE FROM {table} AS v USING unnest(%s::uuid[], %s::{cast}[], %s::uuid[])"
    " AS d (slot, value, record_id) WHERE v.workspace_id = %s AND v.slot = d.slot"
    " AND v.value = d.value AND v.record_id = d.record_id"
    for kind, (table, cast) in TABLES.items()
}
_REMOVE[Kind.TEXT] = (
    "DELETE FROM value_text AS v USING unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[])"
    " AS d (slot, fold, value, record_id) WHERE v.workspace_id = %s AND v.slot = d.slot"
    " AND v.fold = d.fold AND v.value = d.value AND v.record_id = d.record_id"
)

Owned = tuple[UUID, Entry]


def _columns(owned: Iterable[Owned]) -> dict[Kind, list[list[Any]]]:
    """The entries' columns by table, in key order so that concurrent writers meet in one order."""
    by_kind: dict[Kind, list[tuple[Any, ...]]] = defaultdict(list)
    for record_id, entry in owned:
        value = entry.value if entry.kind is Kind.TEXT else (entry.value,)
        by_kind[entry.kind].append((entry.slot, *value, record_id))
    return {
        kind: [list(column) for column in zip(*sorted(rows), strict=True)]
        for kind, rows in sorted(by_kind.items())
    }


async def add(tx: Tx, workspace_id: UUID, owned: Iterable[Owned]) -> None:
    for kind, columns in _columns(owned).items():
        await tx.send(_ADD[kind], [workspace_id, *columns])


async def remove(tx: Tx, workspace_id: UUID, owned: Iterable[Owned]) -> None:
    for kind, columns in _columns(owned).items():
        await tx.send(_REMOVE[kind], [*columns, workspace_id])
