"""View entries for tests: definitions with views that keep them, and a worker to build them. Run as
`python -m tests.integration.records.keeper <url> <worker url> <workspace> <crash directory>` it is
a worker of its own, for a test to kill."""

import asyncio
import sys
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec

from kit import crash
from kit.db import Database
from schema import jsonio
from schema.compiled import Workspace
from schema.model import Snapshot, View, ViewType
from services.records.logic import advice
from services.records.operations import view_builds
from services.records.operations.usage import uses
from services.records.store import view_states
from services.records.workers.views import ViewKeeper, flush_uses
from tests.integration.records.client import Client
from tests.integration.records.conftest import Plane
from tests.integration.records.world import OBJECTS, VIEWS, a_view, field_id, total
from tests.services import until

BAR = advice.Bar(queries=3, mean_ms=0.0, total_ms=0.0)
KEPT = (
    a_view(20, "By worth", ViewType.TABLE, sort="-n,name:nulls_first", materialized="on"),
    a_view(
        21,
        "Open",
        ViewType.TABLE,
        filter={"or": [{"stage": {"in": ["new", "won"]}}, {"rating": {"gte": 4}}]},
        sort="stage,-rate,closes",
        materialized="on",
    ),
    a_view(
        22,
        "Funnel",
        ViewType.KANBAN,
        group_field_id=field_id("stage"),
        filter={"active": {"ne": False}},
        sort="-amount,position",
        aggregates=({"fn": "count"}, *map(total, ("amount", "n", "rate", "exact"))),
        materialized="on",
    ),
    a_view(23, "Newest", ViewType.TABLE, sort="-create_time", materialized="auto"),
    a_view(24, "This week", ViewType.TABLE, filter={"closes": {"within": "this_week"}}),
    a_view(25, "Big company", ViewType.TABLE, filter={"company.size": {"gt": 5}}),
    a_view(26, "Never", ViewType.TABLE, sort="n", materialized="off"),
)


def with_views(workspace_id: UUID, *views: View) -> Workspace:
    """The definitions of `world` with these views beside its own, or in the place of some."""
    named = {v.name: v for v in (*VIEWS, *views)}
    shown = tuple(named.values())
    snapshot = Snapshot(str(workspace_id), 3, OBJECTS, shown, (), "Europe/Berlin")
    return Workspace(snapshot)


def changed(name: str, **values: Any) -> View:
    found = next(v for v in KEPT if v.name == name)
    return msgspec.structs.replace(found, **values)


def keeper_of(plane: Plane) -> ViewKeeper:
    return ViewKeeper(plane.db, plane.worker_db, plane.literal.workspace, BAR)


def a_keeping_client(plane: Plane) -> Client:
    client = plane.client(uuid4())
    plane.literal.known[client.workspace_id] = with_views(client.workspace_id, *KEPT)
    return client


async def plan_of(client: Client, view: str, **more: Any) -> dict[str, Any]:
    answer = await client.query(view=view, explain=True, **more)
    found: dict[str, Any] = jsonio.loads_stored(answer.plan_json)
    return found


async def is_kept(client: Client, view: str) -> bool:
    plan = await plan_of(client, view, page_size=1)
    return bool(plan["segments"]) and plan["segments"][0]["strategy"] == "view entries"


async def kept(plane: Plane, client: Client, *views: str) -> None:
    """Ask for the views, have their entries built, and wait until queries use them."""
    for view in views:
        await client.query(view=view, page_size=1)
    await flush_uses(plane.db, uses, BAR)
    keeper = keeper_of(plane)
    await keeper.advise()
    await keeper.work_once()

    for view in views:
        await until(partial(is_kept, client, view))


async def main(url: str, worker_url: str, workspace: str, crash_dir: str) -> None:
    crash.configure(crash_dir)
    view_builds.PIECE = 50
    workspace_id = UUID(workspace)
    known = with_views(workspace_id, *KEPT)

    async def workspace_of(_: UUID) -> Workspace:
        return known

    db, worker_db = Database(url, "records", size=2), Database(worker_url, "records", size=1)
    for pool in (db, worker_db):
        await pool.open()
    keeper = ViewKeeper(db, worker_db, workspace_of, BAR)
    async with worker_db.across_workspaces() as tx:
        states = [s for s in await view_states.everything(tx) if s.workspace_id == workspace_id]
    for state in states:
        await keeper.build(state)
    await keeper.compact(least=0)
    for pool in (db, worker_db):
        await pool.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
