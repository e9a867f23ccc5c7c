"""All links are known before filters go through them, stay known, and drive where they are few."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from armature.records.v1.record_pb2 import Record

from kit import clients, clock, ids
from schema import jsonio
from schema.model import LinkType
from services.records.logic import planner
from services.records.operations import linking
from services.records.operations.linking import LinkIndex
from services.records.store import link_states, record_links
from services.records.store.record_links import Link
from services.records.workers.links import LinkKeeper
from tests.integration.records.client import Client, fields_of
from tests.integration.records.conftest import LinksPlane, Plane
from tests.integration.records.world import an_id, definitions
from tests.services import reason

PARTNER, ALLY = an_id(0x900), an_id(0x901)
TYPES = (
    LinkType(PARTNER, "partners", "partner_of", ("deal",), ("company",)),
    LinkType(ALLY, "allies", "allies", ("company",), ("company",), symmetric=True),
)


@pytest.fixture
def acme(plane: Plane) -> Client:
    client = plane.client(uuid4())
    plane.literal.known[client.workspace_id] = definitions(client.workspace_id, TYPES)
    return client


def linked(
    plane: Plane, client: Client, source: Record, target: Record, kind: str = PARTNER
) -> Link:
    """A link that the links plane has, and has not told of."""
    link = Link(ids.new_id(), UUID(kind), UUID(source.id), UUID(target.id), 1, live=True)
    plane.links.links[client.workspace_id][link.id] = link
    return link


async def names(client: Client, where: Mapping[str, Any], **more: Any) -> list[str]:
    found = await client.query("deal", where, sort="name", **more)
    return [fields_of(r)["name"] for r in found.records]


async def known(client: Client) -> dict[UUID, tuple[int, bool]]:
    rows = await client.rows("SELECT link_id, version, live FROM record_links WHERE outward")
    return {r["link_id"]: (r["version"], r["live"]) for r in rows}


async def a_pair(client: Client) -> tuple[Record, Record]:
    return await client.create(name="d"), await client.create("company", name="c")


SOME: dict[str, Any] = {"partners": {"some": {"name": "c"}}}


async def test_links_of_long_ago_are_read_in_by_the_first_who_asks(
    acme: Client, plane: Plane
) -> None:
    deal, company = await a_pair(acme)
    for _ in range(5):
        other = await acme.create("company", name="other")
        linked(plane, acme, deal, other)
    linked(plane, acme, deal, company)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plane.links, "at_once", 2)
        assert await names(acme, SOME) == ["d"]
    assert len(await known(acme)) == 6
    asked = plane.links.asked
    assert await names(acme, SOME) == ["d"]
    assert await acme.rows("SELECT state FROM record_link_states") == [{"state": "ready"}]
    assert plane.links.asked == asked


async def test_until_they_are_known_the_filter_is_refused_and_others_are_not(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal, company = await a_pair(acme)
    other = await acme.create("company", name="other")
    for _ in range(40):
        linked(plane, acme, deal, other)
    linked(plane, acme, deal, company)
    monkeypatch.setattr(linking, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(plane.links, "at_once", 1)
    monkeypatch.setattr(clients, "_ATTEMPTS", 1)
    for ask in (
        names(acme, SOME),
        acme("AggregateRecords", object="deal", selection={"filter_json": jsonio.dumps(SOME)}),
        acme.board(where=SOME),
    ):
        assert await reason(ask) == "UNAVAILABLE/LINKS_BEHIND"
    assert await names(acme, {"name": "d"}) == ["d"]
    # The build goes on where it was, whoever comes: the state is a row.
    keeper = LinkKeeper(plane.worker_db, LinkIndex(plane.db, plane.links.find), timedelta(days=1))
    await keeper.work_once()
    assert await names(acme, SOME) == ["d"]


async def test_a_build_goes_on_after_any_step_and_versions_decide(
    acme: Client, plane: Plane
) -> None:
    deal, company = await a_pair(acme)
    made = [linked(plane, acme, deal, company) for _ in range(4)]
    newer = made[3]._replace(version=3, live=False)
    async with acme.db.transaction(acme.workspace_id) as tx:
        await linking.heard(tx, acme.workspace_id, [newer])
    source = LinksPlane(plane.links.links, at_once=1)
    steps = 0
    while await LinkIndex(plane.db, source.find).build_some(acme.workspace_id):
        steps += 1  # by another process each
    assert (steps, source.asked) == (4, 4)
    assert await known(acme) == {one.id: (1, True) for one in made[:3]} | {newer.id: (3, False)}


async def test_a_comparison_finds_and_repairs_what_differs(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal, company = await a_pair(acme)
    made = [linked(plane, acme, deal, company) for _ in range(7)]
    await names(acme, SOME)
    there = plane.links.links[acme.workspace_id]
    lost, ended, purged, fresh = made[1], made[3], made[5], linked(plane, acme, deal, company)
    there[ended.id] = ended._replace(version=2, live=False)
    del there[purged.id]
    async with acme.db.transaction(acme.workspace_id) as tx:
        await record_links.drop(tx, acme.workspace_id, [lost.id])
    monkeypatch.setattr(linking, "_COMPARED", 2)

    async def compare() -> list[int]:
        found = []
        more = True
        while more:
            wrong, more = await LinkIndex(plane.db, plane.links.find).compare_some(
                acme.workspace_id
            )
            found.append(wrong)
        return found

    assert sum(await compare()) == 4
    wanted = {one.id: (1, True) for one in (*made, fresh)} | {ended.id: (2, False)}
    del wanted[purged.id]
    assert await known(acme) == wanted
    assert sum(await compare()) == 0
    there[fresh.id] = fresh._replace(version=9)  # of which word is on its way, perhaps
    monkeypatch.setattr(plane.links, "since", clock.now())
    assert sum(await compare()) == 0
    assert (await known(acme))[fresh.id] == (9, True)


async def test_who_is_overtaken_moves_no_comparison(
    acme: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal, company = await a_pair(acme)
    for _ in range(7):
        linked(plane, acme, deal, company)
    await names(acme, SOME)
    monkeypatch.setattr(linking, "_COMPARED", 2)
    reading, going_on = asyncio.Event(), asyncio.Event()

    async def slowly(*asked: Any) -> linking.Stretch:
        reading.set()
        await going_on.wait()
        return await plane.links.find(*asked)

    quick, slow = LinkIndex(plane.db, plane.links.find), LinkIndex(plane.db, slowly)
    await quick.compare_some(acme.workspace_id)
    overtaken = asyncio.create_task(slow.compare_some(acme.workspace_id))
    await reading.wait()
    while (await quick.compare_some(acme.workspace_id))[1]:
        pass
    going_on.set()
    assert await overtaken == (0, False)
    place = "SELECT after_id FROM record_link_states"
    assert await acme.rows(place) == [{"after_id": None}], "the next one begins at the first link"


async def test_a_comparison_has_one_keeper_and_is_taken_up_where_it_was_left(
    acme: Client, plane: Plane
) -> None:
    await names(acme, SOME)
    long = timedelta(days=3650)

    async def claimed() -> UUID | None:
        async with plane.worker_db.across_workspaces() as tx:
            return await link_states.claim(tx, long)

    async def set_to(sql: str) -> None:
        async with acme.db.transaction(acme.workspace_id) as tx:
            await tx.run(f"UPDATE record_link_states SET {sql}")

    assert await claimed() is None
    await set_to("check_time = '2001-01-01'")
    assert [await claimed(), await claimed()] == [acme.workspace_id, None]
    await set_to("after_id = gen_random_uuid()")
    assert await claimed() is None, "somebody is at it"
    await set_to("check_time = now() - interval '1 hour'")
    assert [await claimed(), await claimed()] == [acme.workspace_id, None]


async def test_links_drive_where_they_are_few(acme: Client, plane: Plane) -> None:
    companies = [(await acme.create("company", name=f"c{n}", size=n)) for n in range(4)]
    items = [{"name": f"d{n:03}"} for n in range(60)]
    deals = [r.record for r in await acme.create_all(items)]
    for n, deal in enumerate(deals[:40]):
        linked(plane, acme, deal, companies[n % 2])
    linked(plane, acme, deals[50], companies[3])

    async def plan(where: Mapping[str, Any]) -> dict[str, Any]:
        found = await acme.query("deal", where, explain=True, page_size=5)
        [segment] = jsonio.loads_stored(found.plan_json)["segments"]
        return dict(segment)

    far = await plan({"partners": {"some": {"size": 3}}})
    assert (far["index"], far["matches"], far["rows"]) == ("links", 1, 1)
    assert far["other_end"]["index"] == "values"
    any_ = await plan({"partners": {"some": {"id": {"is_empty": False}}}})
    assert (any_["index"], any_["matches"], "other_end" in any_) == ("links", 41, False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(planner, "SELECTIVE", 3)  # now 41 are many, and so are the far ends
        assert (await plan({"partners": {"some": {"size": {"gte": 0}}}}))["strategy"] != "condition"
        assert (await plan({"partners": {"some": {"size": 3}}}))["matches"] == 1


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_drives_the_answer_is_that_of_brute_force(
    acme: Client, plane: Plane, seed: int
) -> None:
    rng = Random(seed)
    sizes = [rng.choice([1, 2, 3, None]) for _ in range(9)]
    companies = [
        r.record
        for r in await acme.create_all(
            [{"name": f"c{n}", "size": size} for n, size in enumerate(sizes)], obj="company"
        )
    ]
    deals = [r.record for r in await acme.create_all([{"name": f"d{n:02}"} for n in range(25)])]
    partners: dict[str, set[int]] = {d.id: set() for d in deals}
    allies: dict[int, set[int]] = {n: set() for n in range(9)}
    for deal in deals:
        for n in rng.sample(range(9), rng.choice([0, 0, 1, 2, 5])):
            linked(plane, acme, deal, companies[n])
            partners[deal.id].add(n)
    for _ in range(6):
        one, other = rng.sample(range(9), 2)
        linked(plane, acme, companies[one], companies[other], ALLY)
        allies[one].add(other)
        allies[other].add(one)
    gone = rng.choice(range(9))
    await acme.delete(companies[gone])

    def quantified(kind: str, ends: set[int], holds: Sequence[bool]) -> bool:
        found = [holds[n] for n in ends if n != gone]
        return {"some": any(found), "none": not any(found), "every": all(found)}[kind]

    for _ in range(12):
        size, kind = rng.choice([1, 2, 3, 9]), rng.choice(["some", "none", "every"])
        holds = [s == size for s in sizes]
        child: dict[str, Any] = {"size": size}
        if rng.random() < 0.4:
            inner = rng.choice(["some", "none"])
            holds = [quantified(inner, allies[n], holds) for n in range(9)]
            child = {"allies": {inner: child}}
        where: dict[str, Any] = {"partners": {kind: child}}
        expected = [
            f"d{n:02}" for n, d in enumerate(deals) if quantified(kind, partners[d.id], holds)
        ]
        if rng.random() < 0.5:
            where = {"and": [where, {"name": {"gte": "d10"}}]}
            expected = [name for name in expected if name >= "d10"]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(planner, "SELECTIVE", rng.choice([0, 1, 4, 2000]))
            pages = await acme.every_page(
                "deal", where, sort=rng.choice(["name", "name,-create_time"]), page_size=7
            )
            assert [fields_of(r)["name"] for r in pages] == expected, (where, planner.SELECTIVE)
            counted = await acme.query("deal", where, count="exact", page_size=1)
            assert counted.count == len(expected)


async def test_many_may_ask_for_the_first_time_at_once(acme: Client, plane: Plane) -> None:
    deal, company = await a_pair(acme)
    linked(plane, acme, deal, company)
    found = await asyncio.gather(*(names(acme, SOME, page_size=n) for n in range(1, 9)))
    assert found == [["d"]] * 8
