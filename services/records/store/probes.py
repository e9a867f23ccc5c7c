"""Ask the typed index how many records a condition matches, up to a bound."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.field_types import Kind
from schema.filters.columns import Params
from schema.filters.index import IndexCondition, Through
from services.records.logic import numbers, search
from services.records.logic.documents import INDEXED_LENGTH, slot_of
from services.records.logic.planner import SELECTIVE
from services.records.store.index import TABLES

_ACTOR_KEYS = {"created_by": "created_by_key", "updated_by": "updated_by_key"}


def matches_sql(workspace_id: UUID, condition: IndexCondition, params: Params) -> str:
    """A FROM and WHERE that select the index rows `v` of a condition. Of texts that contain
    something there are at most SELECTIVE: as many are too many to be of use."""
    if condition.through is not None:
        return _links_sql(workspace_id, condition.field_id, condition.through, params)
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


def _links_sql(workspace_id: UUID, link_type_id: str, through: Through, params: Params) -> str:
    """The records with such a link: read from the ends that an index finds, or all of them."""
    which = (
        f".workspace_id = {params.add(workspace_id, 'uuid')}"
        f" AND {{row}}.link_type_id = {params.add(link_type_id, 'uuid')}"
    )
    if through.far is None:
        side = _side(through.outward, symmetric=through.symmetric)
        return (
            f"FROM record_links AS v WHERE v{which.format(row='v')} AND v.outward{side} AND v.live"
        )
    side = _side(not through.outward, symmetric=through.symmetric)
    return (
        f"FROM (SELECT DISTINCT v.record_id {matches_sql(workspace_id, through.far, params)}) AS f"
        f" CROSS JOIN LATERAL (SELECT l.other_id AS record_id FROM record_links AS l"
        f" WHERE l{which.format(row='l')} AND l.record_id = f.record_id AND l.outward{side}"
        f" AND l.live OFFSET 0) AS v"
    )


def _side(outward: bool, *, symmetric: bool) -> str:
    """Of a symmetric type both ends are the same; both are named, so that the index is used."""
    return " = ANY('{false,true}')" if symmetric else f" = {str(outward).lower()}"


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
        f"{_count_sql(workspace_id, c, bound, params)} AS c{n}" for n, c in enumerate(conditions)
    ]
    row = await tx.one(f"SELECT {', '.join(parts)}", params.values)
    return list(row.values())


def _count_sql(workspace_id: UUID, condition: IndexCondition, bound: int, params: Params) -> str:
    """The matches of a condition up to the bound. Ends of links that are too many for it are not
    followed: however few links they have, looking for each would cost too much."""
    sql = (
        f"(SELECT count(*) FROM (SELECT 1 {matches_sql(workspace_id, condition, params)}"
        f" LIMIT {int(bound)}) AS probe)"
    )
    if condition.through is None or condition.through.far is None:
        return sql
    ends = _count_sql(workspace_id, condition.through.far, bound, params)
    return f"(CASE WHEN {ends} >= {int(bound)} THEN {int(bound)} ELSE {sql} END)"
