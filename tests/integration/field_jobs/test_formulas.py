"""A formula is right for every record, whoever writes while its job works it out."""

import asyncio
import contextlib
from typing import Any

from kit.errors import Unavailable
from schema.compiled import Workspace
from tests.integration.field_jobs.client import Client
from tests.services import until


def a_formula(expression: str) -> dict[str, Any]:
    return {"expression": expression, "result_type": "number"}


async def ready(acme: Client, name: str) -> None:
    async def settled() -> bool:
        return bool((await acme.the_field(name)).state == "ready")

    await until(settled, seconds=60)


async def test_it_is_worked_out_anew_while_others_write(acme: Client) -> None:
    await acme.an_object(name="text", price="number")
    await acme.a_field("total", type="formula", settings=a_formula("price * 2.0"))
    await ready(acme, "total")
    made = await acme.create_all([{"name": f"s{n}", "price": n} for n in range(600)])
    stop = asyncio.Event()

    async def write(worker: int) -> int:
        n = 0
        while not stop.is_set():
            n += 1
            with contextlib.suppress(Unavailable):  # writes collided: the next one is as good
                await acme.update(made[(worker * 97 + n) % 600], price=n + 0.5)
                gone = await acme.create(name=f"w{worker}-{n}", price=-n)
                await acme("DeleteRecord", object="ship", id=gone.id)
                await acme("UndeleteRecord", object="ship", id=gone.id)
        return n

    writers = [asyncio.create_task(write(n)) for n in range(4)]
    begun = await acme.change("total", changes={"settings": a_formula("price + 1.0")})
    outcome, job = await acme.done("total", begun.field_job)
    await ready(acme, "total")
    stop.set()
    assert min(await asyncio.gather(*writers)) > 0
    assert (outcome, job.problem_count) == ("succeeded", 0)
    found = await acme("QueryRecords", object="ship", page_size=1, count="exact")
    assert found.count > 600
    key = await _key_of(acme, "total")
    rows = await acme.rows(
        "SELECT record_id FROM records WHERE delete_time IS NULL AND"
        f" (doc->'{key}')::numeric IS DISTINCT FROM (doc->'price')::numeric + 1"
    )
    assert rows == []
    wanted = sorted(await acme.find({"price": {"between": [10, 20]}}))
    assert sorted(await acme.find({"total": {"between": [11, 21]}})) == wanted


async def _key_of(acme: Client, name: str) -> str:
    """What the values stand under by now."""
    found = await acme("GetSnapshot")
    return Workspace.from_json(found.snapshot_json).objects["ship"].fields[name].key


async def test_every_way_of_writing_computes(acme: Client) -> None:
    await acme.an_object(code={"type": "text", "unique": True}, price="number")
    await acme.a_field("total", type="formula", settings=a_formula("price * 2.0"))
    await ready(acme, "total")
    made = await acme.create(code="a", price=1)
    put = await acme(
        "UpsertRecord", object="ship", match=["code"], fields_json=b'{"code": "a", "price": 3}'
    )
    assert (put.record.id, (await acme.get(made))["total"]) == (made.id, 6)
    other = await acme.create(code="b", price=5)
    merged = {"ids": [made.id, other.id], "priority_id": other.id}
    await acme("MergeRecords", object="ship", **merged)
    assert (await acme.get(other))["total"] == 10
    renamed = await acme("UpdateRecord", object="ship", id=other.id, fields_json=b'{"code": "c"}')
    again = await acme("UpdateRecord", object="ship", id=other.id, fields_json=b'{"code": "c"}')
    assert again.record.version == renamed.record.version


async def test_a_default_that_is_filled_in_reaches_the_formulas_over_it(acme: Client) -> None:
    await acme.an_object(name="text", price="number")
    await acme.a_field("total", type="formula", settings=a_formula("price * 2.0"))
    await ready(acme, "total")
    made = await acme.create_all([{"name": "a"}, {"name": "b", "price": 4}])
    begun = await acme.change("price", changes={"default": 7}, backfill=True)
    late = await acme.create(name="late")
    assert (await acme.done("price", begun.field_job))[0] == "succeeded"
    await ready(acme, "price")
    for record, expected in ((made[0], 14), (made[1], 8), (late, 14)):
        assert (await acme.get(record))["total"] == expected
