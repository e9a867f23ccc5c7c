"""Write the typed value tables: one statement for each, its rows as arrays."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.field_types import Kind
from services.records.logic.documents import Entry

TABLES: dict[Kind, tuple[str, str]] = {
    Kind.TEXT: ("value_text", "text"),
    Kind.NUMBER: ("value_number", "bytea"),
    Kind.TIMESTAMP: ("value_timestamp", "timestamptz"),
    Kind.DATE: ("value_date", "date"),
    Kind.REF: ("value_ref", "uuid"),
}


_ADD = """
INSERT INTO {table} (workspace_id, slot, {fold}value, record_id)
SELECT %(workspace)s::uuid, n.* FROM unnest({arrays}) AS n"""
_REMOVE = """
DELETE FROM {table} AS v USING unnest({arrays}) AS n (slot, {fold}value, record_id)
WHERE v.workspace_id = %(workspace)s::uuid AND v.slot = n.slot AND v.value = n.value
  AND v.record_id = n.record_id{same_fold}"""

Owned = tuple[UUID, Entry]


async def add(tx: Tx, workspace_id: UUID, owned: Iterable[Owned]) -> None:
    await _send(tx, workspace_id, owned, _ADDS)


async def remove(tx: Tx, workspace_id: UUID, owned: Iterable[Owned]) -> None:
    await _send(tx, workspace_id, owned, _REMOVES)


async def _send(
    tx: Tx, workspace_id: UUID, owned: Iterable[Owned], statements: dict[Kind, str]
) -> None:
    """One statement for each table. The rows of a record are its lock holder's, so that writers do
    not meet here, whatever the order."""
    rows: dict[Kind, list[tuple[Any, ...]]] = defaultdict(list)
    for record_id, (kind, slot, value) in owned:
        if kind is Kind.TEXT:
            rows[kind].append((slot, *value, record_id))
        else:
            rows[kind].append((slot, value, record_id))
    for kind, some in sorted(rows.items()):
        slots, *values, ids = map(list, zip(*some, strict=True))
        params = {"workspace": workspace_id, "slots": slots, "values": values[-1], "ids": ids}
        if kind is Kind.TEXT:
            params["folds"] = values[0]
        await tx.collect(statements[kind], params)


def _statement(form: str, kind: Kind) -> str:
    table, cast = TABLES[kind]
    texts = kind is Kind.TEXT
    arrays = ["%(slots)s::uuid[]", f"%(values)s::{cast}[]", "%(ids)s::uuid[]"]
    if texts:
        arrays.insert(1, "%(folds)s::text[]")
    return form.format(
        table=table,
        arrays=", ".join(arrays),
        fold="fold, " if texts else "",
        same_fold=" AND v.fold = n.fold" if texts else "",
    )


_ADDS = {kind: _statement(_ADD, kind) for kind in TABLES}
_REMOVES = {kind: _statement(_REMOVE, kind) for kind in TABLES}
