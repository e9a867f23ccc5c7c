"""A repeated request is answered by the first answer, and only one of them writes."""

import asyncio
from typing import Any

import grpc
from armature.records.v1 import record_service_pb2 as pb

from kit import clients
from tests.integration.records.client import Client, as_json
from tests.services import reason


def creating(key: str, **fields: Any) -> dict[str, Any]:
    return {"object": "deal", "request_id": key, "fields_json": as_json({"name": "x"} | fields)}


async def test_a_repeat_answers_the_first_answer_and_says_so(acme: Client) -> None:
    first = await acme("CreateRecord", **creating("k", code="c"))
    await acme.update(first.record, n=5)
    trailers: dict[str, str] = {}
    create: Any = acme.stub.CreateRecord
    again = await clients.call(
        create,
        pb.CreateRecordRequest(**creating("k", code="c")),
        clients.metadata(f"{acme.workspace_id}:admin:ada"),
        on_trailers=trailers.update,
    )
    assert again == first
    assert trailers["x-idempotency-replayed"] == "true"
    assert len(await acme.events()) == 2


async def test_a_key_that_came_with_another_request_is_refused(acme: Client) -> None:
    await acme("CreateRecord", **creating("k", n=1))
    reused = "INVALID_ARGUMENT/REQUEST_ID_REUSED"
    assert await reason(acme("CreateRecord", **creating("k", n=2))) == reused
    assert await reason(acme("CreateRecord", **creating("k", bogus=2))) == reused
    long = acme("CreateRecord", **creating("k" * 256))
    assert await reason(long) == "INVALID_ARGUMENT/REQUEST_ID_INVALID"
    assert len(await acme.events()) == 1


async def test_ten_concurrent_twins_write_once_and_answer_alike(acme: Client) -> None:
    kinds: list[dict[str, Any]] = [
        {},
        {"code": "c"},
        {"code": "d", "stage": "won", "n": 1},
    ]
    for n, fields in enumerate(kinds):
        twins = [acme("CreateRecord", **creating(f"k{n}", **fields)) for _ in range(10)]
        answers = await asyncio.gather(*twins)
        assert all(a == answers[0] for a in answers)
        assert len(await acme.events()) == n + 1


async def test_every_mutation_remembers_its_answer(acme: Client) -> None:
    made, other = await acme.create(name="x", code="c"), await acme.create(name="o")
    item = pb.BatchItem(id=made.id, fields_json=as_json({"n": 3}))
    new = pb.BatchItem(fields_json=as_json({"name": "y"}))
    upserted = pb.BatchItem(fields_json=as_json({"name": "z", "slug": "s"}))
    steps: list[tuple[str, dict[str, Any]]] = [
        ("CreateRecord", {"fields_json": as_json({"name": "n"})}),
        ("UpdateRecord", {"id": made.id, "fields_json": as_json({"n": 1}), "etag": "1"}),
        ("UpsertRecord", {"match": ["code"], "fields_json": as_json({"code": "c", "n": 2})}),
        ("DeleteRecord", {"id": made.id, "etag": "3"}),
        ("UndeleteRecord", {"id": made.id}),
        ("BatchCreateRecords", {"items": [new]}),
        ("BatchUpdateRecords", {"items": [item]}),
        ("BatchUpsertRecords", {"items": [upserted], "match": ["slug"]}),
        ("BatchDeleteRecords", {"ids": [made.id, other.id]}),
        ("BatchUndeleteRecords", {"ids": [other.id]}),
        ("PurgeRecord", {"id": made.id}),
    ]
    for method, request in steps:
        body = {"object": "deal", "request_id": "the same for all", **request}
        first = await acme(method, **body)
        events = len(await acme.events())
        assert await acme(method, **body) == first, method
        assert len(await acme.events()) == events, method


async def test_a_request_that_failed_may_be_tried_again_with_its_key(acme: Client) -> None:
    holder = await acme.create(name="h", code="c")
    body = creating("k", code="c")
    assert await reason(acme("CreateRecord", **body)) == "ALREADY_EXISTS/VALUE_NOT_UNIQUE"
    await acme.delete(holder)
    made = await acme("CreateRecord", **body)
    assert await acme("CreateRecord", **body) == made


async def test_keys_of_other_workspaces_and_of_other_methods_are_other_keys(
    acme: Client, new_workspace: Any
) -> None:
    mine = await acme("CreateRecord", **creating("k"))
    theirs = await new_workspace()("CreateRecord", **creating("k"))
    assert mine.record.id != theirs.record.id
    deleted = await acme("DeleteRecord", object="deal", id=mine.record.id, request_id="k")
    assert deleted.record.HasField("delete_time")


async def test_a_call_that_is_given_up_writes_nothing_or_all_of_it(acme: Client) -> None:
    request = pb.CreateRecordRequest(**creating("k", code="c", n=1))
    headers = clients.metadata(f"{acme.workspace_id}:admin:ada")
    create: Any = acme.stub.CreateRecord
    for timeout in (0.002, 0.005, 0.008):
        try:
            await create(request, metadata=headers, timeout=timeout)
        except grpc.aio.AioRpcError as exc:
            assert exc.code().name in {"DEADLINE_EXCEEDED", "CANCELLED"}  # noqa: PT017
    made = await acme("CreateRecord", **creating("k", code="c", n=1))
    assert len(await acme.events()) == 1
    assert [r.id for r in (await acme.query(where={"n": 1})).records] == [made.record.id]
