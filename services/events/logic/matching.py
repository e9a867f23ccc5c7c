"""Decide which events a subscription gets."""

from collections.abc import Callable
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


@dataclass(frozen=True, slots=True)
class Filter:
    """A subscription's filter, by the definitions of a moment."""

    obj: CompiledObject
    tree: Tree | None
    context: EvalContext
    goes_on: bool  # it goes through relations

    def predicate(self, related: Related | None = None) -> Predicate:
        return closure.compile_closure(self.tree, self.context, related)

    def record_of(self, data: dict[str, Any]) -> Record | None:
        """The record that an event's data tells of; None where it tells of none."""
        fields = data.get("fields")
        if not isinstance(fields, dict):
            return None
        by_key = {
            self.obj.codecs[name].key: value
            for name, value in fields.items()
            if name in self.obj.codecs
        }
        return {"id": data.get("record_id"), "version": data.get("version"), "fields": by_key}


def wants(subscription: Subscription, event: Envelope, *, history: bool = False) -> bool:
    """By everything but the filter. Without `history`, only what happened since it was made."""
    return (
        patterns.compiled(subscription.event_types)(event.type)
        and (not subscription.object or subscription.object == event.object)
        and (history or event.occurred_at >= subscription.create_time)
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
        if tree is not None and (problems := along.problems(tree, "filter_json")):
            raise Invalid(problems)
        return tree

    tree = along.read_as(workspace, seen or workspace, obj, read, "filter_json")
    if tree is not None:
        resolve_relative(tree, context)  # refuses `me`
    return Filter(obj, tree, context, tree is not None and follows_relations(tree))
