"""A filter selects the events that a subscription gets."""

import json
from uuid import UUID

import pytest

from kit import ids
from kit.errors import InvalidArgument
from tests.integration.events.conftest import Plane
from tests.integration.events.hooks import change, deliveries, in_state, subscribe, subscription
from tests.integration.events.platform import Receiver
from tests.integration.kit.helpers import eventually


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


async def test_a_filter_sees_the_platform_fields_that_events_tell(
    plane: Plane, workspace: UUID
) -> None:
    caller, deal = plane.a(workspace), ids.new_id()
    wanted = [
        {"id": str(deal)},
        {"version": {"gte": 3}},
        {"updated_by.name": "Ada", "version": 2},
        {"update_time": {"gt": "2026-01-02T00:00:00Z"}, "version": {"lt": 4}},
    ]
    async with Receiver().running() as receiver:
        made = [
            (await subscribe(caller, receiver.url, object="deal", filter_json=_json(one)))[0].id
            for one in wanted
        ]
        for version, changed in ((2, "2026-01-01T12:00:00Z"), (3, "2026-01-02T00:00:00.5Z")):
            data = {"record_id": str(deal), "version": version, "update_time": changed}
            await plane.emit(workspace, "record.updated", data={**data, "fields": {}})
        await in_state(caller, "succeeded", 5)
        got = [len(await deliveries(caller, subscription_id=one)) for one in made]
        assert got == [2, 1, 1, 1]


@pytest.mark.parametrize("name", ["create_time", "created_by", "position"])
async def test_a_filter_on_what_events_do_not_tell_is_refused_by_name(
    plane: Plane, workspace: UUID, name: str
) -> None:
    caller, wanted = plane.a(workspace), _json({"not": {name: {"is_empty": True}}})
    with pytest.raises(InvalidArgument) as caught:
        await subscribe(caller, "https://a.example", object="deal", filter_json=wanted)
    [found] = caught.value.violations
    assert found.code == "NOT_IN_EVENT"
    assert repr(name) in found.message
    # One of before this was refused ends, and says why.
    made, _ = await subscribe(caller, "https://a.example", object="deal")
    async with plane.db.transaction(workspace) as tx:
        sql = "UPDATE subscriptions SET filter_json = %s WHERE workspace_id = %s"
        await tx.run(sql, [wanted.decode(), workspace])
    await plane.emit(workspace, "record.updated", data={"fields": {}})

    async def failed() -> bool:
        return bool((await subscription(caller, made.id)).state == "failed")

    await eventually(failed, "the subscription has failed")
    assert repr(name) in (await subscription(caller, made.id)).state_reason


def _json(wanted: object) -> bytes:
    return json.dumps(wanted).encode()
