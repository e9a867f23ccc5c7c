"""An object's admins say what tells of its records that they mean the same thing."""

import json
from typing import Any

import pytest

from kit.errors import InvalidArgument
from schema.access import Access, FieldAccess, ObjectAccess, restrict
from schema.compiled import Workspace
from services.records.logic import telling
from tests.integration.field_jobs.client import Client, as_json
from tests.services import reason


async def set_criteria(acme: Client, *criteria: list[str]) -> Any:
    return await acme(
        "UpdateObject",
        object="ship",
        changes={"duplicate_criteria": [{"fields": one} for one in criteria]},
        update_mask={"paths": ["duplicate_criteria"]},
    )


async def like(acme: Client, **fields: Any) -> dict[str, list[str]]:
    """Matched fields by the name of what is alike."""
    answer = await acme("FindDuplicates", object="ship", fields_json=as_json(fields))
    return {
        json.loads(d.record.fields_json)["name"]: list(d.matched_fields)
        for group in answer.groups
        for d in group.duplicates
    }


async def test_a_criterion_needs_all_of_its_fields_and_any_criterion_will_do(acme: Client) -> None:
    await acme.an_object(name="text", call_sign="text", built="date", tons="number")
    await acme.create_all(
        [
            {"name": "Beagle", "call_sign": "X1", "built": "1820-05-11", "tons": 235},
            {"name": "beagle", "call_sign": "Y2", "built": "1967-01-01", "tons": 1088},
            {"name": "Victory", "call_sign": "x1", "built": "1765-05-07"},
        ]
    )
    asked = {"name": "BEAGLE", "built": "1820-05-11", "call_sign": "x1"}
    assert await like(acme, **asked) == {"Beagle": ["name"], "beagle": ["name"]}
    await set_criteria(acme, ["built", "name"])
    assert await like(acme, **asked) == {"Beagle": ["name", "built"]}
    await set_criteria(acme, ["name", "built"], ["call_sign"])
    assert await like(acme, **asked) == {
        "Beagle": ["name", "built", "call_sign"],
        "Victory": ["call_sign"],
    }
    await set_criteria(acme, ["name", "tons"])
    assert await like(acme, name="beagle", tons=235.0) == {"Beagle": ["name", "tons"]}
    assert await like(acme, name="beagle") == {}
    await set_criteria(acme)
    assert set(await like(acme, **asked)) == {"Beagle", "beagle"}


async def test_what_makes_no_sense_is_said(acme: Client) -> None:
    await acme.an_object(name="text", built="date", notes="rich_text")
    for criteria, where, code in (
        ([["nme"]], "0.fields.0", "UNKNOWN_FIELD"),
        ([["notes"]], "0.fields.0", "NOT_ELIGIBLE"),
        ([["built"]], "0.fields", "NOT_ELIGIBLE"),
        ([["name", "name"]], "0.fields.1", "DUPLICATE"),
        ([[]], "0.fields", "OUT_OF_RANGE"),
        ([["name", "built"], ["built", "name"]], "1", "DUPLICATE"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await set_criteria(acme, *criteria)
        [found] = refused.value.violations
        assert (found.path, found.code) == (f"duplicate_criteria.{where}", code)
    with pytest.raises(InvalidArgument, match="did you mean 'name'"):
        await set_criteria(acme, ["nme"])


async def test_criteria_follow_their_fields_and_the_schema_document(acme: Client) -> None:
    await acme.an_object(name="text", code="text", built="date")
    await set_criteria(acme, ["name", "built"], ["code"])
    narrowed = acme.change("code", changes={"type": "number"})
    assert await reason(narrowed) == "FAILED_PRECONDITION/IN_USE"
    document = (await acme("GetSnapshot", as_document=True)).snapshot_json
    [ship] = json.loads(document)["objects"]
    assert ship["duplicate_criteria"] == [{"fields": ["name", "built"]}, {"fields": ["code"]}]
    assert not (await acme("ApplySchema", document_json=document)).changes
    await acme("DeleteField", object="ship", field="built")
    found = (await acme("GetObject", object="ship")).object
    assert [list(one.fields) for one in found.duplicate_criteria] == [["code"]]


async def test_a_role_finds_nothing_by_what_it_may_not_see(acme: Client) -> None:
    await acme.an_object(name="text", code="text", built="date")
    await set_criteria(acme, ["name", "code"], ["name", "built"])
    full = Workspace.from_json((await acme("GetSnapshot")).snapshot_json)
    ship = full.objects["ship"]
    hidden = {ship.fields["code"].id: FieldAccess(read=False)}
    seen = restrict(full, Access("r", {ship.id: ObjectAccess(("read",), hidden)}), "me")
    left = telling.criteria(seen.objects["ship"])
    assert [[part.field.name for part in one] for one in left] == [["name", "built"]]
    assert seen.objects["ship"].definition.duplicate_criteria == (("name", "built"),)
