"""Hold what each workspace defines, compiled, and never older than a second.

A snapshot is asked for again when word of a newer version has come, when it is older than a second,
when a name is unknown, or when a caller has seen a newer version; "unchanged" is a short answer.
Memory is bounded by bytes: the workspaces that were used least recently go first.
"""

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

import grpc
import structlog
from armature.metadata.v1 import schema_service_pb2 as pb
from armature.metadata.v1 import schema_service_pb2_grpc as rpc
from nats.aio.msg import Msg

from kit import clients, credentials
from kit.bounded import Bounded
from kit.bus import Bus
from kit.caller import Caller
from kit.errors import DeadlineExceeded, NotFound, Unavailable
from schema.access import Restrictions
from schema.compiled import CompiledObject, Workspace
from schema.problems import nearest

log = structlog.get_logger()

VERSION_SUBJECT = "armature.metadata.version"  # .<workspace id>, with the version as the payload
_FRESH_SECONDS = 0.8
_STALE_SECONDS = 30.0
_MAX_BYTES = 512 * 1024 * 1024
_EXPANSION = 6  # a compiled snapshot takes about this many times its JSON


@dataclass(slots=True)
class Held:
    """A compiled workspace, when it was last known to be the newest, and about how many bytes."""

    workspace: Workspace
    checked: float
    size: int
    told: int = 0  # the newest version that word has come of

    @classmethod
    def of(cls, workspace: Workspace, checked: float, document_size: int) -> "Held":
        return cls(workspace, checked, document_size * _EXPANSION)


class Definitions:
    """Compiled snapshots by workspace, read through SchemaService.GetSnapshot."""

    def __init__(self, channel: grpc.aio.Channel, secret: str, plane: str) -> None:
        self._stub = rpc.SchemaServiceStub(channel)
        self._secret = secret
        self._plane = plane
        self._held: Bounded[UUID, Held] = Bounded(_MAX_BYTES)
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

    async def listen(self, bus: Bus) -> None:
        """Hear of new versions, for ever. Word that is lost is made up for within a second."""
        await bus.hear(f"{VERSION_SUBJECT}.*", self._hear)

    def _hear(self, message: Msg) -> None:
        """What is held counts as old from a newer version on; the next call asks for it."""
        try:
            workspace_id = UUID(message.subject.rpartition(".")[2])
            version = int(message.data)
        except ValueError:
            log.warning("no version", subject=message.subject)
            return
        held = self._held.get(workspace_id)
        if held is not None:
            held.told = max(held.told, version)

    async def workspace(self, workspace_id: UUID, *, at_version: int = 0) -> Workspace:
        """The definitions at no less than `at_version`, and no more than a second old.

        UNAVAILABLE / METADATA_BEHIND when the metadata plane does not know that version (yet).
        """
        held = self._held.get(workspace_id)
        if (
            held is not None
            and held.workspace.version >= at_version
            and held.workspace.version >= held.told
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
            return held.workspace
        workspace = Workspace.from_json(answer.snapshot_json)
        self.keep(workspace_id, Held.of(workspace, asked, len(answer.snapshot_json)))
        return workspace

    def keep(self, workspace_id: UUID, entry: Held) -> None:
        """Hold a workspace, as long as nothing else needs the room."""
        if (old := self._held.get(workspace_id)) is not None:
            entry.told = old.told  # word may have come while it was asked for
        self._held.put(workspace_id, entry, entry.size)


def _unknown(name: str, workspace: Workspace) -> NotFound:
    hint = nearest(name, workspace.objects)
    return NotFound("OBJECT_NOT_FOUND", f"there is no object {name!r}{hint}", object=name)
