"""Single writes of one client that come together share a transaction, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
from armature.records.v1 import record_service_pb2 as pb

from kit import clients
from kit.caller import Cause
from kit.errors import ServiceError, Unavailable
from services.records.servicers.joining import Joined
from tests.integration.kit.helpers import counted_calls, eventually
from tests.integration.records.client import Client, as_json, fields_of
from tests.integration.records.conftest import Plane
from tests.integration.records.test_reads import counted
from tests.integration.records.test_sharing import held_up, waiting

Gathered = tuple[list["asyncio.Task[Any]"], psycopg.AsyncConnection[Any]]
Gather = Callable[[Sequence[Any]], AbstractAsyncContextManager[Gathered]]


@pytest.fixture
def gathered(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> Gather:
    """For the block, the first of some calls is under way, and all others wait for it."""
    come = counted_calls(monkeypatch, Joined, "write")

    @asynccontextmanager
    async def gather(calls: Sequence[Any]) -> AsyncIterator[Gathered]:
        before = come()
        async with held_up(plane) as connection:
            tasks = [asyncio.create_task(calls[0])]

            async def begun() -> bool:
                return await waiting(connection) >= 1

            async def all_come() -> bool:
                return come() - before == len(calls)

            await eventually(begun, "the first call is under way")
            tasks += [asyncio.create_task(one) for one in calls[1:]]
            await eventually(all_come, "all others have come")
            yield tasks, connection

    return gather


async def test_creates_and_updates_that_come_together_cost_few_statements(
    acme: Client, gathered: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [r.record for r in await acme.create_all([{"name": f"d{n}", "n": n} for n in range(30)])]
    with counted(monkeypatch) as alone:
        await acme.create(name="alone")
        await acme.update(made[0], n=1000)
    with counted(monkeypatch) as together:
        async with gathered(
            [acme.create(name=f"new {n}", n=n) for n in range(30)]
            + [acme.update(record, n=-n) for n, record in enumerate(made, start=1)],
        ) as (tasks, _):
            pass
        found = await asyncio.gather(*tasks)
    assert len(together) < 6 * len(alone)
    assert [fields_of(r)["name"] for r in found[:30]] == [f"new {n}" for n in range(30)]
    for n, answer in enumerate(found[30:], start=1):
        assert fields_of(answer.record)["n"] == -n
        assert fields_of(await acme.get(answer.record)) == fields_of(answer.record)
    ids = {r.id for r in found[:30]}
    assert len(ids) == 30
    created = await acme.events(*found[:30])
    assert [e["type"] for e in created] == ["record.created"] * 30


async def test_each_event_has_the_trace_and_the_cause_of_its_request(
    acme: Client, gathered: Gather
) -> None:
    traces = [f"00-{n:032x}-{n:016x}-00" for n in range(1, 21)]
    causes = [Cause(f"root {n}", f"event {n}", n % 16, (f"rule {n}",)) for n in range(20)]

    async def create(n: int) -> Any:
        create: Any = acme.stub.CreateRecord
        request = pb.CreateRecordRequest(object="deal", fields_json=as_json({"name": "x", "n": n}))
        headers = clients.metadata(f"{acme.workspace_id}:admin:ada:internal", cause=causes[n])
        return await create(request, metadata=[*headers, ("traceparent", traces[n])], timeout=25)

    async with gathered([create(n) for n in range(20)]) as (tasks, _):
        pass
    answers = await asyncio.gather(*tasks)
    rows = await acme.rows(
        "SELECT aggregate_id, traceparent, root_id, causation_id, depth, chain FROM outbox"
    )
    told = {str(row["aggregate_id"]): row for row in rows}
    for n, answer in enumerate(answers):
        row, cause = told[answer.record.id], causes[n]
        assert row["traceparent"].split("-")[1] == traces[n].split("-")[1]
        assert (row["root_id"], row["causation_id"]) == (cause.root_id, cause.causation_id)
        assert (row["depth"], json.loads(row["chain"])) == (cause.depth, list(cause.chain))


async def test_what_is_wrong_with_one_is_not_wrong_with_the_others(
    acme: Client, gathered: Gather
) -> None:
    await acme.create(name="first", code="taken")
    documents: list[dict[str, Any]] = [{"name": f"d{n}", "code": f"c{n}"} for n in range(12)]
    documents[3]["code"] = "taken"
    documents[5]["n"] = "no number"
    documents[8]["code"] = documents[9]["code"] = "twice"

    async with gathered([acme.create(**d) for d in documents]) as (tasks, _):
        pass
    found = await asyncio.gather(*tasks, return_exceptions=True)
    failed = {n: e for n, e in enumerate(found) if isinstance(e, BaseException)}
    assert {3, 5} < failed.keys()
    assert len(failed.keys() & {8, 9}) == 1
    assert len(failed) == 3
    errors = {n: e for n, e in failed.items() if isinstance(e, ServiceError)}
    assert errors[3].reason == "VALUE_NOT_UNIQUE"
    assert [v.path for v in errors[3].violations] == ["fields.code"]
    assert errors[5].reason == "FIELDS_INVALID"
    assert [v.path for v in errors[5].violations] == ["fields.n"]
    page = await acme.query(sort="name", count="exact")
    assert page.count == 10
    assert len(await acme.events()) == 10


async def test_updates_of_one_record_are_done_one_after_another(
    acme: Client, gathered: Gather
) -> None:
    made = await acme.create(name="hot", n=0)
    async with gathered([acme.update(made, n=n) for n in range(1, 11)]) as (tasks, _):
        pass
    answers = await asyncio.gather(*tasks)
    assert [a.record.version for a in answers] == list(range(2, 12))
    changes = (await acme.events(made))[1:]
    assert [c["at"] for c in changes] == list(range(2, 12))
    assert [c["after"]["n"] for c in changes] == list(range(1, 11))


async def test_a_broken_connection_writes_nothing_twice(
    acme: Client, plane: Plane, gathered: Gather
) -> None:
    """Those with a key are done after all, and once; the others are told that nobody knows."""

    def create(n: int) -> Any:
        key = f"key {n}" if n % 2 else ""
        document = as_json({"name": f"d{n}", "n": n})
        return acme("CreateRecord", object="deal", request_id=key, fields_json=document)

    async with (
        gathered([create(n) for n in range(20)]) as (tasks, _),
        await psycopg.AsyncConnection.connect(plane.servers["postgres"]["url"]) as connection,
    ):
        ended: set[int] = set()

        async def both_ended() -> bool:
            cursor = await connection.execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_locks"
                " WHERE relation = 'records.records'::regclass AND NOT granted"
            )
            ended.update(pid for pid, _ in await cursor.fetchall())
            return len(ended) >= 2  # the first call's, and that of all others

        await eventually(both_ended, "both transactions are ended")
    found = await asyncio.gather(*tasks, return_exceptions=True)
    lost = {n for n, one in enumerate(found) if isinstance(one, Unavailable)}
    assert lost <= set(range(0, 20, 2))
    assert len(lost) >= 9
    page = await acme.query(sort="n", count="exact")
    assert [fields_of(r)["n"] for r in page.records] == sorted(set(range(20)) - lost)
    assert len(await acme.events()) == 20 - len(lost)


async def test_an_answer_that_is_given_again_says_so_among_others(
    acme: Client, gathered: Gather
) -> None:
    body = as_json({"name": "first"})
    first = await acme("CreateRecord", object="deal", request_id="known", fields_json=body)
    trailers: dict[str, str] = {}

    async def again() -> Any:
        request = pb.CreateRecordRequest(object="deal", request_id="known", fields_json=body)
        create: Any = acme.stub.CreateRecord
        headers = clients.metadata(f"{acme.workspace_id}:admin:ada")
        return await clients.call(create, request, headers, on_trailers=trailers.update)

    calls = [acme.create(name="a"), acme.create(name="b"), again(), acme.create(name="c")]
    async with gathered(calls) as (tasks, _):
        pass
    answers = await asyncio.gather(*tasks)
    assert answers[2] == first
    assert trailers["x-idempotency-replayed"] == "true"
    assert len(await acme.events()) == 4


async def test_one_that_waits_for_a_lock_keeps_nothing_from_others(
    acme: Client, plane: Plane
) -> None:
    """Somebody holds one of the records that a client updates together: the others are updated,
    and can be by another client."""
    made = [r.record for r in await acme.create_all([{"name": f"d{n}"} for n in range(12)])]
    other = plane.client(acme.workspace_id, principal="bob")
    async with acme.db.transaction(acme.workspace_id) as tx:
        await tx.run("SELECT 1 FROM records WHERE record_id = %s FOR UPDATE", [made[5].id])
        tasks = [asyncio.create_task(acme.update(record, n=1)) for record in made]
        held = tasks.pop(5)
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        for record in [*made[:5], *made[6:]]:
            await asyncio.wait_for(other.update(record, n=2), 10)
        assert not held.done()
    assert (await held).record.version == 2
