"""The JSON form of a filter to its resolved tree, with all that is wrong reported at once."""

from schema.compiled import CompiledObject, Workspace
from schema.filters.operands import parse_operand
from schema.filters.operators import OPERATORS
from schema.filters.paths import resolve_path, resolve_reach
from schema.filters.tree import QUANTIFIERS, And, Condition, Kind, Not, Or, Path, Tree
from schema.problems import Invalid, Problem, nearest

MAX_CONDITIONS = 100
MAX_DEPTH = 5
MAX_PROBLEMS = 200

_LISTS: dict[str, type[And] | type[Or]] = {"and": And, "or": Or}


def parse(
    workspace: Workspace, obj: CompiledObject, document: object, *, path: str = "filter"
) -> Tree | None:
    """The tree of a JSON filter, or None for `{}`; Invalid names every problem with its path."""
    if document == {} and isinstance(document, dict):
        return None
    parser = _Parser(workspace)
    tree = parser.document(obj, document, path, 1)
    if parser.problems:
        raise Invalid(parser.problems[:MAX_PROBLEMS])
    return tree


class _Parser:
    def __init__(self, workspace: Workspace) -> None:
        self.problems: list[Problem] = []
        self._workspace = workspace
        self._conditions = 0

    def document(self, obj: CompiledObject, document: object, at: str, depth: int) -> Tree | None:
        """What one JSON object says; None if it could not be understood, with the problem noted."""
        if not isinstance(document, dict):
            self._note(at, "WRONG_KIND", 'a filter is a JSON object such as {"stage": "won"}')
            return None
        if not document:
            self._note(at, "EMPTY_FILTER", "an empty filter says nothing here; leave it out")
            return None
        if depth > MAX_DEPTH:
            self._note(at, "DEPTH_LIMIT", f"filters nest at most {MAX_DEPTH} deep")
            return None
        children: list[Tree] = []
        for key, value in document.items():
            place = f"{at}.{key}"
            if not isinstance(key, str):
                self._note(at, "WRONG_KIND", f"{key!r} is no name")
            elif key in _LISTS:
                children += self._list(obj, key, value, place, depth)
            elif key == "not":
                if child := self.document(obj, value, place, depth + 1):
                    children.append(Not(child))
            else:
                children += self._entry(obj, key, value, place, depth)
        if not children:
            return None
        return children[0] if len(children) == 1 else And(tuple(children))

    def _list(
        self, obj: CompiledObject, key: str, value: object, at: str, depth: int
    ) -> list[Tree]:
        if not isinstance(value, list) or not value:
            self._note(at, "EMPTY_LIST", f"{key!r} takes a list of at least one filter")
            return []
        found = [self.document(obj, v, f"{at}.{i}", depth + 1) for i, v in enumerate(value)]
        children = tuple(child for child in found if child is not None)
        if len(children) < 2:
            return list(children)
        return [_LISTS[key](children)]

    def _entry(
        self, obj: CompiledObject, name: str, value: object, at: str, depth: int
    ) -> list[Tree]:
        operators = value if isinstance(value, dict) else {"eq": value}
        if not operators:
            self._note(at, "EMPTY_FILTER", f"no operator is given for {name!r}")
            return []
        children: list[Tree | None] = []
        path: Path | None = None
        for op, operand in operators.items():
            if not self._count(at):
                break
            place = f"{at}.{op}" if operators is value else at
            if op in QUANTIFIERS:
                children.append(self._quantifier(obj, name, op, operand, at=at, depth=depth))
                continue
            path = path or self._path(obj, name, at)
            if path is None:
                break
            children.append(self._condition(path, op, operand, place))
        return [child for child in children if child is not None]

    def _count(self, at: str) -> bool:
        """Whether one more is within the limit; also bounds the work that a refusal costs."""
        self._conditions += 1
        if self._conditions == MAX_CONDITIONS + 1:
            message = f"a filter has at most {MAX_CONDITIONS} conditions"
            self._note(at, "CONDITION_LIMIT", message)
        return self._conditions <= MAX_CONDITIONS

    def _path(self, obj: CompiledObject, name: str, at: str) -> Path | None:
        try:
            return resolve_path(self._workspace, obj, name, at)
        except Invalid as invalid:
            self.problems += invalid.problems
            return None

    def _quantifier(
        self, obj: CompiledObject, name: str, op: str, value: object, *, at: str, depth: int
    ) -> Tree | None:
        try:
            reach = resolve_reach(self._workspace, obj, name, at)
        except Invalid as invalid:
            self.problems += invalid.problems
            return None
        far = self._workspace.objects_by_id[reach.many.object_id]
        child = self.document(far, value, f"{at}.{op}", depth + 1)
        return QUANTIFIERS[op](reach, child) if child is not None else None

    def _condition(self, path: Path, op: object, operand: object, at: str) -> Tree | None:
        kind = path.leaf.kind
        allowed = OPERATORS[kind]
        if not isinstance(op, str) or op not in allowed:
            self._note(at, "UNKNOWN_OPERATOR", _unknown_operator(path, str(op), allowed))
            return None
        try:
            return Condition(path, op, parse_operand(path.leaf, op, operand, at))
        except Invalid as invalid:
            self.problems += invalid.problems
            return None

    def _note(self, at: str, code: str, message: str) -> None:
        self.problems.append(Problem(at, code, message))


def _unknown_operator(path: Path, op: str, allowed: tuple[str, ...]) -> str:
    more = (*allowed, *QUANTIFIERS) if path.leaf.kind is Kind.RELATION else allowed
    return (
        f"{path.name!r} ({path.leaf.kind.value}) has no operator {op!r}"
        f"{nearest(op, more)}; allowed: {', '.join(more)}"
    )
