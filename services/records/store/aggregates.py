"""Group records and work out figures of each group, in one scan for all plain figures."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.field_types import FIELD_TYPES
from schema.filters.columns import Params, filled_at, json_at, text_at, value_at
from schema.filters.context import EvalContext
from schema.filters.index import IndexCondition
from schema.filters.paths import is_bare
from schema.filters.tree import Kind, Leaf
from services.records.logic.aggregate_parts import Key, Measure, is_money
from services.records.logic.documents import slot_of
from services.records.logic.groups import MAX_GROUPS
from services.records.model import Query
from services.records.store.queries import matching

Rows = list[tuple[Any, ...]]


async def plain(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    condition: IndexCondition | None,
    keys: Sequence[Key],
    measures: Sequence[Measure],
) -> Rows:
    """A row for each group: its keys, then for each measure (figure, count of values)."""
    params = Params()
    inner = [f"{key_sql(k, query.context, params)} AS k{n}" for n, k in enumerate(keys)]
    figures = []
    for n, measure in enumerate(measures):
        if measure.leaf is not None:
            inner.append(f"{_value_sql(measure, params)} AS v{n}")
        figures.append(_figure_sql(measure, f"v{n}", params))
    return await _run(tx, workspace_id, query, condition, params, inner, len(keys), figures)


async def by_currency(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    condition: IndexCondition | None,
    keys: Sequence[Key],
    measures: Sequence[Measure],
) -> Rows:
    """A row for each group and currency code, of measures of one currency field: the group's keys,
    the code, then for each measure (figure, count of values)."""
    leaf = measures[0].leaf
    assert leaf is not None
    params = Params()
    inner = [f"{key_sql(k, query.context, params)} AS k{n}" for n, k in enumerate(keys)]
    money = json_at(leaf, "r", params)
    inner.append(f"""({money}->>'currency_code' COLLATE "C") AS k{len(keys)}""")
    inner.append(f"({money}->>'amount_micros')::numeric AS v")
    figures = [_figure_sql(measure, "v", params) for measure in measures]
    wide = len(keys) + 1
    rows = await _run(tx, workspace_id, query, condition, params, inner, wide, figures)
    return [row for row in rows if row[len(keys)] is not None]


async def _run(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    condition: IndexCondition | None,
    params: Params,
    inner: Sequence[str],
    keys: int,
    figures: Sequence[str],
) -> Rows:
    source = matching(workspace_id, query, condition, params)
    names = [f"k{n}" for n in range(keys)]
    by = f" GROUP BY {', '.join(names)} LIMIT {MAX_GROUPS + 1}" if names else ""
    sql = (
        f"SELECT {', '.join([*names, *figures])}"
        f" FROM (SELECT {', '.join(inner) or '1'} {source}) AS m{by}"
    )
    return await tx.tuples(sql, params.values)


async def walked(tx: Tx, workspace_id: UUID, query: Query, key: Key) -> Rows:
    """(key, count) of each group of all live records, from the index alone: no document is read.

    For an indexed select, boolean or relation to one object; the last row is of those without."""
    assert key.leaf.field is not None
    params = Params()
    table = "value_ref" if key.leaf.kind is Kind.RELATION else "value_text"
    workspace = params.add(workspace_id, "uuid")
    slot = params.add(slot_of(key.leaf.field.index_id, ""), "uuid")
    rows = await tx.tuples(
        f"SELECT v.value::text, count(*) FROM {table} AS v WHERE v.workspace_id = {workspace}"
        f" AND v.slot = {slot} GROUP BY v.value LIMIT {MAX_GROUPS + 1}",
        params.values,
    )
    params = Params()
    source = matching(workspace_id, query, None, params)
    everything = await tx.value(f"SELECT count(*) {source}", params.values)
    left = everything - sum(count for _, count in rows)
    found: Rows = [(_walked_key(key, text), count) for text, count in rows]
    return [*found, (None, left)] if left else found


def _walked_key(key: Key, text: str) -> Any:
    return text == "true" if key.leaf.kind is Kind.BOOLEAN else text


def may_walk(key: Key) -> bool:
    """Whether the index alone tells the groups of this key, every value whole."""
    leaf = key.leaf
    if leaf.field is None or leaf.parts or not leaf.field.indexed:
        return False
    if leaf.kind is Kind.RELATION:
        return is_bare(leaf.field)
    return leaf.kind in {Kind.SELECT, Kind.BOOLEAN}


def key_sql(key: Key, context: EvalContext, params: Params) -> str:
    """The key of a record, NULL where it has no value."""
    leaf = key.leaf
    if key.bucket:
        return _bucket_sql(_day_sql(leaf, context, params), key.bucket, context)
    return _distinct_sql(leaf, params)


def _distinct_sql(leaf: Leaf, params: Params) -> str:
    """What equal values have in common."""
    if leaf.kind is Kind.RELATION and leaf.field is not None and not is_bare(leaf.field):
        return json_at(leaf, "r", params)
    if leaf.kind is Kind.DATE_TIME and not leaf.column:
        return text_at(leaf, "r", params)
    if leaf.kind is Kind.NUMBER and leaf.field is not None:
        spec = FIELD_TYPES[leaf.field.type]
        if spec.numbers_as_text:  # canonical, at the scale of the field
            return text_at(leaf, "r", params)
    return value_at(leaf, "r", params)


def _day_sql(leaf: Leaf, context: EvalContext, params: Params) -> str:
    """The calendar day where the caller is, within the years 1 to 9999."""
    if leaf.kind is Kind.DATE:
        return f"({text_at(leaf, 'r', params)})::date"
    instant = f"r.{leaf.column}" if leaf.column else f"({text_at(leaf, 'r', params)})::timestamptz"
    local = f"({instant} AT TIME ZONE {params.text(context.time_zone)})::date"
    # greatest and least ignore NULL, so no value must stay one by itself.
    return f"(CASE WHEN {instant} IS NOT NULL THEN least({local}, '9999-12-31'::date) END)"


def _bucket_sql(day: str, bucket: str, context: EvalContext) -> str:
    """The first day of the bucket; of the week that began before the year 1, that year's first."""
    if bucket == "day":
        start = day
    elif bucket == "week":
        back = f"((extract(isodow FROM {day})::int - 1 - {context.first_weekday} + 7) %% 7)"
        start = f"({day} - {back})"
    else:
        start = f"date_trunc('{bucket}', {day}::timestamp)::date"
    return f"(CASE WHEN {day} IS NOT NULL THEN greatest({start}, '0001-01-01'::date)::text END)"


def _value_sql(measure: Measure, params: Params) -> str:
    leaf = measure.leaf
    assert leaf is not None
    if measure.fn == "count":
        return filled_at(leaf, "r", params)
    if measure.fn == "count_distinct":
        return json_at(leaf, "r", params) if is_money(leaf) else _distinct_sql(leaf, params)
    return value_at(leaf, "r", params)


def _figure_sql(measure: Measure, value: str, params: Params) -> str:
    """The figure, and of how many values it is."""
    filled = f"count({value})"
    match measure.fn:
        case "count" if measure.leaf is None:
            return "count(*), count(*)"
        case "count":
            return f"count(*) FILTER (WHERE {value}), count(*)"
        case "count_distinct":
            return f"count(DISTINCT {value}), {filled}"
        case "sum" | "avg":
            return f"sum({value}), {filled}"
        case "percentile":
            p = params.add(measure.p, "float8")
            return f"percentile_disc({p}) WITHIN GROUP (ORDER BY {value}), {filled}"
    return f"{measure.fn}({value}), {filled}"
