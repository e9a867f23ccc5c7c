"""Read `fields=name,company.name`: which fields to return, and which relations to follow."""

from schema.compiled import CompiledObject, Workspace
from schema.model import Field, FieldType
from schema.problems import Invalid, Problem, nearest
from services.records.model import Projection

MAX_HOPS = 2
MAX_PATHS = 200


def parse(workspace: Workspace, obj: CompiledObject, text: str) -> Projection | None:
    """The projection; None for the empty text, which means all fields. Invalid names every
    unknown path with the nearest one."""
    paths = [part.strip() for part in text.split(",") if part.strip()]
    if not paths:
        return None
    problems: list[Problem] = []
    if len(paths) > MAX_PATHS:
        problems.append(Problem("fields", "TOO_MANY_VALUES", f"at most {MAX_PATHS} paths"))
    tree: dict[str, dict[str, object]] = {}
    for path in paths[:MAX_PATHS]:
        node: dict[str, dict[str, object]] = tree
        for step in path.split("."):
            node = node.setdefault(step, {})  # type: ignore[assignment]
    found = _resolve(workspace, [obj], tree, "", 0, problems)
    if problems:
        raise Invalid(problems)
    return found


def _resolve(
    workspace: Workspace,
    objects: list[CompiledObject],
    tree: dict[str, dict[str, object]],
    lead: str,
    hops: int,
    problems: list[Problem],
) -> Projection:
    names: list[str] = []
    expand: dict[str, Projection] = {}
    known: dict[str, Field] = {}
    for obj in objects:
        for name, field in obj.fields.items():
            if name not in known or field.type is FieldType.RELATION:
                known[name] = field
    for name, inner in tree.items():
        if name == "*":
            names += [n for n in known if n not in names]
            continue
        if name not in known:
            message = f"there is no field {name!r}{nearest(name, known)}"
            problems.append(Problem("fields", "UNKNOWN_FIELD", f"{lead}{name}: {message}"))
            continue
        if name not in names:
            names.append(name)
        if not inner:
            continue
        if known[name].type is not FieldType.RELATION:
            message = f"{lead}{name} is no relation, so nothing can be asked of it"
            problems.append(Problem("fields", "NOT_A_RELATION", message))
            continue
        if hops >= MAX_HOPS:
            message = f"{lead}{name}: at most {MAX_HOPS} relations one after another"
            problems.append(Problem("fields", "PATH_LIMIT", message))
            continue
        reached = dict.fromkeys(
            t
            for o in objects
            if name in o.fields
            for t in o.fields[name].settings.get("targets", [])
        )
        targets = [o for t in reached if (o := workspace.object(t))]
        inner_tree: dict[str, dict[str, object]] = inner  # type: ignore[assignment]
        expand[name] = _resolve(
            workspace, targets, inner_tree, f"{lead}{name}.", hops + 1, problems
        )
    return Projection(tuple(names), expand)
