"""Read a graph of steps as somebody wrote it, and tell everything wrong with its shape at once."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schema.problems import Problem, nearest
from services.automation.logic.inputs import INPUTS
from services.automation.model import Action, ActionType, Block, Graph, Node

MAX_STEPS = 200
MAX_DEPTH = 8
MAX_BRANCHES = 50
END = "$end"  # written as null, or as end where no step is called that
_ID = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_COMMON = ("id", "type", "input", "next", "on_error", "retry")
_BLOCKS: dict[ActionType, tuple[str, ...]] = {
    ActionType.IF: ("then", "else"),
    ActionType.SWITCH: ("cases", "default"),
    ActionType.FOR_EACH: ("body",),
    ActionType.PARALLEL: ("branches",),
}
ON_ERROR = ("fail", "continue")
# Control steps say what they need beside `type`; what others do stands in `input`.
_FLAT = (ActionType.IF, ActionType.SWITCH, ActionType.FOR_EACH, ActionType.PARALLEL)


def of_actions(actions: Sequence[Action]) -> Graph:
    """A rule's actions as the graph that they are: one step after the other."""
    return Graph(tuple(Node(one.name, one.type, one.input) for one in actions), {})


@dataclass
class Reader:
    """Reads one document of steps."""

    problems: list[Problem] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    full: bool = False  # there were more steps than a workflow may have

    def sequence(self, value: Any, path: str, depth: int = 0) -> tuple[Node, ...]:
        if not isinstance(value, list):
            self._wrong(path, "WRONG_KIND", "must be a list of steps")
            return ()
        if depth > MAX_DEPTH:
            self._wrong(path, "TOO_DEEP", f"steps nest at most {MAX_DEPTH} deep")
            return ()
        found = [self._node(one, f"{path}.{i}", depth) for i, one in enumerate(value)]
        nodes = tuple(one for one in found if one is not None)
        if not any(node.id == "end" for node in nodes):
            nodes = tuple(replace(n, next=END) if n.next == "end" else n for n in nodes)
        if len(nodes) == len(value):
            self._check_order(nodes, path)
        return nodes

    def _node(self, value: Any, path: str, depth: int) -> Node | None:
        if not isinstance(value, dict):
            self._wrong(path, "WRONG_KIND", "a step is an object")
            return None
        kind = self._kind(value.get("type"), path)
        name = self._id(value.get("id"), path)
        if kind is None or name is None:
            return None
        allowed = (*_COMMON, *_BLOCKS.get(kind, ()))
        if kind in _FLAT:
            allowed = (*allowed, *INPUTS[kind])
        for key in value:
            if key not in allowed:
                hint = f"{nearest(str(key), allowed)}; allowed: {', '.join(allowed)}"
                self._wrong(f"{path}.{key}", "UNKNOWN_MEMBER", f"{kind} has no {key!r}{hint}")
        given = value.get("input", {})
        if not isinstance(given, dict):
            self._wrong(f"{path}.input", "WRONG_KIND", "a step's inputs are one JSON object")
            given = {}
        if kind in _FLAT:
            given = {**given, **{k: value[k] for k in INPUTS[kind] if k in value}}
        if kind is ActionType.SWITCH and isinstance(value.get("cases"), list):
            cases = [case for case in value["cases"] if isinstance(case, dict)]
            given["cases"] = [case.get("equals") for case in cases]
        on_error = value.get("on_error", "fail")
        if on_error not in ON_ERROR:
            self._wrong(f"{path}.on_error", "UNKNOWN_OPTION", "must be fail or continue")
            on_error = "fail"
        following = value.get("next", "")
        if following is None:
            following = END
        if not isinstance(following, str):
            self._wrong(f"{path}.next", "WRONG_KIND", "must be the id of a step, or end")
            following = ""
        blocks = tuple(self._blocks(kind, value, path, depth))
        attempts = self._attempts(value.get("retry"), path)
        return Node(name, kind, given, following, on_error, attempts, blocks)

    def _kind(self, value: Any, path: str) -> ActionType | None:
        if value in list(ActionType):
            return ActionType(value)
        hint = f"{nearest(str(value), ActionType)}; allowed: {', '.join(ActionType)}"
        self._wrong(f"{path}.type", "UNKNOWN_STEP", f"there is no step {value!r}{hint}")
        return None

    def _id(self, value: Any, path: str) -> str | None:
        if not isinstance(value, str) or not _ID.match(value):
            message = "an id has lower-case letters, digits and underscores, at most 63"
            self._wrong(f"{path}.id", "NAME_INVALID", message)
            return None
        if value in self.ids:
            self._wrong(f"{path}.id", "NAME_TAKEN", f"{self.ids[value]} is {value!r} already")
            return None
        if len(self.ids) >= MAX_STEPS:
            if not self.full:  # said of the first: it is one mistake, however many follow
                self._wrong(path, "TOO_MANY", f"a workflow has at most {MAX_STEPS} steps")
            self.full = True
            return None
        self.ids[value] = path
        return value

    def _attempts(self, value: Any, path: str) -> int:
        if value is None:
            return 0
        most = value.get("attempts") if isinstance(value, dict) and len(value) == 1 else None
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= 20:
            self._wrong(f"{path}.retry", "OUT_OF_RANGE", 'must be {"attempts": 1 to 20}')
            return 0
        return most

    def _blocks(
        self, kind: ActionType, value: dict[str, Any], path: str, depth: int
    ) -> Iterator[Block]:
        match kind:
            case ActionType.IF:
                yield from self._named(value, "then", path, depth, required=True)
                yield from self._named(value, "else", path, depth)
            case ActionType.FOR_EACH:
                yield from self._named(value, "body", path, depth, required=True)
            case ActionType.SWITCH:
                for i, case, at in self._several(value, "cases", path):
                    if set(case) != {"equals", "steps"}:
                        self._wrong(at, "WRONG_KIND", 'a case is {"equals", "steps"}')
                        continue
                    yield Block(f"{i}", self.sequence(case["steps"], f"{at}.steps", depth + 1))
                yield from self._named(value, "default", path, depth)
            case ActionType.PARALLEL:
                for i, branch, at in self._several(value, "branches", path):
                    if "steps" not in branch or not set(branch) <= {"id", "steps"}:
                        self._wrong(at, "WRONG_KIND", 'a branch is {"id", "steps"}')
                        continue
                    name = branch.get("id", f"branch_{i + 1}")
                    if not isinstance(name, str) or not _ID.match(name):
                        self._wrong(f"{at}.id", "NAME_INVALID", "must be like a step's id")
                        continue
                    nodes = self.sequence(branch["steps"], f"{at}.steps", depth + 1)
                    yield Block(name, nodes)

    def _named(
        self, value: dict[str, Any], name: str, path: str, depth: int, *, required: bool = False
    ) -> Iterator[Block]:
        if name in value:
            yield Block(name, self.sequence(value[name], f"{path}.{name}", depth + 1))
        elif required:
            self._wrong(f"{path}.{name}", "REQUIRED", f"needs {name!r}")

    def _several(
        self, value: dict[str, Any], name: str, path: str
    ) -> Iterator[tuple[int, dict[str, Any], str]]:
        given = value.get(name)
        at = f"{path}.{name}"
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_BRANCHES:
            self._wrong(at, "WRONG_KIND", f"must be a list of 1 to {MAX_BRANCHES}")
            return
        for i, one in enumerate(given):
            if isinstance(one, dict):
                yield i, one, f"{at}.{i}"
            else:
                self._wrong(f"{at}.{i}", "WRONG_KIND", "must be an object")

    def _check_order(self, nodes: tuple[Node, ...], path: str) -> None:
        """`next` leads forward within its own sequence, and every step can be reached."""
        places = {node.id: i for i, node in enumerate(nodes)}
        reached = {0}
        for i, node in enumerate(nodes):
            at = f"{path}.{i}.next"
            target = i + 1
            if node.next == END:
                target = len(nodes)
            elif node.next:
                if node.next not in places:
                    hint = nearest(node.next, places)
                    message = f"there is no step {node.next!r} in this sequence{hint}"
                    self._wrong(at, "DANGLING_REFERENCE", message)
                elif places[node.next] <= i:
                    message = "leads back, and a run would go round; use for_each"
                    self._wrong(at, "CYCLE", message)
                target = places.get(node.next, i + 1)
            if i in reached and node.type not in (ActionType.STOP, ActionType.FAIL):
                reached.add(target)
        for i, node in enumerate(nodes):
            if i not in reached:
                message = f"nothing leads to the step {node.id!r}"
                self._wrong(f"{path}.{i}", "UNREACHABLE", message)

    def _wrong(self, path: str, code: str, message: str) -> None:
        self.problems.append(Problem(path, code, message))


def every_node(nodes: Sequence[Node]) -> Iterator[Node]:
    """All steps, those inside others behind them."""
    for node in nodes:
        yield node
        for block in node.blocks:
            yield from every_node(block.nodes)
