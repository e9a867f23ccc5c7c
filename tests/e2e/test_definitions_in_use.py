"""What uses a definition is told before it goes, and follows it where it changes."""

from typing import Any

from tests.e2e.client import Client, wait_for

FIELDS = "/v1/objects/deal/fields"
STAGES = [{"value": v} for v in ("new", "won", "lost")]


def a_world(api: Client) -> None:
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "stage", "type": "select", "options": STAGES},
        {"name": "worth", "type": "currency"},
        {"name": "urgent", "type": "boolean"},
        {"name": "spare", "type": "text"},
    )
    api.post(
        "/v1/rules",
        {
            "name": "Cheer",
            "trigger": {"type": "record_updated", "object": "deal", "fields": ["stage"]},
            "condition": {"urgent": True},
            "actions": [
                {
                    "type": "create_note",
                    "input": {"title": "Won", "body": "{{ trigger.after.worth.amount_micros }}"},
                }
            ],
        },
    )
    api.post(
        "/v1/workflows",
        {
            "name": "Rename",
            "trigger": {"type": "record_created", "object": "deal"},
            "steps": [
                {
                    "id": "name",
                    "type": "update_record",
                    "input": {
                        "object": "deal",
                        "id": "{{ trigger.record.id }}",
                        "fields": {"name": "x"},
                    },
                }
            ],
        },
    )


def test_what_a_rule_or_workflow_uses_goes_only_by_force(api: Client) -> None:
    a_world(api)
    users = {"stage": "rule Cheer", "urgent": "rule Cheer", "worth": "rule Cheer"}
    for name, user in {**users, "name": "workflow Rename"}.items():
        refused = api.request("DELETE", f"{FIELDS}/{name}")
        assert (refused.status_code, refused.json()["code"]) == (409, "IN_USE"), (
            name,
            refused.text,
        )
        assert user in refused.json()["detail"]
    for path in (f"{FIELDS}/stage", "/v1/objects/deal"):
        refused = api.request("PATCH", path, {"active": False})
        assert (refused.status_code, refused.json()["code"]) == (409, "IN_USE"), refused.text
    api.call("DELETE", f"{FIELDS}/spare")
    refused = api.request("DELETE", "/v1/objects/deal")
    assert {e["pointer"] for e in refused.json()["errors"]} == {"/rule Cheer", "/workflow Rename"}
    exact = {"objects": [{"name": "deal", "fields": [{"name": "name", "type": "text"}]}]}
    plan = api.post("/v1/schema:plan?exact=true", exact)
    affects = {c["path"]: c["affects"] for c in plan["changes"]}
    assert "rule Cheer" in affects["deal.stage"]
    assert "rule Cheer" in affects["deal.worth"]
    related = {"task": ["title"], "deal": ["urgent", "name"]}
    api.define("task", {"name": "title", "type": "text"},
               {"name": "deal", "type": "relation", "settings": {"targets": ["deal"]}})  # fmt: skip
    api.post(
        "/v1/rules",
        {
            "name": "Follow",
            "trigger": {"type": "record_created", "object": "task"},
            "condition": {
                "or": [{"deal.urgent": True}, {"deal": {"some": {"name": "x"}}}],
                "title": {"is_empty": False},
            },
            "actions": [{"type": "create_note", "input": {"title": "t", "body": "b"}}],
        },
    )
    for obj, fields in related.items():
        for field in fields:
            refused = api.request("DELETE", f"/v1/objects/{obj}/fields/{field}")
            pointers = {e["pointer"] for e in refused.json()["errors"]}
            assert "/rule Follow" in pointers, (obj, field, refused.text)
    refused = api.request("DELETE", "/v1/objects/deal")
    assert "/rule Follow" in {e["pointer"] for e in refused.json()["errors"]}
    api.call("DELETE", "/v1/rules/Follow")
    api.call("DELETE", "/v1/objects/task")
    api.call("DELETE", f"{FIELDS}/worth?force=true")
    api.call("DELETE", "/v1/objects/deal?force=true")


def test_the_filters_of_views_follow_options_that_change_their_value_or_go(api: Client) -> None:
    a_world(api)
    views = "/v1/objects/deal/views"
    open_ones = {"stage": {"in": ["new", "lost"]}, "or": [{"stage": "won"}, {"urgent": True}]}
    api.post(views, {"name": "Some", "type": "table", "filter": open_ones})
    api.post(views, {"name": "Lost", "type": "table", "filter": {"stage": {"ne": "lost"}}})
    api.define("task", {"name": "deal", "type": "relation", "settings": {"targets": ["deal"]}})
    api.post(
        "/v1/objects/task/views",
        {"name": "Mine", "type": "table", "filter": {"deal": {"some": {"stage": "won"}}}},
    )
    first = {o["value"]: o["id"] for o in api.get(f"{FIELDS}/stage")["options"]}

    def change(options: list[dict[str, Any]], reassign: dict[str, str]) -> None:
        api.patch(f"{FIELDS}/stage", {"options": options, "reassign": reassign})
        wait_for("the field", lambda: api.get(f"{FIELDS}/stage")["state"] == "ready")

    change([{"id": first["won"], "value": "gained"}, {"value": "new"}, {"value": "lost"}], {})
    assert api.get(f"{views}/Some")["filter"]["or"] == [{"stage": "gained"}, {"urgent": True}]
    mine = api.get("/v1/objects/task/views/Mine")
    assert mine["filter"] == {"deal": {"some": {"stage": "gained"}}}
    change([{"value": "gained"}, {"value": "new"}], {"lost": ""})
    assert api.get(f"{views}/Some")["filter"]["stage"] == {"in": ["new"]}
    assert not api.get(f"{views}/Lost").get("filter")
    change([{"value": "gained"}], {"new": "gained"})
    assert api.get(f"{views}/Some")["filter"]["stage"] == {"in": ["gained"]}


def test_options_do_not_change_places_by_their_values(api: Client) -> None:
    a_world(api)
    new, won, lost = api.get(f"{FIELDS}/stage")["options"]
    swapped = [{**new, "value": "won"}, {**won, "value": "new"}, lost]
    options = [{k: o[k] for k in ("id", "value", "label")} for o in swapped]
    refused = api.request("PATCH", f"{FIELDS}/stage", {"options": options})
    assert (refused.status_code, refused.json()["code"]) == (409, "FIELD_CHANGE_UNSUPPORTED")
