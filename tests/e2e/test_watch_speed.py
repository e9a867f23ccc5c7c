"""From a commit to what watchers are told of it: 1,000 streams of 200 lists, 200 writes/s."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from armature.records.v1 import record_service_pb2 as records_pb
from armature.records.v1 import record_service_pb2_grpc as records_rpc
from armature.records.v1 import record_watch_service_pb2 as pb
from armature.records.v1 import record_watch_service_pb2_grpc as rpc

from kit import clients
from tests.e2e.client import Client
from tests.services import until

OWNERS, STREAMS, EACH = 200, 1000, 50
WRITES, RATE = 3000, 200.0
CHANNELS = 10
BAR_MS = 250.0


class Audience:
    """All the streams, and when each first had which version of a record."""

    def __init__(self) -> None:
        self.snapshots = 0
        self.ready = asyncio.Event()  # every stream has its snapshot
        self.seen: dict[tuple[int, str], list[tuple[int, float]]] = defaultdict(list)

    async def follow(self, number: int, call: Any) -> None:
        now = asyncio.get_running_loop().time
        async for frame in call:
            if frame.WhichOneof("frame") == "snapshot":
                assert len(frame.snapshot.records) == EACH
                self.snapshots += 1
                if self.snapshots == STREAMS:
                    self.ready.set()
            for change in frame.diff.changes:
                self.seen[number, change.id].append((change.record.version, now()))

    def first(self, number: int, record_id: str, version: int) -> float | None:
        times = (at for had, at in self.seen[number, record_id] if had >= version)
        return next(times, None)


@pytest.mark.bench
@pytest.mark.timeout(300)
async def test_commit_to_diff(new_workspace: Callable[[], Client], stack: dict[str, Any]) -> None:
    api = new_workspace()
    api.define("task", {"name": "owner", "type": "text"}, {"name": "score", "type": "number"})
    ids = [made for owner in range(OWNERS) for made in _filled(api, owner)]
    headers = tuple(clients.metadata(api.api_key))
    address, audience = stack["grpc"]["records"], Audience()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as opened:
        channels = [clients.channel(address) for _ in range(CHANNELS)]
        for channel in channels:
            opened.push_async_callback(channel.close)
        began, following = loop.time(), []
        for number in range(STREAMS):
            request = pb.WatchViewRequest(object="task", sort="-score")
            request.selection.filter_text = f'owner = "o{number % OWNERS}"'
            stub: Any = rpc.RecordWatchServiceStub(channels[number % CHANNELS])
            call = stub.WatchView(request, metadata=headers)
            following.append(asyncio.ensure_future(audience.follow(number, call)))
        await audience.ready.wait()
        print(f"\n{STREAMS} streams stand after {loop.time() - began:.1f} s")
        written = await _write(channels, headers, ids)
        await _told(audience, written)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
    _tell(audience, written)


def _filled(api: Client, owner: int) -> list[tuple[int, str]]:
    items = [{"fields": {"owner": f"o{owner}", "score": n}} for n in range(EACH)]
    results = api.post("/v1/objects/task/records:batchCreate", {"items": items})["results"]
    return [(owner, r["record"]["id"]) for r in results]


async def _write(
    channels: list[Any], headers: Any, ids: list[tuple[int, str]]
) -> list[tuple[int, str, int, float, float]]:
    """(owner, record, version, when it was sent, when it was known to be committed) of each."""
    stub: Any = records_rpc.RecordServiceStub(channels[0])
    loop, rng = asyncio.get_running_loop(), Random(7)
    written: list[tuple[int, str, int, float, float]] = []

    async def one() -> None:
        owner, record_id = rng.choice(ids)
        request = records_pb.UpdateRecordRequest(
            object="task",
            id=record_id,
            fields_json=json.dumps({"score": rng.randint(0, 10**9)}).encode(),
            request_id=str(uuid4()),
        )
        sent = loop.time()
        answer = await clients.call(stub.UpdateRecord, request, headers, timeout=30.0)
        written.append((owner, record_id, answer.record.version, sent, loop.time()))

    began, pending = loop.time(), []
    for n in range(WRITES):
        await asyncio.sleep(max(0.0, began + n / RATE - loop.time()))
        pending.append(asyncio.ensure_future(one()))
    await asyncio.gather(*pending)
    print(f"{WRITES} writes at {WRITES / (loop.time() - began):.0f} a second")
    return written


async def _told(audience: Audience, written: list[tuple[int, str, int, float, float]]) -> None:
    """Wait until every change has come to every watcher of it."""
    wanted = [
        (number, record_id, version)
        for owner, record_id, version, _, _ in written
        for number in range(owner, STREAMS, OWNERS)
    ]

    async def all_told() -> bool:
        return all(audience.first(*one) is not None for one in wanted)

    await until(all_told, 60, 0.5)


def _tell(audience: Audience, written: list[tuple[int, str, int, float, float]]) -> None:
    from_commit, from_call = [], []
    for owner, record_id, version, sent, committed in written:
        for number in range(owner, STREAMS, OWNERS):
            at = audience.first(number, record_id, version)
            assert at is not None, "a change that a watcher was not told"
            from_commit.append(max(0.0, at - committed) * 1000)
            from_call.append((at - sent) * 1000)
    for name, found in (("commit", from_commit), ("call", from_call)):
        found.sort()
        p50, p95, p99 = (found[int(len(found) * q)] for q in (0.5, 0.95, 0.99))
        print(
            f"from {name} to diff, {len(found)} of them: p50 {p50:.0f} ms, p95 {p95:.0f} ms"
            f" (bar {BAR_MS:.0f}), p99 {p99:.0f} ms"
        )
