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
from services.records.logic.stats import ALL, COUNT, EMPTY, EXACT, Statistic
from services.records.model import Query
from services.records.store.dialect import DIALECT

_EXTREME = "|"
Sums = dict[tuple[str, str], tuple[int, Decimal]]

# What is kept of a statistic so far, in the snapshot of the recount that it stands beside.
_KEPT = """
SELECT NULL::text[], group_key, measure, sum(count)::int8, sum(total) FROM (
  SELECT group_key, measure, count, total FROM group_stats
  WHERE workspace_id = {workspace} AND stat_id = {stat}
  UNION ALL
  SELECT group_key, measure, count, total FROM group_stat_deltas
  WHERE workspace_id = {workspace} AND stat_id = {stat}
) AS kept GROUP BY group_key, measure"""


async def sums(
    tx: Tx, workspace_id: UUID, query: Query, group_field: Field | None, fields: Sequence[Field]
) -> Sums:
    """(count, total) by (group, measure), over one scan; extremes under `<measure>|min`, `|max`."""
    params = Params()
    columns, source = _recount(workspace_id, query, group_field, fields, params)
    rows = await tx.tuples(f"SELECT {', '.join(columns)} {source}", params.values)
    return _gathered(rows, fields)


async def missing(tx: Tx, workspace_id: UUID, query: Query, statistic: Statistic) -> Sums:
    """What a statistic lacks against a recount: what is there less what is kept, both of one
    snapshot, so that it is right whatever writers add meanwhile."""
    params = Params()
    fields = statistic.sums
    columns, source = _recount(workspace_id, query, statistic.group_field, fields, params)
    kept = _KEPT.format(
        workspace=params.add(workspace_id, "uuid"), stat=params.add(statistic.id, "uuid")
    )
    texts = ", ".join(f"{column}::text" for column in columns)
    rows = await tx.tuples(
        f"SELECT ARRAY[{texts}], NULL::text, NULL::text, NULL::int8, NULL::numeric {source}"
        f" UNION ALL {kept}",
        params.values,
    )
    counted = [row[0] for row in rows if row[0] is not None]
    found = {
        (group, measure): value
        for (group, measure), value in _gathered(counted, fields).items()
        if _EXTREME not in measure
    }
    for row, group, measure, count, total in rows:
        if row is None:
            n, t = found.get((group, measure), (0, Decimal(0)))
            found[group, measure] = (n - count, EXACT.subtract(t, total))
    return {key: value for key, value in found.items() if any(value)}


def _recount(
    workspace_id: UUID,
    query: Query,
    group_field: Field | None,
    fields: Sequence[Field],
    params: Params,
) -> tuple[list[str], str]:
    """The columns of a recount, and the rest of its statement."""
    group = params.text(ALL)
    if group_field is not None:
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
    figures = [
        f"{fn}(value{n})" for n in range(len(fields)) for fn in ("count", "sum", "min", "max")
    ]
    by = [code.rsplit(" ", 1)[1] for code in codes]
    source = (
        f"FROM (SELECT {inner} FROM records AS r WHERE {' AND '.join(where)}) AS m"
        f" GROUP BY {', '.join(['grp', *by])}"
    )
    return ["grp", "count(*)", *figures, *by], source


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
        name = f"{measure}{_EXTREME}{fn}{suffix}"
        _, held = found.get((group, name), (0, value))
        found[group, name] = (1, min(held, value) if fn == "min" else max(held, value))

    for row in rows:
        group, count = row[0], int(row[1])
        add(group, COUNT, count, Decimal(0))
        codes = iter(row[2 + 4 * len(fields) :])
        for n, one in enumerate(fields):
            filled, total, least, most = row[2 + 4 * n : 6 + 4 * n]
            code = next(codes) if one.type is FieldType.CURRENCY else None
            if not int(filled):
                continue
            suffix = f":{code}" if code is not None else ""
            add(group, one.id + suffix, int(filled), Decimal(total))
            for fn, value in (("min", Decimal(least)), ("max", Decimal(most))):
                extreme(group, one.id, fn, suffix, value)
    return found
