"""What tests of relay and consumer share: writing events, reading the stream, waiting."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from kit import envelope, ids, outbox
from kit.bus import STREAM, Bus
from kit.caller import Caller
from kit.db import Database
from kit.envelope import Envelope
from kit.pull import Pull
from tests.integration.kit.conftest import PLANE, Stack

ROOT = Path(__file__).resolve().parents[3]


async def eventually(
    condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 60
) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


def counted_calls(patched: pytest.MonkeyPatch, owner: type, name: str) -> Callable[[], int]:
    """How often a method has been called since."""
    calls = 0
    method: Any = getattr(owner, name)

    async def counting(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        return await method(*given)

    patched.setattr(owner, name, counting)
    return lambda: calls


def caller(workspace: UUID) -> Caller:
    return Caller(workspace, str(ids.new_id()), "user", "Ada")


async def write(db: Database, workspace: UUID, aggregates: list[UUID], versions: range) -> int:
    """One transaction for each version, each with one event of every aggregate."""
    for version in versions:
        async with db.transaction(workspace) as tx:
            made = (
                outbox.Event("thing.changed", "thing", one, version, {"v": version})
                for one in aggregates
            )
            await outbox.add(tx, caller(workspace), *made)
    return len(aggregates) * len(versions)


async def unpublished(worker: Database) -> int:
    async with worker.across_workspaces() as tx:
        return int(await tx.value("SELECT count(*) FROM outbox WHERE published_at IS NULL"))


async def stored(bus: Bus, workspace: UUID) -> list[Envelope]:
    """Every event of the workspace that the stream holds, in stream order."""
    name = f"reader-{ids.new_id().hex}"
    subject = f"armature.evt.*.*.{workspace}"
    config = ConsumerConfig(
        durable_name=name, filter_subject=subject, ack_policy=AckPolicy.NONE, max_deliver=1
    )
    info = await bus.js.add_consumer(STREAM, config)
    wanted = info.num_pending or 0
    found: list[Envelope] = []
    async with Pull(bus.client, STREAM, name, 500) as pull:
        while len(found) < wanted:
            found += [envelope.decode(message.data) for message in await pull.take()]
    await bus.js.delete_consumer(STREAM, name)
    return found


def assert_each_once_in_order(found: list[Envelope], aggregates: list[UUID], last: int) -> None:
    by_aggregate: dict[UUID, list[int]] = {one: [] for one in aggregates}
    for event in found:
        by_aggregate[event.aggregate_id].append(event.aggregate_version)
    assert all(versions == list(range(1, last + 1)) for versions in by_aggregate.values())


@asynccontextmanager
async def process(
    stack: Stack, role: str, crash_dir: Path, name: str = "", lease: float = 3.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A relay or consumer as a process of its own."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
        "DB": stack.url(f"armature_{PLANE}"),
        "WORKER_DB": stack.url(f"armature_{PLANE}_worker"),
        "NATS": stack.started["nats"]["url"],
        "CRASH_DIR": str(crash_dir),
        "LEASE": f"{lease:g}",
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.kit.worker", role, name, cwd=ROOT, env=env
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGCONT)  # one that stands still ends no other way
            running.terminate()
        await running.wait()
