"""Hold what workspaces define, as their callers may see it, for routes that need to know."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from armature.metadata.v1 import schema_service_pb2 as pb

from gateway.auth import digest
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.planes import SCHEMA
from schema.compiled import Workspace

_MAX_BYTES = 64 * 1024 * 1024  # of JSON


@dataclass(frozen=True, slots=True)
class Held:
    """A workspace's definitions, compiled and as they came."""

    workspace: Workspace
    document: bytes
    version: int
    by_role: bool  # a custom role decides what is in it

    @property
    def etag(self) -> bytes:
        """What a custom role shows changes without a new version."""
        if not self.by_role:
            return b'"%d"' % self.version
        shown = blake2b(self.document, digest_size=8).hexdigest()
        return f'"{self.version}-{shown}"'.encode()


class Snapshots:
    """Snapshots by credential; metadata is asked each time, and mostly answers "unchanged"."""

    def __init__(self, hub: Hub, limit: int = _MAX_BYTES) -> None:
        self._hub = hub
        self._limit = limit
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._bytes = 0

    async def of(self, exchange: Exchange) -> Held:
        key = digest(exchange.credential)
        held = self._held.get(key)
        # What a custom role showed says nothing of what its principal's next role shows.
        whole = held.version if held is not None and not held.by_role else 0
        request = pb.GetSnapshotRequest(if_newer_than=whole)
        response = await self._hub.call(exchange, SCHEMA["GetSnapshot"], request)
        if held is not None and not response.snapshot_json:
            self._held.move_to_end(key)
            return held
        document = response.snapshot_json
        if held is not None and document == held.document:
            self._held.move_to_end(key)
            return held
        fresh = Held(
            Workspace.from_json(document), document, response.metadata_version, response.by_role
        )
        self._keep(key, fresh)
        return fresh

    def _keep(self, key: bytes, fresh: Held) -> None:
        if old := self._held.pop(key, None):
            self._bytes -= len(old.document)
        self._held[key] = fresh
        self._bytes += len(fresh.document)
        while self._bytes > self._limit and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= len(oldest.document)
