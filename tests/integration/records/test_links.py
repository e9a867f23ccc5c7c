"""Filters through links: what the links plane announced of them, in whatever order it arrived."""

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from armature.records.v1.record_pb2 import Record

from kit.envelope import Envelope
from schema.model import LinkType
from services.records.consumer import RecordLinks
from tests.integration.records.client import Client, as_json, fields_of
from tests.integration.records.conftest import CUSTOM, Plane
from tests.integration.records.world import COMPANY, DEAL, an_id, definitions, field_id

PARTNER, ALLY, SHOWN = an_id(0x900), an_id(0x901), an_id(0x902)
TYPES = (
    LinkType(PARTNER, "partners", "partner_of", ("deal",), ("company",)),
    LinkType(ALLY, "allies", "allies", ("company",), ("company",), symmetric=True),
    LinkType(
        SHOWN,
        "deal_company",
        "company_deals",
        ("deal",),
        ("company",),
        field_id=field_id("company"),
    ),
)


@pytest.fixture
def acme(plane: Plane) -> Client:
    client = plane.client(uuid4())
    plane.literal.known[client.workspace_id] = definitions(client.workspace_id, TYPES)
    return client


def an_event(
    client: Client, what: str, link: UUID, version: int, kind: str, source: Record, target: Record
) -> Envelope:
    data = {
        "link_id": str(link),
        "type_id": kind,
        "source": {"kind": source.object, "id": source.id},
        "target": {"kind": target.object, "id": target.id},
    }
    return Envelope(
        uuid4(), f"link.{what}", "links", client.workspace_id, "link", link, version, "", 1, {},
        datetime.now(UTC), "", "", "", 0, (), msgspec.Raw(as_json(data)),
    )  # fmt: skip


async def hear(client: Client, *events: Envelope) -> None:
    async with client.db.transaction(client.workspace_id) as tx:
        await RecordLinks().handle(tx, list(events))


async def names(client: Client, obj: str, where: Mapping[str, Any]) -> list[str]:
    found = await client.query(obj, where, sort="name")
    return [fields_of(r)["name"] for r in found.records]


async def test_some_none_and_every_go_through_links_both_ways(acme: Client) -> None:
    small = await acme.create("company", name="small", size=1)
    big = await acme.create("company", name="big", size=9)
    one, two, three = [await acme.create(name=n) for n in ("one", "two", "three")]
    await hear(
        acme,
        an_event(acme, "created", uuid4(), 1, PARTNER, one, small),
        an_event(acme, "created", uuid4(), 1, PARTNER, two, small),
        an_event(acme, "created", uuid4(), 1, PARTNER, two, big),
        an_event(acme, "created", uuid4(), 1, ALLY, small, big),
    )
    sizes = {"size": {"gt": 5}}
    assert await names(acme, "deal", {"partners": {"some": sizes}}) == ["two"]
    assert await names(acme, "deal", {"partners": {"none": sizes}}) == ["one", "three"]
    assert await names(acme, "deal", {"partners": {"every": sizes}}) == ["three"]
    assert await names(acme, "company", {"partner_of": {"some": {"name": "one"}}}) == ["small"]
    assert await names(acme, "company", {"partner_of": {"every": {"name": "two"}}}) == ["big"]
    for either in ("small", "big"):
        other = {"small": "big", "big": "small"}[either]
        assert await names(acme, "company", {"allies": {"some": {"name": other}}}) == [either]
    deep = {"partners": {"some": {"allies": {"some": sizes}}}}
    assert await names(acme, "deal", deep) == ["one", "two"]
    assert (await acme.query("deal", deep, count="exact")).count == 2
    await acme.delete(big)
    assert await names(acme, "deal", {"partners": {"some": sizes}}) == []
    assert await names(acme, "deal", {"partners": {"every": {"size": 1}}}) == [
        "one", "three", "two",
    ]  # fmt: skip
    assert (await acme.get(three)).id


async def test_links_that_show_a_relation_are_read_from_the_records(acme: Client) -> None:
    home = await acme.create("company", name="home", size=3)
    await acme.create(name="with", company=home.id)
    await acme.create(name="without")
    assert await names(acme, "deal", {"deal_company": {"some": {"size": 3}}}) == ["with"]
    assert await names(acme, "deal", {"deal_company": {"none": {"size": 3}}}) == ["without"]
    assert await names(acme, "company", {"company_deals": {"some": {"name": "with"}}}) == ["home"]


@pytest.mark.parametrize("seed", range(6))
async def test_the_newest_version_holds_whatever_comes_when_and_how_often(
    acme: Client, seed: int
) -> None:
    rng = Random(seed)
    deals = [await acme.create(name=f"d{n}") for n in range(4)]
    company = await acme.create("company", name="c")
    events: list[Envelope] = []
    expected = set()
    for deal in deals:
        link, last = uuid4(), rng.randint(1, 5)
        verbs = ["created", *("deleted", "undeleted") * 2][:last]
        events += [
            an_event(acme, verb, link, n + 1, PARTNER, deal, company)
            for n, verb in enumerate(verbs)
        ]
        if verbs[-1] != "deleted":
            expected.add(fields_of(deal)["name"])
    events += rng.sample(events, len(events) // 2)
    rng.shuffle(events)
    while events:
        size = rng.randint(1, 4)
        await hear(acme, *events[:size])
        del events[:size]
    found = await names(acme, "deal", {"partners": {"some": {"name": "c"}}})
    assert set(found) == expected


async def test_a_merge_moves_an_end_and_notes_are_no_records(acme: Client) -> None:
    lost, won = await acme.create(name="lost"), await acme.create(name="won")
    company = await acme.create("company", name="c")
    link = uuid4()
    await hear(acme, an_event(acme, "created", link, 1, PARTNER, lost, company))
    await hear(acme, an_event(acme, "updated", link, 2, PARTNER, won, company))
    assert await names(acme, "deal", {"partners": {"some": {"name": "c"}}}) == ["won"]
    note = Record(object="note", id=str(uuid4()))
    await hear(acme, an_event(acme, "created", uuid4(), 1, PARTNER, lost, note))
    assert len(await acme.rows("SELECT 1 FROM record_links")) == 2


async def test_a_rule_holds_at_the_other_end_of_a_link(acme: Client, plane: Plane) -> None:
    small = await acme.create("company", name="small", size=1)
    big = await acme.create("company", name="big", size=9)
    one, two = await acme.create(name="one"), await acme.create(name="two")
    await hear(
        acme,
        an_event(acme, "created", uuid4(), 1, PARTNER, one, small),
        an_event(acme, "created", uuid4(), 1, PARTNER, two, big),
    )
    granted = {"actions": ["read"]}
    rule = {"actions": ["read"], "rule": {"size": {"lt": 5}}}
    CUSTOM["partial"] = as_json({"objects": {DEAL: granted, COMPANY: rule}})
    guest = plane.client(acme.workspace_id, role="partial")
    assert await names(guest, "deal", {"partners": {"some": {"size": {"gt": 0}}}}) == ["one"]
    assert await names(guest, "deal", {"partners": {"none": {"size": 9}}}) == ["one", "two"]
