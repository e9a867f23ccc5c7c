"""The relay publishes every committed event at least once, in order per aggregate."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kit import ids, relay
from kit.bus import Bus
from kit.db import Database
from kit.relay import Relay
from tests.integration.kit.conftest import PLANE, Stack
from tests.integration.kit.helpers import (
    assert_each_once_in_order,
    eventually,
    process,
    stored,
    unpublished,
    write,
)

Databases = tuple[Database, Database]


async def test_every_event_is_published_once_in_order(databases: Databases, bus: Bus) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id() for _ in range(50)]
    await write(db, workspace, aggregates, range(1, 21))
    publishing = Relay(PLANE, worker, bus)
    while await publishing.publish_once():
        pass
    await publishing.release()
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 20)


async def test_a_batch_that_was_stored_in_part_is_completed_in_order(
    databases: Databases, bus: Bus
) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id()]
    await write(db, workspace, aggregates, range(1, 11))
    publishing = Relay(PLANE, worker, bus)
    await publishing.renew()
    rows = await publishing.read()
    for row in rows[:4]:  # as if it had died between the ack and the mark
        await bus.publish(relay.message_of(PLANE, row))
    while await publishing.publish_once():
        pass
    await publishing.release()
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 10)


@pytest.mark.parametrize("point", ["relay.before_publish", "relay.after_publish"])
async def test_a_relay_that_dies_loses_and_repeats_nothing(
    stack: Stack, databases: Databases, bus: Bus, tmp_path: Path, point: str
) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id() for _ in range(20)]
    (tmp_path / point).touch()
    async with process(stack, "relay", tmp_path) as first:
        await write(db, workspace, aggregates, range(1, 11))
        assert await first.wait() == -signal.SIGKILL
    async with process(stack, "relay", tmp_path):

        async def drained() -> bool:
            return await unpublished(worker) == 0

        await eventually(drained, "the second relay takes the leases and drains")
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 10)


async def test_two_relays_share_the_partitions_and_one_takes_over(
    stack: Stack, databases: Databases, bus: Bus, tmp_path: Path
) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id() for _ in range(40)]
    async with process(stack, "relay", tmp_path) as first, process(stack, "relay", tmp_path):

        async def shared() -> bool:
            async with worker.across_workspaces() as tx:
                rows = await tx.all(
                    "SELECT owner, count(*) AS n FROM outbox_leases"
                    " WHERE partition >= 0 AND expires_at > now() GROUP BY owner"
                )
            return sorted(row["n"] for row in rows) == [8, 8]

        await eventually(shared, "each relay holds half of the partitions")
        await write(db, workspace, aggregates, range(1, 6))
        first.kill()
        await write(db, workspace, aggregates, range(6, 11))

        async def drained() -> bool:
            return await unpublished(worker) == 0

        await eventually(drained, "the other takes over")
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 10)


async def test_nats_killed_in_the_middle_loses_nothing(
    stack: Stack, databases: Databases, bus: Bus, tmp_path: Path
) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id() for _ in range(100)]
    async with process(stack, "relay", tmp_path):
        writing = asyncio.create_task(write(db, workspace, aggregates, range(1, 101)))

        async def some() -> bool:
            async with worker.across_workspaces() as tx:
                return bool(
                    await tx.value(
                        "SELECT count(*) > 1000 FROM outbox"
                        " WHERE workspace_id = %s AND published_at IS NOT NULL",
                        [workspace],
                    )
                )

        await eventually(some, "publishing is under way")
        before = stack.pid("nats")
        os.kill(before, signal.SIGKILL)
        await writing

        async def drained() -> bool:
            return stack.pid("nats") != before and await unpublished(worker) == 0

        await eventually(drained, "the outbox drains once NATS is back")

    async def connected() -> bool:
        return bus.is_healthy()

    await eventually(connected, "our own connection is back")
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 100)
