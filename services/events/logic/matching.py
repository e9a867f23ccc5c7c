"""Decide which events a subscription gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from kit.envelope import Envelope
from schema.compiled import CompiledObject, Workspace
from schema.filters import along, closure, parse_json
from schema.filters.closure import Related
from schema.filters.context import EvalContext
from schema.filters.resolve import resolve_relative
from schema.filters.tree import Tree
from schema.filters.walk import follows_relations
from schema.problems import Invalid
from services.events.logic import patterns
from services.events.model import Subscription

Record = dict[str, Any]
Predicate = Callable[[Record], bool]
# What events tell of a record's platform fields, by column.
TOLD = ("record_id", "version", "update_time", "updated_by")


@dataclass(frozen=True, slots=True)
class Filter:
    """A subscription's filter, by the definitions of a moment."""

    obj: CompiledObject
    tree: Tree | None
    context: EvalContext
    goes_on: bool  # it goes through relations

    def predicate(self, related: Related | None = None) -> Predicate:
        return closure.compile_closure(self.tree, self.context, related)


def record_of(obj: CompiledObject, event: Envelope, data: Mapping[str, Any]) -> Record | None:
    """The record that an event tells of, as closures want it; None where it tells of none."""
    fields = data.get("fields")
    if not isinstance(fields, dict):
        return None
    by_key = {obj.codecs[name].key: value for name, value in fields.items() if name in obj.codecs}
    changed = data.get("update_time")
    return {
        "id": data.get("record_id"),
        "version": data.get("version"),
        "update_time": datetime.fromisoformat(changed) if changed else event.occurred_at,
        "updated_by": event.actor,
        "fields": by_key,
    }


def wants(subscription: Subscription, kind: str, obj: str, about: str) -> bool:
    """Whether events of that type and object, about that kind of thing, may go there: a filter, if
    it has one, is about records, and has yet to be judged."""
    return (
        patterns.compiled(subscription.event_types)(kind)
        and (not subscription.object or subscription.object == obj)
        and (not subscription.filter_json or about == "record")
    )


def read_filter(
    workspace: Workspace,
    obj: CompiledObject,
    filter_json: str,
    now: datetime,
    seen: Workspace | None = None,
) -> Filter:
    """The filter of a subscription; schema.problems.Invalid for a bad one, and with `seen`, the
    workspace as whoever writes it sees it, for one that reads what is hidden there."""
    context = EvalContext(now, workspace.time_zone, workspace.week_start)
    document = msgspec.json.decode(filter_json)

    def read(space: Workspace, shown: CompiledObject) -> Tree | None:
        tree = parse_json.parse(space, shown, document, path="filter_json")
        if tree is not None:
            problems = along.problems(tree, "filter_json")
            problems += along.untold(tree, "filter_json", TOLD)
            if problems:
                raise Invalid(problems)
        return tree

    tree = along.read_as(workspace, seen or workspace, obj, read, "filter_json")
    if tree is not None:
        resolve_relative(tree, context)  # refuses `me`
    return Filter(obj, tree, context, tree is not None and follows_relations(tree))
