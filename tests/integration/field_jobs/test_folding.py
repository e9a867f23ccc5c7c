"""What is appended to rollups is folded in wherever it is read, and nobody stands in the way."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from kit.db import Tx
from kit.errors import Unavailable
from schema.compiled import Workspace
from services.records.logic.rollups import Cause, Delta
from services.records.model import FieldJob
from services.records.operations.targets import Target
from services.records.store import field_jobs as job_store
from services.records.store import rollups as store
from services.records.workers.field_jobs import FieldJobWorker
from services.records.workers.rollups import RollupFolder
from tests.integration.field_jobs.client import Client, as_json
from tests.integration.field_jobs.test_rollups import a_port, a_rollup, port, ports, ready
from tests.services import until

work_once = RollupFolder.work_once


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker comes before the test."""

    async def nothing(_: RollupFolder) -> bool:
        return False

    monkeypatch.setattr(RollupFolder, "work_once", nothing)


def folder(client: Client) -> RollupFolder:
    """The one of the service."""
    bound = (getattr(one, "__self__", None) for one in client.records.wiring.workers)
    return next(one for one in bound if isinstance(one, RollupFolder))


async def counted(client: Client, record_id: str) -> int:
    rows = await client.rows("SELECT count FROM rollup_sums WHERE parent_id = %s", UUID(record_id))
    return int(rows[0]["count"]) if rows else 0


async def test_however_much_is_appended_each_record_is_found(acme: Client) -> None:
    """In a transaction that nobody sees."""
    cause = Cause("", "", 0, (), {})
    rollup_ids, workspace_id = sorted(uuid4() for _ in range(3)), UUID(acme.workspace_id)
    parents = sorted(uuid4() for _ in range(50))
    hot = [Delta(rollup_ids[0], parents[0], 1, Decimal(1)) for _ in range(200)]
    rest = [Delta(r, p, 1, Decimal(1)) for r in rollup_ids for p in parents]
    async with acme.records.app.db.transaction(workspace_id) as tx:
        await store.add(tx, workspace_id, [(one, cause) for one in (*hot, *rest)])
        every = {(str(r), p) for r in rollup_ids for p in parents}
        given = await store.pending(tx, workspace_id, rollup_ids, parents, 10)
        assert (len(given), set(given)) == (len(every), every)
        assert set(await store.pending(tx, workspace_id, rollup_ids, None, 50)) == every
        some = await store.pending(tx, workspace_id, rollup_ids, None, 10)
        assert sorted(some) == [(str(r), p) for r in rollup_ids for p in parents[:10]]
        await tx.run("DELETE FROM rollup_deltas WHERE workspace_id = %s", [workspace_id])


async def test_what_is_shown_beside_a_record_is_as_of_now(acme: Client, idle: None) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    ship = await acme.create(port=kiel)
    asked = {"object": "ship", "fields": "name,port.ships"}
    found = await acme("GetRecord", id=ship.id, **asked)
    assert json.loads(found.record.fields_json)["port"]["ships"] == 1
    await acme.create(port=kiel)
    many = await acme("BatchGetRecords", ids=[ship.id], **asked)
    shown = json.loads(many.results[0].record.fields_json)
    assert shown["port"]["ships"] == 2


async def test_a_workspace_that_is_stuck_keeps_no_other_from_its_figures(
    acme: Client, idle: None, new_workspace: Callable[[], Awaitable[Client]]
) -> None:
    one, other = sorted([acme, await new_workspace()], key=lambda c: UUID(c.workspace_id))
    ids = []
    for client in (one, other):
        await ports(client)
        ids.append(await a_port(client, "Kiel"))
        await a_rollup(client, "ships", function="count")
        await ready(client, "ships")
        await client.create(port=ids[-1])
    app, real = acme.records.app, folder(acme)
    known: Callable[[UUID], Awaitable[Workspace]] = vars(real)["_definitions_of"]

    async def definitions_of(workspace_id: UUID) -> Workspace:
        if workspace_id == UUID(one.workspace_id):
            raise Unavailable("METADATA_BEHIND", "try again")
        return await known(workspace_id)

    stuck = RollupFolder(app.db, app.worker_db, definitions_of)
    assert await work_once(stuck)
    assert [await counted(one, ids[0]), await counted(other, ids[1])] == [0, 1]
    assert await work_once(real)
    assert await counted(one, ids[0]) == 1


async def test_the_worker_passes_by_a_record_that_somebody_holds(acme: Client, idle: None) -> None:
    await ports(acme)
    kiel, bari = await a_port(acme, "Kiel"), await a_port(acme, "Bari")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    await acme.create_all([{"port": kiel}, {"port": bari}])
    async with acme.records.app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.all("SELECT 1 FROM records WHERE record_id = %s FOR UPDATE", [UUID(kiel)])
        assert await work_once(folder(acme))
        assert [await counted(acme, kiel), await counted(acme, bari)] == [0, 1]
        assert not await work_once(folder(acme))
    assert await work_once(folder(acme))
    assert (await port(acme, kiel))["ships"] == 1


async def test_a_number_that_an_old_record_is_given_counts(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await acme.create_all([{"port": kiel}] * 3)
    released, work = asyncio.Event(), vars(FieldJobWorker)["_do"]

    async def later(
        own: FieldJobWorker, tx: Tx, workspace_id: UUID, job: FieldJob, target: Target | None
    ) -> bool:
        if job.kind != "number" or released.is_set():
            return bool(await work(own, tx, workspace_id, job, target))
        await job_store.schedule(tx, workspace_id, job.id, 0.1)
        return False

    monkeypatch.setattr(FieldJobWorker, "_do", later)
    await acme.a_field("serial", type="auto_number")
    await a_rollup(acme, "numbered", function="count", filter={"serial": {"gte": 1}})
    await ready(acme, "numbered")
    assert (await port(acme, kiel))["numbered"] == 0
    released.set()

    async def counts() -> bool:
        return bool((await port(acme, kiel))["numbered"] == 3)

    await until(counts)


async def test_records_of_one_object_wait_for_nobody_with_those_of_another(
    acme: Client, idle: None
) -> None:
    """Writers lock records of several objects in orders of their own."""
    await ports(acme)
    state = (await acme("CreateObject", object={"name": "state"})).object
    settings = as_json({"targets": ["state"], "inverse_name": "ports"})
    relation = {"name": "state", "type": "relation", "settings_json": settings}
    await acme("CreateField", object="port", field=relation)
    await a_rollup(acme, "ships", function="count")
    count = as_json({"path": "ports", "function": "count"})
    harbours = {"name": "harbours", "type": "rollup", "settings_json": count}
    await acme("CreateField", object="state", field=harbours)
    await ready(acme, "ships")

    async def built() -> bool:
        found = await acme("GetField", object="state", field="harbours")
        return bool(found.field.state == "ready")

    await until(built)
    italy = (await acme("CreateRecord", object="state", fields_json=b"{}")).record.id
    fields = as_json({"name": "Bari", "state": italy})
    bari = (await acme("CreateRecord", object="port", fields_json=fields)).record.id
    await acme.create(port=bari)
    own = (await acme("GetObject", object="port")).object.id
    first, last = (bari, italy) if own < state.id else (italy, bari)
    async with acme.records.app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.all("SELECT 1 FROM records WHERE record_id = %s FOR UPDATE", [UUID(last)])
        both = {"object": "port", "fields": "*,state.harbours"}
        reading = asyncio.create_task(acme("QueryRecords", **both))

        async def folded() -> bool:
            return await counted(acme, first) == 1

        await until(folded)
        await tx.all("SELECT 1 FROM records WHERE record_id = %s FOR UPDATE", [UUID(first)])
    await reading
    assert [await counted(acme, first), await counted(acme, last)] == [1, 1]


async def test_a_purged_record_leaves_no_figures_to_one_that_has_its_id(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    gone, left, _ = await acme.create_all([{"port": kiel}] * 3)
    assert (await port(acme, kiel))["ships"] == 3
    await acme("DeleteRecord", object="port", id=kiel)
    await acme.update(left, name="renamed")
    await acme("PurgeRecord", object="port", id=kiel)
    for table in ("rollup_sums", "rollup_deltas"):
        assert await acme.rows(f"SELECT 1 FROM {table}") == []
    await acme("DeleteRecord", object="ship", id=gone.id)
    await acme("CreateRecord", object="port", id=kiel, fields_json=b"{}")
    await acme.create(port=kiel)
    assert (await port(acme, kiel))["ships"] == 3  # two pointed to it all the while
