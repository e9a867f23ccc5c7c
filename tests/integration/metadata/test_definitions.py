"""Objects and fields are defined at run time, and read back as they were meant."""

import json
from typing import Any

import pytest

from schema.model import FieldType
from tests.integration.metadata.conftest import Client
from tests.services import reason, refusal


async def an_object(client: Client, name: str = "ship", **more: Any) -> Any:
    return (await client("CreateObject", object={"name": name, **more})).object


async def a_field(client: Client, obj: str, name: str, kind: str, **more: Any) -> Any:
    for part in ("settings", "default"):
        if part in more:
            more[f"{part}_json"] = json.dumps(more.pop(part)).encode()
    field = {"name": name, "type": kind, **more}
    return (await client("CreateField", object=obj, field=field)).field


ALL_TYPES: dict[str, dict[str, Any]] = {
    "text": {"settings": {"max_length": 20}, "default": "none", "searchable": True},
    "rich_text": {},
    "number": {"settings": {"integer": True, "min": 0, "max": 10}, "default": 5},
    "decimal": {"settings": {"precision": 10, "scale": 3}, "default": "1.500", "unique": True},
    "boolean": {"default": True},
    "date": {"default": {"$": "now"}},
    "date_time": {"default": "2026-01-01T00:00:00Z"},
    "select": {"options": [{"value": "a"}, {"value": "b", "label": "Bee", "color": "red"}]},
    "multi_select": {"options": [{"value": "x"}], "default": ["x"]},
    "rating": {"settings": {"max": 7}},
    "currency": {"default": {"amount_micros": 1_000_000, "currency_code": "EUR"}},
    "full_name": {},
    "emails": {"unique": True, "pii": "high"},
    "phones": {},
    "links": {},
    "address": {},
    "array": {},
    "json": {"default": {"a": [1]}},
    "uuid": {"default": {"$": "uuid"}},
    "relation": {"settings": {"targets": ["port"], "inverse_name": "ships"}},
}


async def test_an_object_gets_labels_a_plural_and_a_table(acme: Client) -> None:
    made = (await acme("CreateObject", object={"name": "space_ship"})).object
    assert (made.plural_name, made.label, made.plural_label) == (
        "space_ships",
        "Space ship",
        "Space ships",
    )
    assert made.active
    assert not made.standard

    for name in ("space_ship", "space_ships", made.id):
        assert (await acme("GetObject", object=name)).object == made
    views = (await acme("ListViews", object="space_ship")).views
    assert [(v.name, v.type) for v in views] == [("All Space ships", "table")]


async def test_fields_of_every_type_read_back_and_compile(acme: Client) -> None:
    await an_object(acme, "port")
    await an_object(acme, "ship")
    made = {
        kind: await a_field(acme, "ship", f"a_{kind}", kind, **dict(more))
        for kind, more in ALL_TYPES.items()
    }
    answer = await acme("ListFields", object="ship")
    assert list(answer.fields) == list(made.values())

    workspace = await acme.compiled()
    assert workspace.version == answer.metadata_version
    ship = workspace.object("ships")
    assert ship is not None
    assert list(ship.fields) == [f"a_{kind}" for kind in ALL_TYPES]
    assert ship.codecs.keys() == ship.fields.keys()
    for kind, more in ALL_TYPES.items():
        field = ship.fields[f"a_{kind}"]
        assert field.type == FieldType(kind)
        assert field.settings == more.get("settings", {})
        assert field.default == more.get("default")
        assert field.key == field.name
    assert not ship.fields["a_rich_text"].indexed
    assert ship.definition.label_field == "a_text"
    assert [o.label for o in ship.fields["a_select"].options] == ["a", "Bee"]

    port = workspace.object("port")
    assert port is not None
    link = workspace.link_types["ship_a_relation"]
    assert (link.cardinality, link.inverse_name, link.field_id) == (
        "many_to_one",
        "ships",
        made["relation"].id,
    )


async def test_tables_that_show_everything_show_new_fields(acme: Client) -> None:
    await an_object(acme)
    await a_field(acme, "ship", "length", "number")
    await a_field(acme, "ship", "name", "text")
    view = (await acme("ListViews", object="ship")).views[0]
    assert [c.field for c in view.columns] == ["name", "length"]


async def test_everything_wrong_with_a_field_comes_at_once(acme: Client) -> None:
    await an_object(acme)
    error = await refusal(
        a_field(acme, "ship", "Bad Name", "number", settings={"mxa": 1, "max": "x"}, pii="huge")
    )
    assert f"{error.code}/{error.reason}" == "INVALID_ARGUMENT/FIELD_INVALID"
    assert {v.path for v in error.violations} == {"name", "settings.mxa", "settings.max", "pii"}
    assert "did you mean 'max'" in next(
        v.message for v in error.violations if v.path == "settings.mxa"
    )

    unknown = await refusal(a_field(acme, "ship", "to", "relation", settings={"targets": ["shop"]}))
    assert [(v.path, v.code) for v in unknown.violations] == [
        ("settings.targets.0", "UNKNOWN_OBJECT")
    ]
    assert "did you mean 'ship'" in unknown.violations[0].message


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"type": "text"}, "name"),
        ({"name": "x", "type": "txt"}, "type"),
        ({"name": "id", "type": "text"}, "name"),
        ({"name": "x", "type": "select"}, "options"),
        ({"name": "x", "type": "text", "settings_json": b"{"}, "settings"),
        ({"name": "x", "type": "number", "default_json": b'"five"'}, "default"),
        ({"name": "x", "type": "json", "unique": True}, "unique"),
    ],
)
async def test_a_definition_that_cannot_be_is_refused(
    acme: Client, field: dict[str, Any], path: str
) -> None:
    await an_object(acme)
    error = await refusal(acme("CreateField", object="ship", field=field))
    assert error.reason == "FIELD_INVALID"
    assert error.violations[0].path == path


async def test_names_are_unique(acme: Client) -> None:
    await an_object(acme)
    await a_field(acme, "ship", "name", "text")
    assert await reason(a_field(acme, "ship", "name", "date")) == "ALREADY_EXISTS/FIELD_NAME_TAKEN"
    for name in ("ship", "ships"):
        assert await reason(an_object(acme, name, plural_name="x")) == (
            "ALREADY_EXISTS/OBJECT_NAME_TAKEN"
        )
    for name in ("note", "record", "Ship", "x" * 64):
        assert await reason(an_object(acme, name)) == "INVALID_ARGUMENT/OBJECT_INVALID"


async def test_a_client_chooses_an_id_once(acme: Client) -> None:
    chosen = "0190f000-0000-7000-8000-00000000000a"
    assert (await an_object(acme, id=chosen)).id == chosen
    assert await reason(an_object(acme, "boat", id=chosen)) == "ALREADY_EXISTS/ID_TAKEN"
    assert await reason(an_object(acme, "boat", id="x")) == "INVALID_ARGUMENT/ID_INVALID"


async def test_limits_are_named(acme: Client) -> None:
    await an_object(acme)
    for number in range(20):
        await a_field(acme, "ship", f"f{number}", "boolean")
    error = await refusal(a_field(acme, "ship", "more", "text"))
    assert f"{error.code}/{error.reason}" == "RESOURCE_EXHAUSTED/LIMIT_REACHED"
    assert "at most 20 fields" in error.message

    await an_object(acme, "boat")
    options = [{"value": f"o{i}"} for i in range(13)]
    error = await refusal(a_field(acme, "boat", "kind", "select", options=options))
    assert "at most 12 options" in error.message

    for number in range(28):
        await an_object(acme, f"thing{number}")
    error = await refusal(an_object(acme, "more"))
    assert "at most 30 objects" in error.message


async def test_what_needs_no_change_of_data_can_change(acme: Client) -> None:
    await an_object(acme)
    old = await a_field(acme, "ship", "size", "number", settings={"min": 1, "max": 5})
    answer = await acme(
        "UpdateField",
        object="ship",
        field="size",
        changes={"label": "How big", "settings_json": b'{"min": 0}', "default_json": b"3"},
    )
    new = answer.field
    assert (new.label, json.loads(new.settings_json), new.default_json) == (
        "How big",
        {"min": 0},
        b"3",
    )
    assert new.id == old.id
    cleared = await acme(
        "UpdateField", object="ship", field="size", update_mask={"paths": ["default", "label"]}
    )
    assert cleared.field.default_json == b""
    assert cleared.field.label == "Size"

    same = await acme("UpdateField", object="ship", field="size", changes={"label": "Size"})
    assert same.metadata_version == cleared.metadata_version

    bad_mask = await refusal(
        acme("UpdateField", object="ship", field="size", update_mask={"paths": ["lable"]})
    )
    assert "did you mean 'label'" in bad_mask.message


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": "other"}, "name"),
        ({"type": "json"}, "type"),
        ({"type": "json", "required": True}, "type"),
    ],
)
async def test_what_no_job_can_do_is_refused(
    acme: Client, change: dict[str, Any], path: str
) -> None:
    await an_object(acme)
    await a_field(acme, "ship", "size", "number", settings={"min": 1, "max": 5})
    error = await refusal(acme("UpdateField", object="ship", field="size", changes=change))
    assert f"{error.code}/{error.reason}" == "FAILED_PRECONDITION/FIELD_CHANGE_UNSUPPORTED"
    assert [v.path for v in error.violations] == [path]


@pytest.mark.parametrize(
    "change",
    [
        {"required": True},
        {"unique": True},
        {"type": "text"},
        {"settings_json": b'{"min": 2, "max": 5}'},
        {"settings_json": b'{"min": 1, "max": 5, "integer": true}'},
    ],
)
async def test_what_data_stand_in_the_way_of_waits_for_a_job(
    acme: Client, change: dict[str, Any]
) -> None:
    await an_object(acme)
    await a_field(acme, "ship", "size", "number", settings={"min": 1, "max": 5})
    begun = await acme("UpdateField", object="ship", field="size", changes=change)
    found = begun.field
    assert (found.state, found.field_job) == ("building", begun.field_job)
    assert (found.type, found.required, found.unique) == ("number", False, False)
    assert json.loads(found.settings_json) == {"min": 1, "max": 5}


async def test_options_can_be_added_renamed_and_reordered_and_removed_by_a_job(
    acme: Client,
) -> None:
    await an_object(acme)
    field = await a_field(acme, "ship", "state", "select", options=[{"value": "a"}, {"value": "b"}])
    board = (await acme("CreateView", object="ship", view={"name": "B", "type": "kanban"})).view
    assert [g.value for g in board.groups] == ["a", "b", ""]
    a, b = field.options
    options = [{"id": b.id, "value": "b", "label": "Bee"}, {"value": "c"}, {"value": "a"}]
    changed = await acme("UpdateField", object="ship", field="state", changes={"options": options})
    assert [(o.id, o.label) for o in changed.field.options if o.value != "c"] == [
        (b.id, "Bee"),
        (a.id, "a"),
    ]
    board = (await acme("GetView", object="ship", view="B")).view
    assert [g.value for g in board.groups] == ["b", "c", "a", ""]

    change = acme("UpdateField", object="ship", field="state", reassign={"zz": "a"},
                  changes={"options": [{"value": "a"}]})  # fmt: skip
    assert await reason(change) == "INVALID_ARGUMENT/FIELD_INVALID"
    begun = await acme("UpdateField", object="ship", field="state", reassign={"b": "a"},
                       changes={"options": [{"value": "a"}]})  # fmt: skip
    assert (begun.field.state, len(begun.field.options)) == ("building", 3)


async def test_a_deactivated_field_leaves_its_views_and_can_come_back(acme: Client) -> None:
    await an_object(acme, "port")
    await a_field(acme, "port", "name", "text")
    await an_object(acme)
    await a_field(acme, "ship", "name", "text")
    await a_field(acme, "ship", "state", "select", options=[{"value": "a"}])
    await a_field(acme, "ship", "due", "date")
    await a_field(acme, "ship", "home", "relation", settings={"targets": ["port"]})
    filtered = {"or": [{"state": "a"}, {"name": {"icontains": "x"}}], "not": {"state": "a"}}
    made = {}
    for view in (
        {"name": "Board", "type": "kanban"},
        {"name": "Dates", "type": "calendar", "filter_json": b'{"state": "a"}'},
        {"name": "Mine", "type": "table", "filter_json": json.dumps(filtered).encode(),
         "sort": "-state,name"},
    ):  # fmt: skip
        made[view["name"]] = (await acme("CreateView", object="ship", view=view)).view

    answer = await acme("DeleteField", object="ship", field="state")
    assert not answer.field.active
    default = (await acme("ListViews", object="ship")).views[0]
    expected = {made[name].id for name in made} | {default.id}
    assert set(answer.repaired_views) == expected
    assert await reason(acme("GetView", object="ship", view="Board")) == "NOT_FOUND/VIEW_NOT_FOUND"
    mine = (await acme("GetView", object="ship", view="Mine")).view
    assert json.loads(mine.filter_json) == {"or": [{"name": {"icontains": "x"}}]}
    assert mine.sort == "name"
    assert "state" not in [c.field for c in mine.columns]
    assert (await acme("GetView", object="ship", view="Dates")).view.filter_json == b""

    # A new field of that name keeps its values apart from the old ones.
    again = await a_field(acme, "ship", "state", "text")
    ship = (await acme.compiled()).objects["ship"]
    assert ship.fields["state"].key == "state_2"
    assert ship.retired_keys == ("state",)
    back = acme("UpdateField", object="ship", field=answer.field.id, changes={"active": True})
    assert await reason(back) == "ALREADY_EXISTS/FIELD_NAME_TAKEN"
    await acme("DeleteField", object="ship", field=again.id)
    back = acme("UpdateField", object="ship", field=answer.field.id, changes={"active": True})
    assert (await back).field.active


async def test_an_object_in_use_is_deactivated_only_by_force(acme: Client) -> None:
    await an_object(acme, "port")
    await an_object(acme)
    await a_field(acme, "ship", "home", "relation",
                  settings={"targets": ["port"], "inverse_name": "ships"})  # fmt: skip
    error = await refusal(acme("DeleteObject", object="port"))
    assert f"{error.code}/{error.reason}" == "FAILED_PRECONDITION/IN_USE"
    assert [v.path for v in error.violations] == ["ship.home"]

    gone = (await acme("DeleteObject", object="port", force=True)).object
    assert not gone.active
    assert await reason(acme("ListFields", object="port")) == "NOT_FOUND/OBJECT_NOT_FOUND"
    assert not (await acme("GetField", object="ship", field="home")).field.active
    workspace = await acme.compiled()
    assert workspace.object("port") is None
    assert "ship_home" not in workspace.link_types
    assert [o.name for o in (await acme("ListObjects")).objects] == ["ship"]
    assert len((await acme("ListObjects", show_deleted=True)).objects) == 2

    back = await acme("UpdateObject", object="port", changes={"active": True, "label": "Harbour"})
    assert back.object.active
    assert back.object.label == "Harbour"


async def test_relations_read_from_both_sides_have_names_of_their_own(acme: Client) -> None:
    await an_object(acme, "port")
    await an_object(acme)
    settings = {"targets": ["port"], "inverse_name": "ships"}
    await a_field(acme, "ship", "home", "relation", settings=settings)
    again = await refusal(a_field(acme, "ship", "goal", "relation", settings=settings))
    assert [v.code for v in again.violations] == ["INVERSE_NAME_TAKEN"]
    assert await reason(a_field(acme, "port", "ships", "text")) == "ALREADY_EXISTS/FIELD_NAME_TAKEN"


async def test_lists_come_in_pages(acme: Client) -> None:
    for name in ("cab", "bus", "ape"):
        await an_object(acme, name)
    first = await acme("ListObjects", page_size=2)
    assert [o.name for o in first.objects] == ["ape", "bus"]
    second = await acme("ListObjects", page_size=2, page_token=first.next_page_token)
    assert [o.name for o in second.objects] == ["cab"]
    assert not second.next_page_token
    other = acme("ListFields", object="cab", page_token=first.next_page_token)
    assert await reason(other) == "INVALID_ARGUMENT/PAGE_TOKEN_INVALID"
    assert await reason(acme("ListObjects", page_size=-1)) == "INVALID_ARGUMENT/PAGE_SIZE_INVALID"
