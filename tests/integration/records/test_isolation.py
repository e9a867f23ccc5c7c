"""Workspaces are worlds apart, for every call and for the database itself; and kill -9 tears no
write in two."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from armature.records.v1 import record_service_pb2 as pb

from services.records.operations import linking
from services.records.store.record_links import Link
from tests.integration.records.client import PARTIAL, Client, as_json, fields_of
from tests.integration.records.conftest import Plane
from tests.integration.records.world import COMPANY, DEAL
from tests.services import reason, until

ROOT = Path(__file__).parents[3]
_TABLES = """
SELECT c.relname, pg_get_userbyid(c.relowner) AS owner, c.relrowsecurity, c.relforcerowsecurity,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id')
         AS tenanted
FROM pg_class c WHERE c.relnamespace = 'records'::regnamespace AND c.relkind IN ('r', 'p')"""


async def busy(client: Client) -> list[str]:
    """Something in every table; the ids of a live and of a deleted deal."""
    company = await client.create("company", name="c", domain="d.com")
    await client.board()
    body = {
        "name": "x",
        "code": "c",
        "n": 1,
        "stage": "won",
        "closes": "2026-01-01",
        "starts": "2026-01-01T00:00:00Z",
        "company": company.id,
    }
    made = await client("CreateRecord", object="deal", request_id="k", fields_json=as_json(body))
    link = Link(uuid4(), uuid4(), UUID(made.record.id), UUID(company.id), 1, live=True)
    async with client.db.transaction(client.workspace_id) as tx:
        await linking.heard(tx, client.workspace_id, [link])
    gone = await client.create(name="gone", code="gone")
    await client.delete(gone)
    return [made.record.id, gone.id]


async def test_row_security_shows_another_workspace_nothing_in_any_table(
    acme: Client, new_workspace: Callable[[], Client], plane: Plane
) -> None:
    await busy(acme)
    other = new_workspace()
    tables = await acme.rows(_TABLES)
    owners = {t["owner"] for t in tables}
    assert owners == {"armature_owner"}
    tenanted = [t["relname"] for t in tables if t["tenanted"]]
    assert len(tenanted) > 12
    for table in tables:
        name = table["relname"]
        if name not in tenanted:
            assert name in {"alembic_version", "outbox_leases"}, name
            continue
        assert (table["relrowsecurity"], table["relforcerowsecurity"]) == (True, True), name
        assert await other.rows(f"SELECT 1 FROM {name}") == [], name
    filled = [t for t in tenanted if await acme.rows(f"SELECT 1 FROM {t}")]
    # Of imports, view entries and rollups: in tests of their own.
    elsewhere = ("outbox_", "field_", "auto_", "import", "view_", "rollup")
    missing = {t for t in tenanted if t not in filled and not t.startswith(elsewhere)}
    assert missing <= {"inbox", "group_stats", "group_stat_deltas", "search_builds"}, missing

    async with plane.worker_db.across_workspaces() as tx:
        for name in ("records", "value_text", "value_unique", "value_freed", "search_entries"):
            assert await tx.all(f"SELECT 1 FROM {name}") == []


async def test_nobody_writes_into_another_workspace(
    acme: Client, new_workspace: Callable[[], Client], plane: Plane
) -> None:
    [live, _] = await busy(acme)
    other = new_workspace()
    async with plane.db.transaction(other.workspace_id) as tx:
        assert await tx.run("UPDATE records SET version = 7 WHERE record_id = %s", [live]) == 0
        assert await tx.run("DELETE FROM value_text") == 0
    try:
        async with plane.db.transaction(other.workspace_id) as tx:
            await tx.run(
                "INSERT INTO value_unique VALUES (%s, %s, '\\x00', %s)",
                [acme.workspace_id, live, live],
            )
    except psycopg.errors.InsufficientPrivilege:
        pass
    else:
        raise AssertionError("row security let a foreign row in")


async def test_another_workspaces_records_answer_like_unknown_ones_in_every_call(
    acme: Client, new_workspace: Callable[[], Client]
) -> None:
    theirs = await busy(acme)
    other = new_workspace()
    missing = "NOT_FOUND/RECORD_NOT_FOUND"
    for foreign in theirs:
        one = {"object": "deal", "id": foreign}
        assert await reason(other("GetRecord", **one, show_deleted=True)) == missing
        assert await reason(other("UpdateRecord", **one, fields_json=as_json({"n": 2}))) == missing
        for method in ("DeleteRecord", "UndeleteRecord", "PurgeRecord"):
            assert await reason(other(method, **one)) == missing, method
        item = pb.BatchItem(id=foreign, fields_json=as_json({"n": 2}))
        assert await reason(other("BatchUpdateRecords", object="deal", items=[item])) == missing
        for method in ("BatchDeleteRecords", "BatchUndeleteRecords"):
            assert await reason(other(method, object="deal", ids=[foreign])) == missing
        partial = await other("BatchUpdateRecords", object="deal", items=[item], mode=PARTIAL)
        assert partial.results[0].error.reason == "RECORD_NOT_FOUND"
        read = await other("BatchGetRecords", object="deal", ids=[foreign], show_deleted=True)
        assert read.results[0].error.reason == "RECORD_NOT_FOUND"
    assert not (await other.query(show_deleted=True, count="exact")).records
    assert (await other.query(count="exact")).count == 0
    assert sum(c.count for c in (await other.board()).values()) == 0
    calendar = await other(
        "QueryCalendar",
        object="deal",
        date_field="closes",
        **{"from": "2026-01-01", "to": "2026-02-01"},
    )
    assert not calendar.records
    upserted = await other.upsert("code", code="c", name="mine")
    assert upserted.record.id not in theirs
    restored = await other.upsert("code", code="gone", name="mine too")
    assert restored.record.id not in theirs
    assert fields_of((await acme.query(where={"code": "c"})).records[0])["name"] == "x"


async def test_a_write_killed_before_its_commit_leaves_nothing(
    acme: Client, plane: Plane, tmp_path: Path
) -> None:
    kept = await acme.create(name="kept", code="kept", stage="won", n=1)
    await acme.board()
    point = tmp_path / "records.before_commit"

    async def writing() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.records.writer",
            plane.servers["postgres"]["roles"]["armature_records"],
            str(acme.workspace_id),
            str(tmp_path),
            kept.id,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"},
            cwd=ROOT,
        )
        async with asyncio.timeout(30):
            return await process.wait()

    async def everything() -> list[Any]:
        tables = ("records", "outbox", "value_text", "value_number", "value_unique", "value_freed")
        found = [await acme.rows(f"SELECT * FROM {t} ORDER BY 1, 2, 3, 4") for t in tables]
        return [*found, await acme.rows("SELECT * FROM group_stat_deltas ORDER BY delta_id")]

    before = await everything()
    point.touch()
    assert await writing() == -9
    assert not point.exists()

    async def gone() -> bool:
        rows = await acme.rows(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'armature-records'"
            " AND state LIKE 'idle in transaction%' AND usename = 'armature_records'"
        )
        return not rows

    await until(gone)
    assert await everything() == before
    assert await writing() == 0  # the same again, and nothing is in its way
    names = [fields_of(r)["name"] for r in await acme.every_page(sort="name")]
    assert names == ["changed", "new"]
    board = await acme.board()
    assert (board["won"].count, board["lost"].count) == (0, 2)
    assert json.loads(board["lost"].values_json)["total_n"] == 12
    assert DEAL != COMPANY
