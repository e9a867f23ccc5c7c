"""What a field job changes of records is told like any other change of them."""

import json
from typing import Any

from armature.records.v1 import record_pb2

from tests.integration.field_jobs.client import Client
from tests.integration.field_jobs.test_formulas import a_formula, ready
from tests.services import until

Told = dict[str, list[tuple[int, dict[str, Any], dict[str, Any]]]]


async def told(acme: Client, job_id: str) -> Told:
    """(version, before, after) of each update that the job is the cause of, by record."""
    rows = await acme.rows(
        "SELECT aggregate_id, aggregate_version, payload, actor, root_id FROM outbox"
        " WHERE type = 'record.updated' AND causation_id = %s ORDER BY aggregate_version",
        job_id,
    )
    found: Told = {}
    [creator] = {(await acme("GetFieldJob", id=job_id)).field_job.created_by.id}
    for row in rows:
        actor = json.loads(row["actor"])
        assert (actor["kind"], actor["id"], row["root_id"]) == ("field_job", creator, job_id)
        data = json.loads(row["payload"])
        assert data["changed_fields"] == list(data["before"]) == list(data["after"])
        change = (row["aggregate_version"], data["before"], data["after"])
        found.setdefault(str(row["aggregate_id"]), []).append(change)
    return found


async def read(acme: Client, record: record_pb2.Record) -> record_pb2.Record:
    found = await acme("GetRecord", object="ship", id=record.id, show_deleted=True)
    return found.record  # type: ignore[no-any-return]


async def announced(acme: Client, job_id: str) -> None:
    async def done() -> bool:
        [row] = await acme.rows("SELECT state FROM field_jobs WHERE job_id = %s", job_id)
        return bool(row["state"] == "succeeded")

    await until(done)


async def test_a_conversion_is_a_version_of_each_record_that_had_a_value(acme: Client) -> None:
    await acme.an_object(name="text", v="text")
    made = await acme.create_all([{"v": str(n)} for n in range(600)])
    empty = await acme.create(name="empty")
    gone = await acme.create(v="7")
    await acme("DeleteRecord", object="ship", id=gone.id)
    begun = await acme.change("v", changes={"type": "number"})
    assert (await acme.done("v", begun.field_job))[0] == "succeeded"
    await announced(acme, begun.field_job)

    found = await told(acme, begun.field_job)
    assert found == {r.id: [(2, {"v": str(n)}, {"v": n})] for n, r in enumerate(made)}
    first = await read(acme, made[0])
    assert (first.version, first.updated_by.kind) == (2, "field_job")
    assert (await read(acme, empty)).version == 1
    assert (await read(acme, gone)).version == 2  # of its deletion; nobody reads it as it was
    latest = await acme("QueryRecords", object="ship", sort="-update_time,-v", page_size=1)
    assert latest.records[0].id in found


async def test_who_wrote_a_new_value_first_has_told_of_it_already(acme: Client) -> None:
    await acme.an_object(v="text")
    made = await acme.create_all([{"v": str(n)} for n in range(40)])
    begun = await acme.change("v", changes={"type": "number"})
    assert (await acme.done("v", begun.field_job))[0] == "succeeded"
    for record in made:  # some before the job comes to them, some after
        await acme.update(record, v=1000)
    await announced(acme, begun.field_job)
    found = await told(acme, begun.field_job)
    for n, record in enumerate(made):
        versions = found.get(record.id, [])
        assert versions in ([], [(2, {"v": str(n)}, {"v": n})])
        now = await read(acme, record)
        assert (now.version, json.loads(now.fields_json)) == (2 + len(versions), {"v": 1000})


async def test_options_that_go_and_defaults_that_are_filled_in_are_told(acme: Client) -> None:
    options = [{"value": v} for v in "abc"]
    await acme.an_object(s={"type": "select", "options": options}, d="text")
    one, other = await acme.create_all([{"s": "a", "d": "x"}, {"s": "c"}])
    left = [{"value": "b"}]
    begun = await acme.change("s", changes={"options": left}, reassign={"a": "b", "c": ""})
    assert (await acme.done("s", begun.field_job))[0] == "succeeded"
    assert await told(acme, begun.field_job) == {
        one.id: [(2, {"s": "a"}, {"s": "b"})],
        other.id: [(2, {"s": "c"}, {"s": None})],
    }
    begun = await acme.change("d", changes={"default": "y"}, backfill=True)
    assert (await acme.done("d", begun.field_job))[0] == "succeeded"
    assert await told(acme, begun.field_job) == {other.id: [(3, {"d": None}, {"d": "y"})]}


async def test_numbers_that_records_get_are_told(acme: Client) -> None:
    await acme.an_object(name="text")
    made = await acme.create_all([{"name": str(n)} for n in range(3)])
    await acme.a_field("no", type="auto_number")

    async def numbered() -> Any:
        listed = (await acme("ListFieldJobs")).field_jobs
        return listed[0] if listed and listed[0].state == 3 else None

    job = await until(numbered)
    found = await told(acme, job.id)
    assert found == {r.id: [(2, {"no": None}, {"no": n})] for n, r in enumerate(made, 1)}


async def test_what_another_formula_makes_of_records_is_told(acme: Client) -> None:
    await acme.an_object(n="number")
    one, none, two = await acme.create_all([{"n": 1}, {}, {"n": 2}])
    await acme.a_field("f", type="formula", settings=a_formula("n * 2.0"))
    await ready(acme, "f")
    begun = await acme.change("f", changes={"settings": a_formula("n + 2.0")})
    assert (await acme.done("f", begun.field_job))[0] == "succeeded"
    await announced(acme, begun.field_job)
    found = await told(acme, begun.field_job)
    assert {record: (before, after) for record, [(_, before, after)] in found.items()} == {
        one.id: ({"f": 2}, {"f": 3})
    }
    assert none.id not in found
    assert two.id not in found  # 4 either way
