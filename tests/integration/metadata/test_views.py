"""Fields unlock views; views scaffold themselves and stay valid."""

import json
from typing import Any

from tests.integration.metadata.conftest import Client
from tests.services import reason, refusal


async def a_deal(client: Client) -> None:
    document = {
        "objects": [
            {
                "name": "deal",
                "fields": [
                    {"name": "title", "type": "text"},
                    {"name": "won", "type": "boolean"},
                    {"name": "stage", "type": "select", "options": ["new", "open", "done"]},
                    {"name": "due", "type": "date"},
                    {"name": "until", "type": "date"},
                    {"name": "met", "type": "date_time"},
                    {"name": "amount", "type": "currency"},
                    {"name": "people", "type": "number"},
                ],
            }
        ]
    }
    await client("ApplySchema", document_json=json.dumps(document).encode())


async def a_view(client: Client, name: str, kind: str, **more: Any) -> Any:
    return (
        await client("CreateView", object="deal", view={"name": name, "type": kind, **more})
    ).view


async def test_eligible_fields_say_why_not(acme: Client) -> None:
    await a_deal(acme)
    answer = await acme("GetEligibleFields", object="deal", type="kanban")
    assert [f.field for f in answer.fields if f.eligible] == ["won", "stage"]
    title = answer.fields[0]
    assert title.reason == "text does not unlock kanban; types that do: boolean, select, relation"
    calendar = await acme("GetEligibleFields", object="deal", type="calendar")
    assert [f.field for f in calendar.fields if f.eligible] == ["due", "until", "met"]
    table = await acme("GetEligibleFields", object="deal", type="table")
    assert all(f.eligible for f in table.fields)
    assert await reason(acme("GetEligibleFields", object="deal", type="gantt")) == (
        "INVALID_ARGUMENT/VIEW_INVALID"
    )


async def test_several_eligible_fields_are_offered(acme: Client) -> None:
    await a_deal(acme)
    error = await refusal(a_view(acme, "Board", "kanban"))
    assert f"{error.code}/{error.reason}" == "INVALID_ARGUMENT/FIELD_AMBIGUOUS"
    offered = [v.message for v in error.violations if v.code == "ELIGIBLE_FIELD"]
    assert offered == ["won", "stage"]

    await acme("CreateObject", object={"name": "plain"})
    bare = acme("CreateView", object="plain", view={"name": "B", "type": "kanban"})
    assert await reason(bare) == "FAILED_PRECONDITION/NO_ELIGIBLE_FIELD"


async def test_a_kanban_has_a_group_per_option_and_its_figures(acme: Client) -> None:
    await a_deal(acme)
    board = await a_view(acme, "Board", "kanban", group_field="stage")
    assert [(g.value, g.label) for g in board.groups] == [
        ("new", "new"),
        ("open", "open"),
        ("done", "done"),
        ("", "No value"),
    ]
    assert [(a.fn, a.field, getattr(a, "as")) for a in board.aggregates] == [
        ("count", "", "count"),
        ("sum", "amount", "sum_amount"),
    ]
    assert board.columns[0].field == "title"

    yes_no = await a_view(acme, "Won", "kanban", group_field="won")
    assert [g.value for g in yes_no.groups] == ["false", "true", ""]


async def test_a_calendar_binds_its_dates(acme: Client) -> None:
    await a_deal(acme)
    view = await a_view(acme, "Dates", "calendar", date_field="due", end_date_field="until")
    assert (view.date_field, view.end_date_field, view.layout) == ("due", "until", "month")
    for more in ({"date_field": "title"}, {"date_field": "due", "end_date_field": "met"}):
        assert (
            await reason(a_view(acme, "X", "calendar", **more)) == "INVALID_ARGUMENT/VIEW_INVALID"
        )


async def test_everything_wrong_with_a_view_comes_at_once(acme: Client) -> None:
    await a_deal(acme)
    error = await refusal(
        a_view(
            acme,
            "",
            "table",
            filter_json=b'{"stag": "new", "stage": "gone"}',
            sort="-titel",
            columns=[{"field": "nope"}, {"field": "title", "aggregate": "sum"}],
            layout="year",
            group_field="stage",
        )
    )
    assert error.reason == "VIEW_INVALID"
    assert {v.path for v in error.violations} == {
        "name", "filter.stag", "filter.stage", "sort.0", "columns.0.field", "columns.1.aggregate",
        "layout", "group_field",
    }  # fmt: skip
    assert "did you mean 'stage'" in next(
        v.message for v in error.violations if v.path == "filter.stag"
    )


async def test_a_view_changes_in_what_is_named(acme: Client) -> None:
    await a_deal(acme)
    board = await a_view(acme, "Board", "kanban", group_field="stage")
    changes = {
        "name": "Pipeline",
        "filter_json": b'{"amount.amount_micros": {"gte": 10}, "people": {"lt": 0.1}}',
        "sort": "-due,title:nulls_first",
        "columns": [{"field": "amount", "width": 120}, {"field": "create_time", "visible": False}],
        "groups": [{"value": "done"}, {"value": "", "visible": False}],
    }
    changed = (await acme("UpdateView", object="deal", view=board.id, changes=changes)).view
    read = (await acme("GetView", object="deals", view="Pipeline")).view
    assert read == changed
    assert json.loads(read.filter_json) == {
        "amount.amount_micros": {"gte": 10},
        "people": {"lt": 0.1},
    }
    assert [(c.field, c.width, c.visible) for c in read.columns] == [
        ("amount", 120, True),
        ("create_time", 0, False),
    ]
    assert [(g.value, g.visible) for g in read.groups] == [
        ("done", True),
        ("", False),
        ("new", True),
        ("open", True),
    ]
    again = await acme("UpdateView", object="deal", view=board.id, changes=changes)
    assert again.metadata_version == (await acme("GetWorkspace")).workspace.metadata_version
    regrouped = await acme(
        "UpdateView", object="deal", view=board.id, changes={"group_field": "won"}
    )
    assert [g.value for g in regrouped.view.groups] == ["false", "true", ""]
    kind = acme("UpdateView", object="deal", view=board.id, changes={"type": "table"})
    assert await reason(kind) == "INVALID_ARGUMENT/VIEW_INVALID"


async def test_the_last_table_stays(acme: Client) -> None:
    await a_deal(acme)
    assert await reason(acme("DeleteView", object="deal", view="All Deals")) == (
        "FAILED_PRECONDITION/LAST_TABLE_VIEW"
    )
    hidden = {"visibility": "private"}
    hide = acme("UpdateView", object="deal", view="All Deals", changes=hidden)
    assert await reason(hide) == "FAILED_PRECONDITION/LAST_TABLE_VIEW"
    await a_view(acme, "Other", "table")
    await acme("DeleteView", object="deal", view="All Deals")
    assert [v.name for v in (await acme("ListViews", object="deal")).views] == ["Other"]


async def test_private_views_exist_for_their_creator_alone(acme: Client) -> None:
    await a_deal(acme)
    member = await acme.with_role("member")
    mine = await a_view(member, "Mine", "table", visibility="private")
    assert "Mine" in [v.name for v in (await member("ListViews", object="deal")).views]
    assert "Mine" not in [v.name for v in (await acme("ListViews", object="deal")).views]
    for name in ("Mine", mine.id):
        answers = [
            await reason(acme(method, object="deal", view=name))
            for method in ("GetView", "UpdateView", "DeleteView")
        ]
        assert answers == ["NOT_FOUND/VIEW_NOT_FOUND"] * 3
    await a_view(acme, "Mine", "table")  # the name tells nothing either
    assert (await member("GetView", object="deal", view="Mine")).view.id == mine.id
    changes = (await acme("ListChanges", page_size=200)).changes
    assert mine.id not in {change.entity_id for change in changes}
    assert await reason(a_view(acme, "Mine", "table")) == "ALREADY_EXISTS/VIEW_NAME_TAKEN"


async def test_views_are_limited(acme: Client) -> None:
    await a_deal(acme)
    for number in range(7):
        await a_view(acme, f"v{number}", "table")
    error = await refusal(a_view(acme, "more", "table"))
    assert error.reason == "LIMIT_REACHED"
    assert "at most 8 views" in error.message
