"""Write the typed value tables: one statement for all of them, its rows as one JSON document."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema import jsonio
from schema.field_types import Kind
from services.records.logic.documents import Entry

TABLES: dict[Kind, tuple[str, str]] = {
    Kind.TEXT: ("value_text", "text"),
    Kind.NUMBER: ("value_number", "bytea"),
    Kind.TIMESTAMP: ("value_timestamp", "timestamptz"),
    Kind.DATE: ("value_date", "date"),
    Kind.REF: ("value_ref", "uuid"),
}


def _rows(kind: Kind) -> str:
    """The JSON rows of one kind as a table: slot, (fold,) value, record_id.

    OFFSET 0 keeps the casts out of the conditions they meet in: a cast may leak, and what may leak
    can't drive an index under row security.
    """
    _, cast = TABLES[kind]
    fold = "(e->>3) AS fold, " if kind is Kind.TEXT else ""
    return (
        f"SELECT (e->>0)::uuid AS slot, {fold}(e->>1)::{cast} AS value,"
        f" (e->>2)::uuid AS record_id FROM jsonb_array_elements(d.doc->'{kind}') AS e OFFSET 0"
    )


def _add(kind: Kind) -> str:
    table, _ = TABLES[kind]
    columns = "slot, fold, value, record_id" if kind is Kind.TEXT else "slot, value, record_id"
    return (
        f"INSERT INTO {table} (workspace_id, {columns})"
        f" SELECT %(workspace)s::uuid, {columns} FROM d, LATERAL ({_rows(kind)}) AS n"
    )


def _remove(kind: Kind) -> str:
    table, _ = TABLES[kind]
    fold = " AND v.fold = n.fold" if kind is Kind.TEXT else ""
    return (
        f"DELETE FROM {table} AS v USING d, LATERAL ({_rows(kind)}) AS n"
        f" WHERE v.workspace_id = %(workspace)s::uuid AND v.slot = n.slot AND v.value = n.value"
        f" AND v.record_id = n.record_id{fold}"
    )


Owned = tuple[UUID, Entry]


def _by_kind(owned: Iterable[Owned]) -> dict[Kind, list[list[Any]]]:
    """JSON rows by table, in key order so that concurrent writers meet in one order."""
    found: dict[Kind, list[list[Any]]] = defaultdict(list)
    for record_id, entry in owned:
        value = entry.value
        if entry.kind is Kind.TEXT:
            fold, exact = value
            found[entry.kind].append([str(entry.slot), exact, str(record_id), fold])
            continue
        if entry.kind is Kind.NUMBER:
            value = f"\\x{value.hex()}"  # as Postgres writes bytea
        else:
            value = value.isoformat() if isinstance(value, datetime) else str(value)
        found[entry.kind].append([str(entry.slot), value, str(record_id)])
    return {kind: sorted(rows) for kind, rows in sorted(found.items())}


async def add(tx: Tx, workspace_id: UUID, owned: Iterable[Owned]) -> None:
    await _send(tx, workspace_id, _by_kind(owned), _add)


async def remove(tx: Tx, workspace_id: UUID, owned: Iterable[Owned]) -> None:
    await _send(tx, workspace_id, _by_kind(owned), _remove)


async def _send(tx: Tx, workspace_id: UUID, rows: dict[Kind, list[list[Any]]], form: Any) -> None:
    if not rows:
        return
    *leading, last = [form(kind) for kind in rows]
    parts = ["d AS MATERIALIZED (SELECT %(rows)s::jsonb AS doc)"]
    parts += [f"w{n} AS ({statement})" for n, statement in enumerate(leading)]
    document = jsonio.dumps(rows).decode()
    sql = f"WITH {', '.join(parts)} {last}"
    await tx.send(sql, {"workspace": workspace_id, "rows": document})
