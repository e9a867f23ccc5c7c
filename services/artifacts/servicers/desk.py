"""What the servicers share: the caller, the rights, pages and their tokens."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

import grpc
from armature.common.v1 import node_pb2

from kit import ids, paging
from kit.caller import Caller, current_caller
from kit.db import Database, Tx
from planes.definitions import Definitions
from planes.nodes import ARTIFACT_KINDS, Node
from schema.compiled import Workspace
from services.artifacts import convert
from services.artifacts.logic.access import may, node_not_found, not_found, visible
from services.artifacts.model import Holder, Listing, Place
from services.artifacts.operations.rights import Rights
from services.artifacts.store import targets

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
LARGEST_PAGE = 1000


class Artifact(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def node(self) -> Node: ...
    @property
    def creator_id(self) -> str: ...
    @property
    def create_time(self) -> datetime: ...


A = TypeVar("A", bound=Artifact)


class Desk:
    def __init__(self, db: Database, definitions: Definitions, rights: Rights) -> None:
        self.db = db
        self.rights = rights
        self._definitions = definitions

    def reader(self) -> Caller:
        caller = current_caller()
        caller.require("read")
        return caller

    def writer(self) -> Caller:
        caller = current_caller()
        caller.require("write")
        return caller

    async def workspace(self, caller: Caller, kinds: Iterable[node_pb2.Node] = ()) -> Workspace:
        """The definitions as the caller may see them, asked for anew when they lack the kind of
        one of these."""
        found = await self._definitions.seen(caller)
        if any(not _known(found, message.kind) for message in kinds):
            newest = await self._definitions.refresh(caller.workspace_id)
            return self._definitions.seen_by(caller, newest)
        return found

    async def may_attach(
        self, caller: Caller, messages: Sequence[node_pb2.Node]
    ) -> tuple[Workspace, dict[Node, bool]]:
        """What is needed to attach something new to these, before the transaction."""
        workspace = await self.workspace(caller, messages)
        nodes = convert.nodes(workspace, messages)
        return workspace, await self.rights.allowed(caller, nodes, "update")

    async def may_change(
        self, caller: Caller, kind: str, artifact_id: str, messages: Sequence[node_pb2.Node] = ()
    ) -> tuple[Node, Workspace, dict[Node, bool]]:
        """What is needed to change an artifact and attach it to these, before the transaction."""
        artifact = Node(kind, ids.parse_id(artifact_id, "id"))
        workspace = await self.workspace(caller, messages)
        nodes = [artifact, *convert.nodes(workspace, messages)]
        return artifact, workspace, await self.rights.allowed(caller, nodes, "update")

    async def one(
        self,
        caller: Caller,
        kind: str,
        artifact_id: str,
        get: Callable[[Tx, UUID, UUID], Awaitable[A | None]],
    ) -> tuple[A, tuple[Node, ...]]:
        """The artifact and those of its targets that the caller may see, or NOT_FOUND."""
        wanted = Node(kind, ids.parse_id(artifact_id, "id"))
        async with self.db.transaction(caller.workspace_id) as tx:
            found = await get(tx, caller.workspace_id, wanted.id)
            attached = (await targets.of(tx, caller.workspace_id, [wanted]))[wanted]
        if found is None:
            raise not_found(kind, artifact_id)
        allowed = await self.rights.allowed(caller, attached, "read")
        if not may(Holder(found.creator_id, attached), caller.principal_id, allowed):
            raise not_found(kind, artifact_id)
        return found, visible(attached, allowed)

    async def listing(
        self,
        caller: Caller,
        kind: str,
        target: node_pb2.Node | None,
        page: tuple[int, str],
        **more: Any,
    ) -> tuple[Listing, tuple[Any, ...]]:
        """Which page is asked for, and what its token is bound to."""
        node = None
        if target is not None:
            node = convert.known_node(await self.workspace(caller, [target]), target)
        page_size, page_token = page
        query = (
            f"List{kind}",
            str(caller.workspace_id),
            node.document() if node else caller.principal_id,
            {name: str(value) for name, value in sorted(more.items())},
        )
        size = paging.clamp(page_size, largest=LARGEST_PAGE)
        place = paging.decode(page_token, *query)
        after = Place(datetime.fromisoformat(place[0]), UUID(place[1])) if place else None
        return Listing(node, caller.principal_id, after, size + 1, **more), query

    async def page(
        self,
        caller: Caller,
        listing: Listing,
        query: tuple[Any, ...],
        read: Callable[[Tx, UUID, Listing], Awaitable[list[A]]],
    ) -> tuple[list[tuple[A, tuple[Node, ...]]], str]:
        """One page with what may be shown of its targets; rights are asked once for all of it."""
        async with self.db.transaction(caller.workspace_id) as tx:
            found = await read(tx, caller.workspace_id, listing)
            token = ""
            if len(found) == listing.limit:
                found = found[:-1]
                last = found[-1]
                token = paging.encode([last.create_time.isoformat(), str(last.id)], *query)
            nodes = [artifact.node for artifact in found]
            attached = await targets.of(tx, caller.workspace_id, nodes)
        asked = {t for some in attached.values() for t in some}
        if listing.target is not None:
            asked.add(listing.target)
        allowed = await self.rights.allowed(caller, asked, "read")
        if listing.target is not None and not allowed[listing.target]:
            raise node_not_found(listing.target.kind, str(listing.target.id))
        return [
            (one, visible(attached[one.node], allowed))
            for one in found
            if may(Holder(one.creator_id, attached[one.node]), caller.principal_id, allowed)
        ], token


def _known(workspace: Workspace, kind: str) -> bool:
    return kind in ARTIFACT_KINDS or workspace.object(kind) is not None
