"""Tell what a filter reads of related records, where only relation fields lead to them.

So a record that nobody queries for, such as the one that an event tells of, can be judged once the
few records it names have been fetched.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schema.compiled import CompiledObject, Workspace
from schema.filters.scalars import Record, target_id
from schema.filters.tree import Hop, Leaf, Tree, Via
from schema.filters.walk import follows_relations, routes
from schema.problems import Problem, refuse

Read = Callable[[Workspace, CompiledObject], Tree | None]


@dataclass(slots=True)
class Step:
    """A hop, what is read of the records that it leads to, and the hops from there."""

    hop: Hop
    fields: set[str] = field(default_factory=set)  # ids
    steps: dict[str, "Step"] = field(default_factory=dict)  # by the id of the relation field


def steps_of(tree: Tree) -> dict[str, Step]:
    """The first hops of a filter, with all that is behind them."""
    first: dict[str, Step] = {}
    for hops, leaf in routes(tree):
        here, last = first, None
        for hop in hops:
            assert hop.field is not None
            if last is not None:
                last.fields.add(hop.field.id)
            last = here.setdefault(hop.field.id, Step(hop))
            here = last.steps
        if last is not None and leaf is not None and leaf.field is not None:
            last.fields.add(leaf.field.id)
    return first


def problems(tree: Tree, path: str) -> list[Problem]:
    """What of a filter leads back to a record, or along links: to records that it does not name."""
    found = []
    for hops, _ in routes(tree):
        wrong = next((hop for hop in hops if hop.via is not Via.RELATION), None)
        if wrong is not None:
            message = (
                f"{wrong.name!r} leads to records that this one does not name: a path goes through"
                " the relation fields of the record alone"
            )
            found.append(Problem(f"{path}.{wrong.name}", "NO_RELATIONS", message))
    return list(dict.fromkeys(found))


def untold(tree: Tree, path: str, told: Sequence[str]) -> list[Problem]:
    """What a filter asks of the record itself that an event does not tell of it: platform fields
    but for these, by column."""
    known = ["id" if column == "record_id" else column for column in told]
    names = f"{', '.join(known[:-1])} and {known[-1]}"
    wrong = [
        leaf.name
        for hops, leaf in routes(tree)
        if not hops and leaf is not None and leaf.column and leaf.column not in told
    ]
    return [
        Problem(
            f"{path}.{name}", "NOT_IN_EVENT", f"an event does not tell {name!r}; {names} it does"
        )
        for name in dict.fromkeys(wrong)
    ]


def read_as(
    workspace: Workspace, seen: Workspace, obj: CompiledObject, read: Read, path: str
) -> Tree | None:
    """The tree that `read` makes of a filter, of what somebody sees of the workspace; Invalid for
    what is not there. Where the object itself is hidden from whoever writes a filter of its events,
    no way leads on from it."""
    shown = seen.objects_by_id.get(obj.id)
    if shown is not None:
        return read(seen, shown)
    tree = read(workspace, obj)
    if tree is not None and follows_relations(tree):
        message = f"your role does not show {obj.name}, so no path leads on from its records"
        raise refuse(path, "NOT_READABLE", message)
    return tree


def unseen(tree: Tree, obj: CompiledObject, seen: Workspace, path: str) -> list[Problem]:
    """What of a filter's ways through relations is not there in a workspace as somebody sees it."""
    found: dict[str, None] = {}
    for hops, leaf in routes(tree):
        if hops and not _is_seen(hops, leaf, obj.id, seen):
            found[".".join([hop.name for hop in hops] + ([leaf.name] if leaf else []))] = None
    return [
        Problem(f"{path}.{name}", "NOT_READABLE", f"{name} can't be read by whom this stands for")
        for name in found
    ]


def _is_seen(hops: Sequence[Hop], leaf: Leaf | None, object_id: str, seen: Workspace) -> bool:
    read = [hop.field for hop in hops] + [leaf.field if leaf else None]
    for wanted, at in zip(read, [object_id, *(hop.object_id for hop in hops)], strict=True):
        shown = seen.objects_by_id.get(at)
        if shown is None or (wanted is not None and wanted.id not in shown.fields_by_id):
            return False
    return True


def targets(step: Step, records: Iterable[Record]) -> list[str]:
    """The ids of the records that a step leads to, each once."""
    assert step.hop.field is not None
    key = step.hop.field.key or step.hop.field.name
    found = (target_id(record["fields"].get(key)) for record in records)
    return list(dict.fromkeys(one for one in found if one is not None))


def union(trees: Iterable[Mapping[str, Step]]) -> dict[str, Step]:
    """One set of steps that goes wherever one of them goes."""
    joined: dict[str, Step] = {}
    for steps in trees:
        for key, step in steps.items():
            mine = joined.setdefault(key, Step(step.hop))
            mine.fields |= step.fields
            mine.steps = union([mine.steps, step.steps])
    return joined


def reads(steps: Mapping[str, Step]) -> dict[str, set[str]]:
    """What is read of each object's records, wherever on the way: field ids by object id."""
    found: dict[str, set[str]] = {}
    for step in steps.values():
        found.setdefault(step.hop.object_id, set()).update(step.fields)
        for object_id, fields in reads(step.steps).items():
            found.setdefault(object_id, set()).update(fields)
    return found
