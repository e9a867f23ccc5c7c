"""Ask the typed index how many records a condition matches, up to a bound."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.field_types import Kind
from schema.filters.columns import Params
from schema.filters.index import IndexCondition
from services.records.logic import numbers, search
from services.records.logic.documents import INDEXED_LENGTH, slot_of
from services.records.logic.planner import SELECTIVE
from services.records.store.index import TABLES

_ACTOR_KEYS = {"created_by": "created_by_key", "updated_by": "updated_by_key"}


def matches_sql(workspace_id: UUID, condition: IndexCondition, params: Params) -> str:
    """A FROM and WHERE that select the index rows `v` of a condition. Of texts that contain
    something there are at most SELECTIVE: as many are too many to be of use."""
    if condition.op == "contains":
        return _texts_sql(condition, params)
    if condition.object_id:
        return _actors_sql(workspace_id, condition, params)
    table, cast = TABLES[condition.kind]
    column = "fold" if condition.kind is Kind.TEXT else "value"
    where = [
        f"v.workspace_id = {params.add(workspace_id, 'uuid')}",
        f"v.slot = {params.add(slot_of(condition.field_id, condition.part), 'uuid')}",
    ]
    if condition.op in {"eq", "in"}:
        values = [as_indexed(condition.kind, value) for value in condition.values]
        where.append(f"v.{column} = ANY({params.add(values, cast + '[]')})")
    elif condition.op == "prefix":
        prefix = as_indexed(condition.kind, condition.values[0])
        where.append(f"v.fold >= {params.add(prefix, 'text')}")
        if after := _after_prefix(prefix):
            where.append(f"v.fold < {params.add(after, 'text')}")
    else:
        where += range_sql(condition, column, cast, params)
    return f"FROM {table} AS v WHERE {' AND '.join(where)}"


def _actors_sql(workspace_id: UUID, condition: IndexCondition, params: Params) -> str:
    """The live records that one of these principals created, or changed last."""
    keys = [condition.object_id + value for value in condition.values]
    return (
        f"FROM records AS v WHERE v.workspace_id = {params.add(workspace_id, 'uuid')}"
        f" AND v.delete_time IS NULL"
        f" AND v.{_ACTOR_KEYS[condition.field_id]} = ANY({params.add(keys, 'text[]')})"
    )


def _texts_sql(condition: IndexCondition, params: Params) -> str:
    """The records whose text may contain the needles; the session's workspace alone."""
    slot = params.add(slot_of(condition.field_id, condition.part), "uuid")
    lows = sorted({low for needle in condition.values for low in search.cut(needle)})
    wanted = params.add(lows, "int8[]")
    return f"FROM text_matches({slot}, {wanted}, {SELECTIVE}) AS v"


def range_sql(condition: IndexCondition, column: str, cast: str, params: Params) -> list[str]:
    """The bounds; of shortened texts inclusive, since the document decides."""
    found = []
    loose = condition.kind is Kind.TEXT
    if condition.low is not None:
        low = params.add(as_indexed(condition.kind, condition.low), cast)
        found.append(f"v.{column} {'>=' if condition.low_inclusive or loose else '>'} {low}")
    if condition.high is not None:
        high = params.add(as_indexed(condition.kind, condition.high), cast)
        found.append(f"v.{column} {'<=' if condition.high_inclusive or loose else '<'} {high}")
    return found


def as_indexed(kind: Kind, value: Any) -> Any:
    """A canonical value as the value tables hold it: texts shortened, numbers encoded."""
    if kind is Kind.TEXT:
        return value[:INDEXED_LENGTH]
    return numbers.encode(Decimal(value)) if kind is Kind.NUMBER else value


def _after_prefix(prefix: str) -> str:
    """The least text that is greater than every text with this prefix, by code point."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at])
        if code < 0x10FFFF:
            following = 0xE000 if code == 0xD7FF else code + 1
            return prefix[:at] + chr(following)
    return ""


async def entries(tx: Tx, workspace_id: UUID, kind: Kind, slot: UUID, bound: int) -> int:
    """How many rows the index of one value has, none above `bound`."""
    table, _ = TABLES[kind]
    sql = (
        f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE workspace_id = %s AND slot = %s"
        f" LIMIT {int(bound)}) AS probe"
    )
    return int(await tx.value(sql, [workspace_id, slot]))


async def counts(
    tx: Tx, workspace_id: UUID, conditions: Sequence[IndexCondition], bound: int
) -> list[int]:
    """Matches of each condition, none above `bound`, in one round trip."""
    if not conditions:
        return []
    params = Params()
    parts = [
        f"(SELECT count(*) FROM (SELECT 1 {matches_sql(workspace_id, c, params)}"
        f" LIMIT {int(bound)}) AS probe{n}) AS c{n}"
        for n, c in enumerate(conditions)
    ]
    row = await tx.one(f"SELECT {', '.join(parts)}", params.values)
    return list(row.values())
