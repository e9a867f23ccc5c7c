"""The schema as a document: pulled, applied where it came from, and to another workspace."""

from collections.abc import Callable
from typing import Any

from tests.e2e.client import Client

PULL, APPLY = "/v1/schema/document", "/v1/schema:apply"


def a_rich_workspace(api: Client) -> None:
    api.post("/v1/blueprints/crm:install")
    api.define(
        "invoice",
        {"name": "title", "type": "text", "required": True, "default": "untitled"},
        {"name": "code", "type": "text", "unique": True, "settings": {"case_insensitive": True}},
        {"name": "state", "type": "select", "default": "open",
         "options": [{"value": "open", "label": "Open", "color": "blue"}, {"value": "paid"}]},
        {"name": "net", "type": "number", "settings": {"min": 0.5}},
        {"name": "due", "type": "date", "default": {"$": "now"}},
        {"name": "until", "type": "date"},
        {"name": "where", "type": "address"},
        {"name": "number", "type": "auto_number", "settings": {"prefix": "I-"}},
        {"name": "owner", "type": "actor", "default": {"$": "me"}},
        {"name": "notes", "type": "json"},
        {"name": "about", "type": "relation",
         "settings": {"targets": ["company", "person"], "inverse_name": "invoices"}},
        {"name": "gross", "type": "formula",
         "settings": {"expression": "net * 1.19", "result_type": "number", "decimals": 2}},
    )  # fmt: skip
    api.post("/v1/objects/invoice/unique-constraints", {"name": "pair", "fields": ["code", "net"]})
    views = "/v1/objects/invoice/views"
    api.post(views, {"name": "Board", "type": "kanban", "filter": {"net": {"gt": 1}}})
    api.post(
        views,
        {"name": "Plan", "type": "calendar", "date_field": "due", "end_date_field": "until"},
    )
    api.post(views, {"name": "Map", "type": "map"})
    api.post(views, {"name": "Mine", "type": "table", "visibility": "private"})
    api.post(
        "/v1/link-types",
        {"name": "settles", "inverse_name": "settled_by", "source_kinds": ["invoice"],
         "target_kinds": ["opportunity"], "cardinality": "many_to_many"},
    )  # fmt: skip
    gone = {"name": "gone", "type": "text"}
    api.post("/v1/objects/invoice/fields", gone)
    api.call("DELETE", "/v1/objects/invoice/fields/gone")


def test_what_is_pulled_changes_nothing_where_it_came_from(api: Client) -> None:
    a_rich_workspace(api)
    pulled = api.get(PULL)
    for mode in ("", "?exact=true"):
        plan: Any = api.post(f"/v1/schema:plan{mode}", pulled)
        assert (plan["changes"], plan["destructive"]) == ([], False)
    assert api.post(APPLY, pulled)["changes"] == []
    views = {v["name"] for o in pulled["objects"] if o["name"] == "invoice" for v in o["views"]}
    assert views == {"All Invoice all", "Board", "Plan", "Map"}
    assert "gone" not in str(pulled)


def test_what_is_pulled_makes_the_same_elsewhere(
    api: Client, new_workspace: Callable[[], Client]
) -> None:
    a_rich_workspace(api)
    pulled = api.get(PULL)
    other = new_workspace()
    other.post(APPLY, pulled)
    assert other.get(PULL) == pulled
    made = other.create("invoice", code="a", net=10)
    assert (made["fields"]["gross"], made["fields"]["state"]) == (11.9, "open")
