"""What a change of a field's definition does to the data that there is."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from tests.integration.field_jobs.client import Client
from tests.services import reason, until


async def test_a_field_becomes_required_when_no_record_is_in_the_way(acme: Client) -> None:
    await acme.an_object(name="text", size="number")
    full, empty = await acme.create_all([{"name": "a", "size": 1}, {"name": "b"}])

    begun = await acme.change("size", changes={"required": True})
    assert (begun.field.state, begun.field.required, begun.field.field_job) == (
        "building",
        False,
        begun.field_job,
    )
    outcome, job = await acme.done("size", begun.field_job)
    assert outcome == "failed"
    assert [(p.record_id, p.code) for p in job.problems] == [(empty.id, "REQUIRED")]
    assert (job.problem_count, job.checked) == (1, 2)
    assert not (await acme.the_field("size")).required
    await acme.create(name="c")

    for record_id in await acme.find({"size": {"is_empty": True}}):
        await acme("UpdateRecord", object="ship", id=record_id, fields_json=b'{"size": 2}')
    begun = await acme.change("size", changes={"required": True})
    assert (await acme.done("size", begun.field_job))[0] == "succeeded"
    assert (await acme.the_field("size")).required
    refused = acme("CreateRecord", object="ship", fields_json=b'{"name": "d"}')
    assert await reason(refused) == "INVALID_ARGUMENT/FIELDS_INVALID"
    assert (await acme.get(full))["size"] == 1


async def test_what_a_job_makes_of_a_field_is_not_shown_before_its_time(acme: Client) -> None:
    """Nor, when it is converted again, what it was made of before."""
    await acme.an_object(name="text", v="text")
    made = await acme.create_all([{"name": "n", "v": str(n)} for n in range(900)])
    for kind, shown in (("number", "7"), ("text", 7)):
        async with acme.records.app.db.transaction(UUID(acme.workspace_id)) as tx:
            await tx.run("SELECT 1 FROM records WHERE record_id = %s FOR UPDATE", [made[-1].id])
            begun = await acme.change("v", changes={"type": kind})

            async def has_begun() -> bool | None:
                rows = await acme.rows(
                    "SELECT 1 FROM records WHERE doc ? 'name' AND doc - 'name' - 'v' <> '{}'"
                )
                return len(rows) >= 100 or None

            await until(has_begun)
            assert await acme.get(made[7]) == {"name": "n", "v": shown}
            page = await acme("QueryRecords", object="ship", page_size=50)
            assert {name for r in page.records for name in json.loads(r.fields_json)} == {
                "name",
                "v",
            }
        assert (await acme.done("v", begun.field_job))[0] == "succeeded"
    assert await acme.get(made[7]) == {"name": "n", "v": "7"}


async def test_a_dry_run_lists_offenders_and_changes_nothing(acme: Client) -> None:
    await acme.an_object(name="text")
    await acme.create_all([*({"name": "same"} for _ in range(120)), {"name": "other"}])
    tried = await acme.change("name", changes={"unique": True}, validate_only=True)
    assert tried.field_job
    assert (await acme.the_field("name")).state == "ready"
    job = await acme.ended(tried.field_job)
    assert (job.dry_run, job.problem_count, len(job.problems)) == (True, 119, 100)
    assert {p.code for p in job.problems} == {"NOT_UNIQUE"}
    assert await acme.rows("SELECT 1 FROM value_unique") == []
    await acme.create(name="same")


async def test_a_field_becomes_unique_while_others_write(acme: Client) -> None:
    await acme.an_object(name="text", code="text")
    made = await acme.create_all([{"name": "x", "code": f"c{n}"} for n in range(700)])
    stop = asyncio.Event()

    async def write(worker: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            await acme.create(name="new", code=f"w{worker}-{n}")
            await acme.update(made[(worker * 97 + n) % 700], code=f"u{worker}-{n}")

    writers = [asyncio.create_task(write(n)) for n in range(4)]
    begun = await acme.change("code", changes={"unique": True})
    outcome, _ = await acme.done("code", begun.field_job)
    stop.set()
    await asyncio.gather(*writers)
    assert outcome == "succeeded"
    documents = await acme.rows("SELECT doc->>'code' AS code FROM records")
    claimed = await acme.rows("SELECT count(*) AS n FROM value_unique")
    assert claimed[0]["n"] == len({d["code"] for d in documents}) == len(documents)
    twin = acme("CreateRecord", object="ship", fields_json=b'{"code": "w0-1"}')
    assert await reason(twin) == "ALREADY_EXISTS/VALUE_NOT_UNIQUE"


async def test_duplicates_that_race_the_job_never_slip_in(acme: Client) -> None:
    """Either the job fails and says of whom, or the second write is refused."""
    await acme.an_object(code="text")
    await acme.create_all([{"code": f"c{n}"} for n in range(600)])
    begun = await acme.change("code", changes={"unique": True})

    async def write(n: int) -> str:
        fields = json.dumps({"code": f"c{n % 600}"}).encode()
        return await reason_or_ok(acme, fields)

    answers = [await write(n) for n in range(12)]
    outcome, job = await acme.done("code", begun.field_job)
    rows = await acme.rows("SELECT doc->>'code' AS code FROM records")
    twins = len(rows) - len({r["code"] for r in rows})
    assert twins == answers.count("ok")
    if outcome == "succeeded":
        assert twins == 0
    else:
        # It tells of those that were there when it failed; others may have come since.
        assert 0 < job.problem_count <= twins
        assert await acme.rows("SELECT 1 FROM value_unique") == []


async def reason_or_ok(acme: Client, fields: bytes) -> str:
    try:
        return await reason(acme("CreateRecord", object="ship", fields_json=fields))
    except AssertionError:
        return "ok"


@pytest.mark.parametrize(
    ("kind", "values", "changes", "after", "where"),
    [
        ("text", ["12.5", "-3", None], {"type": "number"}, [12.5, -3, None], {"gt": 0}),
        (
            "text",
            ["Big", "small", "BIG"],
            {"type": "select", "options": [{"value": "small"}, {"value": "big", "label": "Big"}]},
            ["big", "small", "big"],
            {"eq": "big"},
        ),
        ("number", [1, 2.5, None], {"type": "decimal"}, ["1.00", "2.50", None], {"gte": "2"}),
        ("number", [1, 2.5, None], {"type": "text"}, ["1", "2.5", None], {"contains": "2."}),
        ("date", ["2026-01-02", None], {"type": "date_time"}, ["2026-01-02T00:00:00Z", None], {}),
    ],
)
async def test_a_type_is_converted(
    acme: Client,
    kind: str,
    values: list[Any],
    changes: dict[str, Any],
    after: list[Any],
    where: dict[str, Any],
) -> None:
    await acme.an_object(name="text", v=kind)
    made = await acme.create_all([{"name": "n", "v": v} for v in values])
    begun = await acme.change("v", changes=changes)
    assert (await acme.done("v", begun.field_job))[0] == "succeeded"
    assert (await acme.the_field("v")).type == changes["type"]
    assert [(await acme.get(r))["v"] for r in made] == after
    late = await acme.create(name="late", v=after[0])
    assert (await acme.get(late))["v"] == after[0]
    if where:
        assert made[0].id in await acme.find({"v": where}, "v") or "2" in str(where)

    async def clean() -> bool:
        rows = await acme.rows("SELECT doc FROM records")
        slots = await acme.rows(
            "SELECT DISTINCT slot FROM value_text UNION SELECT slot FROM value_number"
            " UNION SELECT slot FROM value_date"
        )
        duties = await acme.rows("SELECT 1 FROM field_duties")
        field = await acme.the_field("v")
        old = {str(r["slot"]) for r in slots}
        return not duties and field.id not in old and all("v" not in r["doc"] for r in rows)

    await until(clean)


async def test_who_knows_the_new_definition_first_goes_by_it_alone(acme: Client) -> None:
    """Writers may learn of it from metadata before the records plane hears that it stands."""
    await acme.an_object(v={"type": "text"}, name="text")
    await acme.create(name="a", v="1")
    begun = await acme.change("v", changes={"type": "number", "required": True})
    assert (await acme.done("v", begun.field_job))[0] == "succeeded"
    for n in range(20):
        made = await acme.create(name="b", v=n)
        assert (await acme.update(made, v=n + 1)).version == 2
    assert len(await acme.find({"v": {"gte": 1}}, "v")) == 21


async def test_a_value_that_does_not_fit_stops_a_conversion(acme: Client) -> None:
    await acme.an_object(v="text")
    good, bad = await acme.create_all([{"v": "1"}, {"v": "one"}])
    begun = await acme.change("v", changes={"type": "number"})
    outcome, job = await acme.done("v", begun.field_job)
    assert (outcome, [(p.record_id, p.code) for p in job.problems]) == (
        "failed",
        [(bad.id, "WRONG_TYPE")],
    )
    assert (await acme.get(good))["v"] == "1"
    rows = await acme.rows("SELECT doc FROM records")
    assert all(set(r["doc"]) == {"v"} for r in rows)
    assert await acme.rows("SELECT 1 FROM value_number") == []


async def test_options_go_by_reassigning_or_clearing(acme: Client) -> None:
    options = [{"value": v} for v in "abcd"]
    await acme.an_object(name="text", s={"type": "select", "options": options})
    view = {"name": "B", "type": "kanban", "filter_json": b'{"s": {"ne": "a"}}'}
    await acme("CreateView", object="ship", view=view)
    made = await acme.create_all([{"name": "n", "s": v} for v in "abcd"])
    left = [{"value": "c"}, {"value": "d"}]

    stuck = await acme.change("s", changes={"options": left}, reassign={"a": "c"})
    outcome, job = await acme.done("s", stuck.field_job)
    assert (outcome, [p.record_id for p in job.problems]) == ("failed", [made[1].id])

    begun = await acme.change("s", changes={"options": left}, reassign={"a": "c", "b": ""})
    assert (await acme.done("s", begun.field_job))[0] == "succeeded"
    assert [(await acme.get(r))["s"] for r in made] == ["c", None, "c", "d"]
    board = (await acme("GetView", object="ship", view="B")).view
    assert ([g.value for g in board.groups], board.filter_json) == (["c", "d", ""], b"")
    assert sorted(await acme.find({"s": "c"})) == sorted([made[0].id, made[2].id])


async def test_a_default_is_filled_in(acme: Client) -> None:
    await acme.an_object(name="text", v="text")
    made = await acme.create_all([{"name": "n", "v": "x"}, {"name": "n"}])
    begun = await acme.change("v", changes={"default": "d", "required": True}, backfill=True)
    assert (await acme.done("v", begun.field_job))[0] == "succeeded"
    assert [(await acme.get(r))["v"] for r in made] == ["x", "d"]
    assert (await acme.get(await acme.create(name="n")))["v"] == "d"


async def test_while_a_job_is_at_work_a_field_only_changes_its_looks(acme: Client) -> None:
    await acme.an_object(name="text", v="text")
    await acme.create_all([{"v": str(n)} for n in range(900)])
    begun = await acme.change("v", changes={"type": "number"})
    second = acme.change("v", changes={"required": True})
    assert await reason(second) == "FAILED_PRECONDITION/FIELD_BUILDING"
    assert await reason(acme("DeleteField", object="ship", field="v")) == (
        "FAILED_PRECONDITION/FIELD_BUILDING"
    )
    await acme.change("v", changes={"label": "Vee"})
    assert (await acme.done("v", begun.field_job))[0] == "succeeded"
    found = await acme.the_field("v")
    assert (found.label, found.type) == ("Vee", "number")


async def test_a_job_can_be_cancelled(acme: Client) -> None:
    await acme.an_object(v="text")
    await acme.create_all([{"v": str(n)} for n in range(1000)])
    await acme.create_all([{"v": str(n)} for n in range(1000)])
    begun = await acme.change("v", changes={"type": "number"})

    async def cancelled() -> Any:
        return (await reason_of(acme, begun.field_job)) != "NOT_FOUND/FIELD_JOB_NOT_FOUND"

    await until(cancelled)
    outcome, _ = await acme.done("v", begun.field_job)
    found = await acme.the_field("v")
    assert (outcome, found.type) in {("cancelled", "text"), ("succeeded", "number")}
    if outcome == "cancelled":
        rows = await acme.rows("SELECT doc FROM records")
        assert all(set(r["doc"]) == {"v"} for r in rows)
        assert await acme.rows("SELECT 1 FROM value_number") == []
        assert await acme.rows("SELECT 1 FROM field_duties") == []


async def reason_of(acme: Client, job_id: str) -> str:
    try:
        return await reason(acme("CancelFieldJob", id=job_id))
    except AssertionError:
        return "ok"
