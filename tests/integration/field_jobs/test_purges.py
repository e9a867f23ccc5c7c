"""Deactivate, reactivate, purge: data go only when somebody says so, and then all of them."""

import asyncio
import json

from tests.integration.field_jobs.client import Client
from tests.services import reason, until


async def test_a_purged_field_leaves_nothing_behind(acme: Client) -> None:
    await acme.an_object(name="text", code={"type": "text", "unique": True})
    kept = await acme.create(name="a", code="c1")
    field = await acme.the_field("code")
    purge = acme("PurgeField", object="ship", field="code")
    assert await reason(purge) == "FAILED_PRECONDITION/NOT_DEACTIVATED"

    await acme("DeleteField", object="ship", field="code")
    late = await acme.create(name="b")
    begun = await acme("PurgeField", object="ship", field=field.id)
    again = acme("PurgeField", object="ship", field=field.id)
    assert await reason(again) in {
        "FAILED_PRECONDITION/FIELD_BUILDING",
        "NOT_FOUND/FIELD_NOT_FOUND",
    }
    await acme.ended(begun.field_job)

    async def gone() -> bool:
        call = acme("GetField", object="ship", field=field.id)
        try:
            return await reason(call) == "NOT_FOUND/FIELD_NOT_FOUND"
        except AssertionError:
            return False

    await until(gone)
    assert all(set(r["doc"]) == {"name"} for r in await acme.rows("SELECT doc FROM records"))
    assert await acme.rows("SELECT 1 FROM value_unique") == []
    slots = await acme.rows("SELECT DISTINCT slot FROM value_text")
    assert field.id not in {str(r["slot"]) for r in slots}
    fresh = await acme.a_field("code", type="text", unique=True)
    assert fresh.id != field.id
    await acme.update(kept, code="c1")
    assert (await acme.get(late))["code"] is None


async def test_a_reactivated_field_has_its_data_and_keeps_them_unique(acme: Client) -> None:
    await acme.an_object(name="text", code={"type": "text", "unique": True})
    gone = await acme.create(name="a", code="c1")
    back = await acme.create(name="b", code="c2")
    await acme("DeleteField", object="ship", field="code")
    await acme("DeleteRecord", object="ship", id=gone.id)
    await acme("DeleteRecord", object="ship", id=back.id)
    await acme("UndeleteRecord", object="ship", id=back.id)
    await acme.change("code", changes={"active": True})
    assert (await acme.get(back))["code"] == "c2"
    assert await acme.find({"code": "c2"}) == [back.id]
    await acme.create(name="c", code="c1")  # the deleted record holds it no more
    twin = acme("CreateRecord", object="ship", fields_json=b'{"code": "c2"}')
    assert await reason(twin) == "ALREADY_EXISTS/VALUE_NOT_UNIQUE"


async def test_a_purged_object_goes_with_its_records_fields_and_views(acme: Client) -> None:
    await acme.an_object(name="text", code={"type": "text", "unique": True})
    made = await acme.create_all([{"name": f"n{n}", "code": f"c{n}"} for n in range(700)])
    await acme("DeleteRecord", object="ship", id=made[0].id)
    purge = acme("PurgeObject", object="ship")
    assert await reason(purge) == "FAILED_PRECONDITION/NOT_DEACTIVATED"
    await acme("DeleteObject", object="ship")
    begun = await acme("PurgeObject", object="ship")
    job = await acme.ended(begun.field_job)
    assert (job.kind, job.changed) == ("purge_object", 700)

    async def gone() -> bool:
        listed = await acme("ListObjects", show_deleted=True)
        return not listed.objects

    await until(gone)
    for table in ("records", "value_text", "value_unique", "value_freed", "search_entries"):
        assert await acme.rows(f"SELECT 1 FROM {table}") == [], table
    sent = await acme.rows("SELECT count(*) AS n FROM outbox WHERE type = 'record.purged'")
    assert sent[0]["n"] == 700
    await acme.an_object(name="text")  # the name is free again
    await acme.create(name="x")


async def test_an_object_that_relations_lead_to_is_not_purged(acme: Client) -> None:
    await acme("CreateObject", object={"name": "port"})
    await acme.an_object(name="text", home={"type": "relation", "settings": {"targets": ["port"]}})
    await acme("DeleteObject", object="port", force=True)
    assert await reason(acme("PurgeObject", object="port")) == "FAILED_PRECONDITION/IN_USE"
    home = (await acme("ListFields", object="ship", show_deleted=True)).fields[-1]
    begun = await acme("PurgeField", object="ship", field=home.id)
    await acme.ended(begun.field_job)

    async def purged() -> bool:
        try:
            await acme("PurgeObject", object="port")
        except Exception:  # noqa: BLE001 -- until the relation has gone
            return False
        return True

    await until(purged)


async def test_a_conversion_carries_what_others_write_meanwhile(acme: Client) -> None:
    await acme.an_object(name="text", v="text")
    made = await acme.create_all([{"name": "n", "v": str(n)} for n in range(600)])
    stop = asyncio.Event()
    last: dict[str, int] = {r.id: n for n, r in enumerate(made)}

    async def write(worker: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            record = made[(worker * 149 + n) % 600 // 4 * 4 + worker]  # nobody else's
            value = 1000 * worker + n
            for form in (str(value), value):  # text until it is a number
                sent = json.dumps({"v": form}).encode()
                call = acme("UpdateRecord", object="ship", id=record.id, fields_json=sent)
                try:
                    await call
                except Exception:  # noqa: BLE001 -- the other form it is
                    continue
                last[record.id] = value
                break

    writers = [asyncio.create_task(write(n)) for n in range(4)]
    begun = await acme.change("v", changes={"type": "number"})
    outcome, _ = await acme.done("v", begun.field_job)
    stop.set()
    await asyncio.gather(*writers)
    assert outcome == "succeeded"
    rows = await acme.rows("SELECT record_id, doc FROM records")
    field = (await acme("GetField", object="ship", field="v")).field
    assert field.type == "number"
    found = {r: await acme.get(record) for r, record in list(enumerate(made))[:20]}
    assert {r: f["v"] for r, f in found.items()} == {r: last[made[r].id] for r in found}
    key = next(k for r in rows for k in r["doc"] if k.startswith("v__"))
    assert {str(r["record_id"]): r["doc"][key] for r in rows} == last
    numbers = await acme.rows("SELECT record_id FROM value_number")
    assert len(numbers) == 600
