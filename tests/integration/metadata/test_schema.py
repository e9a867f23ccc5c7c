"""Whole documents and blueprints: all of it or nothing, and twice is once."""

import json
from typing import Any

from tests.integration.metadata.conftest import Client
from tests.services import reason, refusal

FLEET: dict[str, Any] = {
    "objects": [
        {
            "name": "ship",
            "label_field": "name",
            "fields": [
                {"name": "kind", "type": "text"},
                {"name": "name", "type": "text", "required": True},
                {"name": "home", "type": "relation",
                 "settings": {"targets": ["port"], "inverse_name": "ships"}},
                {"name": "state", "type": "select", "options": ["docked", "at_sea"]},
                {"name": "weight", "type": "number", "settings": {"min": 0.1}, "default": 0.7},
            ],
            "views": [
                {"name": "States", "type": "kanban", "filter": {"home.name": "Vigo"},
                 "sort": "-name"},
                {"name": "At sea", "type": "table", "columns": ["name", "state"],
                 "filter": {"state": "at_sea", "weight": {"gt": 0.1}}},
            ],
        },
        {"name": "port", "fields": [{"name": "name", "type": "text"}]},
    ],
    "link_types": [
        {"name": "escorts", "inverse_name": "escorted_by", "source_kinds": ["ship"],
         "target_kinds": ["ship"]}
    ],
}  # fmt: skip


async def apply(client: Client, document: Any, **more: Any) -> Any:
    return await client("ApplySchema", document_json=json.dumps(document).encode(), **more)


async def test_a_document_is_one_version_and_twice_is_once(acme: Client) -> None:
    planned = await apply(acme, FLEET, validate_only=True)
    assert planned.metadata_version == 1
    assert not (await acme("ListObjects")).objects

    done = await apply(acme, FLEET)
    assert done.metadata_version == 2
    assert list(done.changes) == list(planned.changes)
    said = [(c.action, c.kind, c.path) for c in done.changes]
    assert ("create", "field", "ship.home") in said
    assert ("create", "view", "ship.States") in said
    assert ("create", "link_type", "escorts") in said

    again = await apply(acme, FLEET)
    assert again.metadata_version == 2
    assert not again.changes

    ship = (await acme.compiled()).objects["ship"]
    assert ship.definition.label_field == "name"
    default = (await acme("ListViews", object="ship")).views[0]
    assert [c.field for c in default.columns] == ["name", "kind", "home", "state", "weight"]


async def test_a_document_adds_and_changes_and_removes_nothing(acme: Client) -> None:
    await apply(acme, FLEET)
    more = {
        "objects": [
            {
                "name": "ship",
                "label": "Vessel",
                "fields": [
                    {"name": "state", "type": "select", "options": ["sunk"]},
                    {"name": "built", "type": "date"},
                ],
            }
        ]
    }
    done = await apply(acme, more)
    assert {(c.action, c.path) for c in done.changes} >= {
        ("update", "ship"),
        ("update", "ship.state"),
        ("create", "ship.built"),
        ("update", "ship.States"),
    }
    ship = (await acme.compiled()).objects["ship"]
    assert [o.value for o in ship.fields["state"].options] == ["sunk", "docked", "at_sea"]
    assert "home" in ship.fields


async def test_all_problems_of_a_document_come_at_once(acme: Client) -> None:
    bad = {
        "objects": [
            {
                "name": "ship",
                "colour": "red",
                "fields": [
                    {"name": "size", "type": "numbr"},
                    {"name": "home", "type": "relation", "settings": {"targets": ["prt"]}},
                ],
                "views": [{"name": "V", "type": "kanban"}],
            },
            {"name": "port", "fields": [{"name": "name", "type": "text"}]},
        ],
        "link_types": [{"name": "Bad"}],
        "extras": [],
    }
    error = await refusal(apply(acme, bad))
    assert f"{error.code}/{error.reason}" == "INVALID_ARGUMENT/SCHEMA_INVALID"
    assert {v.path for v in error.violations} >= {
        "extras",
        "objects.0.colour",
        "objects.0.fields.0.type",
        "objects.0.fields.1.settings.targets.0",
        "objects.0.views.0.group_field",
        "link_types.0.name",
    }
    assert not (await acme("ListObjects")).objects
    for document in (b"{", b"[]", b'{"objects": 1}'):
        answer = acme("ApplySchema", document_json=document)
        assert await reason(answer) == "INVALID_ARGUMENT/SCHEMA_INVALID"


async def test_the_crm_installs_once(acme: Client) -> None:
    done = await acme("InstallBlueprint", blueprint="crm", request_id="crm")
    assert done.metadata_version == 2
    assert not (await acme("InstallBlueprint", blueprint="crm")).changes
    workspace = await acme.compiled()
    assert set(workspace.objects) == {"company", "person", "opportunity"}
    assert all(o.definition.standard for o in workspace.objects.values())
    person = workspace.objects["person"]
    assert person.definition.label_field == "name"
    assert person.fields["emails"].unique
    link = workspace.link_types["participates_in"]
    assert (link.source_kinds, link.target_kinds, link.inverse_name) == (
        ("person",),
        ("opportunity",),
        "participants",
    )
    pipeline = (await acme("GetView", object="opportunity", view="Pipeline")).view
    assert [g.value for g in pipeline.groups] == [
        "new", "qualified", "proposal", "negotiation", "won", "lost", "",
    ]  # fmt: skip
    assert [getattr(a, "as") for a in pipeline.aggregates] == ["count", "sum_amount"]
    closing = (await acme("GetView", object="opportunity", view="Closing")).view
    assert closing.date_field == "close_date"
    people = (await acme("ListViews", object="people")).views
    assert [(v.name, v.columns[0].field) for v in people] == [("All People", "name")]
    unknown = acme("InstallBlueprint", blueprint="crn")
    assert await reason(unknown) == "NOT_FOUND/BLUEPRINT_NOT_FOUND"


async def test_link_types(acme: Client) -> None:
    await apply(acme, FLEET)
    made = await acme(
        "CreateLinkType",
        link_type={"name": "visits", "source_kinds": ["ship"], "target_kinds": ["port"]},
    )
    link = made.link_type
    assert (link.inverse_name, link.cardinality, link.on_source_delete, link.active) == (
        "visits_of",
        "many_to_many",
        "unlink",
        True,
    )
    assert (await acme("GetLinkType", link_type="visits")).link_type == link
    names = [t.name for t in (await acme("ListLinkTypes")).link_types]
    assert names == ["escorts", "ship_home", "visits"]

    again = acme("CreateLinkType", link_type={"name": "visits"})
    assert await reason(again) == "ALREADY_EXISTS/LINK_TYPE_NAME_TAKEN"
    error = await refusal(
        acme(
            "CreateLinkType",
            link_type={
                "name": "x",
                "source_kinds": ["shp"],
                "cardinality": "many",
                "on_target_delete": "drop",
                "symmetric": True,
                "target_kinds": ["port"],
            },
        )
    )
    assert error.reason == "LINK_TYPE_INVALID"
    assert {v.path for v in error.violations} == {
        "source_kinds.0", "cardinality", "on_target_delete", "target_kinds",
    }  # fmt: skip
    for method, more in (("UpdateLinkType", {"changes": {"label": "x"}}), ("DeleteLinkType", {})):
        answer = acme(method, link_type="ship_home", **more)
        assert await reason(answer) == "FAILED_PRECONDITION/LINK_TYPE_OF_FIELD"
    changed = await acme(
        "UpdateLinkType", link_type="visits", changes={"on_target_delete": "restrict"}
    )
    assert changed.link_type.on_target_delete == "restrict"

    passing = {"name": "Calls", "type": "table",
               "filter_json": b'{"visits": {"some": {"name": "Vigo"}}, "name": "x"}'}  # fmt: skip
    await acme("CreateView", object="ship", view=passing)
    await acme("DeleteLinkType", link_type="visits")
    view = (await acme("GetView", object="ship", view="Calls")).view
    assert json.loads(view.filter_json) == {"name": "x"}
    back = await acme("UpdateLinkType", link_type="visits", changes={"active": True})
    assert back.link_type.active
