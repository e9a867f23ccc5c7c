"""A subscription is checked when it is written, keeps its secrets, and stands for its creator."""

import asyncio
import base64
from typing import Any
from uuid import UUID

import pytest
from armature.events.v1 import subscription_pb2
from armature.events.v1 import subscription_service_pb2 as pb
from standardwebhooks import Webhook

from kit import ids
from kit.errors import InvalidArgument, NotFound
from tests.integration.events.conftest import Plane
from tests.integration.events.hooks import change, deliveries, in_state, subscribe, subscription
from tests.integration.events.platform import Receiver
from tests.integration.kit.helpers import eventually


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"name": ""}, "subscription.name"),
        ({"url": "http://10.0.0.1/"}, "subscription.url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "subscription.url"),
        ({"event_types": ["no good"]}, "subscription.event_types.0"),
        ({"event_types": []}, "subscription.event_types"),
        ({"payload": "obese"}, "subscription.payload"),
        ({"headers": {"Webhook-Id": "mine"}}, "subscription.headers.Webhook-Id"),
        ({"headers": {"X-A": "b\r\nX-C: d"}}, "subscription.headers.X-A"),
        ({"headers": {"X-A": "********"}}, "subscription.headers.X-A"),
        ({"rate_limit": -1}, "subscription.rate_limit"),
        ({"filter_json": b"[1"}, "subscription.filter_json"),
        ({"filter_json": b'{"stage": "won"}'}, "subscription.object"),
        ({"object": "dael"}, "subscription.object"),
    ],
)
async def test_a_bad_subscription_is_refused_at_its_path(
    plane: Plane, workspace: UUID, wrong: dict[str, Any], path: str
) -> None:
    caller = plane.a(workspace)
    good: dict[str, Any] = {"name": "x", "url": "https://example.com/h", "event_types": ["*"]}
    request = pb.CreateSubscriptionRequest(
        subscription=subscription_pb2.Subscription(**(good | wrong))
    )
    with pytest.raises(InvalidArgument) as caught:
        await caller.call(caller.subscriptions.CreateSubscription, request)
    assert caught.value.reason == "SUBSCRIPTION_INVALID"
    assert path in [v.path for v in caught.value.violations]


async def test_a_webhook_verifies_through_a_rotation(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    async with Receiver().running() as receiver:
        made, secret = await subscribe(caller, receiver.url, headers={"X-Team": "sales"})
        assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
        (event_id,) = await plane.emit(workspace, "record.created", data={"record_id": "r"})
        await plane.emit(workspace, "note.created")
        await in_state(caller, "succeeded", 1)
        (one,) = receiver.got
        assert one.document["type"] == "record.created"
        assert one.document["data"] == {"record_id": "r"}
        assert one.headers["webhook-id"] == str(event_id)
        assert one.headers["x-team"] == "sales"
        Webhook(secret).verify(one.body, one.headers)

        request = pb.RotateSecretRequest(id=made.id)
        rotated = await caller.call(caller.subscriptions.RotateSecret, request)
        assert rotated.secret != secret
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 2)
        for either in (secret, rotated.secret):
            Webhook(either).verify(receiver.got[1].body, receiver.got[1].headers)
        third = await caller.call(caller.subscriptions.RotateSecret, request)
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 3)
        assert len(receiver.got[2].headers["webhook-signature"].split()) == 2
        for either in (rotated.secret, third.secret):
            Webhook(either).verify(receiver.got[2].body, receiver.got[2].headers)
        ended = pb.RotateSecretRequest(id=made.id, end_old=True)
        last = await caller.call(caller.subscriptions.RotateSecret, ended)
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 4)
        assert len(receiver.got[3].headers["webhook-signature"].split()) == 1
        Webhook(last.secret).verify(receiver.got[3].body, receiver.got[3].headers)
        async with plane.db.transaction(workspace) as tx:
            sealed = await tx.all("SELECT sealed FROM subscription_secrets")
            answers = await tx.all("SELECT response FROM idempotency_keys")
        for row in sealed:
            assert secret.removeprefix("whsec_").encode() not in bytes(row["sealed"])
        assert all(b"whsec_" not in bytes(row["response"]) for row in answers)


async def test_two_secrets_hold_at_most_however_many_rotate_at_once(
    plane: Plane, workspace: UUID
) -> None:
    caller = plane.a(workspace)
    async with Receiver().running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        request = pb.RotateSecretRequest(id=made.id)
        await asyncio.gather(
            *(caller.call(caller.subscriptions.RotateSecret, request) for _ in range(4))
        )
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 1)
        assert len(receiver.got[0].headers["webhook-signature"].split()) == 2


async def test_the_values_of_headers_are_written_and_not_read(
    plane: Plane, workspace: UUID
) -> None:
    caller, reader = plane.a(workspace), plane.a(workspace, "read_only")
    async with Receiver().running() as receiver, Receiver().running() as other:
        mine = {"Authorization": "Bearer tok-1", "X-Team": "sales"}
        made, _ = await subscribe(caller, receiver.url, headers=mine)
        hidden = {"Authorization": "********", "X-Team": "********"}
        assert made.headers == hidden
        assert (await subscription(reader, made.id)).headers == hidden
        changed = await change(
            caller, made.id, headers={"authorization": "********", "X-Other": "tok-2"}
        )
        assert changed.headers == {"authorization": "********", "X-Other": "********"}
        await change(caller, made.id, url=f"{receiver.url}/deeper", name="same server")
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 1)
        sent = receiver.got[0].headers
        assert (sent["authorization"], sent["x-other"]) == ("Bearer tok-1", "tok-2")
        assert "x-team" not in sent
        for moved in ({"url": other.url}, {"url": other.url, "headers": changed.headers}):
            with pytest.raises(InvalidArgument) as caught:
                await change(caller, made.id, **moved)
            assert {v.code for v in caught.value.violations} == {"HEADER_MASKED"}
            assert "another server" in caught.value.message
        with pytest.raises(InvalidArgument) as caught:
            await change(caller, made.id, headers={"X-New": "********"})
        assert caught.value.violations[0].path == "subscription.headers.X-New"
        await change(caller, made.id, url=other.url, headers={"X-New": "tok-3"})
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 2)
        assert other.got[0].headers["x-new"] == "tok-3"
        assert "authorization" not in other.got[0].headers
        async with plane.db.transaction(workspace) as tx:
            rows = await tx.all("SELECT s.headers::text AS text FROM subscriptions AS s")
            rows += await tx.all("SELECT payload AS text FROM outbox")
            rows += await tx.all("SELECT encode(response, 'escape') AS text FROM idempotency_keys")
        assert rows
        assert not any("tok-" in row["text"] for row in rows)


async def test_a_revoked_creator_stops_the_subscription(plane: Plane, workspace: UUID) -> None:
    leaver, caller = plane.a(workspace, "member", f"bob-{workspace}"), plane.a(workspace)
    async with Receiver().running() as receiver:
        made, _ = await subscribe(leaver, receiver.url)
        plane.metadata.revoked.add(f"bob-{workspace}")
        await plane.emit(workspace, "record.created")

        async def stopped() -> bool:
            return bool((await subscription(caller, made.id)).state == "failed")

        await eventually(stopped, "the subscription stops")
        assert "no longer" in (await subscription(caller, made.id)).state_reason
        assert receiver.got == []
        assert [d.state for d in await deliveries(caller)] == ["pending"]


async def test_another_workspace_gets_the_answer_of_what_does_not_exist(
    plane: Plane, workspace: UUID
) -> None:
    caller, other = plane.a(workspace), plane.a(ids.new_id())
    async with Receiver().running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        await plane.emit(workspace, "record.created")
        (one,) = await in_state(caller, "succeeded", 1)
    subs = other.subscriptions
    for rpc, request in (
        (subs.GetSubscription, pb.GetSubscriptionRequest(id=made.id)),
        (subs.DeleteSubscription, pb.DeleteSubscriptionRequest(id=made.id)),
        (subs.RotateSecret, pb.RotateSecretRequest(id=made.id)),
        (subs.GetDelivery, pb.GetDeliveryRequest(id=one.id)),
        (subs.RedeliverDelivery, pb.RedeliverDeliveryRequest(id=one.id)),
    ):
        with pytest.raises(NotFound):
            await other.call(rpc, request)
    assert await deliveries(other) == []
