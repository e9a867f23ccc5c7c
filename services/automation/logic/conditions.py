"""Judge a rule's condition by what an event tells of its record, and by nothing else.

A condition on what an event does not tell is refused when the rule is written; one that can no
longer be understood (its field is gone) is an error of the run, never a condition that is dropped.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.filters import parse_json
from schema.filters.closure import compile_closure
from schema.filters.context import EvalContext
from schema.filters.tree import Tree
from schema.filters.walk import conditions, follows_relations
from schema.problems import Invalid, Problem

KNOWN_COLUMNS = {"record_id", "version", "updated_by"}


def parse(workspace: Workspace, obj: CompiledObject, document: object, path: str) -> Tree | None:
    """The tree of a condition; Invalid with every problem at its path."""
    tree = parse_json.parse(workspace, obj, document, path=path)
    if tree is None:
        return None
    problems: list[Problem] = []
    if follows_relations(tree):
        message = (
            "a condition is judged by the event's own record: paths through relations can't be"
        )
        problems.append(Problem(path, "NO_RELATIONS", message))
    for condition in conditions(tree):
        leaf = condition.path.leaf
        if leaf.column and leaf.column not in KNOWN_COLUMNS:
            message = f"an event does not tell {leaf.name!r}; id, version and updated_by it does"
            problems.append(Problem(f"{path}.{leaf.name}", "NOT_IN_EVENT", message))
    if problems:
        raise Invalid(problems)
    return tree


def holds(
    workspace: Workspace,
    obj: CompiledObject,
    condition: Mapping[str, Any] | None,
    occasion: Mapping[str, Any],
    owner_id: str,
) -> bool:
    """Whether it holds for the record after the change (for a deleted one, before it); Invalid when
    it cannot be understood."""
    if condition is None:
        return True
    tree = parse(workspace, obj, condition, "condition")
    moment = datetime.fromisoformat(occasion["event"]["occurred_at"])
    context = EvalContext(moment, workspace.time_zone, workspace.week_start, owner_id)
    return compile_closure(tree, context)(_record(obj, occasion))


def key_of(obj: CompiledObject | None, name: str) -> str | None:
    """Where a field's value stands, by its name of now or its first one; None when it is gone."""
    if obj is None:
        return None
    if codec := obj.codecs.get(name):
        return codec.key
    return name if any(codec.key == name for codec in obj.codecs.values()) else None


def _record(obj: CompiledObject, occasion: Mapping[str, Any]) -> dict[str, Any]:
    """The record as closures want it: values by key. A name of before a rename is the key."""
    fields: dict[str, Any] = {}
    for name, value in occasion["record"]["fields"].items():
        key = key_of(obj, name)
        if key is not None and value is not None:
            fields[key] = value
    return {
        "id": occasion["record"]["id"],
        "version": occasion["record"]["version"],
        "updated_by": occasion["event"]["actor"],
        "fields": fields,
    }
