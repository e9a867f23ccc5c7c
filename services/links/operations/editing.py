"""Create, change, delete and replace links; every step shares the transaction, the event too."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from kit import ids, outbox
from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, InvalidArgument, NotFound
from planes.nodes import Node
from schema import jsonio
from schema.compiled import Workspace
from schema.model import LinkType
from services.links import events
from services.links.logic.patches import merged
from services.links.model import Direction, Link, NewLink, Origin
from services.links.store import edges, reads, states

MAX_ATTRIBUTES = 16 * 1024  # bytes of JSON
MAX_SET = 10_000  # links of a node that SetLinks may replace


class Unjudged(Exception):
    """What the caller may do with these nodes must be asked before a transaction."""

    def __init__(self, nodes: Collection[Node]) -> None:
        super().__init__()
        self.nodes = nodes


def not_found(link_id: str) -> NotFound:
    return NotFound("LINK_NOT_FOUND", f"there is no link {link_id!r}", id=link_id)


def node_not_found(node: Node) -> NotFound:
    message = f"there is no {node.kind} {node.id}, or you may not see it"
    return NotFound("NODE_NOT_FOUND", message, kind=node.kind, id=str(node.id))


def refuse_field_type(kind: LinkType | None) -> None:
    """FAILED_PRECONDITION / LINK_TYPE_OF_FIELD for a type that a relation field projects."""
    if kind is not None and kind.field_id:
        raise FailedPrecondition(
            "LINK_TYPE_OF_FIELD",
            f"links of type {kind.name!r} follow a relation field: write the record's field",
            field_id=kind.field_id,
        )


async def create(tx: Tx, caller: Caller, new: Sequence[NewLink]) -> list[Link]:
    """Store new links and announce them."""
    if not new:
        return []
    await _hold_ends(tx, caller.workspace_id, [end for n in new for end in (n.source, n.target)])
    links = await edges.insert(tx, caller.workspace_id, caller.actor(), new)
    made = (events.created(n.type, link) for n, link in zip(new, links, strict=True))
    await outbox.add(tx, caller, *made)
    return links


async def _hold_ends(tx: Tx, workspace_id: UUID, ends: Sequence[Node]) -> None:
    """Keep the ends' deletions out until we commit; NODE_NOT_FOUND for one that is known deleted.

    The planes were asked before; this closes the gap between their answer and our commit.
    """
    await states.lock(tx, workspace_id, (), ends)
    for node in await states.deleted(tx, workspace_id, list(dict.fromkeys(ends))):
        raise node_not_found(node)


async def update(
    tx: Tx,
    caller: Caller,
    kind: LinkType | None,
    link: Link,
    patch: dict[str, Any] | None,
    position: float | None,
) -> Link:
    """Change attributes by a merge patch, or the position; what changes nothing writes nothing."""
    refuse_field_type(kind)
    wanted = replace(
        link,
        attributes=link.attributes if patch is None else merged(link.attributes, patch),
        position=link.position if position is None else position,
    )
    changed = [n for n in ("attributes", "position") if getattr(wanted, n) != getattr(link, n)]
    if not changed:
        return link
    if len(jsonio.dumps(wanted.attributes)) > MAX_ATTRIBUTES:
        message = f"attributes must not exceed {MAX_ATTRIBUTES} bytes of JSON"
        raise InvalidArgument.at("LINK_INVALID", "attributes_json", "TOO_LONG", message)
    stored = await edges.update(
        tx, caller.workspace_id, link.id, wanted.attributes, wanted.position
    )
    await outbox.add(tx, caller, events.updated(kind, stored, changed))
    return stored


async def delete(tx: Tx, caller: Caller, workspace: Workspace, link: Link) -> None:
    """Unlink."""
    refuse_field_type(workspace.link_types_by_id.get(str(link.type_id)))
    await _delete(tx, caller, workspace, [link.id])


async def _delete(
    tx: Tx, caller: Caller, workspace: Workspace, link_ids: Sequence[UUID]
) -> list[Link]:
    if not link_ids:
        return []
    operation_id = ids.new_id()
    gone = await edges.delete(tx, caller.workspace_id, operation_id, link_ids)
    await outbox.add(tx, caller, *events.removed(workspace, gone, operation_id))
    return gone


async def present(
    tx: Tx, workspace_id: UUID, named: tuple[LinkType, Direction], node: Node
) -> dict[tuple[Node, Node], Link]:
    """A node's live links of one type by their ends; LIMIT_REACHED beyond what may be replaced."""
    kind, side = named
    links: dict[tuple[Node, Node], Link] = {}
    for one in tuple(Direction) if kind.symmetric else (side,):
        limit = MAX_SET + 1 - len(links)
        found = await reads.of_type(tx, workspace_id, node, UUID(kind.id), one, limit)
        links |= {(link.source, link.target): link for link in found}
    if len(links) > MAX_SET:
        raise InvalidArgument(
            "LIMIT_REACHED", f"SetLinks replaces at most {MAX_SET} links", limit=str(MAX_SET)
        )
    return links


async def replace_all(
    tx: Tx,
    caller: Caller,
    workspace: Workspace,
    named: tuple[LinkType, Direction],
    node: Node,
    new: Sequence[NewLink],
    allowed: Mapping[Node, bool],
) -> tuple[list[Link], list[Link], list[Link]]:
    """Make a node's links of one type, to nodes that the caller may see, be exactly `new`; returns
    added, removed and kept. Unjudged where it is not known of a node whether the caller may."""
    kind, side = named
    # Two replacements of one node's links wait for each other.
    guard = Node(f"set:{side}", UUID(int=node.id.int ^ UUID(kind.id).int))
    await states.lock(tx, caller.workspace_id, [guard])
    links = await present(tx, caller.workspace_id, named, node)
    if unknown := {end for ends in links for end in ends} - allowed.keys():
        raise Unjudged(unknown)
    links = {ends: link for ends, link in links.items() if allowed[ends[0]] and allowed[ends[1]]}
    wanted = {(n.source, n.target): n for n in new}
    kept = [link for ends, link in links.items() if ends in wanted]
    gone = [link for ends, link in links.items() if ends not in wanted]
    if any(link.origin is Origin.FIELD for link in gone):
        refuse_field_type(kind)
    removed = await _delete(tx, caller, workspace, [link.id for link in gone])
    added = await create(tx, caller, [n for ends, n in wanted.items() if ends not in links])
    return added, removed, kept
