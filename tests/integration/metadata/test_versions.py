"""Every change makes one version, tells of itself once, and is seen at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import psycopg
from armature.metadata.v1 import schema_service_pb2 as pb
from armature.metadata.v1 import schema_service_pb2_grpc as rpc

from cli.stack.servers import Started
from kit import clients
from kit.db import Database
from services.metadata.__main__ import SERVICE
from services.metadata.store.definitions import VERSION_OF
from tests.integration.metadata.conftest import Client
from tests.services import Running, reason, running, until


def events_of(servers: Started, workspace_id: str) -> list[tuple[str, int, dict[str, object]]]:
    with psycopg.connect(servers["postgres"]["url"]) as connection:
        rows = connection.execute(
            "SELECT type, aggregate_version, payload FROM metadata.outbox"
            " WHERE workspace_id = %s ORDER BY seq",
            [workspace_id],
        ).fetchall()
    return [(kind, version, json.loads(payload)) for kind, version, payload in rows]


async def test_unchanged_is_answered_without_the_document(acme: Client) -> None:
    first = await acme("GetSnapshot")
    assert first.snapshot_json
    again = await acme("GetSnapshot", if_newer_than=first.metadata_version)
    assert again.metadata_version == first.metadata_version
    assert not again.snapshot_json
    made = await acme("CreateObject", object={"name": "ship"})
    newer = await acme("GetSnapshot", if_newer_than=first.metadata_version)
    assert newer.metadata_version == made.metadata_version == first.metadata_version + 1


async def test_the_lone_question_for_a_version_leaves_no_workspace_behind(
    acme: Client, metadata: Running
) -> None:
    db = metadata.app.db
    present = (await acme("GetSnapshot")).metadata_version
    assert await db.lone(UUID(acme.workspace_id), VERSION_OF) == present
    assert await db.lone(uuid4(), VERSION_OF) is None
    told = "SELECT coalesce(current_setting('app.workspace_id', true), '') AS told"
    async with db.pool.connection() as first, db.pool.connection() as second:
        for connection in (first, second):
            for asked in (acme.workspace_id, str(uuid4())):
                await connection.execute(f"SELECT {VERSION_OF}(%s)", [UUID(asked)])
                row = await (await connection.execute(told)).fetchone()
                assert row["told"] == ""


async def test_a_change_is_one_version_with_its_history_and_its_events(
    acme: Client, servers: Started
) -> None:
    await acme("CreateObject", object={"name": "ship"})
    field = await acme("CreateField", object="ship", field={"name": "title", "type": "text"})
    assert field.metadata_version == 3
    gone = await acme("DeleteField", object="ship", field="title")
    assert gone.metadata_version == 4

    found = events_of(servers, acme.workspace_id)
    assert [(kind, data["metadata_version"]) for kind, _, data in found] == [
        ("workspace.created", 1),
        ("api_key.created", 1),
        ("object.created", 2),
        ("view.created", 2),
        ("field.created", 3),
        ("object.updated", 3),
        ("view.updated", 3),
        ("view.updated", 4),
        ("field.deactivated", 4),
        ("object.updated", 4),
    ]
    _, version, data = found[8]
    assert version == 2
    assert data["before"]["active"] is True  # type: ignore[index]
    assert data["after"]["active"] is False  # type: ignore[index]

    first = await acme("ListChanges", page_size=4)
    rest = await acme("ListChanges", page_size=4, page_token=first.next_page_token)
    listed = [(c.metadata_version, c.type) for c in [*first.changes, *rest.changes]]
    assert listed == [
        (4, "view.updated"),
        (4, "field.deactivated"),
        (4, "object.updated"),
        (3, "field.created"),
        (3, "object.updated"),
        (3, "view.updated"),
        (2, "object.created"),
        (2, "view.created"),
    ]
    assert first.changes[0].actor.kind == "api_key"
    assert json.loads(first.changes[1].after_json)["name"] == "title"


async def test_a_repeated_request_gets_the_first_answer(acme: Client) -> None:
    request = {"object": {"name": "ship"}, "request_id": "r1"}
    first = await acme("CreateObject", **request)
    assert await acme("CreateObject", **request) == first
    other = acme("CreateObject", object={"name": "boat"}, request_id="r1")
    assert await reason(other) == "INVALID_ARGUMENT/REQUEST_ID_REUSED"
    assert (await acme("GetSnapshot")).metadata_version == first.metadata_version


async def test_writers_of_one_workspace_take_turns(acme: Client) -> None:
    await acme("CreateObject", object={"name": "ship"})
    made = await asyncio.gather(
        *(
            acme("CreateField", object="ship", field={"name": f"f{i}", "type": "text"})
            for i in range(12)
        )
    )
    assert sorted(answer.metadata_version for answer in made) == list(range(3, 15))
    ship = (await acme.compiled()).objects["ship"]
    assert [f.position for f in ship.fields.values()] == list(range(12))

    twins = await asyncio.gather(
        *(acme("CreateObject", object={"name": "boat"}) for _ in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(answer, Exception) for answer in twins) == 1


async def test_a_writer_waits_for_its_workspace_and_for_no_other(
    metadata: Running, new_workspace: Callable[[], Awaitable[Client]]
) -> None:
    ours, theirs = await new_workspace(), await new_workspace()
    db: Database = metadata.app.db
    async with db.transaction(UUID(ours.workspace_id)) as tx:
        await tx.run(
            "SELECT version FROM metadata_versions WHERE workspace_id = %s FOR UPDATE",
            [ours.workspace_id],
        )
        waiting = asyncio.ensure_future(ours("CreateObject", object={"name": "ship"}))
        await theirs("CreateObject", object={"name": "ship"})
        assert (await ours("GetSnapshot")).metadata_version == 1  # readers never wait
        assert not waiting.done()
    assert (await waiting).metadata_version == 2


async def test_another_replica_sees_a_change_in_the_next_call(
    acme: Client, servers: Started
) -> None:
    async with running(SERVICE, servers, roles=frozenset({"serve"})) as second:
        there = Client(second, acme.credential)
        assert (await there("ListObjects")).metadata_version == 1
        await acme("CreateObject", object={"name": "ship"})
        assert (await there("GetObject", object="ship")).metadata_version == 2
        await there("CreateField", object="ship", field={"name": "a", "type": "text"})
        made = await acme("CreateField", object="ship", field={"name": "b", "type": "text"})
        assert made.metadata_version == 4
        ship = (await there.compiled()).objects["ship"]
        assert list(ship.fields) == ["a", "b"]


async def test_watchers_hear_of_versions_on_any_replica(acme: Client, servers: Started) -> None:
    async with running(SERVICE, servers, roles=frozenset({"serve"})) as second:
        stub = rpc.SchemaServiceStub(second.channel)
        headers = clients.metadata(acme.credential)
        watch = stub.WatchVersions(pb.WatchVersionsRequest(), metadata=headers)
        heard: list[int] = []

        async def listen() -> None:
            async for answer in watch:
                heard.append(answer.metadata_version)  # noqa: PERF401 -- one by one, as they come

        listening = asyncio.ensure_future(listen())

        async def has(version: int) -> bool:
            return heard[-1:] == [version]

        await until(lambda: has(1))
        async with asyncio.timeout(3):  # sooner than it would look by itself
            await acme("CreateObject", object={"name": "ship"})
            await until(lambda: has(2))
        watch.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        assert heard == [1, 2]


async def test_events_are_published(acme: Client, metadata: Running, servers: Started) -> None:
    async def all_out() -> bool:
        with psycopg.connect(servers["postgres"]["url"]) as connection:
            row = connection.execute(
                "SELECT count(*) FROM metadata.outbox"
                " WHERE workspace_id = %s AND published_at IS NULL",
                [acme.workspace_id],
            ).fetchone()
        return row == (0,)

    await acme("CreateObject", object={"name": "ship"})
    await until(all_out)
