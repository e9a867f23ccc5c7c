"""Conditions and filters through relations, every plane as it is, with roles that hide."""

from typing import Any

from cli.demo.receiver import Receiver
from tests.e2e.client import Client, wait_for

TODO = {"type": "create_todo", "input": {"title": "{{ trigger.after.name }}"}}


def relate(api: Client) -> None:
    api.define("firm", {"name": "name", "type": "text"}, {"name": "margin", "type": "number"})
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "firm", "type": "relation", "settings": {"targets": ["firm"]}},
    )


def todos(api: Client, count: int) -> list[str]:
    def there() -> list[str] | None:
        found = api.get("/v1/events?type=todo.created")["data"]
        return sorted(one["data"]["title"] for one in found) if len(found) >= count else None

    return wait_for(f"{count} todos", there)


def rule(condition: Any, name: str = "big") -> dict[str, Any]:
    trigger = {"type": "record_created", "object": "deal"}
    return {"name": name, "trigger": trigger, "condition": condition, "actions": [TODO]}


def test_a_rule_a_webhook_a_trial_and_a_replay_go_on_to_the_related_record(
    api: Client, hooks: Receiver
) -> None:
    relate(api)
    big, small = api.create("firm", name="Big", margin=60), api.create("firm", name="Small")
    made = api.post("/v1/rules", rule({"firm.margin": {"gte": 50}}))
    api.post(
        "/v1/webhooks",
        {
            "name": "big",
            "url": hooks.url,
            "event_types": ["record.created"],
            "object": "deal",
            "filter": {"firm.name": "Big"},
        },
    )
    for name, firm in (("a", big), ("b", small)):
        api.create("deal", name=name, firm=firm["id"])
    api.create("deal", name="c")
    assert todos(api, 1) == ["a"]

    def logged() -> Any:
        found = api.get("/v1/events?type=record.created&object=deal")["data"]
        return found if len(found) == 3 else None

    events = wait_for("the deals in the log", logged)
    by_name = {one["data"]["fields"]["name"]: one["id"] for one in events}
    trials = {
        name: api.post(f"/v1/rules/{made['id']}:test", {"event_id": event})
        for name, event in by_name.items()
    }
    assert {name for name, trial in trials.items() if trial["starts"]} == {"a"}
    assert trials["b"]["reason"] == "the condition does not hold"
    flow = api.post(
        "/v1/workflows",
        {
            "name": "later",
            "trigger": {"type": "record_created", "object": "deal"},
            "condition": {"firm.name": {"in": ["Big", "Small"]}},
            "steps": [{"id": "t", **TODO}],
        },
    )
    api.post(f"/v1/workflows/{flow['id']}:publish")
    trial = api.post(f"/v1/workflows/{flow['id']}:test", {"event_id": by_name["c"]})
    assert not trial.get("starts")
    begun = api.post("/v1/workflows/later:replay", {"rate": 1000})

    def over() -> Any:
        found = api.get(f"/v1/replays/{begun['id']}")
        return found if found["state"] != "running" else None

    done = wait_for("the replay has ended", over)
    assert (done["state"], done["done"]) == ("succeeded", 2)
    assert todos(api, 3) == ["a", "a", "b"]
    assert [one.document()["data"]["fields"]["name"] for one in hooks.received] == ["a"]


def test_what_a_role_hides_is_no_path_and_ends_the_paths_that_there_were(api: Client) -> None:
    relate(api)
    shown = [
        {"object": "deal", "actions": ["read", "create", "update"]},
        {"object": "firm", "actions": ["read"], "rule": {"name": {"ne": "Secret"}}},
    ]
    api.post("/v1/roles", {"name": "sales", "permissions": ["rules"], "objects": shown})
    key = api.post("/v1/api-keys", {"display_name": "Robot", "role": "sales"})["secret"]
    with Client(str(api.http.base_url), key) as robot:
        made = robot.post("/v1/rules", rule({"firm.margin": {"gte": 50}}))
        for name, margin in (("Open", 60), ("Secret", 70)):
            firm = api.create("firm", name=name, margin=margin)
            api.create("deal", name=f"of {name}", firm=firm["id"])
        runs = wait_for("the run", lambda: api.get(f"/v1/runs?rule={made['id']}")["data"])
        assert [one["object"] for one in runs] == ["deal"]
        hidden = [
            shown[0],
            {"object": "firm", "actions": ["read"], "fields": [{"field": "margin", "read": False}]},
        ]
        api.patch("/v1/roles/sales", {"objects": hidden})

        def refused() -> Any:
            answer = robot.request("POST", "/v1/rules", rule({"firm.margi": 1}, "other"))
            assert answer.status_code == 422
            return None if "margin" in answer.text else answer

        assert "UNKNOWN_FIELD" in wait_for("the change of the role", refused).text
        firm = api.create("firm", name="Third", margin=80)

        def judged() -> Any:  # by what the role shows within the second
            api.create("deal", name="third", firm=firm["id"])
            return api.get("/v1/runs?state=failed")["data"]

        failed = wait_for("a failed run", judged)
        assert "firm.margin can't be read" in failed[0]["error"]
        last = api.create("deal", name="last", firm=firm["id"])
        path = f"/v1/runs?rule={made['id']}&record_id={last['id']}"
        [run] = wait_for("the last run", lambda: api.get(path)["data"])
        assert run["state"] == "failed"
