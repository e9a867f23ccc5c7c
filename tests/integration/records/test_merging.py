"""Records that mean the same are found by what they share, and made one without losing anything."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from armature.records.v1 import duplicate_service_pb2 as pb
from armature.records.v1.duplicate_service_pb2_grpc import DuplicateServiceStub

from kit import clients, server
from kit.calls import CallPolicy
from services.records.servicers import life_servicers
from services.records.servicers.history import History
from tests.integration.records.client import Client, as_json, fields_of
from tests.integration.records.conftest import Plane, authenticate
from tests.services import reason


@dataclass(frozen=True)
class Office:
    stub: DuplicateServiceStub

    async def __call__(self, who: Client, method: str, **request: Any) -> Any:
        made = getattr(pb, f"{method}Request")(**{"object": "deal"} | request)
        headers = clients.metadata(f"{who.workspace_id}:{who.role}:{quote(who.principal)}")
        return await clients.call(getattr(self.stub, method), made, headers, timeout=25.0)

    async def like(self, who: Client, **request: Any) -> dict[str, list[str]]:
        """Of the first group: matched fields by the name of the record."""
        answer = await self(who, "FindDuplicates", **request)
        return {
            fields_of(d.record)["name"]: list(d.matched_fields) for d in answer.groups[0].duplicates
        }


@pytest.fixture(scope="module")
async def office(plane: Plane) -> AsyncIterator[Office]:
    async with AsyncExitStack() as opened:
        nobody = clients.channel("127.0.0.1:9")
        opened.push_async_callback(nobody.close)

        async def ready() -> bool:
            return True

        services = life_servicers(plane.db, plane.literal, History(nobody, "secret"))
        port = await opened.enter_async_context(
            server.running("127.0.0.1:0", services, CallPolicy(authenticate), ready, grace=0.5)
        )
        channel = clients.channel(f"127.0.0.1:{port}")
        opened.push_async_callback(channel.close)
        yield Office(DuplicateServiceStub(channel))


async def test_what_is_alike(acme: Client, office: Office) -> None:
    ada = await acme.create(
        name="Ada GmbH",
        contact="ada@example.com",
        who={"first_name": "Ada", "last_name": "Lovelace"},
        sites="https://ada.com",
    )
    await acme.create(name="ADA gmbh")
    await acme.create(name="x", who={"first_name": "áda", "last_name": "LOVELACE"})
    await acme.create(name="y", who={"first_name": "Bob", "last_name": "Lovelace"})
    await acme.create(name="z", sites="http://ada.com", phones="+493012345678")
    assert await office.like(acme, ids=[ada.id]) == {
        "ADA gmbh": ["name"],
        "x": ["who"],
        "z": ["sites"],
    }
    described = {"contact": "ADA@example.com", "name": "ada GMBH", "phones": "+49 30 12345678"}
    assert await office.like(acme, fields_json=as_json(described)) == {
        "Ada GmbH": ["name", "contact"],
        "ADA gmbh": ["name"],
        "z": ["phones"],
    }
    assert await reason(office(acme, "FindDuplicates")) == "INVALID_ARGUMENT/DUPLICATES_INVALID"
    unknown = office(acme, "FindDuplicates", ids=["x"])
    assert await reason(unknown) == "NOT_FOUND/RECORD_NOT_FOUND"
    wrong = office(acme, "FindDuplicates", fields_json=b'{"n": "x"}')
    assert await reason(wrong) == "INVALID_ARGUMENT/FIELDS_INVALID"


async def test_a_merge_keeps_what_any_of_them_said(acme: Client, office: Office) -> None:
    one = await acme.create(name="one", tags=["red"], contact="one@example.com", n=1)
    two = await acme.create(name="two", tags=["blue", "red"], code="c", n=2, rating=3)
    three = await acme.create(
        name="three", contact={"primary": "three@example.com"}, words=["a"], rating=5, slug="s"
    )
    ids = [three.id, one.id, two.id]
    shown = await office(acme, "MergeRecords", ids=ids, priority_id=one.id, dry_run=True)
    assert fields_of(await acme.get(one))["tags"] == ["red"]
    done = await office(acme, "MergeRecords", ids=ids, priority_id=one.id)
    assert fields_of(done.record) == fields_of(shown.record)
    left = fields_of(await acme.get(one))
    assert {name: left[name] for name in ("name", "tags", "code", "n", "rating", "slug")} == {
        "name": "one",
        "tags": ["red", "blue"],
        "code": "c",
        "n": 1,
        "rating": 5,
        "slug": "s",
    }
    assert left["contact"] == {"primary": "one@example.com", "additional": ["three@example.com"]}
    assert left["words"] == ["a"]
    assert [r.id for r in (await acme.query()).records] == [one.id]
    for gone in (two, three):
        last = (await acme.events(gone))[-1]
        assert (last["type"], last["merged_into"]) == ("record.deleted", one.id)
    assert set(done.merged_ids) == {two.id, three.id}


async def test_relations_follow_the_record_that_is_left(acme: Client, office: Office) -> None:
    kept = await acme.create("company", name="Acme")
    lost = await acme.create("company", name="ACME", size=5, parent=kept.id)
    deal = await acme.create(
        name="d", company=lost.id, subject={"object": "company", "id": lost.id}
    )
    child = await acme.create("company", name="child", parent=lost.id)
    ids = [kept.id, lost.id]
    done = await office(acme, "MergeRecords", object="company", ids=ids, priority_id=kept.id)
    assert done.moved_relations == 3
    now = fields_of(await acme.get(deal))
    assert (now["company"], now["subject"]) == (kept.id, {"object": "company", "id": kept.id})
    assert fields_of(await acme.get(child))["parent"] == kept.id
    assert fields_of(done.record)["parent"] is None  # it would be its own
    assert fields_of(done.record)["size"] == 5


async def test_a_merge_is_refused_whole(acme: Client, office: Office, plane: Plane) -> None:
    one, two = await acme.create(name="one"), await acme.create(name="two")
    both = [one.id, two.id]

    async def refused(who: Client = acme, **request: Any) -> str:
        return await reason(
            office(who, "MergeRecords", **{"ids": both, "priority_id": one.id} | request)
        )

    assert await refused(ids=[one.id]) == "INVALID_ARGUMENT/MERGE_INVALID"
    assert await refused(ids=[one.id, one.id]) == "INVALID_ARGUMENT/MERGE_INVALID"
    assert await refused(priority_id=acme.workspace_id.hex) == "INVALID_ARGUMENT/MERGE_INVALID"
    assert await refused(ids=[one.id, "x"]) == "NOT_FOUND/RECORD_NOT_FOUND"
    reader = plane.client(acme.workspace_id, "read_only")
    assert await refused(reader) == "PERMISSION_DENIED/PERMISSION_REQUIRED"
    await acme.delete(two)
    assert await refused() == "NOT_FOUND/RECORD_NOT_FOUND"
