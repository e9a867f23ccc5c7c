"""Assemble and run the reads; the SQL is written so that Postgres can't choose otherwise.

A lateral subquery behind OFFSET 0 makes the driving index the outer side of a nested loop, whatever
Postgres believes about our mixed values.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit import clock
from kit.db import Tx
from schema.access import ruled
from schema.compiled import CompiledObject
from schema.field_types import Kind
from schema.filters.columns import Params
from schema.filters.context import EvalContext
from schema.filters.index import IndexCondition
from schema.filters.sql import compile_sql
from schema.filters.tree import Tree
from schema.sorts import SortKey, keyset_sql, order_by_sql
from services.records.logic import documents
from services.records.logic.planner import Drive
from services.records.model import Projection, Query, Read, Spelled
from services.records.store.dialect import DIALECT
from services.records.store.index import TABLES
from services.records.store.probes import as_indexed, matches_sql, range_sql

_PLATFORM = (
    "r.record_id, r.version, r.position, r.create_time, r.update_time, r.delete_time,"
    " r.created_by::text, r.updated_by::text"
)
_WIDTH = 8
_SORTED = {"record_id", "create_time", "position"}  # never null, and with an index


def fields_sql(
    obj: CompiledObject, projection: Projection | None, params: Params, row: str = "r"
) -> str:
    """The record's fields as clients see them, built by Postgres as one JSON text."""
    if projection is not None and projection.names:
        pairs = [
            f"{params.text(name)}, {row}.doc->{params.text(_key(obj, name))}"
            for name in projection.names
        ]
        # An argument list is bounded at 100; objects are joined beyond it.
        parts = [
            f"jsonb_build_object({', '.join(pairs[at : at + 45])})"
            for at in range(0, len(pairs), 45)
        ]
        return f"({' || '.join(parts)})::text"
    shown = f"{row}.doc"
    renamed = documents.renamed(obj)
    if obj.derived("has strangers", lambda: documents.has_strangers(obj)):
        known = params.texts([name for name in obj.fields if name not in renamed])
        shown = (
            f"(SELECT coalesce(jsonb_object_agg(key, value), '{{}}') FROM jsonb_each({shown})"
            f" WHERE key = ANY({known}))"
        )
    elif obj.retired_keys:
        shown = f"({shown} - {params.texts(list(obj.retired_keys))})"
    for name, key in renamed.items():
        shown += f" || jsonb_build_object({params.text(name)}, {row}.doc->{params.text(key)})"
    return f"({params.add(documents.template(obj), 'jsonb')} || {shown})::text"


def _key(obj: CompiledObject, name: str) -> str:
    field = obj.fields[name]
    return field.key or field.name


def _sort_columns(keys: Sequence[SortKey], params: Params) -> list[str]:
    """The sort's values as texts, for the page token."""
    return [c.sql("r", params) + "::text" for key in keys for c in key.components]


def conditions_of(query: Query, tree: Tree | None, params: Params) -> list[str]:
    """What the query asks of a row `r`, but for its workspace."""
    found = [f"r.object_id = {params.add(UUID(query.object.id), 'uuid')}"]
    if not query.show_deleted:
        found.append("r.delete_time IS NULL")
    if tree is not None:
        found.append(compile_sql(tree, query.context, DIALECT, params).text)
    return found


def _source(workspace_id: UUID, driver: str, params: Params) -> str:
    """`driver` gives record ids `d.record_id`, in its own order; records follow one by one."""
    workspace = params.add(workspace_id, "uuid")
    return (
        f"({driver}) AS d CROSS JOIN LATERAL (SELECT r.* FROM records AS r"
        f" WHERE r.workspace_id = {workspace} AND r.record_id = d.record_id OFFSET 0) AS r"
    )


async def by_condition(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    tree: Tree | None,
    condition: IndexCondition,
    after: Sequence[Any] | None,
    limit: int,
) -> list[tuple[Any, ...]]:
    """A page driven by a condition that matches few records; sorted in memory."""
    params = Params()
    driver = f"SELECT DISTINCT v.record_id {matches_sql(workspace_id, condition, params)}"
    return await _run(tx, workspace_id, query, tree, driver, after, limit, params, order="")


async def by_index(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    tree: Tree | None,
    drive: Drive,
    bounds: IndexCondition | None,
    after: Sequence[Any] | None,
    keys: Sequence[SortKey],
    limit: int,
) -> list[tuple[Any, ...]]:
    """A page driven by the first sort key's index, each document checked in order.

    `keys` are those of the segment; `after` the place in the order of all of the query's keys.
    """
    assert drive.kind is not None
    params = Params()
    table, cast = TABLES[drive.kind]
    column = "fold" if drive.kind is Kind.TEXT else "value"
    direction = "DESC" if drive.descending else "ASC"
    where = [
        f"v.workspace_id = {params.add(workspace_id, 'uuid')}",
        f"v.slot = {params.add(drive.slot, 'uuid')}",
    ]
    if bounds is not None:
        where += range_sql(bounds, column, cast, params)
    exact = len(keys) == 2 and drive.kind is not Kind.TEXT  # the value and the id say it all
    if after is not None:
        place = as_indexed(drive.kind, after[_offset(query.keys, keys)])
        bound = params.add(place, cast)
        where.append(f"v.{column} {'<=' if drive.descending else '>='} {bound}")
        if exact:
            last = params.add(after[-1], "uuid")
            passed = ">=" if keys[-1].descending else "<="
            where.append(f"NOT (v.{column} = {bound} AND v.record_id {passed} {last})")
    inner = f"v.{column} {direction}"
    if exact:
        inner += f", v.record_id {'DESC' if keys[-1].descending else 'ASC'}"
    driver = (
        f"SELECT v.{column} AS driving, v.record_id FROM {table} AS v"
        f" WHERE {' AND '.join(where)} ORDER BY {inner} OFFSET 0"
    )
    # Said again outside: a semi-join of the filter may take the records in another order.
    order = f"d.driving {direction}, "
    if exact:
        order += f"d.record_id {'DESC' if keys[-1].descending else 'ASC'}"
    else:
        order += order_by_sql(query.keys, params).text
    checked = None if exact else after
    return await _run(tx, workspace_id, query, tree, driver, checked, limit, params, order=order)


def _offset(all_keys: Sequence[SortKey], keys: Sequence[SortKey]) -> int:
    """Where the values of the segment's first key begin among the token's."""
    leading = all_keys[: len(all_keys) - len(keys)]
    return sum(len(key.components) for key in leading)


async def by_scan(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    tree: Tree | None,
    drive: Drive | None,
    after: Sequence[Any] | None,
    keys: Sequence[SortKey],
    limit: int,
) -> list[tuple[Any, ...]]:
    """A page in the order of a platform column's index; without one, all matches are sorted.

    `keys` are those of the segment; `after` the place in the order of all of the query's keys.
    """
    params = Params()
    where = [
        f"r.workspace_id = {params.add(workspace_id, 'uuid')}",
        *conditions_of(query, tree, params),
    ]
    if after is not None:
        where.append(keyset_sql(query.keys, after, params).text)
        if drive is not None:
            cast = {"record_id": "uuid", "create_time": "timestamptz", "position": "numeric"}
            bound = params.add(after[_offset(query.keys, keys)], cast[drive.column])
            where.append(f"r.{drive.column} {'<=' if drive.descending else '>='} {bound}")
    columns = page_columns(query, params)
    order = order_by_sql(keys, params).text
    if drive is not None and all(key.leaf.column in _SORTED for key in keys):
        order = ", ".join(f"r.{k.leaf.column} {'DESC' if k.descending else 'ASC'}" for k in keys)
    picked = (
        f"SELECT r.* FROM records AS r WHERE {' AND '.join(where)}"
        f" ORDER BY {order} LIMIT {int(limit)}"
    )
    return await tx.tuples(_shown(columns, picked), params.values)


def page_columns(query: Query, params: Params) -> str:
    """What `to_read` and `sort_place` take, of row `r`."""
    shown = fields_sql(query.object, query.projection, params)
    lead = _head_sql(query.object, params) if query.spelled else _PLATFORM
    return ", ".join([lead, shown, *_sort_columns(query.keys, params)])


def _head_sql(obj: CompiledObject, params: Params) -> str:
    """A record's JSON up to its fields, as the HTTP API writes it."""

    def moment(column: str) -> str:
        return f"replace(to_json(r.{column})::text, '+00:00', 'Z')"

    return (
        """'{"id":"' || r.record_id || '","object":"' || """
        f"{params.text(obj.name)} || "
        f"""'","version":' || r.version || ',"create_time":' || {moment("create_time")}"""
        f""" || ',"update_time":' || {moment("update_time")}"""
        f""" || CASE WHEN r.delete_time IS NULL THEN '' ELSE ',"delete_time":' ||"""
        f""" {moment("delete_time")} END || ',"created_by":' || r.created_by::text"""
        """ || ',"updated_by":' || r.updated_by::text || ',"position":'"""
        """ || r.position::float8 || ',"fields":'"""
    )


async def _run(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    tree: Tree | None,
    driver: str,
    after: Sequence[Any] | None,
    limit: int,
    params: Params,
    *,
    order: str,
) -> list[tuple[Any, ...]]:
    where = conditions_of(query, tree, params)
    if after is not None:
        where.append(keyset_sql(query.keys, after, params).text)
    source = _source(workspace_id, driver, params)
    columns = page_columns(query, params)
    order = order or order_by_sql(query.keys, params).text
    picked = (
        f"SELECT r.* FROM {source} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {int(limit)}"
    )
    return await tx.tuples(_shown(columns, picked), params.values)


def _shown(columns: str, picked: str) -> str:
    """What clients see of the rows that are picked, in their order: behind the limit, since
    Postgres would build the JSON of every match before it sorts them."""
    return f"SELECT {columns} FROM ({picked}) AS r"


def to_records(query: Query, rows: Sequence[Sequence[Any]]) -> list[Read | Spelled]:
    if query.spelled:
        return [Spelled(row[0].encode(), row[1].encode()) for row in rows]
    return [to_read(query.object, row) for row in rows]


def to_read(obj: CompiledObject, row: Sequence[Any]) -> Read:
    return Read(
        id=row[0],
        object=obj.name,
        version=row[1],
        position=float(row[2]),
        create_time=row[3],
        update_time=row[4],
        delete_time=row[5],
        created_by=row[6],
        updated_by=row[7],
        fields_json=row[8].encode(),
    )


def sort_place(query: Query, row: Sequence[Any]) -> list[Any]:
    """The place of a row in the order, for the page token."""
    return list(row[2 if query.spelled else _WIDTH + 1 :])


async def place_of(tx: Tx, workspace_id: UUID, query: Query, record_id: UUID) -> list[Any] | None:
    """The place of a record in the query's order, deleted or not; None where there is none."""
    params = Params()
    columns = ", ".join(_sort_columns(query.keys, params))
    rows = await tx.tuples(
        f"SELECT {columns} FROM records AS r"
        f" WHERE r.workspace_id = {params.add(workspace_id, 'uuid')}"
        f" AND r.record_id = {params.add(record_id, 'uuid')}",
        params.values,
    )
    return list(rows[0]) if rows else None


async def by_ids(
    tx: Tx,
    workspace_id: UUID,
    obj: CompiledObject,
    ids: Sequence[UUID],
    projection: Projection | None,
    *,
    show_deleted: bool = False,
) -> dict[UUID, Read]:
    """Records by id, in one query; those that the object's rule hides are not among them."""
    params = Params()
    shown = fields_sql(obj, projection, params)
    live = "" if show_deleted else " AND r.delete_time IS NULL"
    sql = (
        f"SELECT {_PLATFORM}, {shown} FROM records AS r"
        f" WHERE r.workspace_id = {params.add(workspace_id, 'uuid')}"
        f" AND r.record_id = ANY({params.add(list(ids), 'uuid[]')})"
        f" AND r.object_id = {params.add(UUID(obj.id), 'uuid')}{live}{_rule(obj, params)}"
    )
    return {row[0]: to_read(obj, row) for row in await tx.tuples(sql, params.values)}


def _rule(obj: CompiledObject, params: Params) -> str:
    """What the object's record rule asks of row `r`; nothing where it has none."""
    now = clock.now()
    tree = ruled(obj, None, now)
    if tree is None:
        return ""
    return f" AND {compile_sql(tree, EvalContext(now), DIALECT, params).text}"


async def visible(
    tx: Tx, workspace_id: UUID, obj: CompiledObject, ids: Sequence[UUID]
) -> frozenset[UUID]:
    """Those of these records of the object, deleted ones included, that its rule lets through."""
    params = Params()
    sql = (
        f"SELECT r.record_id FROM records AS r"
        f" WHERE r.workspace_id = {params.add(workspace_id, 'uuid')}"
        f" AND r.record_id = ANY({params.add(list(ids), 'uuid[]')})"
        f" AND r.object_id = {params.add(UUID(obj.id), 'uuid')}{_rule(obj, params)}"
    )
    return frozenset(row[0] for row in await tx.tuples(sql, params.values))


def matching(
    workspace_id: UUID, query: Query, condition: IndexCondition | None, params: Params
) -> str:
    """A FROM and WHERE of the records `r` that match, in no order, driven by a selective condition
    where there is one."""
    where = conditions_of(query, query.tree, params)
    if condition is not None:
        driver = f"SELECT DISTINCT v.record_id {matches_sql(workspace_id, condition, params)}"
        source = _source(workspace_id, driver, params)
    else:
        source = "records AS r"
        where.append(f"r.workspace_id = {params.add(workspace_id, 'uuid')}")
    return f"FROM {source} WHERE {' AND '.join(where)}"


async def count(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    condition: IndexCondition | None,
    *,
    bound: int | None = None,
) -> int:
    """How many records match, driven by a selective condition where there is one."""
    params = Params()
    found = f"SELECT 1 {matching(workspace_id, query, condition, params)}"
    if bound is not None:
        found += f" LIMIT {int(bound)}"
    return int(await tx.value(f"SELECT count(*) FROM ({found}) AS m", params.values))
