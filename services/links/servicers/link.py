"""LinkService: the calls as the contract names them."""

from collections.abc import Sequence
from typing import Any, TypeAlias
from uuid import UUID

import grpc
from armature.common.v1 import node_pb2
from armature.links.v1 import link_pb2
from armature.links.v1 import link_service_pb2 as pb
from armature.links.v1 import link_service_pb2_grpc as rpc

from kit import idempotency, ids, paging
from kit.caller import Caller, current_caller
from kit.db import Database, Tx
from kit.errors import Aborted, ResourceExhausted
from planes.definitions import Definitions
from planes.nodes import Node, Nodes
from schema.compiled import Workspace
from schema.model import LinkType
from services.links import convert
from services.links.logic import types
from services.links.model import Direction, Link, Listing, Place, Seen
from services.links.operations import editing
from services.links.store import reads

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
MAX_BATCH = 1000
_MAX_NODES = 200
_MAX_BLOCKERS = 100
_TRIES = 10  # of SetLinks, while others add links


class LinkServicer(rpc.LinkServiceServicer):
    def __init__(self, db: Database, definitions: Definitions, nodes: Nodes) -> None:
        self._db = db
        self._definitions = definitions
        self._nodes = nodes

    async def CreateLink(
        self, request: pb.CreateLinkRequest, context: Context
    ) -> pb.CreateLinkResponse:
        caller = _writer()
        workspace, allowed = await self._judge(caller, [request.link])

        async def work(tx: Tx) -> pb.CreateLinkResponse:
            links = await _create(tx, caller, workspace, [request.link], ["link"], allowed)
            return pb.CreateLinkResponse(link=convert.link(workspace, links[0]))

        return await idempotency.once(self._db, caller, request, pb.CreateLinkResponse, work)

    async def BatchCreateLinks(
        self, request: pb.BatchCreateLinksRequest, context: Context
    ) -> pb.BatchCreateLinksResponse:
        caller = _writer()
        _bound("links", len(request.links), MAX_BATCH)
        workspace, allowed = await self._judge(caller, request.links)
        paths = [f"links[{n}]" for n in range(len(request.links))]

        async def work(tx: Tx) -> pb.BatchCreateLinksResponse:
            links = await _create(tx, caller, workspace, request.links, paths, allowed)
            return pb.BatchCreateLinksResponse(
                links=[convert.link(workspace, link) for link in links]
            )

        return await idempotency.once(self._db, caller, request, pb.BatchCreateLinksResponse, work)

    async def GetLink(self, request: pb.GetLinkRequest, context: Context) -> pb.GetLinkResponse:
        caller = _reader()
        workspace = await self._definitions.workspace(caller.workspace_id)
        link = await self._visible(caller, request.id)
        return pb.GetLinkResponse(link=convert.link(workspace, link))

    async def UpdateLink(
        self, request: pb.UpdateLinkRequest, context: Context
    ) -> pb.UpdateLinkResponse:
        caller = _writer()
        workspace = await self._definitions.workspace(caller.workspace_id)
        position = request.position if request.HasField("position") else None

        async def work(tx: Tx) -> pb.UpdateLinkResponse:
            link = await _locked(tx, caller, request.id, allowed)
            patch = convert.attributes(request.attributes_json, "attributes_json")
            convert.check_position(position)
            kind = workspace.link_types_by_id.get(str(link.type_id))
            link = await editing.update(tx, caller, kind, link, patch, position)
            return pb.UpdateLinkResponse(link=convert.link(workspace, link))

        allowed = await self._ends_allowed(caller, request.id)
        return await idempotency.once(self._db, caller, request, pb.UpdateLinkResponse, work)

    async def DeleteLink(
        self, request: pb.DeleteLinkRequest, context: Context
    ) -> pb.DeleteLinkResponse:
        caller = _writer()
        workspace = await self._definitions.workspace(caller.workspace_id)

        async def work(tx: Tx) -> pb.DeleteLinkResponse:
            link = await _locked(tx, caller, request.id, allowed)
            await editing.delete(tx, caller, workspace, link)
            return pb.DeleteLinkResponse()

        allowed = await self._ends_allowed(caller, request.id)
        return await idempotency.once(self._db, caller, request, pb.DeleteLinkResponse, work)

    async def SetLinks(self, request: pb.SetLinksRequest, context: Context) -> pb.SetLinksResponse:
        caller = _writer()
        _bound("others", len(request.others), MAX_BATCH)
        new = [
            pb.NewLink(type=request.type, source=request.node, target=other)
            for other in request.others
        ]
        alone = pb.NewLink(type=request.type, source=request.node)
        workspace, allowed = await self._judge(caller, [*new, alone])
        paths = [f"others[{n}]" for n in range(len(new))]

        async def work(tx: Tx) -> pb.SetLinksResponse:
            named = convert.link_type(workspace, request.type)
            editing.refuse_field_type(named[0])
            node = convert.known_node(workspace, request.node)
            _require([node], allowed)
            wanted = convert.new_links(workspace, new, paths)
            _require([end for n in wanted for end in (n.source, n.target)], allowed)
            done = await editing.replace_all(tx, caller, workspace, named, node, wanted, allowed)
            added, removed, kept = ([convert.link(workspace, x) for x in part] for part in done)
            return pb.SetLinksResponse(added=added, removed=removed, kept=kept)

        for _ in range(_TRIES):
            try:
                return await idempotency.once(self._db, caller, request, pb.SetLinksResponse, work)
            except editing.Unjudged as exc:
                allowed |= await self._nodes.check(caller, exc.nodes, "read")
        raise Aborted("CONFLICT", "others keep changing the node's links: try again")

    async def ListLinks(
        self, request: pb.ListLinksRequest, context: Context
    ) -> pb.ListLinksResponse:
        caller = _reader()
        workspace = await self._knowing(caller, [request.type] if request.type else [])
        node = await self._named(caller, workspace, request.node)
        query = ("ListLinks", str(caller.workspace_id), *node.document().values())
        query += (request.type, request.direction)
        size = paging.clamp(request.page_size)
        place = paging.decode(request.page_token, *query)
        after = Place(place[0], UUID(place[1]), Direction(place[2])) if place else None
        listing = Listing(
            _types(workspace, request.type, request.direction), after=after, limit=size + 1
        )
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await reads.page(tx, caller.workspace_id, node, listing)
        token = ""
        if len(found) > size:
            found = found[:size]
            last = found[-1]
            token = paging.encode([last.link.position, last.link.id, last.direction], *query)
        allowed = await self._nodes.check(caller, [node, *(s.other for s in found)], "read")
        _require([node], allowed)
        return pb.ListLinksResponse(
            links=[convert.view(workspace, s) for s in found if allowed[s.other]],
            next_page_token=token,
        )

    async def BatchListLinks(
        self, request: pb.BatchListLinksRequest, context: Context
    ) -> pb.BatchListLinksResponse:
        caller = _reader()
        _bound("nodes", len(request.nodes), _MAX_NODES)
        workspace = await self._knowing(caller, [request.type] if request.type else [])
        nodes = [convert.known_node(workspace, message) for message in request.nodes]
        size = paging.clamp(request.page_size, default=20, largest=100)
        listing = Listing(_types(workspace, request.type, request.direction), limit=size + 1)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await reads.first_of_each(
                tx, caller.workspace_id, list(dict.fromkeys(nodes)), listing
            )
        others = [s.other for some in found.values() for s in some]
        allowed = await self._nodes.check(caller, [*nodes, *others], "read")
        _require(nodes, allowed)
        return pb.BatchListLinksResponse(
            results=[_node_links(workspace, node, found[node], size, allowed) for node in nodes]
        )

    async def CountLinks(
        self, request: pb.CountLinksRequest, context: Context
    ) -> pb.CountLinksResponse:
        caller = _reader()
        workspace = await self._definitions.seen(caller)
        node = await self._named(caller, workspace, request.node)
        _require([node], await self._nodes.check(caller, [node], "read"))
        async with self._db.transaction(caller.workspace_id) as tx:
            counts = await reads.count(tx, caller.workspace_id, node)
        return pb.CountLinksResponse(
            counts=[
                pb.LinkCount(type=kind.name, direction=side, count=counts[UUID(kind.id), side])
                for kind in workspace.link_types.values()
                for side in Direction
                if (UUID(kind.id), side) in counts and types.countable(workspace, kind, side)
            ]
        )

    async def CheckDelete(
        self, request: pb.CheckDeleteRequest, context: Context
    ) -> pb.CheckDeleteResponse:
        caller = _reader()
        _bound("nodes", len(request.nodes), MAX_BATCH)
        workspace = await self._definitions.workspace(caller.workspace_id)
        restricted = {
            side: [
                UUID(kind.id)
                for kind in workspace.link_types.values()
                if types.policy(kind, side) == "restrict"
            ]
            for side in Direction
        }
        nodes = convert.nodes(workspace, request.nodes)
        if not any(restricted.values()) or not nodes:
            return pb.CheckDeleteResponse()
        allowed = await self._nodes.check(caller, nodes, "read")
        seen = [node for node in nodes if allowed[node]]
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await reads.blocking(tx, caller.workspace_id, seen, restricted, _MAX_BLOCKERS)
        ends = [end for link in found for end in (link.source, link.target)]
        allowed = await self._nodes.check(caller, ends, "read")
        types_seen = (await self._definitions.seen(caller)).link_types_by_id
        shown = [
            link
            for link in found
            if str(link.type_id) in types_seen and allowed[link.source] and allowed[link.target]
        ]
        blockers = [convert.link(workspace, link) for link in shown]
        if len(shown) < len(found):
            blockers.append(link_pb2.Link())
        return pb.CheckDeleteResponse(blockers=blockers)

    async def _named(self, caller: Caller, workspace: Workspace, message: node_pb2.Node) -> Node:
        """The node that is meant: of a record that the caller may see its id is enough."""
        if message.kind:
            return convert.known_node(workspace, message)
        kinds = [node_pb2.Node(kind=name, id=message.id) for name in workspace.objects]
        allowed = await self._nodes.check(caller, convert.nodes(workspace, kinds), "read")
        for node, may in allowed.items():
            if may:
                return node
        raise convert.node_not_found("record", message.id)

    async def _knowing(self, caller: Caller, names: Sequence[str]) -> Workspace:
        """The definitions as the caller may see them, asked for anew when they lack one of these
        types."""
        workspace = await self._definitions.seen(caller)
        if any(types.find(workspace, name) is None for name in names):
            newest = await self._definitions.refresh(caller.workspace_id)
            return self._definitions.seen_by(caller, newest)
        return workspace

    async def _judge(
        self, caller: Caller, links: Sequence[pb.NewLink]
    ) -> tuple[Workspace, dict[Node, bool]]:
        """What is needed to judge new links, before the transaction."""
        workspace = await self._knowing(caller, list({link.type for link in links}))
        ends: list[node_pb2.Node] = [end for link in links for end in (link.source, link.target)]
        allowed = await self._nodes.check(caller, convert.nodes(workspace, ends), "read")
        return workspace, allowed

    async def _visible(self, caller: Caller, link_id: str) -> Link:
        """LINK_NOT_FOUND unless the caller may see both ends."""
        wanted = ids.parse_id(link_id, "id")
        async with self._db.transaction(caller.workspace_id) as tx:
            link = await reads.get(tx, caller.workspace_id, wanted)
        if link is None:
            raise editing.not_found(link_id)
        allowed = await self._nodes.check(caller, [link.source, link.target], "read")
        if not all(allowed.values()):
            raise editing.not_found(link_id)
        return link

    async def _ends_allowed(self, caller: Caller, link_id: str) -> dict[Node, bool]:
        wanted = ids.parse_id(link_id, "id")
        async with self._db.transaction(caller.workspace_id) as tx:
            link = await reads.get(tx, caller.workspace_id, wanted)
        if link is None:
            return {}
        return await self._nodes.check(caller, [link.source, link.target], "read")


def _reader() -> Caller:
    caller = current_caller()
    caller.require("read")
    return caller


def _writer() -> Caller:
    caller = current_caller()
    caller.require("write")
    return caller


def _bound(path: str, count: int, largest: int) -> None:
    if count > largest:
        raise ResourceExhausted(
            "BATCH_TOO_LARGE", f"{path} holds {count} items, at most {largest}", limit=str(largest)
        )


def _types(workspace: Workspace, name: str, direction: str) -> dict[Direction, tuple[UUID, ...]]:
    named: tuple[LinkType, Direction] | None = None
    if name:
        named = convert.link_type(workspace, name)
    return types.listed(workspace, named, convert.direction(direction))


def _require(nodes: Sequence[Node], allowed: dict[Node, bool]) -> None:
    for node in nodes:
        if not allowed.get(node):
            raise editing.node_not_found(node)


async def _create(
    tx: Tx,
    caller: Caller,
    workspace: Workspace,
    messages: Sequence[pb.NewLink],
    paths: Sequence[str],
    allowed: dict[Node, bool],
) -> list[Link]:
    """Judged here and not before, so that a repeat gets its first answer whatever changed since."""
    for message in messages:
        editing.refuse_field_type(convert.link_type(workspace, message.type)[0])
    new = convert.new_links(workspace, messages, paths)
    _require([end for n in new for end in (n.source, n.target)], allowed)
    return await editing.create(tx, caller, new)


async def _locked(tx: Tx, caller: Caller, link_id: str, allowed: dict[Node, bool]) -> Link:
    link = await reads.get(tx, caller.workspace_id, UUID(link_id), lock=True)
    if link is None or not (allowed.get(link.source) and allowed.get(link.target)):
        raise editing.not_found(link_id)
    return link


def _node_links(
    workspace: Workspace, node: Node, seen: Sequence[Seen], size: int, allowed: dict[Node, bool]
) -> pb.NodeLinks:
    return pb.NodeLinks(
        node=convert.node_message(node),
        links=[convert.view(workspace, s) for s in seen[:size] if allowed[s.other]],
        has_more=len(seen) > size,
    )
