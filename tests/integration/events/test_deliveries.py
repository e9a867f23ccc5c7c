"""Each event reaches each subscription that wants it: signed, retried, paced, exactly one row."""

import base64
import json
from typing import Any
from uuid import UUID

import pytest
from armature.events.v1 import event_admin_service_pb2 as admin
from armature.events.v1 import subscription_pb2
from armature.events.v1 import subscription_service_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask
from standardwebhooks import Webhook

from kit import ids
from kit.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.integration.events.conftest import As, Plane
from tests.integration.events.platform import Received, Receiver
from tests.integration.kit.helpers import eventually


async def subscribe(caller: As, url: str, *types: str, **more: Any) -> tuple[Any, str]:
    wanted = subscription_pb2.Subscription(
        name="crm", url=url, event_types=types or ("record.*",), **more
    )
    made = await caller.call(
        caller.subscriptions.CreateSubscription,
        pb.CreateSubscriptionRequest(subscription=wanted, request_id=str(ids.new_id())),
    )
    return made.subscription, made.secret


async def deliveries(caller: As, **wanted: Any) -> list[Any]:
    request = pb.ListDeliveriesRequest(page_size=1000, **wanted)
    return list((await caller.call(caller.subscriptions.ListDeliveries, request)).deliveries)


async def in_state(caller: As, state: str, count: int, seconds: float = 60) -> list[Any]:
    async def there() -> bool:
        return len(await deliveries(caller, state=state)) >= count

    await eventually(there, f"{count} deliveries {state}", seconds)
    return await deliveries(caller, state=state)


async def get(caller: As, delivery_id: str) -> Any:
    return await caller.call(
        caller.subscriptions.GetDelivery, pb.GetDeliveryRequest(id=delivery_id)
    )


async def subscription(caller: As, subscription_id: str) -> Any:
    request = pb.GetSubscriptionRequest(id=subscription_id)
    return (await caller.call(caller.subscriptions.GetSubscription, request)).subscription


async def change(caller: As, subscription_id: str, **changes: Any) -> Any:
    request = pb.UpdateSubscriptionRequest(
        id=subscription_id,
        changes=subscription_pb2.Subscription(**changes),
        update_mask=FieldMask(paths=list(changes)),
    )
    return (await caller.call(caller.subscriptions.UpdateSubscription, request)).subscription


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
        ended = pb.RotateSecretRequest(id=made.id, end_old=True)
        last = await caller.call(caller.subscriptions.RotateSecret, ended)
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 3)
        assert len(receiver.got[2].headers["webhook-signature"].split()) == 1
        Webhook(last.secret).verify(receiver.got[2].body, receiver.got[2].headers)
        async with plane.db.transaction(workspace) as tx:
            sealed = await tx.all("SELECT sealed FROM subscription_secrets")
            answers = await tx.all("SELECT response FROM idempotency_keys")
        for row in sealed:
            assert secret.removeprefix("whsec_").encode() not in bytes(row["sealed"])
        assert all(b"whsec_" not in bytes(row["response"]) for row in answers)


async def letter_of(caller: As, letter_id: str) -> Any:
    request = admin.GetDeadLetterRequest(id=letter_id)
    return (await caller.call(caller.admin.GetDeadLetter, request)).dead_letter


async def test_a_consumers_letter_shows_its_event_when_the_log_has_it_no_more(
    plane: Plane, workspace: UUID
) -> None:
    """And one that neither the log nor the letter has is not there."""
    caller, deal, event_id = plane.a(workspace), ids.new_id(), ids.new_id()
    data = {"record_id": str(deal), "fields": {"size": 3}}
    envelope = {
        "id": str(event_id), "type": "record.updated", "source": "records",
        "workspace_id": str(workspace), "aggregate_type": "record", "aggregate_id": str(deal),
        "aggregate_version": 2, "object": "deal", "schema_version": 1,
        "actor": {"kind": "user", "id": "ada", "name": "Ada"},
        "occurred_at": "2026-01-01T00:00:00Z", "traceparent": "", "root_id": str(event_id),
        "causation_id": "", "depth": 0, "chain": [], "data": data,
    }  # fmt: skip
    told = {"consumer": "test", "event_id": str(event_id), "event_type": "record.updated",
            "reason": "no", "attempts": 8, "trace_id": ""}  # fmt: skip
    await plane.emit(
        workspace, "dead_letter.created", data=told | {"envelope": json.dumps(envelope)}
    )
    by_hand = {"consumer": "automation-run", "event_id": str(ids.new_id()), "subject_id": ""}
    await plane.emit(workspace, "dead_letter.created", data=told | by_hand)

    letters: dict[str, str] = {}

    async def both() -> bool:
        request = admin.ListDeadLettersRequest()
        found = (await caller.call(caller.admin.ListDeadLetters, request)).dead_letters
        letters.update({one.kind: one.id for one in found})
        return len(letters) == 2

    await eventually(both, "the letters are kept")
    about = (await letter_of(caller, letters["test"])).event
    assert (about.id, about.object, about.aggregate_id) == (str(event_id), "deal", str(deal))
    assert (about.position, json.loads(about.data_json)) == (0, data)
    assert not (await letter_of(caller, letters["automation-run"])).HasField("event")


async def test_a_failing_endpoint_is_tried_again_then_the_letter_is_replayed(
    plane: Plane, workspace: UUID
) -> None:
    caller, status = plane.a(workspace), [500]
    async with Receiver(lambda _: (status[0], {})).running() as receiver:
        await subscribe(caller, receiver.url)
        deal = ids.new_id()
        data = {"record_id": str(deal), "fields": {"stage": "won"}}
        (event_id,) = await plane.emit(workspace, "record.created", aggregate=deal, data=data)
        (dead,) = await in_state(caller, "dead", 1)
        found = await get(caller, dead.id)
        assert [a.status for a in found.attempts] == [500] * 4
        assert [a.number for a in found.attempts] == [1, 2, 3, 4]
        assert found.attempts[0].response_body == "seen"
        assert "500" in found.delivery.last_error
        assert len({one.headers["webhook-id"] for one in receiver.got}) == 1

        request = admin.ListDeadLettersRequest(state="open")
        (letter,) = (await caller.call(caller.admin.ListDeadLetters, request)).dead_letters
        assert (letter.kind, letter.subject_id, letter.attempts) == ("delivery", dead.id, 4)
        assert not letter.HasField("event")
        whole = await letter_of(caller, letter.id)
        about = whole.event
        assert (about.id, about.type) == (str(event_id), "record.created")
        assert (about.object, about.aggregate_id) == ("deal", str(deal))
        assert json.loads(about.data_json) == data
        assert "500" in whole.reason
        assert whole.trace_id == found.attempts[-1].trace_id
        status[0] = 204
        replay = admin.ReplayDeadLetterRequest(id=letter.id)
        settled = await caller.call(caller.admin.ReplayDeadLetter, replay)
        assert settled.dead_letter.state == "replayed"
        await in_state(caller, "succeeded", 1)
        with pytest.raises(FailedPrecondition):
            await caller.call(caller.admin.ReplayDeadLetter, replay)


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


async def test_a_filter_selects_by_the_records_fields(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    async with Receiver().running() as receiver:
        wanted = json.dumps({"stage": "won", "size": {"gte": 10}}).encode()
        made, _ = await subscribe(caller, receiver.url, object="deal", filter_json=wanted)
        for stage, size in (("new", 50), ("won", 9), ("won", 10)):
            fields = {"stage": stage, "size": size}
            await plane.emit(workspace, "record.updated", data={"fields": fields})
        await plane.emit(workspace, "record.updated", object="other")
        await in_state(caller, "succeeded", 1)
        await plane.emit(workspace, "record.updated", data={"fields": {"stage": "won", "size": 11}})
        await in_state(caller, "succeeded", 2)
        sizes = [json.loads(one.body)["data"]["fields"]["size"] for one in receiver.got]
        assert sizes == [10, 11]
        with pytest.raises(InvalidArgument) as caught:
            await change(caller, made.id, filter_json=b'{"stagge": "won"}')
        assert "stage" in caught.value.message


async def test_a_filter_goes_on_to_the_record_that_a_relation_names(
    plane: Plane, workspace: UUID
) -> None:
    """Together for a batch, as the subscription's creator, waiting while records is away."""
    caller, around = plane.a(workspace, name=f"eve-{workspace}"), plane.metadata
    big, small, gone = (str(ids.new_id()) for _ in range(3))
    around.firms |= {big: {"name": "Big"}, small: {"name": "Small"}}
    async with Receiver().running() as receiver:
        wanted = json.dumps({"firm.name": "Big"}).encode()
        await subscribe(caller, receiver.url, object="deal", filter_json=wanted)
        empty = json.dumps({"firm.name": {"is_empty": True}, "size": {"gte": 0}}).encode()
        await subscribe(caller, receiver.url, object="deal", filter_json=empty)
        for n, firm in enumerate((big, small, gone, None)):
            data = {"fields": {"firm": firm, "size": n}}
            await plane.emit(workspace, "record.updated", data=data)
        await in_state(caller, "succeeded", 3)
        mine = [ids for who, ids in around.fetched if who == f"eve-{workspace}"]
        assert {one for ids in mine for one in ids} == {big, small, gone}
        around.away = True
        before = len(around.fetched)
        await plane.emit(workspace, "record.updated", data={"fields": {"firm": big, "size": 9}})

        async def asked() -> bool:
            return len(around.fetched) > before

        await eventually(asked, "related records were asked for")
        assert len(await deliveries(caller)) == 3
        around.away = False
        await in_state(caller, "succeeded", 4)
        sizes = [json.loads(one.body)["data"]["fields"]["size"] for one in receiver.got]
        assert sorted(sizes) == [0, 2, 3, 9]


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


@pytest.mark.parametrize(
    ("wanted", "code"),
    [({"firm.nam": "x"}, "UNKNOWN_FIELD"), ({"firm.name": {"gt": 3}}, "WRONG_TYPE")],
)
async def test_a_filter_that_leads_nowhere_is_refused(
    plane: Plane, workspace: UUID, wanted: object, code: str
) -> None:
    caller = plane.a(workspace)
    with pytest.raises(InvalidArgument) as caught:
        await subscribe(
            caller, "https://a.example", object="deal", filter_json=json.dumps(wanted).encode()
        )
    [found] = [v for v in caught.value.violations if v.path.startswith("subscription.filter")]
    assert found.code == code
    assert code != "UNKNOWN_FIELD" or "did you mean 'name'" in found.message


async def test_without_its_creator_a_filter_through_relations_ends_the_subscription(
    plane: Plane, workspace: UUID
) -> None:
    name = f"eve-{workspace}"
    caller = plane.a(workspace, name=name)
    wanted = json.dumps({"firm.name": "Big"}).encode()
    made, _ = await subscribe(caller, "https://a.example", object="deal", filter_json=wanted)
    plane.metadata.revoked.add(name)
    await plane.emit(workspace, "record.updated", data={"fields": {"firm": str(ids.new_id())}})
    other = plane.a(workspace, name="bob")

    async def failed() -> bool:
        return bool((await subscription(other, made.id)).state == "failed")

    await eventually(failed, "the subscription has failed")
    assert "may not read" in (await subscription(other, made.id)).state_reason


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


async def test_a_consumers_letter_is_kept_and_replayed_to_it_alone(
    plane: Plane, workspace: UUID
) -> None:
    caller = plane.a(workspace)
    (event_id,) = await plane.emit(workspace, "record.created")
    envelope = {
        "id": str(event_id), "type": "record.created", "source": "events",
        "workspace_id": str(workspace), "aggregate_type": "record", "aggregate_id": str(event_id),
        "aggregate_version": 1, "object": "", "schema_version": 1, "actor": {},
        "occurred_at": "2026-01-01T00:00:00Z", "traceparent": "", "root_id": "", "causation_id": "",
        "depth": 0, "chain": [], "data": {},
    }  # fmt: skip
    letter = {
        "consumer": "nobody-listens", "event_id": str(event_id), "event_type": "record.created",
        "reason": "no good", "attempts": 8, "trace_id": "", "envelope": json.dumps(envelope),
    }  # fmt: skip
    await plane.emit(workspace, "dead_letter.created", data=letter)

    async def kept() -> bool:
        request = admin.ListDeadLettersRequest()
        return len((await caller.call(caller.admin.ListDeadLetters, request)).dead_letters) == 1

    await eventually(kept, "the letter is kept")
    request = admin.ListDeadLettersRequest(state="open")
    (found,) = (await caller.call(caller.admin.ListDeadLetters, request)).dead_letters
    assert (found.kind, found.reason) == ("nobody-listens", "no good")
    replay = admin.ReplayDeadLetterRequest(id=found.id, request_id=str(ids.new_id()))
    for _ in range(2):
        settled = await caller.call(caller.admin.ReplayDeadLetter, replay)
        assert settled.dead_letter.state == "replayed"


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
