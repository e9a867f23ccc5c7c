"""Put absolute values in the place of what depends on who asks, and when: `within` and `me`."""

from datetime import date, datetime
from typing import Any

from schema.field_types.dates import canonical_instant
from schema.filters.context import EvalContext
from schema.filters.ranges import Calendar, Rolling, Side, dates, instants
from schema.filters.tree import And, Condition, Kind, Me, Tree
from schema.filters.walk import map_conditions
from schema.problems import refuse


def resolve_relative(tree: Tree, ctx: EvalContext) -> Tree:
    """The tree that closures, SQL and the planner see. Refuses `me` where nobody asks, because
    a condition without a value must never be dropped."""
    return map_conditions(tree, lambda condition: _resolved(condition, ctx))


def _resolved(condition: Condition, ctx: EvalContext) -> Tree:
    path, value = condition.path, condition.value
    if condition.op == "within":
        return _bounded(condition, ctx)
    if isinstance(value, Me):
        return Condition(path, condition.op, _me(condition, ctx))
    if isinstance(value, tuple) and any(isinstance(v, Me) for v in value):
        values = tuple(_me(condition, ctx) if isinstance(v, Me) else v for v in value)
        return Condition(path, condition.op, values)
    return condition


def _bounded(condition: Condition, ctx: EvalContext) -> Tree:
    path, relative = condition.path, condition.value
    assert isinstance(relative, Calendar | Side | Rolling)
    bounds: list[tuple[str, Any]]
    if path.leaf.kind is Kind.DATE:
        days = dates(relative, ctx)
        bounds = [("gt", days.gt), ("gte", days.gte), ("lt", days.lt), ("lte", days.lte)]
    else:
        times = instants(relative, ctx)
        bounds = [("gt", times.gt), ("gte", times.gte), ("lt", times.lt), ("lte", times.lte)]
    found = tuple(Condition(path, op, _text(bound)) for op, bound in bounds if bound is not None)
    if not found:
        return Condition(path, "is_empty", False)
    return found[0] if len(found) == 1 else And(found)


def _text(bound: date) -> str:
    return canonical_instant(bound) if isinstance(bound, datetime) else bound.isoformat()


def _me(condition: Condition, ctx: EvalContext) -> str:
    if ctx.me is None:
        message = '"me" needs a person who asks, and this is evaluated for nobody'
        raise refuse(f"filter.{condition.path.name}", "NO_CALLER", message)
    return ctx.me
