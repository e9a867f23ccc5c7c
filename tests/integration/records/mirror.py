"""A client of WatchView: it applies frames as the contract says, and asks again where it left."""

import asyncio
import json
from typing import Any, Self

import grpc
from armature.records.v1 import record_pb2
from armature.records.v1 import record_watch_service_pb2 as pb
from armature.records.v1.record_watch_service_pb2_grpc import RecordWatchServiceStub

from kit import clients, status
from kit.errors import ServiceError

_PUT = {pb.WATCH_CHANGE_TYPE_ADDED, pb.WATCH_CHANGE_TYPE_MOVED}
_TAKEN = {pb.WATCH_CHANGE_TYPE_REMOVED, pb.WATCH_CHANGE_TYPE_MOVED}


class Mirror:
    """What one watcher has, by the frames that it got; `kinds` are these, in order."""

    def __init__(self, credential: str, **request: Any) -> None:
        self.request = pb.WatchViewRequest(**request)
        self.records: list[record_pb2.Record] = []
        self.groups: dict[str, pb.WatchGroup] = {}
        self.more = False
        self.kinds: list[str] = []
        self.resets: list[str] = []
        self.error: ServiceError | None = None
        self._versions: dict[str, int] = {}
        self._headers = tuple(clients.metadata(credential))
        self._call: Any = None

    def watch(self, stub: RecordWatchServiceStub) -> Self:
        """Begin, or go on from where it left."""
        self._call = stub.WatchView(self.request, metadata=self._headers)
        return self

    def leave(self) -> None:
        self._call.cancel()

    async def frame(self, seconds: float = 15.0) -> Any:
        """Apply one frame, and give it; None where the stream ended, by `error` or without."""
        try:
            async with asyncio.timeout(seconds):
                found = await self._call.read()
        except grpc.aio.AioRpcError as exc:
            self.error = status.from_rpc_error(exc)
            return None
        if found is grpc.aio.EOF:
            return None
        self.apply(found)
        return found

    async def until(self, kind: str) -> Any:
        """Apply frames up to one of that kind."""
        while True:
            found = await self.frame()
            assert found is not None, self.error
            if found.WhichOneof("frame") == kind:
                return getattr(found, kind)

    def apply(self, response: pb.WatchViewResponse) -> None:
        if response.position:
            self.request.position = response.position
        kind = response.WhichOneof("frame")
        self.kinds.append(kind or "")
        if kind == "reset":
            self.resets.append(response.reset.reason)
            self._versions.clear()
            return
        if kind is None:
            return
        frame = getattr(response, kind)
        getattr(self, f"_{kind}")(frame)
        self.more = frame.more
        for one in self.records:
            assert self._versions.get(one.id, 0) <= one.version, "a record went back"
            self._versions[one.id] = one.version
        assert len({r.id for r in self.records}) == len(self.records)

    def _snapshot(self, frame: pb.WatchSnapshot) -> None:
        self.records = list(frame.records)
        self.groups = {g.key_json.decode(): g for g in frame.groups}

    def _resumed(self, frame: pb.WatchResumed) -> None:
        known = {r.id: r for r in [*self.records, *frame.records]}
        self.records = [known[i] for i in frame.ids]
        self.groups = {g.key_json.decode(): g for g in frame.groups}

    def _diff(self, frame: pb.WatchDiff) -> None:
        gone = {c.id for c in frame.changes if c.type in _TAKEN}
        assert gone <= {r.id for r in self.records}
        self.records = [r for r in self.records if r.id not in gone]
        for change in frame.changes:
            if change.type in _PUT:
                self.records.insert(change.index, change.record)
        for change in frame.changes:
            if change.type == pb.WATCH_CHANGE_TYPE_UPDATED:
                assert self.records[change.index].id == change.id
                self.records[change.index] = change.record
        self.groups |= {g.key_json.decode(): g for g in frame.groups}

    def counts(self) -> dict[Any, int]:
        return {json.loads(key): group.count for key, group in self.groups.items()}
