"""Promise 8: field types unlock views, and several eligible fields are offered."""

from tests.e2e.client import Client


def test_types_unlock_views_and_ambiguity_is_a_question(api: Client) -> None:
    api.define("plain", {"name": "name", "type": "text"})
    refused = api.request("POST", "/v1/objects/plain/views", {"name": "B", "type": "kanban"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "NO_ELIGIBLE_FIELD"

    api.post("/v1/objects/plain/fields", {"name": "stage", "type": "select", "options": ["a", "b"]})
    assert (
        api.post("/v1/objects/plain/views", {"name": "B", "type": "kanban"})["group_field"]
        == "stage"
    )
    api.post("/v1/objects/plain/fields", {"name": "urgent", "type": "boolean"})
    several = api.request("POST", "/v1/objects/plain/views", {"name": "C", "type": "kanban"})
    assert several.status_code == 422
    problem = several.json()
    assert problem["code"] == "FIELD_AMBIGUOUS"
    assert "stage" in problem["detail"]
    assert "urgent" in problem["detail"]
    chosen = api.post(
        "/v1/objects/plain/views", {"name": "C", "type": "kanban", "group_field": "urgent"}
    )
    assert chosen["group_field"] == "urgent"


def test_eligible_fields_say_why_others_are_not(api: Client) -> None:
    api.define(
        "mixed",
        {"name": "name", "type": "text"},
        {"name": "stage", "type": "select", "options": ["a"]},
        {"name": "day", "type": "date"},
        {"name": "moment", "type": "date_time"},
    )
    found = api.get("/v1/objects/mixed/views:eligibleFields?type=kanban")["fields"]
    assert [f["field"] for f in found if f["eligible"]] == ["stage"]
    assert all(f["reason"] for f in found if not f["eligible"])
    found = api.get("/v1/objects/mixed/views:eligibleFields?type=calendar")["fields"]
    assert [f["field"] for f in found if f["eligible"]] == ["day", "moment"]
    assert "calendar" in api.get("/v1/objects/mixed/fields/day")["unlocks"]
