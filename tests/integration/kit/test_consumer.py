"""A consumer's effect happens once for each event, whatever is repeated, killed or wiped."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from kit import ids, metrics, relay
from kit.bus import STREAM, Bus, Message
from kit.consumer import ACK_WAIT, BatchHandler, Consumer, Handler, Options
from kit.db import Database, Row, Tx
from kit.envelope import Envelope
from kit.errors import DeadlineExceeded, ServiceError, Unavailable
from kit.precedence import requests
from kit.pull import Pull
from kit.relay import Relay
from tests.integration.kit.conftest import PLANE, Stack
from tests.integration.kit.helpers import eventually, process, unpublished, write
from tests.integration.kit.worker import leave_effect

Databases = tuple[Database, Database]
SUBJECTS = (f"armature.evt.{PLANE}.>",)


@asynccontextmanager
async def consuming(
    databases: Databases, bus: Bus, handler: Handler | BatchHandler, options: Options
) -> AsyncIterator[None]:
    task = asyncio.create_task(Consumer(options, databases[0], bus, handler).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def publish(databases: Databases, bus: Bus) -> None:
    publishing = Relay(PLANE, databases[1], bus)
    while await publishing.publish_once():
        pass
    await publishing.release()


async def effects(db: Database, workspace: UUID) -> list[Row]:
    async with db.transaction(workspace) as tx:
        return await tx.all("SELECT aggregate_id, aggregate_version FROM effects ORDER BY id")


async def wait_for(db: Database, workspace: UUID, count: int) -> list[Row]:
    async def there() -> bool:
        return len(await effects(db, workspace)) >= count

    await eventually(there, f"{count} effects")
    return await effects(db, workspace)


def a_name() -> str:
    return f"test-{ids.new_id().hex[-12:]}"


async def test_a_repeated_event_has_one_effect_and_order_holds(
    databases: Databases, bus: Bus
) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id() for _ in range(10)]
    await write(db, workspace, aggregates, range(1, 11))
    publishing = Relay(PLANE, worker, bus)
    await publishing.renew()
    rows = await publishing.read()
    await publishing.publish_once()
    await publishing.release()
    for row in rows:  # each once more, under an id that the stream does not know
        again = relay.message_of(PLANE, row)
        await bus.publish(Message(again.subject, ids.new_id().hex, again.payload, again.headers))
    async with consuming(databases, bus, leave_effect, Options(a_name(), SUBJECTS)):
        await wait_for(db, workspace, 100)
        last = ids.new_id()
        await write(db, workspace, [last], range(1, 2))
        await publish(databases, bus)
        found = await wait_for(db, workspace, 101)
    assert len(found) == 101
    for one in aggregates:
        versions = [r["aggregate_version"] for r in found if r["aggregate_id"] == one]
        assert versions == list(range(1, 11))


async def test_a_backlog_gives_way_to_requests_and_is_worked_off_all_the_same(
    databases: Databases, bus: Bus
) -> None:
    """One request after another is under way the whole time."""
    db, _ = databases
    workspace, name = ids.new_id(), a_name()
    await write(db, workspace, [ids.new_id() for _ in range(10)], range(1, 31))
    await publish(databases, bus)
    options = Options(name, SUBJECTS, batch=20, concurrency=2)
    with requests.one():
        async with consuming(databases, bus, leave_effect, options):
            assert len(await wait_for(db, workspace, 300)) == 300
    waited = metrics.REGISTRY.get_sample_value("gave_way_seconds_total", {"who": name})
    assert waited is not None
    assert waited > 0


async def _after_one_before(tx: Tx, events: list[Envelope]) -> set[UUID]:
    """Version 2 waits for the effect of version 1."""
    done = {row["aggregate_id"] for row in await tx.all("SELECT aggregate_id FROM effects")}
    return {e.id for e in events if e.aggregate_version == 2 and e.aggregate_id not in done}


@pytest.mark.parametrize("batched", [False, True])
async def test_what_comes_too_early_waits_for_its_turn_and_not_for_ever(
    databases: Databases, bus: Bus, monkeypatch: pytest.MonkeyPatch, batched: bool
) -> None:
    monkeypatch.setattr("kit.processing.TURN_SECONDS", 1.0)
    db, _ = databases
    workspace, one, orphan = ids.new_id(), ids.new_id(), ids.new_id()

    async def several(tx: Tx, events: list[Envelope]) -> None:
        for event in events:
            await leave_effect(tx, event)

    options = Options(a_name(), SUBJECTS, batched=batched, turn=_after_one_before)
    handler: Handler | BatchHandler = several if batched else leave_effect
    await write(db, workspace, [one, orphan], range(2, 3))
    await publish(databases, bus)
    async with consuming(databases, bus, handler, options):
        await write(db, workspace, [one], range(1, 2))
        await publish(databases, bus)
        found = await wait_for(db, workspace, 3)
    done = [(row["aggregate_id"], row["aggregate_version"]) for row in found]
    assert [version for found, version in done if found == one] == [1, 2]
    assert done[-1] == (orphan, 2)


async def _delivered_in_vain(bus: Bus, options: Options, messages: int, times: int) -> None:
    """As by processes that took them all and died."""
    config = ConsumerConfig(
        durable_name=options.name,
        filter_subjects=[*options.subjects, f"armature.replay.{options.name}"],
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT,
        max_deliver=options.max_deliveries,
    )
    await bus.js.add_consumer(STREAM, config)
    async with Pull(bus.client, STREAM, options.name, messages) as pull:
        for _ in range(times):
            taken: list[Msg] = []
            while len(taken) < messages:
                taken += await pull.take()
            for message in taken:
                await message.nak()


async def test_what_waits_for_its_turn_does_not_keep_back_what_it_waits_for(
    databases: Databases, bus: Bus
) -> None:
    """Behind an early event that came twice is all that a process held which died three times, and
    last what the event waits for: one after the other, and none of them slowly."""
    db, worker = databases
    workspace, one, others = ids.new_id(), ids.new_id(), [ids.new_id() for _ in range(40)]
    await write(db, workspace, [one], range(2, 3))
    publishing = Relay(PLANE, worker, bus)
    await publishing.renew()
    early = relay.message_of(PLANE, (await publishing.read())[0])
    await publishing.publish_once()
    await publishing.release()
    await bus.publish(Message(early.subject, ids.new_id().hex, early.payload, early.headers))
    for later in (others, [one]):
        await write(db, workspace, later, range(1, 2))
        await publish(databases, bus)

    async def several(tx: Tx, events: list[Envelope]) -> None:
        for event in events:
            await leave_effect(tx, event)

    subjects = (f"armature.evt.{PLANE}.*.{workspace}",)
    options = Options(a_name(), subjects, batched=True, linger=0.02, turn=_after_one_before)
    await _delivered_in_vain(bus, options, 43, 3)
    async with consuming(databases, bus, several, options):
        async with asyncio.timeout(25):  # far less than an early one waits at most
            found = await wait_for(db, workspace, 42)
    versions = [row["aggregate_version"] for row in found if row["aggregate_id"] == one]
    assert versions == [1, 2]


async def test_a_batch_shares_a_transaction_and_a_bad_event_leaves_it_alone(
    databases: Databases, bus: Bus
) -> None:
    db, _ = databases
    workspace, bad = ids.new_id(), ids.new_id()
    sizes: list[int] = []

    async def handler(tx: Tx, events: list[Envelope]) -> None:
        sizes.append(len(events))
        for event in events:
            if event.aggregate_id == bad:
                raise ValueError("no good")
            await leave_effect(tx, event)

    await write(db, workspace, [*(ids.new_id() for _ in range(49)), bad], range(1, 3))
    await publish(databases, bus)
    options = Options(a_name(), SUBJECTS, batched=True, max_failures=1)
    async with consuming(databases, bus, handler, options):
        await wait_for(db, workspace, 98)

        async def buried() -> bool:
            return await letters(db, workspace) == 2

        await eventually(buried, "both bad events become dead letters")
    assert max(sizes) > 10
    assert len(await effects(db, workspace)) == 98


async def letters(db: Database, workspace: UUID) -> int:
    async with db.transaction(workspace) as tx:
        return int(await tx.value("SELECT count(*) FROM outbox WHERE type = 'dead_letter.created'"))


async def test_a_failing_event_holds_its_lane_then_becomes_a_dead_letter(
    databases: Databases, bus: Bus
) -> None:
    db, _ = databases
    workspace, bad, good = ids.new_id(), ids.new_id(), ids.new_id()
    tries: list[int] = []

    async def handler(tx: Tx, event: Envelope) -> None:
        if event.aggregate_id == bad and event.aggregate_version == 1:
            tries.append(1)
            raise ValueError("no good")
        await leave_effect(tx, event)

    await write(db, workspace, [bad, good], range(1, 4))
    await publish(databases, bus)
    async with consuming(databases, bus, handler, Options(a_name(), SUBJECTS, max_failures=3)):
        found = await wait_for(db, workspace, 5)
    assert len(tries) == 4
    assert [r["aggregate_id"] for r in found[:3]] == [good] * 3, "others do not wait for it"
    assert [r["aggregate_version"] for r in found[3:]] == [2, 3]
    assert await letters(db, workspace) == 1


@pytest.mark.parametrize(
    "error", [Unavailable("UNREACHABLE", "not now"), DeadlineExceeded("DEADLINE", "stands still")]
)
async def test_while_a_plane_does_not_answer_an_event_waits_and_is_not_buried(
    databases: Databases, bus: Bus, error: ServiceError
) -> None:
    db, _ = databases
    workspace = ids.new_id()
    tries: list[int] = []

    async def ask(_events: list[Envelope]) -> None:
        tries.append(1)
        if len(tries) < 5:
            raise error

    await write(db, workspace, [ids.new_id()], range(1, 2))
    await publish(databases, bus)
    subjects = (f"armature.evt.{PLANE}.*.{workspace}",)
    options = Options(a_name(), subjects, max_failures=1, prepare=ask)
    async with consuming(databases, bus, leave_effect, options):
        await wait_for(db, workspace, 1)
    assert await letters(db, workspace) == 0


@pytest.mark.parametrize("point", ["before_commit", "before_ack"])
async def test_a_consumer_that_dies_has_each_effect_once(
    stack: Stack, databases: Databases, bus: Bus, tmp_path: Path, point: str
) -> None:
    db, _ = databases
    workspace, name = ids.new_id(), a_name()
    await write(db, workspace, [ids.new_id() for _ in range(30)], range(1, 3))
    await publish(databases, bus)
    (tmp_path / f"{name}.{point}").touch()
    async with process(stack, "consumer", tmp_path, name) as first:
        assert await first.wait() == -signal.SIGKILL
    async with process(stack, "consumer", tmp_path, name):
        await wait_for(db, workspace, 60)
    assert len(await effects(db, workspace)) == 60


async def test_a_wiped_stream_is_made_again_and_consumed(databases: Databases, bus: Bus) -> None:
    db, _ = databases
    workspace = ids.new_id()
    async with consuming(databases, bus, leave_effect, Options(a_name(), SUBJECTS)):
        await write(db, workspace, [ids.new_id()], range(1, 2))
        await publish(databases, bus)
        await wait_for(db, workspace, 1)
        await bus.js.delete_stream(STREAM)

        async def back() -> bool:
            await bus.ensure_streams()
            return True

        await eventually(back, "the stream exists again")
        await write(db, workspace, [ids.new_id()], range(1, 2))
        await publish(databases, bus)
        await wait_for(db, workspace, 2)


async def test_what_a_lost_stream_held_is_published_again(databases: Databases, bus: Bus) -> None:
    db, worker = databases
    workspace, one = ids.new_id(), ids.new_id()
    publishing = asyncio.create_task(Relay(PLANE, worker, bus).run())
    await write(db, workspace, [one], range(1, 21))

    async def drained() -> bool:
        return await unpublished(worker) == 0

    await eventually(drained, "all is published, and nobody has consumed it")
    await bus.js.delete_stream(STREAM)
    await bus.ensure_streams()
    await write(db, workspace, [one], range(21, 26))
    async with consuming(databases, bus, leave_effect, Options(a_name(), SUBJECTS)):
        found = await wait_for(db, workspace, 25)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    versions = [r["aggregate_version"] for r in found if r["aggregate_id"] == one]
    assert sorted(versions) == list(range(1, 26))
