"""What becomes of an endpoint that fails for long, with the clock moved by moving rows."""

from typing import Any
from uuid import UUID

import httpx
from armature.events.v1 import event_service_pb2 as events_pb

from tests.integration.events.conftest import As, Plane
from tests.integration.events.hooks import (
    change,
    deliveries,
    in_state,
    subscribe,
    subscription,
)
from tests.integration.events.platform import Receiver
from tests.integration.kit.helpers import eventually


async def events_of(caller: As, kind: str) -> list[Any]:
    request = events_pb.ListEventsRequest(filter=events_pb.EventFilter(types=[kind]))
    return list((await caller.call(caller.events.ListEvents, request)).events)


async def move(plane: Plane, workspace: UUID, sql: str) -> None:
    async with plane.db.transaction(workspace) as tx:
        assert await tx.run(sql) >= 1


async def test_days_of_failure_bring_notices_and_then_the_end(
    plane: Plane, workspace: UUID
) -> None:
    caller = plane.a(workspace)
    async with Receiver(lambda _: (404, {})).running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        await plane.emit(workspace, "record.created")
        await in_state(caller, "dead", 1)
        assert (await subscription(caller, made.id)).state == "enabled"
        for days, notices in ((1.5, 1), (3.5, 2)):
            await move(
                plane,
                workspace,
                f"UPDATE subscriptions SET failing_since = now() - interval '{days} days'",
            )
            await plane.emit(workspace, "record.created")

            async def noticed(wanted: int = notices) -> bool:
                return len(await events_of(caller, "subscription.failing")) >= wanted

            await eventually(noticed, f"a notice after {days} days")
        await move(
            plane, workspace, "UPDATE subscriptions SET failing_since = now() - interval '5 days'"
        )
        await plane.emit(workspace, "record.created")

        async def ended() -> bool:
            return bool((await subscription(caller, made.id)).state == "failed")

        await eventually(ended, "it is switched off")
        assert "5 days" in (await subscription(caller, made.id)).state_reason

        async def announced() -> bool:  # by way of outbox and stream, so a moment later
            return len(await events_of(caller, "subscription.failed")) == 1

        await eventually(announced, "its end stands in the log, once")
        # Enabled again by a person, it starts with a clean slate.
        await change(caller, made.id, state="enabled")
        async with plane.db.transaction(workspace) as tx:
            row = await tx.one("SELECT failing_since, notices FROM subscriptions")
        assert row["notices"] == 0


async def test_a_broken_endpoint_gets_one_probe_and_recovers(plane: Plane, workspace: UUID) -> None:
    caller, status = plane.a(workspace), [503]
    async with Receiver(lambda _: (status[0], {})).running() as receiver:
        await subscribe(caller, receiver.url)
        await plane.emit(workspace, *["record.created"] * 8)

        async def opened() -> bool:
            async with plane.db.transaction(workspace) as tx:
                sql = "SELECT count(*) = 1 FROM delivery_lanes WHERE open_until > now()"
                return bool(await tx.value(sql))

        await eventually(opened, "the breaker is open")

        async def still() -> bool:
            return not await deliveries(caller, state="delivering")

        await eventually(still, "what was under way when it opened has its answer")
        await move(
            plane,
            workspace,
            "UPDATE delivery_lanes SET open_until = now() + interval '1 hour',"
            " next_due = now() + interval '1 hour'",
        )
        before = len(receiver.got)
        # Its hour is over: of all that waits, one is sent to see whether it works again.
        await move(
            plane,
            workspace,
            "UPDATE delivery_queue SET due_time = now()",
        )
        await move(
            plane, workspace, "UPDATE delivery_lanes SET open_until = now(), next_due = now()"
        )

        async def probed() -> bool:
            return len(receiver.got) > before

        await eventually(probed, "a probe comes")
        await eventually(opened, "it failed, and the breaker is open again")
        assert len(receiver.got) == before + 1
        status[0] = 200
        await move(
            plane, workspace, "UPDATE delivery_lanes SET open_until = now(), next_due = now()"
        )
        await move(plane, workspace, "UPDATE delivery_queue SET due_time = now()")

        async def closed() -> bool:
            return not await deliveries(caller, state="pending")

        await eventually(closed, "everything goes out")


async def test_a_process_shows_its_metrics(plane: Plane, workspace: UUID) -> None:
    await events_of(plane.a(workspace), "record.created")
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://{plane.settings['ARMATURE_METRICS_ADDRESS']}/metrics")
        other = await http.get(f"http://{plane.settings['ARMATURE_METRICS_ADDRESS']}/other")
    assert (answer.status_code, other.status_code) == (200, 404)
    for name in (
        'rpc_method="/armature.events.v1.EventService/ListEvents"} ',
        'outbox_backlog{plane="events"}',
        'consumer_processed_total{consumer="events-log"',
        "webhook_attempts_total",
        "dlq_depth",
        'stream_bytes{stream="ARMATURE_EVENTS"}',
        'db_pool_waiting{pool="service"}',
    ):
        assert name in answer.text, name
    assert str(workspace) not in answer.text
