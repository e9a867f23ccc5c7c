"""Rollups through the gateway: right at once, told of, and known to every plane."""

from typing import Any

from tests.e2e.client import Client, wait_for


def relate(api: Client) -> None:
    api.define("firm", {"name": "name", "type": "text"})
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "amount", "type": "currency"},
        {"name": "stage", "type": "select", "options": [{"value": "open"}, {"value": "won"}]},
        {
            "name": "firm",
            "type": "relation",
            "settings": {"targets": ["firm"], "inverse_name": "deals"},
        },
    )


def a_rollup(api: Client, name: str, **settings: Any) -> None:
    path = "/v1/objects/firm/fields"
    api.post(path, {"name": name, "type": "rollup", "settings": {"path": "deals", **settings}})
    wait_for(name, lambda: api.get(f"{path}/{name}")["state"] == "ready")


def fields(api: Client, firm: Any) -> Any:
    return api.get(f"/v1/objects/firm/records/{firm['id']}")["fields"]


def test_a_rollup_is_right_at_once_and_starts_what_waits_for_it(api: Client) -> None:
    relate(api)
    acme = api.create("firm", name="Acme")
    won = {"function": "sum", "field": "amount", "currency_code": "EUR"}
    a_rollup(api, "won", filter={"stage": "won"}, **won)
    trigger = {"type": "record_updated", "object": "firm", "fields": ["won"]}
    todo = {"type": "create_todo", "input": {"title": "Thank {{ trigger.after.name }}"}}
    big = {"won.amount_micros": {"gte": 1_000_000_000}}
    api.post("/v1/rules", {"name": "big", "trigger": trigger, "condition": big, "actions": [todo]})
    deal = api.create(
        "deal", name="d", stage="open", firm=acme["id"],
        amount={"amount": "1000", "currency_code": "EUR"},
    )  # fmt: skip
    assert fields(api, acme)["won"] == {"amount_micros": 0, "currency_code": "EUR"}
    api.update("deal", deal["id"], stage="won")
    expected = {"amount_micros": 1_000_000_000, "currency_code": "EUR"}
    assert fields(api, acme)["won"] == expected
    [found] = api.query("firm", filter=big)["data"]
    assert (found["id"], found["fields"]["won"]) == (acme["id"], expected)
    [todo_made] = wait_for(
        "the todo", lambda: api.get("/v1/events?type=todo.created")["data"] or None
    )
    assert todo_made["data"]["title"] == "Thank Acme"

    described = api.get("/v1/openapi.json")["components"]["schemas"]
    shape = next(
        s["properties"]["won"]
        for s in described.values()
        if "won" in s.get("properties", {}) and s["properties"]["won"].get("readOnly")
    )
    assert shape["readOnly"]
    exported = api.request("GET", "/v1/objects/firm/records:export?format=csv")
    assert "1000000000" in exported.text
    written = api.request(
        "PATCH", f"/v1/objects/firm/records/{acme['id']}", {"fields": {"won": None}}
    )
    assert written.status_code == 422


def test_a_rule_that_feeds_its_own_rollup_is_stopped_by_the_loop_guard(api: Client) -> None:
    relate(api)
    acme = api.create("firm", name="Acme")
    a_rollup(api, "deals_made", function="count")
    trigger = {"type": "record_updated", "object": "firm", "fields": ["deals_made"]}
    more = {
        "type": "create_record",
        "input": {
            "object": "deal",
            "fields": {"name": "more", "firm": "{{ trigger.record.id }}"},
        },
    }
    rule = api.post("/v1/rules", {"name": "loop", "trigger": trigger, "actions": [more]})
    api.create("deal", name="first", firm=acme["id"])

    def blocked() -> Any:
        runs = api.get(f"/v1/runs?rule={rule['id']}")["data"]
        return [one for one in runs if one["state"] == "blocked"] or None

    assert wait_for("the loop to be seen", blocked)
    assert fields(api, acme)["deals_made"] < 20
