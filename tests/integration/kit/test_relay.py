"""The relay publishes every committed event at least once, in order per aggregate."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import nats.errors
import psycopg
import pytest
from opentelemetry import context as otel_context

from kit import ids, metrics, outbox, relay, telemetry
from kit.bus import STREAM, Bus
from kit.caller import Cause
from kit.consumer import Consumer, Options
from kit.db import Database, Tx
from kit.envelope import Envelope
from kit.errors import InvalidArgument, Unavailable
from kit.relay import Relay
from tests.integration.kit.conftest import PLANE, Stack
from tests.integration.kit.helpers import (
    assert_each_once_in_order,
    caller,
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


async def test_who_lost_a_partition_marks_nothing_there(databases: Databases, bus: Bus) -> None:
    """It published to a stream that may be no more, and whoever has the partition has looked."""
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id()]
    await write(db, workspace, aggregates, range(1, 4))
    late, other = Relay(PLANE, worker, bus), Relay(PLANE, worker, bus)
    await late.renew()
    rows = await late.read()
    began = asyncio.get_running_loop().time()
    await late.release()
    await other.renew()
    late._published = (rows, began)  # noqa: SLF001 -- as if it had stood still in between
    await late.settle()
    assert await unpublished(worker) == 3
    while await other.publish_once():
        pass
    assert await unpublished(worker) == 0
    await other.release()
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 3)


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


async def test_a_relay_that_stood_still_beyond_its_lease_doubles_nothing(
    stack: Stack, databases: Databases, bus: Bus, tmp_path: Path
) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id() for _ in range(20)]
    point = tmp_path / "relay.before_publish"
    async with process(stack, "relay", tmp_path, lease=2) as first:

        async def leased() -> bool:
            async with worker.across_workspaces() as tx:
                sql = "SELECT count(*) = 16 FROM outbox_leases WHERE partition >= 0"
                return bool(await tx.value(f"{sql} AND expires_at > now()"))

        await eventually(leased, "the first holds every partition")
        (tmp_path / "asked").write_text("stop")
        (tmp_path / "asked").rename(point)
        await write(db, workspace, aggregates, range(1, 11))

        async def stopped() -> bool:
            return not point.exists()

        await eventually(stopped, "it stands still, with rows in its hands")
        async with process(stack, "relay", tmp_path, lease=2):
            await write(db, workspace, aggregates, range(11, 16))

            async def drained() -> bool:
                return await unpublished(worker) == 0

            await eventually(drained, "the second takes over")
            before = len(await stored(bus, workspace))
            first.send_signal(signal.SIGCONT)
            await write(db, workspace, aggregates, range(16, 21))
            await eventually(drained, "both go on")
    assert before == 20 * 15
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 20)


async def test_a_full_stream_holds_the_outbox_and_drains_afterwards(
    databases: Databases, bus: Bus
) -> None:
    db, worker = databases
    workspace, aggregates = ids.new_id(), [ids.new_id() for _ in range(10)]
    found = await bus.js.stream_info(STREAM)
    normal = found.config.max_bytes
    publishing = asyncio.create_task(Relay(PLANE, worker, bus).run())

    def alarms() -> float:
        return metrics.REGISTRY.get_sample_value("outbox_stream_full_total", {"plane": PLANE}) or 0

    try:
        await bus.js.update_stream(found.config.evolve(max_bytes=found.state.bytes + 30_000))
        before = alarms()
        await write(db, workspace, aggregates, range(1, 41))

        async def held() -> bool:
            return alarms() > before

        await eventually(held, "the stream is full, and the alarm says so")
        assert await unpublished(worker) > 0
    finally:
        await bus.js.update_stream(found.config.evolve(max_bytes=normal))

    async def drained() -> bool:
        return await unpublished(worker) == 0

    await eventually(drained, "the outbox drains once there is room")
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    assert_each_once_in_order(await stored(bus, workspace), aggregates, 40)


async def test_partitions_go_when_their_time_is_over_and_all_is_published(
    stack: Stack, databases: Databases
) -> None:
    db, worker = databases
    workspace = ids.new_id()
    days = ("2020-01-01", "2020-01-02")
    with psycopg.connect(stack.url("armature_owner"), autocommit=True) as owner:
        owner.execute(f"SET search_path TO {PLANE}")
        for day, after in (days, ("2020-01-02", "2020-01-03")):
            part = f"outbox_p{day.replace('-', '')}"
            owner.execute(
                f"CREATE TABLE {part} PARTITION OF outbox FOR VALUES FROM ('{day}') TO ('{after}')"
            )
            owner.execute(f"ALTER TABLE {part} ENABLE ROW LEVEL SECURITY")
            owner.execute(f"ALTER TABLE {part} FORCE ROW LEVEL SECURITY")
    await write(db, workspace, [ids.new_id(), ids.new_id()], range(1, 2))
    async with db.transaction(workspace) as tx:
        rows = await tx.all("SELECT event_id FROM outbox")
        for row, day, published in zip(rows, days, (True, False), strict=True):
            await tx.run(
                "UPDATE outbox SET occurred_at = %s::date + interval '12 h', published_at ="
                " CASE WHEN %s THEN now() END WHERE event_id = %s",
                [day, published, row["event_id"]],
            )

    async def maintain() -> int:
        async with worker.across_workspaces() as tx:
            return int(await tx.value("SELECT outbox_maintain(3)"))

    assert await maintain() == 1
    async with db.transaction(workspace) as tx:
        (left,) = await tx.all("SELECT event_id, published_at FROM outbox")
        assert left["published_at"] is None, "what waits to be published is kept"
        sql = "SELECT to_regclass('outbox_p' || to_char(current_date + 3, 'YYYYMMDD'))::text"
        assert await tx.value(sql) is not None
        await tx.run("UPDATE outbox SET published_at = now()")
    assert await maintain() == 1


async def test_what_is_too_large_travels_beside_the_stream_and_arrives_whole(
    databases: Databases, bus: Bus
) -> None:
    db, worker = databases
    workspace = ids.new_id()
    sizes = (10, 300_000, 3_000_000, 11_000_000)
    async with db.transaction(workspace) as tx:
        made = [
            outbox.Event("thing.grown", "thing", ids.new_id(), 1, {"text": "x" * size})
            for size in sizes
        ]
        await outbox.add(tx, caller(workspace), *made)
    publishing = Relay(PLANE, worker, bus)
    while await publishing.publish_once():
        pass
    await publishing.release()
    assert all(len(bytes(one.data)) < 1000 for one in await stored(bus, workspace))
    got: dict[UUID, int] = {}

    async def handle(_: Tx, event: Envelope) -> None:
        got[event.id] = len(event.document()["text"])

    options = Options(f"large-{ids.new_id().hex[-8:]}", (f"armature.evt.*.*.{workspace}",))
    taking = asyncio.create_task(Consumer(options, db, bus, handle).run())

    async def all_came() -> bool:
        return len(got) == len(sizes)

    await eventually(all_came, "every event arrives")
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    assert tuple(got[event.event_id] for event in made) == sizes


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (outbox.Event("thing.grown", "thing", ids.new_id(), 1, b" " * 12_600_000), "TOO_LARGE"),
        (outbox.Event("no type", "thing", ids.new_id(), 1, {}), "TYPE_INVALID"),
        (outbox.Event("a." + "b" * 200, "thing", ids.new_id(), 1, {}), "TYPE_INVALID"),
    ],
    ids=("too large", "no type", "a long type"),
)
async def test_what_could_never_be_published_is_refused_with_its_change(
    databases: Databases, event: outbox.Event, reason: str
) -> None:
    workspace = ids.new_id()
    with pytest.raises(InvalidArgument) as caught:
        async with databases[0].transaction(workspace) as tx:
            await outbox.add(tx, caller(workspace), event)
    assert caught.value.reason == f"EVENT_{reason}"


async def test_of_one_call_a_few_events_are_followed_and_all_have_its_trace(
    databases: Databases,
) -> None:
    db, _ = databases
    workspace = ids.new_id()
    trace = f"{7:032x}"
    events = [outbox.Event("thing.done", "thing", ids.new_id(), 1, {}) for _ in range(40)]
    other = outbox.Source(f"00-{8:032x}-{8:016x}-01", Cause("root", "led"), {"kind": "user"})
    events.append(replace(events[0], event_id=ids.new_id(), source=other))
    remote = telemetry.remote(f"00-{trace}-{7:016x}-01")
    token = otel_context.attach(remote)
    try:
        async with db.transaction(workspace) as tx:
            await outbox.add(tx, caller(workspace), *events)
    finally:
        otel_context.detach(token)
    async with db.transaction(workspace) as tx:
        rows = await tx.all("SELECT traceparent, root_id, actor::jsonb AS actor FROM outbox")
    own = [row for row in rows if row["root_id"] != "root"]
    assert {row["traceparent"].split("-")[1] for row in own} == {trace}
    assert sum(row["traceparent"].endswith("-01") for row in own) == 5
    (told,) = (row for row in rows if row["root_id"] == "root")
    assert (told["traceparent"], told["actor"]) == (other.trace, {"kind": "user"})


async def published_and_not_marked(databases: Databases, bus: Bus) -> tuple[Relay, UUID]:
    db, worker = databases
    workspace = ids.new_id()
    async with worker.across_workspaces() as tx:  # of relays that died in other tests
        await tx.run("UPDATE outbox_leases SET owner = '', expires_at = '-infinity'")
    publishing = Relay(PLANE, worker, bus)
    while await publishing.publish_once():
        pass
    await write(db, workspace, [ids.new_id()], range(1, 6))
    assert await publishing.publish_once() == 5
    assert await unpublished(worker) == 5
    return publishing, workspace


async def test_who_asks_for_all_again_gets_what_was_not_marked_yet(
    databases: Databases, bus: Bus
) -> None:
    """Marked after that, it would be passed over."""
    publishing, _ = await published_and_not_marked(databases, bus)
    answering = asyncio.create_task(publishing._answer())  # noqa: SLF001
    try:

        async def answered() -> bool:
            try:
                await bus.client.request(relay.RESEND, b'{"hours": 1}', timeout=5)
            except nats.errors.NoRespondersError:
                return False
            return True

        await eventually(answered, "the relay answers")
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    assert len(await publishing.read()) >= 5
    while await publishing.publish_once():
        pass
    await publishing.release()
    assert await unpublished(databases[1]) == 0


async def test_a_mark_that_fails_keeps_no_lease_back(
    databases: Databases, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing, _ = await published_and_not_marked(databases, bus)

    async def collides(*_: object) -> None:
        raise Unavailable("CONFLICT", "with whoever asked for all again")

    with monkeypatch.context() as patched:
        patched.setattr(Relay, "_mark", collides)
        await publishing.release()
    other = Relay(PLANE, databases[1], bus)
    await other.renew()
    assert len(other._held) == outbox.PARTITIONS  # noqa: SLF001
    while await other.publish_once():
        pass
    await other.release()
