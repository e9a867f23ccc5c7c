"""Judge a rule's condition by what an event tells of its record, and by the records it names.

A condition on what an event does not tell is refused when the rule is written; one that can no
longer be understood (its field is gone) is an error of the run, never a condition that is dropped.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.filters import along, parse_json
from schema.filters.closure import Related, compile_closure
from schema.filters.context import EvalContext
from schema.filters.tree import QUANTIFIERS, Hop, Tree
from schema.filters.walk import follows_relations
from schema.problems import Invalid

TOLD = ("record_id", "version", "updated_by")  # of platform fields, by column
_MOST_KNOWN = 1000  # conditions of an object


def parse(workspace: Workspace, obj: CompiledObject, document: object, path: str) -> Tree | None:
    """The tree of a condition; Invalid with every problem at its path. A workspace as somebody
    sees it makes paths of which that person knows every step."""
    tree = parse_json.parse(workspace, obj, document, path=path)
    if tree is None:
        return None
    problems = along.problems(tree, path) + along.untold(tree, path, TOLD)
    if problems:
        raise Invalid(problems)
    return tree


def check(
    workspace: Workspace, seen: Workspace, obj: CompiledObject, document: object, path: str
) -> None:
    """Invalid unless it can be judged for whoever sees the workspace like that."""
    along.read_as(
        workspace, seen, obj, lambda space, shown: parse(space, shown, document, path), path
    )


def _parsed(workspace: Workspace, obj: CompiledObject, condition: Mapping[str, Any]) -> Tree | None:
    """The tree of a condition that is judged again and again, or Invalid."""
    known: dict[bytes, Tree | None] = obj.derived("conditions", dict)
    written = jsonio.dumps(condition)
    if written not in known:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[written] = parse(workspace, obj, condition, "condition")
    return known[written]


def goes_on(document: object) -> bool:
    """Whether a condition may go through relations: a look at its names alone."""
    if isinstance(document, Mapping):
        names: Iterable[Any] = document
        if any("." in str(name) or name in QUANTIFIERS for name in names):
            return True
        return any(map(goes_on, document.values()))
    return isinstance(document, list) and any(map(goes_on, document))


def through(
    workspace: Workspace, obj: CompiledObject, condition: Mapping[str, Any] | None
) -> Tree | None:
    """The tree of a condition that goes through relations; None for any other, also for one that
    can't be understood."""
    if condition is None or not goes_on(condition):
        return None
    try:
        tree = _parsed(workspace, obj, condition)
    except Invalid:
        return None
    return tree if tree is not None and follows_relations(tree) else None


def nowhere(hop: Hop, record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Where no related records are at hand, and none are needed."""
    raise AssertionError(f"{hop.name} of {record['id']} was not fetched")


def holds(
    workspace: Workspace,
    obj: CompiledObject,
    condition: Mapping[str, Any] | None,
    occasion: Mapping[str, Any],
    owner_id: str,
    related: Related = nowhere,
) -> bool:
    """Whether it holds for the record after the change (for a deleted one, before it) and for the
    records that it names then, as they are now; Invalid when it cannot be understood."""
    if condition is None:
        return True
    tree = _parsed(workspace, obj, condition)
    moment = datetime.fromisoformat(occasion["event"]["occurred_at"])
    context = EvalContext(moment, workspace.time_zone, workspace.week_start, owner_id)
    return compile_closure(tree, context, related)(record_of(obj, occasion))


def key_of(obj: CompiledObject | None, name: str) -> str | None:
    """Where a field's value stands, by its name of now or its first one; None when it is gone."""
    if obj is None:
        return None
    if codec := obj.codecs.get(name):
        return codec.key
    return name if any(codec.key == name for codec in obj.codecs.values()) else None


def record_of(obj: CompiledObject, occasion: Mapping[str, Any]) -> dict[str, Any]:
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
