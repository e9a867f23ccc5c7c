"""How fast a relay drains an outbox to a stream that syncs every batch."""

import asyncio

import pytest

from kit import ids, outbox
from kit.bus import Bus
from kit.db import Database
from kit.relay import Relay
from tests.bench import figures
from tests.integration.kit.conftest import PLANE, Stack
from tests.integration.kit.helpers import caller, eventually, process, unpublished

EVENTS, TOGETHER = 30_000, 500
BAR = 10_000
DATA = {"record_id": "0198c0de-0000-7000-8000-000000000000", "object": "opportunity"} | {
    "after": {"name": "Acme, renewal of the year", "stage": "won", "amount": 123_456_000_000},
    "before": {"stage": "offer"},
    "fields": {f"field_{n}": f"what stands in field {n}" for n in range(12)},
}


@pytest.mark.bench
async def test_events_drained_a_second(
    databases: tuple[Database, Database],
    bus: Bus,
    stack: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """By one relay, as a process of its own, with nothing else at work."""
    db, worker = databases
    workspace = ids.new_id()

    async def fill(count: int) -> None:
        for _ in range(count // TOGETHER):
            made = [
                outbox.Event("record.updated", "record", ids.new_id(), 1, DATA)
                for _ in range(TOGETHER)
            ]
            async with db.transaction(workspace) as tx:
                await outbox.add(tx, caller(workspace), *made)

    warm = Relay(PLANE, worker, bus)
    await fill(TOGETHER)
    while await warm.publish_once():
        pass
    await warm.release()
    await fill(EVENTS)
    loop = asyncio.get_running_loop()
    async with process(stack, "relay", tmp_path_factory.mktemp("crash")):

        async def begun() -> bool:
            return await unpublished(worker) < EVENTS

        async def done() -> bool:
            return not await unpublished(worker)

        await eventually(begun, "the relay is at work")
        left, began = await unpublished(worker), loop.time()
        await eventually(done, "everything is published")
        rate = left / (loop.time() - began)
    figures.at_least("relay drain, every batch synced", rate, BAR, "events/s")
