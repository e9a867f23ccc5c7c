"""A read brings the rollups up to date that it tells of, all of them, and no others."""

import json
from typing import Any

import pytest

from services.records.operations import rollup_reading
from services.records.workers.rollups import RollupFolder
from tests.integration.field_jobs.client import Client, as_json
from tests.integration.field_jobs.test_folding import counted
from tests.integration.field_jobs.test_rollups import a_port, a_rollup, port, ports, ready

pytestmark = pytest.mark.usefixtures("idle")


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker comes before the test."""

    async def nothing(_: RollupFolder) -> bool:
        return False

    monkeypatch.setattr(RollupFolder, "work_once", nothing)


async def beside(acme: Client, obj: str, record_id: str, fields: str) -> list[dict[str, Any]]:
    """What a record shows by either way of asking for it by name."""
    one = await acme("GetRecord", object=obj, id=record_id, fields=fields)
    many = await acme("BatchGetRecords", object=obj, ids=[record_id], fields=fields)
    shown = [one.record.fields_json, many.results[0].record.fields_json]
    return [json.loads(document) for document in shown]


async def test_what_stands_beside_a_record_is_right_however_much_else_waits(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ports(acme)
    await acme("CreateObject", object={"name": "crate"})
    to_ship = as_json({"targets": ["ship"]})
    relation = {"name": "ship", "type": "relation", "settings_json": to_ship}
    await acme("CreateField", object="crate", field=relation)
    to_any = as_json({"targets": ["port", "ship"]})
    several = {"name": "place", "type": "relation", "settings_json": to_any}
    await acme("CreateField", object="crate", field=several)
    harbours = [await a_port(acme, name) for name in ("Kiel", "Bari", "Lima")]
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    monkeypatch.setattr(rollup_reading, "_MOST", 1)
    for harbour in harbours:
        ship = await acme.create(port=harbour)
        for one in harbours:
            await acme.create(port=one)
        place = {"object": "port", "id": harbour}
        fields = as_json({"ship": ship.id, "place": place})
        crate = (await acme("CreateRecord", object="crate", fields_json=fields)).record.id
        expected = (await beside(acme, "ship", ship.id, "port.ships"))[0]["port"]["ships"]
        assert expected >= 2
        for found in await beside(acme, "crate", crate, "ship.port.ships,place.ships"):
            assert found["ship"]["port"]["ships"] == expected
            assert found["place"]["ships"] == expected
        assert (await port(acme, harbour))["ships"] == expected


async def test_what_a_read_does_not_tell_of_it_does_not_wait_for(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    formula = as_json({"expression": "ships * 2", "result_type": "number"})
    twice = {"name": "twice", "type": "formula", "settings_json": formula}
    await acme("CreateField", object="port", field=twice)
    await ready(acme, "twice")
    only = {"filter_json": as_json({"name": "Kiel"})}
    some = {"filter_json": as_json({"ships": {"gte": 1}})}
    along = {"filter_json": as_json({"port.ships": {"gte": 1}})}
    blind: list[tuple[str, dict[str, Any]]] = [
        ("QueryRecords", {"object": "ship"}),
        ("QueryRecords", {"object": "ship", "fields": "name,port.name"}),
        ("QueryRecords", {"object": "port", "fields": "name", "selection": only}),
        ("GetRecord", {"object": "ship", "fields": "port.name"}),
        ("AggregateRecords", {"object": "port", "group_by": [{"field": "name"}]}),
        ("SearchRecords", {"objects": ["port"], "q": "kiel", "fields": "name"}),
        ("SearchRecords", {"objects": ["ship"], "q": "kiel"}),
    ]
    telling: list[tuple[str, dict[str, Any]]] = [
        ("QueryRecords", {"object": "port"}),
        ("QueryRecords", {"object": "port", "fields": "twice"}),
        ("QueryRecords", {"object": "port", "fields": "name", "sort": "-ships"}),
        ("QueryRecords", {"object": "port", "fields": "name", "selection": some}),
        ("QueryRecords", {"object": "ship", "fields": "name", "selection": along}),
        ("QueryRecords", {"object": "ship", "fields": "port.ships"}),
        ("GetRecord", {"object": "ship", "fields": "port.twice"}),
        ("AggregateRecords", {"object": "port", "measures": [{"fn": "sum", "field": "ships"}]}),
        ("AggregateRecords", {"object": "port", "group_by": [{"field": "twice"}]}),
        ("SearchRecords", {"objects": ["port"], "q": "kiel"}),
    ]
    before = await counted(acme, kiel)
    for method, request in (*blind, *telling):
        ship = await acme.create(port=kiel)
        own = {"id": ship.id} if method == "GetRecord" else {}
        await acme(method, **request, **own)
        waits = await acme.rows("SELECT 1 FROM rollup_deltas")
        assert bool(waits) == ((method, request) in blind), (method, request)
    assert await counted(acme, kiel) == before + len(blind) + len(telling)
