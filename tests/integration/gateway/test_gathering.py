"""Reads of single records that come together are one call, and answered as if each were its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from armature.common.v1 import problem_pb2
from armature.records.v1 import record_pb2
from armature.records.v1 import record_service_pb2 as pb

from gateway.gathering import Gets
from kit.errors import (
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServiceError,
    Unavailable,
)
from tests.integration.gateway.conftest import Client, opened
from tests.integration.gateway.double import Double
from tests.integration.gateway.messages import RECORDS

MISSING = str(UUID(int=7))


def _shown(id_: str) -> record_pb2.Record:
    return record_pb2.Record(id=id_, object="opportunity", version=3, fields_json=b"{}")


class Records:
    """A plane that has all records but one; its first answer waits to be let go."""

    def __init__(self, double: Double) -> None:
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        double.answers["GetRecord"] = self.get
        double.answers["BatchGetRecords"] = self.get_all

    async def get(self, request: Any) -> Any:
        self.asked.set()
        await self.gate.wait()
        if request.id == MISSING:
            return NotFound("RECORD_NOT_FOUND", f"there is no record {request.id!r}", id=request.id)
        return pb.GetRecordResponse(record=_shown(request.id), metadata_version=7)

    def get_all(self, request: Any) -> Any:
        error = problem_pb2.ItemError(reason="RECORD_NOT_FOUND")
        results = [
            pb.BatchResult(error=error) if i == MISSING else pb.BatchResult(record=_shown(i))
            for i in request.ids
        ]
        return pb.BatchGetRecordsResponse(results=results, metadata_version=7)


Together = Callable[[Records, str, list[tuple[str, dict[str, str]]]], Awaitable[list[Any]]]


@pytest.fixture
def together(client: Client, monkeypatch: pytest.MonkeyPatch) -> Together:
    """The replies to reads of which the first is under way when all others have come."""
    come = asyncio.Semaphore(0)
    get: Any = Gets.get

    async def noted(*args: Any) -> Any:
        come.release()
        return await get(*args)

    monkeypatch.setattr(Gets, "get", noted)

    async def read(
        records: Records, first: str, others: list[tuple[str, dict[str, str]]]
    ) -> list[Any]:
        tasks = [asyncio.create_task(client.get(f"{RECORDS}/{first}"))]
        await records.asked.wait()
        tasks += [asyncio.create_task(client.get(p, headers=headers)) for p, headers in others]
        for _ in tasks:
            await come.acquire()
        records.gate.set()
        return list(await asyncio.gather(*tasks))

    return read


async def test_reads_that_come_together_are_one_call(together: Together, double: Double) -> None:
    records = Records(double)
    ids = [str(UUID(int=n)) for n in range(1, 31)]  # the missing one among them
    replies = await together(records, ids[0], [(f"{RECORDS}/{i}", {}) for i in ids[1:]])
    for id_, reply in zip(ids, replies, strict=True):
        if id_ == MISSING:
            assert reply.status_code == 404
            assert reply.json()["code"] == "RECORD_NOT_FOUND"
            continue
        assert reply.json()["id"] == id_
        assert reply.headers["etag"] == '"3"'
        assert reply.headers["x-metadata-version"] == "7"
    calls = [call for call in double.calls if call.name != "GetWorkspace"]
    assert [call.name for call in calls] == ["GetRecord", "BatchGetRecords", "GetRecord"]
    assert list(calls[1].request.ids) == ids[1:]
    assert calls[2].request.id == MISSING


async def test_only_what_is_alike_is_one_call(together: Together, double: Double) -> None:
    """Another key, object, projection or version is another call."""
    records = Records(double)
    other = {"authorization": "Bearer arm_2_secret"}
    id_ = str(UUID(int=2))
    alike = f"{RECORDS}/{id_}"
    paths = [
        (alike, {}),
        (alike, other),
        (f"{alike}?fields=name", {}),
        (f"{alike}?show_deleted=true", {}),
        (alike, {"x-at-version": "9"}),
        (alike.replace("opportunity", "company"), {}),
        (f"{alike}?as_of=2026-01-01T00:00:00Z", {}),
    ]
    replies = await together(records, str(UUID(int=1)), paths)
    assert {reply.status_code for reply in replies} == {200}
    calls = [call for call in double.calls if call.name != "GetWorkspace"]
    assert [call.name for call in calls] == ["GetRecord"] * 8
    keys = {call.metadata["authorization"] for call in calls}
    assert keys == {"Bearer arm_1_secret", "Bearer arm_2_secret"}


async def test_what_fails_for_several_is_asked_for_each(together: Together, double: Double) -> None:
    records = Records(double)
    denied = PermissionDenied("OBJECT_PERMISSION_REQUIRED", "not for you")
    double.answers["BatchGetRecords"] = denied
    ids = [str(UUID(int=n)) for n in range(10, 16)]
    replies = await together(records, ids[0], [(f"{RECORDS}/{i}", {}) for i in ids[1:]])
    assert [reply.json()["id"] for reply in replies] == ids  # each was then asked alone


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("DATABASE_UNAVAILABLE", "the database does not answer"),
        ResourceExhausted("DATABASE_BUSY", "no connection was free"),
    ],
)
async def test_a_plane_that_is_away_is_not_asked_more_for_it(
    together: Together, double: Double, failure: ServiceError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.clients._ATTEMPTS", 1)
    records = Records(double)
    double.answers["BatchGetRecords"] = failure
    ids = [str(UUID(int=n)) for n in range(10, 30)]
    replies = await together(records, ids[0], [(f"{RECORDS}/{i}", {}) for i in ids[1:]])
    assert [reply.json().get("code", "") for reply in replies] == ["", *[failure.reason] * 19]
    calls = [call.name for call in double.calls if call.name != "GetWorkspace"]
    assert calls == ["GetRecord", "BatchGetRecords"]


async def test_who_waits_for_others_does_so_within_its_time(double: Double) -> None:
    records = Records(double)
    double.answers["BatchGetRecords"] = records.get  # which does not answer either
    async with opened(double.address, read_timeout_seconds=0.3) as client:
        tasks = [asyncio.create_task(client.get(f"{RECORDS}/{UUID(int=1)}"))]
        await records.asked.wait()
        tasks += [asyncio.create_task(client.get(f"{RECORDS}/{UUID(int=n)}")) for n in (2, 3)]
        async with asyncio.timeout(5):
            replies = await asyncio.gather(*tasks)
    assert [reply.status_code for reply in replies] == [504] * 3
