"""Each event reaches each subscription that wants it: retried, paced, in order, exactly one row."""

import json
from uuid import UUID

import pytest
from armature.events.v1 import subscription_service_pb2 as pb

from kit import ids
from tests.integration.events.conftest import Plane
from tests.integration.events.hooks import (
    change,
    deliveries,
    get,
    in_state,
    subscribe,
    subscription,
)
from tests.integration.events.platform import Received, Receiver
from tests.integration.kit.helpers import eventually


async def test_retry_after_is_honoured_and_410_ends_the_subscription(
    plane: Plane, workspace: UUID
) -> None:
    caller = plane.a(workspace)
    answers = [(503, {"retry-after": "2"}), (200, {}), (410, {})]
    async with Receiver(lambda _: answers.pop(0)).running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 1)
        assert receiver.got[1].at - receiver.got[0].at >= 2
        await plane.emit(workspace, "record.created")
        await in_state(caller, "dead", 1)
        ended = await subscription(caller, made.id)
        assert (ended.state, "410" in ended.state_reason) == ("failed", True)


async def test_a_hanging_endpoint_delays_nobody_else(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    hanging = [Receiver(lambda _: None) for _ in range(3)]
    async with (
        Receiver().running() as healthy,
        hanging[0].running(),
        hanging[1].running(),
        hanging[2].running(),
    ):
        for one in hanging:
            await subscribe(caller, one.url)
        await subscribe(caller, healthy.url, "*.updated")
        for _ in range(20):
            await plane.emit(workspace, "record.updated")

        async def done() -> bool:
            return len(healthy.got) == 20

        await eventually(done, "the healthy endpoint has everything")
        # Four at a time, two seconds each, and a pause after five: those that hang are far behind.
        assert all(len(one.got) < 20 for one in hanging), "this one was done before any of them"


async def test_an_ordered_subscription_keeps_the_order_of_each_record(
    plane: Plane, workspace: UUID
) -> None:
    caller, failed = plane.a(workspace), set[str]()

    def once_bad(one: Received) -> tuple[int, dict[str, str]]:
        """Every third event fails at first."""
        event_id = one.headers["webhook-id"]
        version = int(json.loads(one.body)["data"]["aggregate_version"])
        if version % 3 == 0 and event_id not in failed:
            failed.add(event_id)
            return 400, {}
        return 200, {}

    async with Receiver(once_bad).running() as receiver:
        await subscribe(caller, receiver.url, ordered=True, payload="thin")
        records = [ids.new_id() for _ in range(4)]
        for one in records:
            await plane.emit(workspace, *["record.updated"] * 9, aggregate=one)
        await in_state(caller, "succeeded", 36)
        for one in records:
            data = [json.loads(r.body)["data"] for r in receiver.got]
            seen = [d["aggregate_version"] for d in data if d["aggregate_id"] == str(one)]
            assert seen == [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9]


async def test_a_rate_limit_delays_and_drops_nothing(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    async with Receiver().running() as receiver:
        await subscribe(caller, receiver.url, rate_limit=10)
        await plane.emit(workspace, *["record.updated"] * 30)
        await in_state(caller, "succeeded", 30)
        assert receiver.got[-1].at - receiver.got[0].at >= 1.8


async def test_redelivery_sends_again_and_disabling_waits(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    async with Receiver().running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        await plane.emit(workspace, "record.created")
        (one,) = await in_state(caller, "succeeded", 1)
        await change(caller, made.id, state="disabled")
        again = pb.RedeliverDeliveryRequest(id=one.id, request_id=str(ids.new_id()))
        pending = await caller.call(caller.subscriptions.RedeliverDelivery, again)
        assert pending.delivery.state == "pending"
        await change(caller, made.id, state="enabled")
        await in_state(caller, "succeeded", 1)
        assert len((await get(caller, one.id)).attempts) == 2
        assert receiver.got[0].body == receiver.got[1].body


@pytest.mark.parametrize(
    "point",
    [
        "events-fanout.before_commit",
        "events-fanout.before_ack",
        "delivery.before_send",
        "delivery.before_settle",
    ],
)
async def test_one_delivery_for_each_event_whatever_dies(
    plane: Plane, workspace: UUID, point: str
) -> None:
    caller = plane.a(workspace)
    async with Receiver().running() as receiver:
        await subscribe(caller, receiver.url)
        (plane.crash_dir / point).touch()
        made = [(await plane.emit(workspace, "record.updated"))[0] for _ in range(20)]
        await plane.died()
        await in_state(caller, "succeeded", 20, 120)
        found = await deliveries(caller)
        assert sorted(d.event_id for d in found) == sorted(map(str, made))
        assert {one.headers["webhook-id"] for one in receiver.got} == set(map(str, made))
