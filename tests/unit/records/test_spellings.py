"""A filter in its proto spelling means what it means in JSON."""

from typing import Any

import pytest
from armature.common.v1 import filter_pb2 as pb

from schema import jsonio
from schema.filters.closure import compile_closure
from schema.filters.parse_json import parse
from schema.problems import Invalid
from services.records import convert
from tests.unit.filters.cases import CASES, CTX, DEALS, EVERYONE, WORLD, related_among
from tests.unit.filters.generate import a_filter, a_random_world

_JOINED = ("and", "or")


def node(name: str, value: Any) -> pb.Filter:
    """A node whose name is a word of Python as well."""
    made: dict[str, Any] = {name: value}
    return pb.Filter(**made)


def a_condition(path: str, op: str, value_json: bytes) -> pb.Filter:
    return pb.Filter(condition=pb.Condition(path=path, op=op, value_json=value_json))


def in_proto(document: dict[str, Any]) -> pb.Filter:
    """The same filter as messages; members that stand side by side are joined by and."""
    parts: list[pb.Filter] = []
    for name, value in document.items():
        if name in _JOINED:
            parts.append(node(name, pb.Filters(filters=map(in_proto, value))))
        elif name == "not":
            parts.append(node(name, in_proto(value)))
        else:
            operators = value if isinstance(value, dict) else {"": value}
            parts += [a_condition(name, op, jsonio.dumps(v)) for op, v in operators.items()]
    return parts[0] if len(parts) == 1 else node("and", pb.Filters(filters=parts))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.filter))
def test_each_case_selects_the_same(case: Any) -> None:
    tree = parse(WORLD, DEALS, convert.filter_document(in_proto(case.filter)))
    holds = compile_closure(tree, CTX, related_among(EVERYONE))
    expected = compile_closure(parse(WORLD, DEALS, case.filter), CTX, related_among(EVERYONE))
    assert [holds(r) for r in EVERYONE] == [expected(r) for r in EVERYONE]


@pytest.mark.parametrize("seed", range(10))
def test_random_filters_select_the_same(seed: int) -> None:
    world = a_random_world(seed + 5000)
    accepted = 0
    for _ in range(20):
        document = a_filter(world, world.deals)
        try:
            tree = parse(world.workspace, world.deals, document)
        except Invalid:
            continue
        sent = pb.Filter.FromString(in_proto(document).SerializeToString())
        spelled = convert.filter_document(sent)
        found = parse(world.workspace, world.deals, spelled)
        related = related_among(world.records)
        one, other = (compile_closure(t, world.ctx, related) for t in (tree, found))
        deals = [r for r in world.records if r["object_id"] == world.deals.id]
        assert [one(r) for r in deals] == [other(r) for r in deals], document
        accepted += 1
    assert accepted


@pytest.mark.parametrize(
    "message",
    [
        pb.Filter(),
        node("and", pb.Filters()),
        node("not", pb.Filter()),
        a_condition("", "", b""),
        a_condition("title", "", b"{"),
        a_condition("title", "", b"\xff"),
        a_condition("or", "", b"[]"),
    ],
    ids=str,
)
def test_what_says_nothing_is_refused(message: pb.Filter) -> None:
    with pytest.raises(Invalid):
        parse(WORLD, DEALS, convert.filter_document(message))
