"""Fields that are unique together: built on records that are there, kept by every write."""

import asyncio
import json
from typing import Any

import pytest
from armature.records.v1 import record_pb2, record_service_pb2

from kit.errors import ServiceError
from tests.integration.field_jobs.client import ENDED, Client, as_json
from tests.services import reason, until

TAKEN = "ALREADY_EXISTS/VALUE_NOT_UNIQUE"
STAGES = [{"value": "open", "label": "Open"}, {"value": "won", "label": "Won"}]


@pytest.fixture
async def ships(acme: Client) -> Client:
    """Ships with a name, a stage and whether they are afloat."""
    await acme.an_object(name="text", stage={"type": "select", "options": STAGES}, afloat="boolean")
    return acme


@pytest.fixture
async def pairs(acme: Client) -> Client:
    """The same, name and stage being unique together from the start."""
    fields = [
        {"name": "name", "type": "text"},
        {"name": "stage", "type": "select", "options": STAGES},
        {"name": "afloat", "type": "boolean"},
    ]
    together = [{"name": "pair", "fields": ["name", "stage"]}]
    obj = {"name": "ship", "fields": fields, "unique_constraints": together}
    await acme("ApplySchema", document_json=as_json({"objects": [obj]}))
    return acme


async def constrain(acme: Client, *fields: str, name: str = "pair", **more: Any) -> Any:
    return await acme(
        "CreateUniqueConstraint",
        object="ship",
        unique_constraint={"name": name, "fields": fields},
        **more,
    )


async def built(acme: Client, *fields: str, name: str = "pair") -> str:
    """How the job has ended, once its constraint is no longer `building`."""
    begun = await constrain(acme, *fields, name=name)
    assert begun.unique_constraint.state == "building"
    assert begun.unique_constraint.field_job == begun.field_job
    job = await acme.ended(begun.field_job)

    async def over() -> bool:
        return all(c.state == "ready" for c in await listed(acme))

    await until(over)
    return ENDED[job.state]


async def listed(acme: Client) -> list[Any]:
    return list((await acme("ListUniqueConstraints", object="ship")).unique_constraints)


async def refusal(acme: Client, method: str, **request: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        await acme(method, object="ship", **request)
    return refused.value


def items(*documents: Any) -> list[record_service_pb2.BatchItem]:
    return [record_service_pb2.BatchItem(fields_json=as_json(d)) for d in documents]


async def claims(acme: Client) -> int:
    return int((await acme.rows("SELECT count(*) AS n FROM value_unique"))[0]["n"])


async def test_of_eight_creators_of_the_same_pair_one_wins(pairs: Client) -> None:

    async def create() -> str:
        try:
            await pairs.create(name="argo", stage="open")
        except ServiceError as exc:
            return exc.reason
        return "created"

    answers = await asyncio.gather(*(create() for _ in range(8)))
    assert sorted(answers) == ["VALUE_NOT_UNIQUE"] * 7 + ["created"]
    refused = await refusal(pairs, "CreateRecord", fields_json=b'{"name":"argo","stage":"open"}')
    assert [(v.path, v.code) for v in refused.violations] == [
        ("fields.name", "NOT_UNIQUE"),
        ("fields.stage", "NOT_UNIQUE"),
    ]
    assert "another ship has this name and stage (unique constraint pair)" in refused.message


async def test_one_part_may_repeat_and_empty_parts_do_not_count(pairs: Client) -> None:
    await pairs.create_all(
        [
            {"name": "argo", "stage": "open"},
            {"name": "argo", "stage": "won"},
            {"name": "beagle", "stage": "open"},
            {"name": "argo"},
            {"name": "argo"},
            {"stage": "open"},
            {"stage": "open"},
        ]
    )
    assert await claims(pairs) == 3


async def test_an_update_of_one_part_is_judged_with_the_others(pairs: Client) -> None:
    one, other = await pairs.create_all(
        [{"name": "argo", "stage": "open"}, {"name": "argo", "stage": "won"}]
    )
    refused = pairs("UpdateRecord", object="ship", id=other.id, fields_json=b'{"stage":"open"}')
    assert await reason(refused) == TAKEN
    await pairs.update(one, name="beagle")
    await pairs.update(other, stage="open")
    await pairs.update(one, afloat=True)
    assert await claims(pairs) == 2


async def test_a_batch_is_judged_against_itself_and_in_full(pairs: Client) -> None:
    await pairs.create(name="argo", stage="open")
    pair = {"name": "beagle", "stage": "won"}
    batch = items({"name": "argo", "stage": "open"}, pair, pair, {"name": "argo", "stage": "won"})
    refused = await refusal(pairs, "BatchCreateRecords", items=batch)
    assert refused.reason == "VALUE_NOT_UNIQUE"
    assert {v.path for v in refused.violations} == {
        f"items.{n}.fields.{name}" for n in (0, 2) for name in ("name", "stage")
    }
    assert await claims(pairs) == 1


async def test_a_deleted_record_frees_its_values_and_takes_them_back(pairs: Client) -> None:
    first = await pairs.create(name="argo", stage="open")
    await pairs("DeleteRecord", object="ship", id=first.id)
    second = await pairs.create(name="argo", stage="open")
    refused = pairs("UndeleteRecord", object="ship", id=first.id)
    assert await reason(refused) == TAKEN
    await pairs("DeleteRecord", object="ship", id=second.id)
    await pairs("UndeleteRecord", object="ship", id=first.id)
    assert await reason(pairs("UndeleteRecord", object="ship", id=second.id)) == TAKEN
    await pairs("PurgeRecord", object="ship", id=second.id)
    freed = await pairs.rows("SELECT 1 FROM value_freed")
    assert (await claims(pairs), freed) == (1, [])


async def test_an_upsert_matches_by_the_fields_together(pairs: Client) -> None:

    async def upsert(*match: str, **fields: Any) -> Any:
        return await pairs("UpsertRecord", object="ship", match=match, fields_json=as_json(fields))

    made = await upsert("stage", "name", name="argo", stage="open")
    again = await upsert("name", "stage", name="argo", stage="open", afloat=True)
    other = await upsert("name", "stage", name="argo", stage="won")
    assert again.record.id == made.record.id != other.record.id
    assert json.loads(again.record.fields_json)["afloat"] is True
    assert await reason(upsert("name", name="argo")) == "INVALID_ARGUMENT/MATCH_INVALID"
    half = upsert("name", "stage", name="argo")
    assert await reason(half) == "INVALID_ARGUMENT/FIELDS_INVALID"


async def test_records_that_violate_it_stand_in_its_way_and_are_listed(ships: Client) -> None:
    pair = {"name": "argo", "stage": "open"}
    _, twin, _ = await ships.create_all([pair, pair, {"name": "argo", "stage": "won"}])
    tried = await constrain(ships, "name", "stage", validate_only=True)
    job = await ships.ended(tried.field_job)
    assert (job.dry_run, job.problem_count) == (True, 1)
    assert await listed(ships) == []
    assert await built(ships, "name", "stage") == "failed"
    assert (await listed(ships), await claims(ships)) == ([], 0)
    await ships.create(**pair)

    for record_id in await ships.find({"name": "argo", "stage": "open"}):
        if record_id != twin.id:
            await ships("DeleteRecord", object="ship", id=record_id)
    assert await built(ships, "name", "stage") == "succeeded"
    assert await claims(ships) == 2
    assert await reason(ships.create(**pair)) == TAKEN


async def test_it_is_built_while_others_write(ships: Client) -> None:
    made = await ships.create_all([{"name": f"s{n}", "stage": "open"} for n in range(600)])
    stop = asyncio.Event()

    async def write(worker: int) -> int:
        n = 0
        while not stop.is_set():
            n += 1
            await ships.create(name=f"w{worker}-{n}", stage="won")
            await ships.update(made[(worker * 97 + n) % 600], name=f"u{worker}-{n}")
        return n

    writers = [asyncio.create_task(write(n)) for n in range(4)]
    outcome = await built(ships, "name", "stage")
    stop.set()
    assert min(await asyncio.gather(*writers)) > 0
    assert outcome == "succeeded"
    rows = await ships.rows("SELECT doc->>'name' AS name, doc->>'stage' AS stage FROM records")
    assert await claims(ships) == len({(r["name"], r["stage"]) for r in rows}) == len(rows)


async def test_twins_that_race_its_job_never_slip_in(ships: Client) -> None:
    """Either the job fails and counts them, or the second write is refused."""
    await ships.create_all([{"name": f"s{n}", "stage": "open"} for n in range(600)])
    begun = await constrain(ships, "name", "stage")

    async def twin(n: int) -> bool:
        try:
            await ships.create(name=f"s{n}", stage="open")
        except ServiceError as exc:
            reasons.add(exc.reason)
            return False
        return True

    reasons: set[str] = set()
    slipped = sum([await twin(n) for n in range(0, 600, 40)])
    assert reasons <= {"VALUE_NOT_UNIQUE"}
    job = await ships.ended(begun.field_job)
    assert (ENDED[job.state] == "succeeded") == (slipped == 0)
    assert job.problem_count == slipped


async def test_a_field_in_use_goes_only_by_force_and_takes_it_along(ships: Client) -> None:
    await ships.create(name="argo", stage="open")
    assert await built(ships, "name", "stage") == "succeeded"
    refused = ships("DeleteField", object="ship", field="stage")
    assert await reason(refused) == "FAILED_PRECONDITION/IN_USE"
    retyped = ships.change("name", changes={"type": "rich_text"})
    assert (await reason(retyped)).startswith("FAILED_PRECONDITION/")
    await ships("DeleteField", object="ship", field="stage", force=True)
    assert await listed(ships) == []
    await ships.create(name="argo")

    async def released() -> bool:
        return await claims(ships) == 0

    await until(released)


async def test_what_is_wrong_with_it_is_named(ships: Client) -> None:
    await ships.a_field("notes", type="json")
    refused = await refusal(
        ships,
        "CreateUniqueConstraint",
        unique_constraint={"name": "Pair", "fields": ["nam", "notes", "name", "name"]},
    )
    assert refused.reason == "UNIQUE_CONSTRAINT_INVALID"
    assert {(v.path, v.code) for v in refused.violations} >= {
        ("fields.0", "UNKNOWN_FIELD"),
        ("fields.1", "NOT_ELIGIBLE"),
        ("fields.3", "DUPLICATE"),
    }
    assert await reason(constrain(ships, "name")) == "INVALID_ARGUMENT/UNIQUE_CONSTRAINT_INVALID"
    begun = await constrain(ships, "name", "stage")
    building = ships("DeleteUniqueConstraint", object="ship", unique_constraint="pair")
    assert await reason(building) == "FAILED_PRECONDITION/FIELD_BUILDING"
    taken = constrain(ships, "name", "afloat")
    assert await reason(taken) == "ALREADY_EXISTS/UNIQUE_CONSTRAINT_NAME_TAKEN"
    await ships.ended(begun.field_job)
    gone = ships("GetUniqueConstraint", object="ship", unique_constraint="other")
    assert await reason(gone) == "NOT_FOUND/UNIQUE_CONSTRAINT_NOT_FOUND"


async def test_a_merge_hands_the_values_over(pairs: Client) -> None:
    half, whole = await pairs.create_all([{"name": "argo"}, {"name": "argo", "stage": "open"}])
    await pairs("MergeRecords", object="ship", ids=[half.id, whole.id], priority_id=half.id)
    assert (await pairs.get(half))["stage"] == "open"
    assert await reason(pairs("UndeleteRecord", object="ship", id=whole.id)) == TAKEN
    assert await claims(pairs) == 1


async def test_its_job_can_be_cancelled(ships: Client) -> None:
    await ships.create(name="argo", stage="open")
    begun = await constrain(ships, "name", "stage")

    async def cancelled() -> bool:
        try:
            await ships("CancelFieldJob", id=begun.field_job)
        except ServiceError as exc:
            return exc.reason == "FIELD_JOB_STATE_INVALID"  # it was faster
        return True

    await until(cancelled)
    job = await ships.ended(begun.field_job)

    async def settled() -> bool:
        return [c.state for c in await listed(ships)] in ([], ["ready"])

    await until(settled)
    stands = ENDED[job.state] == "succeeded"
    assert (len(await listed(ships)), await claims(ships)) == (int(stands), int(stands))


async def test_a_schema_document_brings_it_and_says_it_once(acme: Client) -> None:
    fields = [{"name": "name", "type": "text"}, {"name": "berth", "type": "number"}]
    together = [{"name": "place", "fields": ["berth", "name"]}]
    obj = {"name": "ship", "fields": fields, "unique_constraints": together}
    document = as_json({"objects": [obj]})
    await acme("ApplySchema", document_json=document)
    (found,) = await listed(acme)
    assert (found.name, list(found.fields), found.state) == ("place", ["berth", "name"], "ready")
    version = acme.version
    await acme("ApplySchema", document_json=document)
    assert acme.version == version
    await acme.create(name="argo", berth=1)
    assert await reason(acme.create(name="argo", berth=1)) == TAKEN
    await acme("DeleteUniqueConstraint", object="ship", unique_constraint="place")
    assert isinstance(await acme.create(name="argo", berth=1), record_pb2.Record)
