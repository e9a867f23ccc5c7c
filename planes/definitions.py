"""Hold what each workspace defines, compiled, and never older than a second.

A snapshot is asked for again when it is older than a second, when a name is unknown, or when a
caller has seen a newer version; "unchanged" is a short answer. Memory is bounded by bytes: the
workspaces that were used least recently go first.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import grpc
from armature.metadata.v1 import schema_service_pb2 as pb
from armature.metadata.v1 import schema_service_pb2_grpc as rpc

from kit import clients, credentials
from kit.caller import Caller
from kit.errors import DeadlineExceeded, NotFound, Unavailable
from schema.access import Restrictions
from schema.compiled import CompiledObject, Workspace
from schema.problems import nearest

_FRESH_SECONDS = 0.8
_STALE_SECONDS = 30.0
_MAX_BYTES = 512 * 1024 * 1024
_EXPANSION = 6  # a compiled snapshot takes about this many times its JSON


@dataclass(slots=True)
class _Held:
    workspace: Workspace
    checked: float
    size: int


class Definitions:
    """Compiled snapshots by workspace, read through SchemaService.GetSnapshot."""

    def __init__(self, channel: grpc.aio.Channel, secret: str, plane: str) -> None:
        self._stub = rpc.SchemaServiceStub(channel)
        self._secret = secret
        self._plane = plane
        self._held: OrderedDict[UUID, _Held] = OrderedDict()
        self._bytes = 0
        self._asking: dict[UUID, asyncio.Future[Workspace]] = {}
        self._restrictions = Restrictions()

    def seen_by(self, caller: Caller, workspace: Workspace) -> Workspace:
        """The workspace as the caller may see it: without the objects, fields and views that its
        role hides, and with the rules that say which records there are for it. The workspace
        itself for everybody without a custom role. `full` leads back, for what is no answer."""
        if caller.access is None:
            return workspace
        return self._restrictions.of(workspace, caller.access, caller.principal_id)

    async def seen(self, caller: Caller, *, at_version: int = 0) -> Workspace:
        """`workspace`, as the caller may see it."""
        found = await self.workspace(caller.workspace_id, at_version=at_version)
        return self.seen_by(caller, found)

    async def seen_object(
        self, caller: Caller, name: str, *, at_version: int = 0
    ) -> tuple[Workspace, CompiledObject]:
        """`object`, as the caller may see it: a hidden one is NOT_FOUND / OBJECT_NOT_FOUND, like
        one that never was."""
        workspace = await self.seen(caller, at_version=at_version)
        found = workspace.object(name)
        if found is None:
            await self.refresh(caller.workspace_id)
            workspace = await self.seen(caller, at_version=at_version)
            found = workspace.object(name)
        if found is None:
            raise _unknown(name, workspace)
        return workspace, found

    async def workspace(self, workspace_id: UUID, *, at_version: int = 0) -> Workspace:
        """The definitions at no less than `at_version`, and no more than a second old.

        UNAVAILABLE / METADATA_BEHIND when the metadata plane does not know that version (yet).
        """
        held = self._held.get(workspace_id)
        if (
            held is not None
            and held.workspace.version >= at_version
            and time.monotonic() - held.checked < _FRESH_SECONDS
        ):
            return held.workspace
        found = await self.refresh(workspace_id)
        if found.version < at_version:
            raise Unavailable(
                "METADATA_BEHIND",
                f"metadata is at version {found.version}, not at {at_version}; try again",
            )
        return found

    async def object(
        self, workspace_id: UUID, name: str, *, at_version: int = 0
    ) -> tuple[Workspace, CompiledObject]:
        """The object of that name or id, asked for anew before it is called unknown.

        NOT_FOUND / OBJECT_NOT_FOUND, with the nearest name.
        """
        workspace = await self.workspace(workspace_id, at_version=at_version)
        found = workspace.object(name)
        if found is None:
            workspace = await self.refresh(workspace_id)
            found = workspace.object(name)
        if found is None:
            raise _unknown(name, workspace)
        return workspace, found

    async def refresh(self, workspace_id: UUID) -> Workspace:
        """The definitions as of now; what is held, for a while, when metadata does not answer."""
        if pending := self._asking.get(workspace_id):
            # That answer may be older than what the caller has just seen: wait, then ask again.
            await asyncio.wait([pending])
            if again := self._asking.get(workspace_id):
                return await asyncio.shield(again)
        asking = asyncio.ensure_future(self._ask(workspace_id))
        self._asking[workspace_id] = asking
        asking.add_done_callback(lambda done: self._forget_question(workspace_id, done))
        return await asyncio.shield(asking)

    def _forget_question(self, workspace_id: UUID, done: "asyncio.Future[Workspace]") -> None:
        if self._asking.get(workspace_id) is done:
            del self._asking[workspace_id]

    async def _ask(self, workspace_id: UUID) -> Workspace:
        held = self._held.get(workspace_id)
        own = credentials.issue(self._secret, credentials.Internal(self._plane, str(workspace_id)))
        asked = time.monotonic()
        try:
            answer = await clients.call(
                self._stub.GetSnapshot,
                pb.GetSnapshotRequest(if_newer_than=held.workspace.version if held else 0),
                clients.metadata(own),
                timeout=5.0,
            )
        except (Unavailable, DeadlineExceeded):
            if held is not None and asked - held.checked < _STALE_SECONDS:
                return held.workspace
            raise
        if not answer.snapshot_json and held is not None:
            held.checked = asked
            self._held.move_to_end(workspace_id)
            return held.workspace
        workspace = Workspace.from_json(answer.snapshot_json)
        self._keep(workspace_id, _Held(workspace, asked, len(answer.snapshot_json) * _EXPANSION))
        return workspace

    def _keep(self, workspace_id: UUID, entry: _Held) -> None:
        if old := self._held.pop(workspace_id, None):
            self._bytes -= old.size
        self._held[workspace_id] = entry
        self._bytes += entry.size
        while self._bytes > _MAX_BYTES and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= oldest.size


def _unknown(name: str, workspace: Workspace) -> NotFound:
    hint = nearest(name, workspace.objects)
    return NotFound("OBJECT_NOT_FOUND", f"there is no object {name!r}{hint}", object=name)
