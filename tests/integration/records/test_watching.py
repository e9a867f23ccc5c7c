"""WatchView: what is snapshot and then told is what a query answers, for whoever may see it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from armature.records.v1 import record_watch_service_pb2 as pb
from armature.records.v1.record_watch_service_pb2_grpc import RecordWatchServiceStub

from kit import clients, relay, server
from kit.bus import Bus
from kit.caller import Caller
from kit.calls import CallPolicy
from kit.errors import Unauthenticated
from schema.compiled import Workspace
from schema.model import Snapshot
from services.records.operations.watches import Watches
from services.records.servicers import frames, watch_servicers, watching
from services.records.servicers.feed import Feed
from tests.integration.records import conftest
from tests.integration.records.client import Client, plain, selecting
from tests.integration.records.conftest import CUSTOM, Plane
from tests.integration.records.mirror import Mirror
from tests.integration.records.world import COMPANY, DEAL, OBJECTS, STAGES, VIEWS, field_id
from tests.services import until


@dataclass(frozen=True)
class Watching:
    """The part of the plane that tells of changes."""

    stub: RecordWatchServiceStub
    watches: Watches
    bus: Bus
    plane: Plane
    revoked: set[str]

    def mirror(self, client: Client, obj: str = "deal", where: Any = None, **more: Any) -> Mirror:
        credential = f"{client.workspace_id}:{client.role}:{client.principal}"
        selection = selecting(where)
        return Mirror(credential, object=obj, selection=selection, **more).watch(self.stub)


@pytest.fixture(scope="module")
async def live(plane: Plane) -> AsyncIterator[Watching]:
    revoked: set[str] = set()

    async def authenticate(credential: str) -> Caller:
        if credential in revoked:
            raise Unauthenticated("CREDENTIALS_INVALID", "not any more")
        return replace(await conftest.authenticate(credential), credential=credential)

    async def ready() -> bool:
        return True

    async with AsyncExitStack() as opened:
        bus = Bus(plane.servers["nats"]["url"], "test-watching")
        await bus.open()
        opened.push_async_callback(bus.close)
        publishing = relay.Relay("records", plane.worker_db, bus)
        plane.db.outbox_changed = publishing.wake
        watches = Watches(plane.db)
        tasks = [asyncio.ensure_future(w()) for w in (publishing.run, Feed(bus, watches).run)]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        opened.push_async_callback(end)
        made = watch_servicers(plane.db, plane.literal, watches, authenticate, plane.index)
        port = await opened.enter_async_context(
            server.running("127.0.0.1:0", made, CallPolicy(authenticate), ready, grace=0.5)
        )
        channel = clients.channel(f"127.0.0.1:{port}")
        opened.push_async_callback(channel.close)
        yield Watching(RecordWatchServiceStub(channel), watches, bus, plane, revoked)


async def settle(mirror: Mirror, client: Client, obj: str = "deal", where: Any = None) -> None:
    """Follow until the mirror shows what a query answers now."""
    asked = mirror.request
    page = await client.query(
        obj, where, sort=asked.sort, fields=asked.fields, page_size=asked.page_size, view=asked.view
    )
    wanted = [plain(r) for r in page.records]
    async with asyncio.timeout(15):
        while [plain(r) for r in mirror.records] != wanted:
            assert await mirror.frame() is not None, mirror.error


def types(frame: pb.WatchDiff) -> list[str]:
    names = pb.WatchChangeType.keys()
    return [names[c.type].removeprefix("WATCH_CHANGE_TYPE_").lower() for c in frame.changes]


async def test_a_watch_tells_what_is_added_updated_moved_and_removed(
    live: Watching, acme: Client
) -> None:
    deals = [await acme.create(name=f"d{n}", n=n, stage="won") for n in range(4)]
    mirror = live.mirror(acme, view="Won", page_size=3)
    snapshot = await mirror.until("snapshot")
    assert [json.loads(r.fields_json)["n"] for r in snapshot.records] == [3, 2, 1]
    assert snapshot.more

    await acme.update(deals[2], name="renamed")
    assert types(await mirror.until("diff")) == ["updated"]
    await acme.update(deals[1], n=9)
    assert types(await mirror.until("diff")) == ["moved"]
    await acme.update(deals[3], stage="lost")
    assert types(await mirror.until("diff")) == ["removed", "added"]  # the one behind came up
    await acme.delete(deals[1])
    assert types(await mirror.until("diff")) == ["removed"]
    await acme.create(name="new", n=2.5, stage="won")
    assert types(await mirror.until("diff")) == ["added"]
    await acme.create(name="elsewhere", n=99, stage="lost")
    await acme.create(name="first", n=50, stage="won")
    assert types(await mirror.until("diff")) == ["removed", "added"]
    await settle(mirror, acme)
    assert mirror.kinds.count("snapshot") == 1
    assert not mirror.resets


async def test_a_kanban_view_tells_its_groups(live: Watching, acme: Client) -> None:
    deal = await acme.create(name="a", stage="new", n=3)
    await acme.create(name="b", stage="won", n=4)
    mirror = live.mirror(acme, view="Pipeline")
    await mirror.until("snapshot")
    assert mirror.counts() == dict.fromkeys([*STAGES, None], 0) | {"new": 1, "won": 1}
    await acme.update(deal, stage="won")
    async with asyncio.timeout(10):
        while mirror.counts()["won"] != 2:
            await mirror.frame()
    assert mirror.counts()["new"] == 0
    assert json.loads(mirror.groups['"won"'].values_json)["total_n"] == 7


async def test_a_client_goes_on_where_it_left(live: Watching, acme: Client) -> None:
    deals = [await acme.create(name=f"d{n}", n=n) for n in range(6)]
    mirror = live.mirror(acme, sort="n", page_size=4)
    await mirror.until("snapshot")
    mirror.leave()
    await acme.delete(deals[0])
    await acme.update(deals[2], name="changed")
    mirror.watch(live.stub)
    resumed = await mirror.until("resumed")
    assert [r.id for r in resumed.records] == [deals[2].id, deals[4].id]
    await settle(mirror, acme)
    assert mirror.kinds == ["snapshot", "resumed"]


async def test_a_position_of_another_query_or_of_long_ago_is_reset(
    live: Watching, acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acme.create(name="a")
    mirror = live.mirror(acme)
    await mirror.until("snapshot")
    mirror.leave()
    position = mirror.request.position
    mirror.request.sort = "name"
    mirror.watch(live.stub)
    await mirror.until("snapshot")
    mirror.leave()
    monkeypatch.setattr(frames, "RESUME_SECONDS", -1.0)
    mirror.watch(live.stub)
    await mirror.until("snapshot")
    assert mirror.resets == ["query", "expired"]
    assert mirror.kinds == ["snapshot", "reset", "snapshot", "reset", "snapshot"]
    for wrong in ("nonsense", position[:-4]):
        mirror.request.position = wrong
        assert await mirror.watch(live.stub).frame() is None
        assert mirror.error is not None
        assert mirror.error.reason == "WATCH_POSITION_INVALID"


async def test_watchers_of_the_same_share_one_evaluation(live: Watching, acme: Client) -> None:
    await acme.create(name="a", stage="won")
    grace = live.plane.client(acme.workspace_id, principal="grace")
    mirrors = [live.mirror(who, view="Won") for who in (acme, grace, acme)]
    mirrors.append(live.mirror(acme, where={"stage": "won"}))
    for mirror in mirrors:
        await mirror.until("snapshot")
    topic = live.watches.watched(acme.workspace_id)
    assert topic is not None
    assert sorted(e.watchers for e in topic.evaluations.values()) == [1, 3]
    for mirror in mirrors:
        mirror.leave()

    async def nobody() -> bool:
        return live.watches.watched(acme.workspace_id) is None

    await until(nobody)


async def test_a_filter_through_a_relation_is_asked_again(live: Watching, acme: Client) -> None:
    company = await acme.create("company", name="Acme")
    await acme.create(name="a", company=company.id)
    where = {"company.name": "Acme"}
    mirror = live.mirror(acme, where=where, fields="name,company.name")
    await mirror.until("snapshot")
    assert len(mirror.records) == 1
    await acme.update(company, name="Other")
    await mirror.until("diff")
    assert mirror.records == []
    await acme.update(company, name="Acme")
    await acme.create(name="b", company=company.id)
    await settle(mirror, acme, where=where)


async def test_a_new_definition_of_the_view_is_a_reset(live: Watching, acme: Client) -> None:
    for n, stage in enumerate(STAGES):
        await acme.create(name=stage, stage=stage, n=n)
    mirror = live.mirror(acme, view="Won")
    await mirror.until("snapshot")
    views = tuple(
        msgspec.structs.replace(v, filter={"stage": "lost"}) if v.name == "Won" else v
        for v in VIEWS
    )
    define(live, acme, views)
    snapshot = await mirror.until("snapshot")
    assert [json.loads(r.fields_json)["name"] for r in snapshot.records] == ["lost"]
    assert mirror.resets == ["definition"]
    define(live, acme, ())
    while await mirror.frame() is not None:
        pass
    assert mirror.error is not None
    assert mirror.error.reason == "VIEW_NOT_FOUND"


def define(live: Watching, client: Client, views: Any) -> None:
    """Have the workspace defined with these views."""
    workspace = Snapshot(str(client.workspace_id), 4, OBJECTS, tuple(views), (), "Europe/Berlin")
    live.plane.literal.known[client.workspace_id] = Workspace(workspace)
    announce(live, client)


def announce(live: Watching, client: Client) -> None:
    """As the feed does when the metadata plane has changed something."""
    topic = live.watches.watched(client.workspace_id)
    assert topic is not None
    topic.redefine()


async def test_a_role_sees_its_own_and_a_change_of_it_is_a_reset(
    live: Watching, acme: Client
) -> None:
    role = f"seller-{uuid4().hex}"
    CUSTOM[role] = access({"stage": "won"})
    seller = live.plane.client(acme.workspace_id, role, "bob")
    deal = await acme.create(name="a", stage="new", n=1)
    mirror = live.mirror(seller)
    await mirror.until("snapshot")
    assert mirror.records == []
    await acme.update(deal, stage="won")
    await mirror.until("diff")
    assert [r.id for r in mirror.records] == [deal.id]
    assert "n" not in json.loads(mirror.records[0].fields_json)
    await acme.update(deal, stage="lost")
    await mirror.until("diff")
    assert mirror.records == []
    CUSTOM[role] = access({"stage": "lost"})
    announce(live, acme)
    await mirror.until("snapshot")
    assert mirror.resets == ["access"]
    assert [r.id for r in mirror.records] == [deal.id]
    CUSTOM[role] = json.dumps({"role": role, "objects": {}}).encode()
    announce(live, acme)
    assert await mirror.frame() is None
    assert mirror.error is not None
    assert mirror.error.reason == "OBJECT_NOT_FOUND"


def access(rule: dict[str, Any]) -> bytes:
    deal = {"actions": ["read"], "fields": {field_id("n"): {"read": False}}, "rule": rule}
    return json.dumps({"objects": {DEAL: deal, COMPANY: {"actions": ["read"]}}}).encode()


async def test_a_revoked_credential_ends_the_stream(
    live: Watching, acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_RECHECK_SECONDS", 0.1)
    mirror = live.mirror(acme)
    await mirror.until("snapshot")
    live.revoked.add(f"{acme.workspace_id}:{acme.role}:{acme.principal}")
    assert await mirror.frame() is None
    assert mirror.error is not None
    assert (mirror.error.code, mirror.error.reason) == ("UNAUTHENTICATED", "CREDENTIALS_INVALID")


async def test_many_changes_reach_a_slow_reader_as_few_frames(live: Watching, acme: Client) -> None:
    mirror = live.mirror(acme, sort="-n", page_size=100)
    await mirror.until("snapshot")
    for start in range(0, 600, 100):
        await acme.create_all([{"name": "x" * 2000, "n": n} for n in range(start, start + 100)])
    await settle(mirror, acme)
    assert len(mirror.kinds) < 40


async def test_a_lost_feed_is_no_gap(live: Watching, acme: Client) -> None:
    mirror = live.mirror(acme, sort="n")
    await mirror.until("snapshot")
    info = await live.bus.js.consumers_info("ARMATURE_EVENTS")
    for one in info:
        if one.name and one.name.startswith("records-watch-"):
            await live.bus.js.delete_consumer("ARMATURE_EVENTS", one.name)
    for n in range(5):
        await acme.create(name="a", n=n)
    await settle(mirror, acme)


@pytest.mark.parametrize("seed", [1, 2])
async def test_snapshot_and_diffs_are_a_query(live: Watching, acme: Client, seed: int) -> None:
    """Four clients write at random while windows of every kind are followed, left and resumed."""
    rng = Random(seed)
    company = await acme.create("company", name="Acme")
    wheres: Sequence[tuple[Any, dict[str, Any]]] = (
        (None, {"sort": "-n,name:nulls_first", "page_size": 5}),
        ({"stage": {"in": ["new", "won"]}}, {"sort": "stage,-rate", "page_size": 3}),
        ({"or": [{"n": {"gte": 0}}, {"tags": {"contains_any": ["red"]}}]}, {"page_size": 7}),
        ({"not": {"name": {"icontains": "a"}}}, {"sort": "closes:nulls_first,-n", "page_size": 1}),
        ({"company.name": "Acme"}, {"sort": "name", "page_size": 4}),
        (None, {"view": "Pipeline", "sort": "-update_time", "page_size": 500}),
    )
    mirrors = [(live.mirror(acme, where=where, **more), where) for where, more in wheres]
    for mirror, _ in mirrors:
        await mirror.until("snapshot")

    async def write(own: Random) -> None:
        known: list[Any] = []
        for _ in range(30):
            fields = a_deal(own, company.id)
            if not known or own.random() < 0.4:
                known.append(await acme.create(**fields))
            elif own.random() < 0.2:
                await acme.delete(known.pop(own.randrange(len(known))))
            else:
                await acme.update(own.choice(known), **fields)

    async def follow(mirror: Mirror, own: Random) -> None:
        while True:
            await mirror.frame(60.0)
            if own.random() < 0.2:
                mirror.leave()
                mirror.watch(live.stub)

    following = [asyncio.ensure_future(follow(m, Random(rng.random()))) for m, _ in mirrors]
    await asyncio.gather(*(write(Random(rng.random())) for _ in range(4)))
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    for mirror, where in mirrors:
        mirror.leave()
        await settle(mirror.watch(live.stub), acme, where=where)
        assert not mirror.resets
    board = await acme.board()
    last = mirrors[-1][0]
    async with asyncio.timeout(10):
        while last.counts() != {key: c.count for key, c in board.items()}:
            await last.frame()
    for mirror, _ in mirrors:
        mirror.leave()


def a_deal(rng: Random, company: str) -> dict[str, Any]:
    values: dict[str, list[Any]] = {
        "name": ["a", "B", "ä", "b", "zz"],
        "stage": [*STAGES, None],
        "n": [0, 1, -3, 0.5, None],
        "rate": ["0.01", "-12.50", None],
        "closes": ["2026-01-01", "2025-12-31", None],
        "tags": [["red"], ["green", "blue"], []],
        "company": [company, None],
    }
    chosen = {name: rng.choice(some) for name, some in values.items() if rng.random() < 0.6}
    return {"name": rng.choice("ab")} | chosen
