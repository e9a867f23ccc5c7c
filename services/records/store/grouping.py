"""Count and add up records by a field, for filtered boards and for building statistics."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.filters.columns import Params
from schema.filters.resolve import resolve_relative
from schema.filters.sql import compile_sql
from schema.model import Field, FieldType
from services.records.logic.stats import COUNT, EMPTY, EXACT
from services.records.model import Query
from services.records.store.dialect import DIALECT


async def sums(
    tx: Tx, workspace_id: UUID, query: Query, group_field: Field, fields: Sequence[Field]
) -> dict[tuple[str, str], tuple[int, Decimal]]:
    """(count, total) by (group, measure), over one scan; extremes under `<measure>|min`, `|max`."""
    params = Params()
    group = f"coalesce(r.doc->>{params.text(_key(group_field))}, {params.text(EMPTY)})"
    where = [
        f"r.workspace_id = {params.add(workspace_id, 'uuid')}",
        f"r.object_id = {params.add(UUID(query.object.id), 'uuid')}",
        "r.delete_time IS NULL",
    ]
    if query.tree is not None:
        tree = resolve_relative(query.tree, query.context)
        where.append(compile_sql(tree, query.context, DIALECT, params).text)
    columns, codes = [], []
    for n, one in enumerate(fields):
        key = params.text(_key(one))
        if one.type is FieldType.CURRENCY:
            codes.append(f"r.doc->{key}->>'currency_code' AS code{n}")
            columns.append(f"(r.doc->{key}->>'amount_micros')::numeric AS value{n}")
        else:
            columns.append(f"(r.doc->>{key})::numeric AS value{n}")
    inner = ", ".join([f"{group} AS grp", *columns, *codes])
    figures = "".join(
        f", count(value{n}), sum(value{n}), min(value{n}), max(value{n})"
        for n in range(len(fields))
    )
    by = "".join(f", {code.rsplit(' ', 1)[1]}" for code in codes)
    rows = await tx.tuples(
        f"SELECT grp, count(*){figures}{by} FROM (SELECT {inner} FROM records AS r"
        f" WHERE {' AND '.join(where)}) AS m GROUP BY grp{by}",
        params.values,
    )
    return _gathered(rows, fields)


def _key(field: Field) -> str:
    return field.key or field.name


def _gathered(
    rows: Sequence[Sequence[Any]], fields: Sequence[Field]
) -> dict[tuple[str, str], tuple[int, Decimal]]:
    found: dict[tuple[str, str], tuple[int, Decimal]] = {}

    def add(group: str, measure: str, count: int, total: Decimal) -> None:
        n, t = found.get((group, measure), (0, Decimal(0)))
        found[group, measure] = (n + count, EXACT.add(t, total))

    def extreme(group: str, measure: str, fn: str, suffix: str, value: Decimal) -> None:
        name = f"{measure}|{fn}{suffix}"
        _, held = found.get((group, name), (0, value))
        found[group, name] = (1, min(held, value) if fn == "min" else max(held, value))

    for row in rows:
        group, count = row[0], row[1]
        add(group, COUNT, count, Decimal(0))
        codes = iter(row[2 + 4 * len(fields) :])
        for n, one in enumerate(fields):
            filled, total, least, most = row[2 + 4 * n : 6 + 4 * n]
            code = next(codes) if one.type is FieldType.CURRENCY else None
            if not filled:
                continue
            suffix = f":{code}" if code is not None else ""
            add(group, one.id + suffix, filled, total)
            for fn, value in (("min", least), ("max", most)):
                extreme(group, one.id, fn, suffix, value)
    return found
