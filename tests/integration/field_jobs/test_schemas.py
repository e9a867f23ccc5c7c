"""Plans say what a document would do; changes can be taken back; blueprints come and go."""

import json
from typing import Any

from tests.integration.field_jobs.client import Client, as_json
from tests.services import reason, refusal, until


def ship(*fields: Any, **more: Any) -> dict[str, Any]:
    return {"objects": [{"name": "ship", "fields": list(fields), **more}]}


NAME = {"name": "name", "type": "text"}
STATE = {"name": "state", "type": "select", "options": ["docked", "at_sea", "lost"]}


async def apply(acme: Client, document: Any, **more: Any) -> Any:
    return await acme("ApplySchema", document_json=as_json(document), **more)


async def test_a_plan_says_what_is_destructive_and_what_it_touches(acme: Client) -> None:
    board = {"name": "Board", "type": "kanban", "group_field": "state"}
    await apply(acme, ship(NAME, STATE, views=[board]))
    await acme.create_all([{"name": "a", "state": "lost"}, {"name": "b"}, {"name": "c"}])

    wanted = as_json(ship(NAME))
    plan = await acme("PlanSchema", document_json=wanted, exact=True)
    assert plan.destructive
    gone = next(c for c in plan.changes if c.path == "ship.state")
    assert (gone.action, gone.destructive, gone.record_count) == ("deactivate", True, 1)
    assert "view ship.Board" in gone.affects
    error = await refusal(acme("ApplySchema", document_json=wanted, exact=True))
    assert f"{error.code}/{error.reason}" == "FAILED_PRECONDITION/SCHEMA_DESTRUCTIVE"
    assert "ship.state" in {v.path for v in error.violations}
    assert (await acme.the_field("state")).active

    done = await apply(acme, ship(NAME), exact=True, allow_destructive=True)
    assert {c.path for c in done.changes} == {c.path for c in plan.changes}
    again = await apply(acme, ship(NAME), exact=True, allow_destructive=True)
    assert (list(again.changes), again.metadata_version) == ([], done.metadata_version)


async def test_a_document_starts_the_jobs_that_it_needs(acme: Client) -> None:
    await apply(acme, ship(NAME, STATE))
    made = await acme.create_all([{"name": "a", "state": "lost"}, {"name": "b", "state": "docked"}])
    less = {**STATE, "options": ["docked", "at_sea"], "reassign": {"lost": "at_sea"}}
    document = ship({**NAME, "required": True}, less)
    plan = await acme("PlanSchema", document_json=as_json(document))
    assert [(c.path, c.action, c.destructive) for c in plan.changes] == [
        ("ship.name", "rewrite", False),
        ("ship.state", "rewrite", True),
    ]
    done = await apply(acme, document, allow_destructive=True)
    for change in done.changes:
        name = change.path.removeprefix("ship.")
        assert (await acme.done(name, change.field_job))[0] == "succeeded"
    assert [(await acme.get(r))["state"] for r in made] == ["at_sea", "docked"]
    assert not (await apply(acme, document, allow_destructive=True)).changes


async def test_changes_are_taken_back(acme: Client) -> None:
    board = {"name": "Board", "type": "kanban", "group_field": "state"}
    await apply(acme, ship(NAME, STATE, views=[board]))
    record = await acme.create(name="a", state="lost")
    before = (await acme("GetView", object="ship", view="Board")).view

    gone = (await acme("DeleteField", object="ship", field="state")).metadata_version
    assert await reason(acme("GetView", object="ship", view="Board")) == "NOT_FOUND/VIEW_NOT_FOUND"
    back = await acme("RevertChange", version=str(gone))
    assert {(c.action, c.path) for c in back.changes} >= {
        ("reactivate", "ship.state"),
        ("create", "ship.Board"),
    }
    after = (await acme("GetView", object="ship", view="Board")).view
    assert (after.id, after.group_field) == (before.id, "state")
    assert (await acme.get(record))["state"] == "lost"
    again = acme("RevertChange", version=str(gone))
    assert await reason(again) == "FAILED_PRECONDITION/CHANGE_NOT_REVERSIBLE"
    assert await reason(acme("RevertChange", version="1000000")) == "NOT_FOUND/CHANGE_NOT_FOUND"

    renamed = await acme.change("name", changes={"label": "Title"})
    await acme("RevertChange", version=str(renamed.metadata_version))
    assert (await acme.the_field("name")).label == "Name"
    listed = (await acme("ListChanges")).changes
    assert json.loads(listed[0].before_json)["label"] == "Title"
    assert json.loads(listed[0].after_json)["label"] == "Name"
    assert (listed[0].reversible, listed[0].irreversible_because) == (True, "")


async def test_a_conversion_is_taken_back_by_another(acme: Client) -> None:
    await acme.an_object(v="text")
    record = await acme.create(v="12")
    begun = await acme.change("v", changes={"type": "number"})
    await acme.done("v", begun.field_job)
    [last] = (await acme("ListChanges", page_size=1)).changes
    assert not last.reversible
    assert last.irreversible_because.startswith("a job gave its values another form")
    refused = acme("RevertChange", version=str(last.metadata_version))
    assert await reason(refused) == "FAILED_PRECONDITION/CHANGE_NOT_REVERSIBLE"
    begun = await acme.change("v", changes={"type": "text"})
    assert (await acme.done("v", begun.field_job))[0] == "succeeded"

    async def text() -> bool:
        return bool((await acme.get(record))["v"] == "12")

    await until(text)


async def test_blueprints_come_and_go_without_their_data(acme: Client) -> None:
    listed = (await acme("ListBlueprints")).blueprints
    assert [(b.name, b.installed_version) for b in listed] == [("crm", 0)]
    missing = acme("UninstallBlueprint", blueprint="crm")
    assert await reason(missing) == "FAILED_PRECONDITION/BLUEPRINT_NOT_INSTALLED"
    await acme("InstallBlueprint", blueprint="crm")
    listed = (await acme("ListBlueprints")).blueprints
    assert listed[0].installed_version == listed[0].version > 0
    made = await acme("CreateRecord", object="company", fields_json=b'{"name": "Acme"}')

    await acme("CreateObject", object={"name": "visit"})
    to = {"name": "to", "type": "relation", "settings_json": b'{"targets": ["company"]}'}
    await acme("CreateField", object="visit", field=to)
    in_use = acme("UninstallBlueprint", blueprint="crm")
    assert await reason(in_use) == "FAILED_PRECONDITION/IN_USE"
    await acme("UninstallBlueprint", blueprint="crm", force=True)
    assert [o.name for o in (await acme("ListObjects")).objects] == ["visit"]

    await acme("InstallBlueprint", blueprint="crm")
    found = await acme("GetRecord", object="company", id=made.record.id)
    assert json.loads(found.record.fields_json)["name"] == "Acme"
