"""Decide which events a subscription gets."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from kit.envelope import Envelope
from schema.compiled import CompiledObject, Workspace
from schema.filters import closure, parse_json
from schema.filters.context import EvalContext
from services.events.logic import patterns
from services.events.model import Subscription

Predicate = Callable[[dict[str, Any]], bool]


def wants(subscription: Subscription, event: Envelope, *, history: bool = False) -> bool:
    """By everything but the filter. Without `history`, only what happened since it was made."""
    return (
        patterns.compiled(subscription.event_types)(event.type)
        and (not subscription.object or subscription.object == event.object)
        and (history or event.occurred_at >= subscription.create_time)
    )


def compile_filter(
    workspace: Workspace, obj: CompiledObject, filter_json: str, now: datetime
) -> Predicate:
    """A predicate on the data of record events. schema.problems.Invalid for a bad filter."""
    context = EvalContext(now, workspace.time_zone, workspace.week_start)
    tree = parse_json.parse(workspace, obj, msgspec.json.decode(filter_json), path="filter_json")
    holds = closure.compile_closure(tree, context)
    keys = {name: field.key or name for name, field in obj.fields.items()}

    def check(data: dict[str, Any]) -> bool:
        fields = data.get("fields")
        if not isinstance(fields, dict):
            return False
        by_key = {keys[name]: value for name, value in fields.items() if name in keys}
        record = {"id": data.get("record_id"), "version": data.get("version"), "fields": by_key}
        return holds(record)

    return check
