"""A rollup is what a recount would give, right after every write, whoever writes at once."""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from kit.errors import ServiceError, Unavailable
from tests.integration.field_jobs.client import Client, as_json
from tests.services import until

FIGURES: dict[str, dict[str, Any]] = {
    "ships": {"function": "count"},
    "freight": {"function": "sum", "field": "tons"},
    "usual": {"function": "avg", "field": "tons", "decimals": 3},
    "least": {"function": "min", "field": "tons"},
    "most": {"function": "max", "field": "tons"},
    "worth": {"function": "sum", "field": "price", "currency_code": "EUR"},
    "last_built": {"function": "max", "field": "built"},
    "afloat": {"function": "count", "filter": {"state": {"eq": "afloat"}}},
}


async def ports(acme: Client) -> None:
    """`port`, and `ship` whose relation `port` is read as `fleet` from there."""
    await acme("CreateObject", object={"name": "port"})
    await acme("CreateField", object="port", field={"name": "name", "type": "text"})
    states = [{"value": "afloat"}, {"value": "sunk"}]
    relation = {"type": "relation", "settings": {"targets": ["port"], "inverse_name": "fleet"}}
    await acme.an_object(
        name="text", tons="number", price="currency", built="date", port=relation,
        state={"type": "select", "options": states},
    )  # fmt: skip


async def a_rollup(acme: Client, name: str, **settings: Any) -> Any:
    field = {"name": name, "type": "rollup", "settings_json": as_json({"path": "fleet"} | settings)}
    return (await acme("CreateField", object="port", field=field)).field


async def ready(acme: Client, *names: str) -> None:
    for name in names:

        async def settled(name: str = name) -> bool:
            found = await acme("GetField", object="port", field=name)
            return bool(found.field.state == "ready")

        await until(settled)
        acme.version = max(acme.version, (await acme("GetSnapshot")).metadata_version)


async def a_port(acme: Client, name: str) -> str:
    made = await acme("CreateRecord", object="port", fields_json=as_json({"name": name}))
    return str(made.record.id)


async def port(acme: Client, record_id: str) -> dict[str, Any]:
    found = await acme("GetRecord", object="port", id=record_id)
    return json.loads(found.record.fields_json)  # type: ignore[no-any-return]


async def query(acme: Client, where: dict[str, Any], sort: str = "") -> list[str]:
    answer = await acme(
        "QueryRecords", object="port", selection={"filter_json": as_json(where)}, sort=sort
    )
    return [json.loads(r.fields_json)["name"] for r in answer.records]


async def reason(call: Any) -> str:
    try:
        await call
    except ServiceError as exc:
        codes = sorted({v.code for v in exc.violations})
        return f"{exc.reason} {','.join(codes)}".strip()
    raise AssertionError("nothing was refused")


async def test_the_parent_is_right_right_after_each_write_of_a_child(acme: Client) -> None:
    await ports(acme)
    kiel, bari = await a_port(acme, "Kiel"), await a_port(acme, "Bari")
    old = await acme.create(tons=7.5, port=kiel, built="1999-01-01", state="sunk")
    for name, settings in FIGURES.items():
        await a_rollup(acme, name, **settings)
    await ready(acme, *FIGURES)
    nothing = {"ships": 0, "freight": 0, "usual": None, "least": None, "afloat": 0}
    assert nothing.items() <= (await port(acme, bari)).items()
    assert {"ships": 1, "freight": 7.5, "afloat": 0}.items() <= (await port(acme, kiel)).items()

    price = {"amount_micros": 5_000_000, "currency_code": "EUR"}
    other = {"amount_micros": 9_000_000, "currency_code": "USD"}
    new = await acme.create(tons=2, port=kiel, price=price, built="2020-02-02", state="afloat")
    await acme.create(port=kiel, price=other)
    found = await port(acme, kiel)
    assert found["worth"] == price
    expected = {
        "ships": 3, "freight": 9.5, "usual": 4.75, "least": 2, "most": 7.5, "afloat": 1,
        "last_built": "2020-02-02",
    }  # fmt: skip
    assert expected.items() <= found.items()

    await acme.update(new, tons=20, port=bari)
    assert {"ships": 2, "most": 7.5, "last_built": "1999-01-01"}.items() <= (
        await port(acme, kiel)
    ).items()
    assert {"ships": 1, "least": 20}.items() <= (await port(acme, bari)).items()
    await acme("DeleteRecord", object="ship", id=old.id)
    assert (await port(acme, kiel))["most"] is None
    await acme("BatchUndeleteRecords", object="ship", ids=[old.id])
    assert (await port(acme, kiel))["most"] == 7.5
    late = await a_port(acme, "Lima")
    assert (await port(acme, late))["worth"] == {"amount_micros": 0, "currency_code": "EUR"}


async def test_it_is_filtered_sorted_and_aggregated_like_a_number(acme: Client) -> None:
    await ports(acme)
    names = ["Kiel", "Bari", "Lima"]
    ids = {name: await a_port(acme, name) for name in names}
    await a_rollup(acme, "freight", function="sum", field="tons")
    await ready(acme, "freight")
    for n, name in enumerate(names, start=1):
        await acme.create_all([{"tons": 10 * n, "port": ids[name]}] * 2)
        assert await query(acme, {"freight": {"eq": 20 * n}}) == [name]
    assert await query(acme, {}, "-freight") == ["Lima", "Bari", "Kiel"]
    assert await query(acme, {"freight": {"between": [30, 60]}}, "freight") == ["Bari", "Lima"]
    figures = await acme(
        "AggregateRecords", object="port", measures=[{"fn": "sum", "field": "freight"}]
    )
    assert json.loads(figures.groups[0].values_json) == {"sum_freight": 120}
    through = await acme.find({"port.freight": {"gt": 50}})
    assert len(through) == 2


async def test_rollups_equal_a_recount_after_interleaved_writes(acme: Client) -> None:
    await ports(acme)
    ids = [await a_port(acme, f"p{n}") for n in range(3)]
    seeded = await acme.create_all([{"tons": n, "port": ids[n % 3]} for n in range(30)])
    names = ["ships", "freight", "usual", "least", "most", "afloat"]
    stop = asyncio.Event()

    written = [0] * 4

    async def write(worker: int) -> None:
        chosen = random.Random(worker)
        own = seeded[worker::4]
        while not stop.is_set():
            ship = chosen.choice(own)
            to = chosen.choice([*ids, None])
            tons = chosen.choice([None, chosen.randint(-50, 50), 0.1])
            state = chosen.choice(["afloat", "sunk", None])
            with contextlib.suppress(Unavailable):  # collided with the job: the next is as good
                await acme.update(ship, port=to, tons=tons, state=state)
                if chosen.random() < 0.3:
                    await acme("DeleteRecord", object="ship", id=ship.id)
                    await acme("UndeleteRecord", object="ship", id=ship.id)
                written[worker] += 1

    async def read() -> None:
        while not stop.is_set():
            for record_id in ids:
                await port(acme, record_id)
            await query(acme, {"ships": {"gt": 2}})

    tasks = [asyncio.create_task(write(n)) for n in range(4)]
    for name in names:  # worked out while others write
        await a_rollup(acme, name, **FIGURES[name])
    tasks.append(asyncio.create_task(read()))
    await ready(acme, *names)
    so_far = min(written)

    async def went_on() -> bool:
        return min(written) > so_far + 20

    await until(went_on)
    stop.set()
    await asyncio.gather(*tasks)
    for record_id in ids:
        listed = await acme(
            "QueryRecords", object="ship", page_size=1000,
            selection={"filter_json": as_json({"port": {"eq": record_id}})},
        )  # fmt: skip
        ships = [json.loads(r.fields_json, parse_float=Decimal) for r in listed.records]
        tons = [Decimal(s["tons"]) for s in ships if s["tons"] is not None]
        expected = {
            "ships": len(ships),
            "freight": sum(tons),
            "usual": round(sum(tons) / len(tons), 3) if tons else None,
            "least": min(tons, default=None),
            "most": max(tons, default=None),
            "afloat": sum(s["state"] == "afloat" for s in ships),
        }
        raw = (await acme("GetRecord", object="port", id=record_id)).record.fields_json
        found = json.loads(raw, parse_float=Decimal)
        assert {name: found[name] for name in names} == expected


async def test_writers_of_one_parent_s_children_wait_for_nobody(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    async with acme.records.app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.all("SELECT 1 FROM records WHERE record_id = %s FOR UPDATE", [UUID(kiel)])
        await asyncio.wait_for(acme.create(port=kiel), 10)
        await asyncio.wait_for(acme.create(port=kiel), 10)
    assert (await port(acme, kiel))["ships"] == 2


async def test_another_workspace_sees_nothing_of_what_is_kept(
    acme: Client, new_workspace: Callable[[], Awaitable[Client]]
) -> None:
    await ports(acme)
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    kiel = await a_port(acme, "Kiel")
    other = await new_workspace()
    async with acme.records.app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.all("SELECT 1 FROM records WHERE record_id = %s FOR UPDATE", [UUID(kiel)])
        await acme.create(port=kiel)
        for table in ("rollups", "rollup_deltas"):
            count = f"SELECT count(*) FROM {table}"
            assert [await acme.rows(count), await other.rows(count)] == [
                [{"count": 1}],
                [{"count": 0}],
            ]
    await port(acme, kiel)
    assert len(await acme.rows("SELECT 1 FROM rollup_sums")) == 1
    assert await other.rows("SELECT 1 FROM rollup_sums") == []


async def test_the_parent_s_event_is_caused_by_the_child_s(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    ship = await acme.create(port=kiel)
    assert (await port(acme, kiel))["ships"] == 1
    told = "SELECT event_id::text AS id, type, root_id, causation_id, depth, payload, actor"
    told += " FROM outbox WHERE aggregate_id = %s ORDER BY aggregate_version"
    [cause] = await acme.rows(told, UUID(ship.id))

    async def caused() -> list[Any]:
        """Beside them the field job tells of what it has worked out."""
        found = await acme.rows(told, UUID(kiel))
        return [one for one in found if one["depth"] == cause["depth"] + 1 and one["causation_id"]
                in {row["id"] for row in await acme.rows(told, UUID(ship.id))}]  # fmt: skip

    [event] = await caused()
    payload = json.loads(event["payload"])
    assert (event["type"], payload["changed_fields"]) == ("record.updated", ["ships"])
    assert (payload["before"], payload["after"]) == ({"ships": 0}, {"ships": 1})
    assert (event["root_id"], event["causation_id"]) == (cause["id"], cause["id"])
    assert (event["depth"], event["actor"]) == (cause["depth"] + 1, cause["actor"])
    await acme.update(ship, name="renamed")
    await port(acme, kiel)
    assert len(await caused()) == 1  # nothing that is figured has changed


async def test_each_of_many_parents_knows_its_own_cause(acme: Client) -> None:
    await ports(acme)
    ids = [await a_port(acme, f"p{n}") for n in range(5)]
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    ships = await acme.create_all([{"port": one} for one in ids])
    assert len(await query(acme, {"ships": {"eq": 1}})) == len(ids)
    told = "SELECT event_id::text AS id, causation_id FROM outbox WHERE aggregate_id = %s"
    causes = {s.id: (await acme.rows(told, UUID(s.id)))[0]["id"] for s in ships}
    for ship, parent in zip(ships, ids, strict=True):
        by = {row["causation_id"] for row in await acme.rows(told, UUID(parent))}
        assert by & set(causes.values()) == {causes[ship.id]}


async def test_nobody_follows_what_others_write_but_the_worker_does(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    await acme.create(port=kiel)

    async def folded() -> bool:
        rows = await acme.rows("SELECT count FROM rollup_sums WHERE parent_id = %s", UUID(kiel))
        return rows == [{"count": 1}]

    await until(folded)


async def test_what_a_rollup_uses_stays_as_it_is(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "freight", function="sum", field="tons")
    await a_rollup(acme, "afloat", function="count", filter={"state": {"eq": "afloat"}})
    await ready(acme, "freight", "afloat")
    for field, changes in (
        ("tons", {"type": "decimal"}),
        ("state", {"type": "text"}),
        ("port", {"settings": {"targets": ["port"], "inverse_name": "ships"}}),
        ("port", {"indexed": False}),
    ):
        assert (await reason(acme.change(field, changes=changes))).startswith("IN_USE"), field
    for field in ("tons", "port", "state"):
        refused = await reason(acme("DeleteField", object="ship", field=field))
        assert refused == "IN_USE IN_USE", field
    assert (await reason(acme("DeleteObject", object="ship"))).startswith("IN_USE")
    await acme("DeleteField", object="ship", field="tons", force=True)
    left = await acme("ListFields", object="port")
    assert [f.name for f in left.fields] == ["name", "afloat"]
    await acme.create(state="afloat", port=kiel)
    assert (await port(acme, kiel))["afloat"] == 1


async def test_one_that_comes_back_is_worked_out_anew(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    await acme.create(port=kiel)
    await acme("DeleteField", object="port", field="ships")

    async def left() -> bool:
        return not await acme.rows("SELECT rollup_id FROM rollups")

    await until(left)
    await acme.create(port=kiel)
    assert not await acme.rows("SELECT rollup_id FROM rollup_deltas")
    mask = {"paths": ["active"]}
    await acme(
        "UpdateField", object="port", field="ships", changes={"active": True}, update_mask=mask
    )
    await ready(acme, "ships")
    assert (await port(acme, kiel))["ships"] == 2


async def test_a_deactivation_that_is_taken_back_works_it_out_anew(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    await acme.create(port=kiel)
    gone = await acme("DeleteField", object="port", field="ships")
    await acme.create(port=kiel)
    await acme("RevertChange", version=str(gone.metadata_version))
    await ready(acme, "ships")
    assert (await port(acme, kiel))["ships"] == 2


async def test_nothing_is_left_of_one_that_goes_while_others_write(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    gone = asyncio.Event()

    async def write() -> None:
        while not gone.is_set():
            await acme.create(port=kiel)

    writers = [asyncio.create_task(write()) for _ in range(4)]
    await acme("DeleteField", object="port", field="ships")

    async def left() -> bool:
        kept = ("rollups", "rollup_deltas", "rollup_sums")
        return not any([await acme.rows(f"SELECT 1 FROM {table}") for table in kept])

    await until(left)
    gone.set()
    await asyncio.gather(*writers)
    assert await left()


async def test_merged_parents_have_each_other_s_children(acme: Client) -> None:
    await ports(acme)
    kiel, bari = await a_port(acme, "Kiel"), await a_port(acme, "Bari")
    await a_rollup(acme, "ships", function="count")
    await a_rollup(acme, "freight", function="sum", field="tons")
    await ready(acme, "ships", "freight")
    await acme.create_all([{"port": kiel, "tons": 1}, {"port": bari, "tons": 2}])
    await acme("MergeRecords", object="port", ids=[kiel, bari], priority_id=kiel)
    assert {"ships": 2, "freight": 3}.items() <= (await port(acme, kiel)).items()


async def test_it_unlocks_the_views_of_its_values(acme: Client) -> None:
    await ports(acme)
    await a_rollup(acme, "ships", function="count")
    await a_rollup(acme, "last_built", function="max", field="built")
    await ready(acme, "ships", "last_built")
    found = await acme("GetEligibleFields", object="port", type="calendar")
    assert {f.field for f in found.fields if f.eligible} == {"last_built"}


async def test_a_definition_that_makes_no_sense_says_why(acme: Client) -> None:
    await ports(acme)
    said: dict[str, dict[str, Any]] = {
        "UNKNOWN_FIELD": {"function": "sum", "field": "ton"},
        "NOT_ELIGIBLE": {"function": "sum", "field": "built"},
        "REQUIRED": {"function": "sum", "field": "price"},
        "UNKNOWN_CURRENCY": {"function": "sum", "field": "price", "currency_code": "EUX"},
        "CONFLICTING_SETTINGS": {"function": "count", "field": "tons"},
        "UNKNOWN_OPTION": {"function": "count", "filter": {"state": {"eq": "float"}}},
    }
    for code, settings in said.items():
        assert await reason(a_rollup(acme, "bad", **settings)) == f"FIELD_INVALID {code}"
    unknown = await reason(a_rollup(acme, "bad", path="flet", function="count"))
    assert unknown == "FIELD_INVALID UNKNOWN_FIELD"
    relative = {"built": {"within": "this_year"}}
    refused = await reason(a_rollup(acme, "bad", function="count", filter=relative))
    assert refused == "FIELD_INVALID NOT_ELIGIBLE"
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    kiel = await a_port(acme, "Kiel")
    written = acme("UpdateRecord", object="port", id=kiel, fields_json=as_json({"ships": 3}))
    assert await reason(written) == "FIELDS_INVALID READ_ONLY_FIELD"
    for n in range(24):
        await a_rollup(acme, f"r{n}", function="count")
    assert (await reason(a_rollup(acme, "many", function="count"))).startswith("LIMIT_REACHED")


async def test_a_formula_over_a_rollup_follows_it(acme: Client) -> None:
    await ports(acme)
    kiel = await a_port(acme, "Kiel")
    await a_rollup(acme, "ships", function="count")
    await ready(acme, "ships")
    settings = as_json({"expression": "ships * 2", "result_type": "number"})
    field = {"name": "anchors", "type": "formula", "settings_json": settings}
    await acme("CreateField", object="port", field=field)
    await ready(acme, "anchors")
    await acme.create(port=kiel)
    assert (await port(acme, kiel))["anchors"] == 2
    assert await query(acme, {"anchors": {"eq": 2}}) == ["Kiel"]
