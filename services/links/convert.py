"""Turn messages into values, listing every problem, and values into messages."""

import math
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from armature.common.v1 import actor_pb2, node_pb2
from armature.links.v1 import link_pb2
from armature.links.v1 import link_service_pb2 as pb

from kit import clock, ids
from kit.errors import InvalidArgument, NotFound, Violation
from planes.nodes import ARTIFACT_KINDS, Node
from schema import jsonio
from schema.compiled import Workspace
from schema.model import LinkType
from schema.problems import Invalid, Problem, nearest
from services.links.logic import types
from services.links.model import Direction, Link, NewLink, Seen

MAX_ATTRIBUTES = 16 * 1024


def node(workspace: Workspace, message: node_pb2.Node) -> Node | None:
    """The node with its kind's own name; None where it can't exist."""
    kind = message.kind
    if kind not in ARTIFACT_KINDS:
        obj = workspace.object(kind)
        if obj is None:
            return None
        kind = obj.name
    try:
        return Node(kind, UUID(message.id))
    except ValueError:
        return None


def nodes(workspace: Workspace, messages: Iterable[node_pb2.Node]) -> list[Node]:
    """Those that can exist, to ask their planes about."""
    return [found for m in messages if (found := node(workspace, m)) is not None]


def known_node(workspace: Workspace, message: node_pb2.Node) -> Node:
    """NOT_FOUND / NODE_NOT_FOUND for what can't exist."""
    found = node(workspace, message)
    if found is None:
        raise node_not_found(message.kind, message.id)
    return found


def node_not_found(kind: str, node_id: str) -> NotFound:
    message = f"there is no {kind} {node_id}, or you may not see it"
    return NotFound("NODE_NOT_FOUND", message, kind=kind, id=node_id)


def invalid(problems: Sequence[Problem]) -> InvalidArgument:
    first = problems[0]
    return InvalidArgument(
        "LINK_INVALID",
        f"{first.path}: {first.message}",
        violations=[Violation(p.path, p.code, p.message) for p in problems],
    )


def link_type(workspace: Workspace, name: str) -> tuple[LinkType, Direction]:
    """NOT_FOUND / LINK_TYPE_NOT_FOUND with the nearest name."""
    found = types.find(workspace, name)
    if found is None:
        hint = nearest(name, types.names(workspace))
        raise NotFound("LINK_TYPE_NOT_FOUND", f"there is no link type {name!r}{hint}", type=name)
    return found


def direction(name: str) -> Direction | None:
    if name in {"", "out", "in"}:
        return Direction(name) if name else None
    message = "must be out, in, or empty for both"
    raise invalid([Problem("direction", "UNKNOWN_VALUE", message)])


def new_links(
    workspace: Workspace, messages: Sequence[pb.NewLink], paths: Sequence[str]
) -> list[NewLink]:
    """The links to create; every problem of all of them at once."""
    problems: list[Problem] = []
    found: list[NewLink] = []
    seen: set[UUID] = set()
    for message, path in zip(messages, paths, strict=True):
        before = len(problems)
        kind, side = link_type(workspace, message.type)
        source = known_node(workspace, message.source)
        target = known_node(workspace, message.target)
        if side is Direction.IN:
            source, target = target, source
        problems += _kinds(kind, side, source, target, path)
        attributes = _attributes(message.attributes_json, f"{path}.attributes_json", problems)
        if not math.isfinite(message.position):
            problems.append(Problem(f"{path}.position", "NOT_FINITE", "must be a finite number"))
        link_id = _id(message.id, f"{path}.id", seen, problems)
        if len(problems) == before:
            ends = types.ordered(kind, source, target)
            found.append(NewLink(link_id, kind, *ends, attributes or {}, message.position))
    if problems:
        raise invalid(problems)
    return found


def _kinds(kind: LinkType, side: Direction, source: Node, target: Node, path: str) -> list[Problem]:
    problems = []
    ends = ("source", "target") if side is Direction.OUT else ("target", "source")
    for end, one, allowed in zip(
        ends, (source, target), (kind.source_kinds, kind.target_kinds), strict=True
    ):
        if allowed and one.kind not in allowed:
            message = f"{kind.name!r} links {' or '.join(allowed)} here, not {one.kind}"
            problems.append(Problem(f"{path}.{end}.kind", "KIND_NOT_ALLOWED", message))
    if source == target:
        problems.append(Problem(f"{path}.target", "SAME_NODE", "a node is not linked to itself"))
    return problems


def _id(text: str, path: str, seen: set[UUID], problems: list[Problem]) -> UUID:
    try:
        found = UUID(text) if text else ids.new_id()
    except ValueError:
        problems.append(Problem(path, "INVALID_UUID", "must be a UUID"))
        return UUID(int=0)
    if found in seen:
        problems.append(Problem(path, "DUPLICATE", "the request gives this id twice"))
    seen.add(found)
    return found


def attributes(document: bytes, path: str) -> dict[str, Any] | None:
    """The object; None where nothing was sent. INVALID_ARGUMENT / LINK_INVALID otherwise."""
    problems: list[Problem] = []
    found = _attributes(document, path, problems)
    if problems:
        raise invalid(problems)
    return found


def _attributes(document: bytes, path: str, problems: list[Problem]) -> dict[str, Any] | None:
    if not document:
        return None
    if len(document) > MAX_ATTRIBUTES:
        message = f"must not exceed {MAX_ATTRIBUTES} bytes of JSON"
        problems.append(Problem(path, "TOO_LONG", message))
        return None
    try:
        found = jsonio.loads_exact(document)
    except Invalid as exc:
        problems += [
            Problem(f"{path}.{p.path}".rstrip("."), p.code, p.message) for p in exc.problems
        ]
        return None
    if not isinstance(found, dict):
        problems.append(Problem(path, "WRONG_TYPE", "must be one JSON object"))
        return None
    return found


def node_message(value: Node) -> node_pb2.Node:
    return node_pb2.Node(kind=value.kind, id=str(value.id))


def link(workspace: Workspace, value: Link) -> link_pb2.Link:
    kind = workspace.link_types_by_id.get(str(value.type_id))
    return link_pb2.Link(
        id=str(value.id),
        type=kind.name if kind else str(value.type_id),
        source=node_message(value.source),
        target=node_message(value.target),
        attributes_json=jsonio.dumps(value.attributes),
        position=value.position,
        origin=value.origin,
        version=value.version,
        created_by=actor_pb2.Actor(**value.created_by),
        create_time=clock.to_timestamp(value.create_time),
        update_time=clock.to_timestamp(value.update_time),
    )


def view(workspace: Workspace, seen: Seen) -> pb.LinkView:
    kind = workspace.link_types_by_id.get(str(seen.link.type_id))
    return pb.LinkView(
        link=link(workspace, seen.link),
        direction=seen.direction,
        name=types.name_from(kind, seen.direction) if kind else "",
        other=node_message(seen.other),
    )


def check_position(position: float | None) -> None:
    if position is not None and not math.isfinite(position):
        raise invalid([Problem("position", "NOT_FINITE", "must be a finite number")])
