"""Imagine a run: walk its graph with nothing done, and list what each step would be given.

A step that acts elsewhere answers here what it was asked for; what only its real answer can tell
(ids, found records, HTTP answers) is unknown, and so is all that depends on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.automation.logic import formulas, occasion, prepared
from services.automation.logic.graph import END
from services.automation.logic.scopes import Scope
from services.automation.model import ActionType, Graph, Node

_MOST = 500  # effects that are listed
_MOST_ROUNDS = 20
_DECIDED = (ActionType.SET_VARIABLES, ActionType.STOP, ActionType.FAIL)
_WAITS = (
    ActionType.DELAY,
    ActionType.DELAY_UNTIL,
    ActionType.WAIT_FOR_EVENT,
    ActionType.WAIT_FOR_INPUT,
)


@dataclass(frozen=True, slots=True)
class Effect:
    path: str
    type: ActionType
    given: Mapping[str, Any] | None
    outcome: str  # done, decided, waits or unknown
    note: str = ""


class _Stopped(Exception):
    pass


def imagine(graph: Graph, document: Mapping[str, Any], source: Mapping[str, Any]) -> list[Effect]:
    """What a run would do, in order."""
    zone = str(document.get("time_zone") or "")
    base = occasion.scope(document, source, {"id": "", "depth": 0, "epoch": 0})
    walk = _Walk(zone)
    try:
        scope = Scope(base, dict(graph.variables))
        walk.sequence(graph.nodes, "", scope)
    except _Stopped:
        return walk.effects
    return walk.effects


class _Walk:
    def __init__(self, time_zone: str) -> None:
        self.effects: list[Effect] = []
        self._zone = time_zone

    def sequence(self, nodes: Sequence[Node], prefix: str, scope: Scope) -> None:
        places = {node.id: i for i, node in enumerate(nodes)}
        position = 0
        while position < len(nodes):
            node = nodes[position]
            self._node(node, prefix + node.id, scope)
            if node.next == END:
                return
            position = places[node.next] if node.next else position + 1

    def _node(self, node: Node, path: str, scope: Scope) -> None:
        if len(self.effects) >= _MOST:
            raise _Stopped
        try:
            match node.type:
                case ActionType.IF:
                    chosen = formulas.holds(str(node.input["when"]), scope.names())
                    self._choose(node, path, scope, "then" if chosen else "else")
                case ActionType.SWITCH:
                    value = prepared.render(node.input["value"], scope.names(), self._zone)
                    cases = [
                        prepared.render(one, scope.names(), self._zone)
                        for one in node.input.get("cases", ())
                    ]
                    name = str(cases.index(value)) if value in cases else "default"
                    self._choose(node, path, scope, name)
                case ActionType.FOR_EACH:
                    self._loop(node, path, scope)
                case ActionType.PARALLEL:
                    self._add(node, path, {}, "decided")
                    for block in node.blocks:
                        self.sequence(block.nodes, f"{path}/{block.name}/", scope)
                case _:
                    self._leaf(node, path, scope)
        except (prepared.InputError, formulas.FormulaError) as exc:
            self._add(node, path, None, "unknown", str(exc))

    def _choose(self, node: Node, path: str, scope: Scope, name: str) -> None:
        self._add(node, path, {"branch": name}, "decided")
        scope.remember(node.id, {"branch": name})
        for block in node.blocks:
            if block.name == name:
                self.sequence(block.nodes, f"{path}/", scope)

    def _loop(self, node: Node, path: str, scope: Scope) -> None:
        items = prepared.render(node.input["items"], scope.names(), self._zone)
        if not isinstance(items, list):
            raise prepared.InputError("items: must be a list")
        more = len(items) - _MOST_ROUNDS
        note = f"{more} further rounds are not shown" if more > 0 else ""
        self._add(node, path, {"count": len(items)}, "decided", note)
        for index, item in enumerate(items[:_MOST_ROUNDS]):
            here = scope.round(item, index)
            self.sequence(node.blocks[0].nodes, f"{path}/{index}/", here)

    def _leaf(self, node: Node, path: str, scope: Scope) -> None:
        moment = datetime.now(ZoneInfo(self._zone) if self._zone else UTC)
        given = prepared.prepare(node, scope.names(), self._zone, moment)
        outcome = "decided" if node.type in _DECIDED else "done"
        if node.type in _WAITS:
            outcome = "waits"
        self._add(node, path, given, outcome)
        if node.type is ActionType.SET_VARIABLES:
            scope.set(given["values"])
        scope.remember(node.id, _answer(node.type, given))
        if node.type in (ActionType.STOP, ActionType.FAIL):
            raise _Stopped

    def _add(
        self,
        node: Node,
        path: str,
        given: Mapping[str, Any] | None,
        outcome: str,
        note: str = "",
    ) -> None:
        self.effects.append(Effect(path, node.type, given, outcome, note))


def _answer(kind: ActionType, given: Mapping[str, Any]) -> dict[str, Any]:
    """As much of a step's answer as its inputs tell."""
    match kind:
        case ActionType.CREATE_RECORD | ActionType.UPDATE_RECORD | ActionType.UPSERT_RECORD:
            record = {"object": given["object"], "fields": given["fields"]}
            if "id" in given:
                record["id"] = given["id"]
            return {"record": record}
        case ActionType.CREATE_TODO:
            return {"todo": dict(given)}
        case ActionType.CREATE_NOTE:
            return {"note": dict(given)}
        case ActionType.SET_VARIABLES:
            return dict(given["values"])
    return {}
