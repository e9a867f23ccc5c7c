"""Workflows over HTTP, every plane as it is: started, answered, watched, kept from loops."""

import json
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.e2e.client import Client, wait_for

NUMBERS = ({"name": "name", "type": "text"}, {"name": "n", "type": "number"})


def ended(api: Client, run: str, state: str = "") -> Any:
    def look() -> Any:
        found = api.get(f"/v1/runs/{run}")
        over = ("succeeded", "failed", "cancelled", "blocked", "skipped")
        return found if found["state"] in ((state,) if state else over) else None

    return wait_for(f"the run is {state or 'over'}", look)


def publish(api: Client, **document: Any) -> Any:
    made = api.post("/v1/workflows", document)
    return made | api.post(f"/v1/workflows/{made['id']}:publish")


def test_a_workflow_from_its_draft_to_its_end(api: Client) -> None:
    api.define("deal", *NUMBERS)
    api.define("firm", *NUMBERS)
    api.post("/v1/link-types", {"name": "near"})
    bad = api.post("/v1/workflows", {"name": "draft", "steps": [{"id": "a", "type": "delayy"}]})
    refused = api.request("POST", f"/v1/workflows/{bad['id']}:publish")
    assert refused.status_code == 422
    assert "/steps/0/type" in [e["pointer"] for e in refused.json()["errors"]]
    flow = publish(
        api,
        name="big",
        trigger={"type": "record_created", "object": "deal"},
        when="trigger.after.n > 10",
        steps=[
            {"id": "find", "type": "find_records",
             "input": {"object": "deal", "filter": {"n": {"gte": "{{ trigger.after.n }}"}}}},
            {"id": "firm", "type": "create_record",
             "input": {"object": "firm", "fields": {"name": "of {{ trigger.after.name }}",
                                                    "n": "{{ steps.find.output.count }}"}}},
            {"id": "near", "type": "link",
             "input": {"type": "near",
                       "target": {"kind": "firm", "id": "{{ steps.firm.output.record.id }}"}}},
            {"id": "ask", "type": "wait_for_input",
             "input": {"title": "Keep it?", "form": [{"name": "keep", "type": "boolean"}]}},
            {"id": "check", "type": "if", "when": "steps.ask.output.values.keep == false",
             "then": [{"id": "gone", "type": "delete_record",
                       "input": {"object": "firm", "id": "{{ steps.firm.record.id }}"}}]},
        ],
    )  # fmt: skip
    small, big = api.create("deal", name="small", n=1), api.create("deal", name="big", n=20)
    found = wait_for(
        "the run waits", lambda: api.get("/v1/runs?workflow=big&state=waiting")["data"]
    )
    [run] = found
    assert run["record_id"] == big["id"] != small["id"]
    stream = api.http.stream("GET", f"/v1/runs/{run['id']}:watch")
    with stream as watched:
        api.post(f"/v1/runs/{run['id']}/inputs/ask", {"values": {"keep": False}})
        text = "".join(watched.iter_text())
    shown = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert shown[0]["state"] == "waiting"
    assert shown[-1]["state"] == "succeeded", shown[-1]["error"]
    assert [s["state"] for s in shown[-1]["steps"]] == ["succeeded"] * 6
    assert not api.query("firm")["data"]
    [event] = wait_for("the event", lambda: api.get("/v1/events?type=record.deleted")["data"])
    assert event["actor"]["kind"] == "automation"
    told = api.post(f"/v1/workflows/{flow['id']}:test", {"event_id": run["event_id"]})
    assert told["starts"]
    assert told["effects"][0]["path"] == "find"
    versions = api.get(f"/v1/workflows/{flow['id']}/versions")["data"]
    assert [one["version"] for one in versions] == [1]


def test_a_signed_url_starts_a_workflow(api: Client) -> None:
    made = publish(
        api,
        name="hooked",
        trigger={"type": "webhook", "signed": True},
        inputs=[{"name": "who", "required": True}],
        steps=[{"id": "note", "type": "create_note",
                "input": {"title": "{{ inputs.who }}", "body": "-"}}],
    )  # fmt: skip
    body, now = '{"who": "Ada"}', datetime.now(UTC)
    signature = Webhook(made["webhook_secret"]).sign("msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}

    def send(**more: str) -> Any:
        return api.http.post(
            made["hook_url"], content=body, headers={**headers, "authorization": "", **more}
        )

    assert send().status_code == 401
    assert send(**{"webhook-signature": signature.replace("v1,", "v1,A")}).status_code == 401
    answers = [send(**{"webhook-signature": signature}) for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert ended(api, answers[0].json()["run_id"])["state"] == "succeeded"
    notes = wait_for("the note", lambda: api.get("/v1/events?type=note.created")["data"])
    assert [one["data"]["title"] for one in notes] == ["Ada"]
    rotated = api.request("POST", f"/v1/workflows/{made['id']}:rotateUrl", {})
    assert (rotated.status_code, rotated.headers["cache-control"]) == (200, "no-store")
    urls = [made["hook_url"], rotated.json()["hook_url"]]
    assert len(set(urls)) == 2
    for url in urls:
        again = api.http.post(
            url,
            content=body,
            headers={**headers, "authorization": "", "webhook-signature": signature},
        )
        assert (again.status_code, again.json()) == (202, answers[0].json())
    secret = api.post(f"/v1/workflows/{made['id']}:rotateSecret", {"end_old": True})
    assert secret["webhook_secret"] != made["webhook_secret"]
    assert send(**{"webhook-signature": signature}).status_code == 401


def test_two_rules_that_start_each_other_stop_at_the_limit(api: Client) -> None:
    """Each makes a record of the other's object, again and again: until the sixteenth change."""
    api.define("ping", *NUMBERS)
    api.define("pong", *NUMBERS)
    rules = [
        api.post(
            "/v1/rules",
            {
                "name": here,
                "trigger": {"type": "record_created", "object": here},
                "actions": [
                    {"type": "create_record", "input": {"object": there, "fields": {"name": "x"}}}
                ],
            },
        )
        for here, there in (("ping", "pong"), ("pong", "ping"))
    ]
    api.create("ping", name="first")

    def both_paused() -> bool:
        return all(api.get(f"/v1/rules/{r['id']}")["state"] == "paused" for r in rules)

    wait_for("both are paused", both_paused, 60)
    for rule in rules:
        assert "longer than 16" in api.get(f"/v1/rules/{rule['id']}")["state_reason"]
        history = api.get(f"/v1/workflows/{rule['id']}/history")["data"]
        assert history[0]["kind"] == "paused"
        assert "loop" in history[0]["text"]
    assert len(api.query("ping")["data"]) + len(api.query("pong")["data"]) == 17
    api.create("ping", name="later")
    [skipped] = wait_for("a skipped run", lambda: api.get("/v1/runs?state=skipped")["data"])
    assert "paused" in skipped["error"]
    paused = wait_for("the events", lambda: api.get("/v1/events?type=rule.paused")["data"])
    assert len(paused) == 2


def listed(api: Client, path: str, count: int) -> Any:
    """A page of them once it holds so many."""

    def look() -> Any:
        found = api.get(path)["data"]
        return found if len(found) == count else None

    return wait_for(f"{count} of {path}", look)


def replayed(api: Client, path: str, **wanted: Any) -> Any:
    begun = api.post(path, wanted)
    assert begun["kind"] == "workflow"

    def over() -> Any:
        found = api.get(f"/v1/replays/{begun['id']}")
        return found if found["state"] != "running" else None

    return wait_for("the replay has ended", over)


def test_history_runs_a_workflow_or_rule_once_for_each_event(api: Client) -> None:
    api.define("deal", *NUMBERS)
    for n in range(4):
        api.create("deal", name=f"d{n}", n=n)
    listed(api, "/v1/events?type=record.created", 4)
    trigger = {"type": "record_created", "object": "deal"}
    todo = {"type": "create_todo", "input": {"title": "Call {{ trigger.after.name }}"}}
    flow = publish(
        api, name="late", trigger=trigger, when="trigger.after.n > 0", steps=[{"id": "t", **todo}]
    )
    counted = api.post("/v1/workflows/late:replay", {"dry_run": True})
    assert (counted["total"], counted.get("id", "")) == (4, "")
    done = replayed(api, "/v1/workflows/late:replay", rate=1000)
    assert (done["state"], done["workflow_id"]) == ("succeeded", flow["id"])
    assert (done["seen"], done["done"]) == (4, 3)
    listed(api, "/v1/runs?workflow=late&state=succeeded", 3)
    again = replayed(api, "/v1/workflows/late:replay", rate=1000)
    assert (again["seen"], again["done"]) == (4, 0), "each event has its run of this version"
    api.post(f"/v1/workflows/{flow['id']}:publish")
    next_version = replayed(api, "/v1/workflows/late:replay", rate=1000)
    assert next_version["done"] == 3
    api.post("/v1/rules", {"name": "plain", "trigger": trigger, "actions": [todo]})
    assert replayed(api, "/v1/workflows/plain:replay", rate=1000)["done"] == 4
    titles = listed(api, "/v1/events?type=todo.created", 10)
    assert {one["data"]["title"] for one in titles} == {f"Call d{n}" for n in range(4)}
    tree = api.get(f"/v1/events/{titles[0]['id']}/causality")["nodes"]
    assert tree[0]["event"]["type"] == "record.created"
    for path, wanted, status in (
        ("/v1/workflows/nobody:replay", {}, 404),
        ("/v1/workflows/late:replay", {"types": ["no good"]}, 422),
    ):
        assert api.request("POST", path, wanted).status_code == status
    publish(api, name="by hand", trigger={"type": "manual"}, steps=[{"id": "t", "type": "stop"}])
    refused = api.request("POST", "/v1/workflows/by hand:replay", {})
    assert refused.status_code == 422
    assert "manual" in refused.text


def test_a_rule_is_tried_out_on_a_past_event(api: Client) -> None:
    api.define("deal", *NUMBERS)
    made = [api.create("deal", name=name, n=n) for name, n in (("small", 1), ("big", 20))]
    created = listed(api, "/v1/events?type=record.created", 2)
    events = {one["aggregate_id"]: one["id"] for one in created}
    rule = {
        "name": "big ones",
        "trigger": {"type": "record_created", "object": "deal"},
        "condition": {"n": {"gte": 10}},
        "actions": [
            {"type": "create_todo", "name": "call", "input": {"title": "{{ trigger.after.name }}"}},
            {"type": "create_note", "input": {"title": "{{ steps.call.todo.title }}", "body": "-"}},
        ],
    }
    api.post("/v1/rules", rule)
    small, big = (
        api.post("/v1/rules/big ones:test", {"event_id": events[one["id"]]}) for one in made
    )
    assert (small["starts"], small["reason"]) == (False, "the condition does not hold")
    assert big["starts"]
    assert [one["input"]["title"] for one in big["effects"]] == ["big", "big"]
    assert not api.get("/v1/runs")["data"]
    assert not api.get("/v1/events?type=todo.created")["data"]


def test_who_is_asked_finds_and_answers_it_whatever_the_role_hides(api: Client) -> None:
    api.define("deal", *NUMBERS)
    api.post("/v1/roles", {"name": "sales", "objects": [{"object": "deal", "actions": ["read"]}]})
    asked, other = (
        api.post("/v1/api-keys", {"display_name": name, "role": "sales"}) for name in ("A", "B")
    )
    publish(
        api,
        name="approval",
        trigger={"type": "manual"},
        steps=[{"id": "ok", "type": "wait_for_input", "input": {
            "title": "May we?", "assignees": [asked["id"]], "timeout": "5d",
            "form": [{"name": "yes", "type": "boolean", "required": True}],
            "escalation": [{"after": "1d", "assignees": ["role:admin"]}]}}],
    )  # fmt: skip
    [run] = api.post("/v1/workflows/approval:run")["runs"]
    with (
        Client(str(api.http.base_url), asked["secret"]) as mine,
        Client(str(api.http.base_url), other["secret"]) as theirs,
    ):
        [found] = wait_for("the question", lambda: mine.get("/v1/run-inputs")["data"])
        assert (found["run_id"], found["step"], found["title"]) == (run["id"], "ok", "May we?")
        assert found["form"][0]["name"] == "yes"
        assert found["escalate_time"] < found["expire_time"]
        assert theirs.get("/v1/run-inputs")["data"] == []
        assert api.get("/v1/run-inputs")["data"] == [found]
        assert api.get("/v1/run-inputs?mine=true")["data"] == []
        answer = {"values": {"yes": True}}
        assert mine.request("GET", f"/v1/runs/{run['id']}").status_code == 403
        path = f"/v1/runs/{run['id']}/inputs"
        for step in ("ok", "nothing"):
            assert theirs.request("POST", f"{path}/{step}", answer).status_code == 404
        told = mine.post(f"{path}/ok", answer)
        assert (told["id"], told.get("steps", []), told.get("history", [])) == (run["id"], [], [])
        assert mine.get("/v1/run-inputs")["data"] == []
    assert ended(api, run["id"])["state"] == "succeeded"


def test_what_a_role_lacks_is_told_before_it_is_published(api: Client) -> None:
    """Runs act as who published them: what that role may not do would only fail in each of them."""
    api.define("deal", *NUMBERS)
    api.define("vault", *NUMBERS)
    role = {"object": "deal", "actions": ["read", "update"]}
    api.post("/v1/roles", {"name": "maker", "permissions": ["rules"], "objects": [role]})
    key = api.post("/v1/api-keys", {"display_name": "M", "role": "maker"})
    fields = {"fields": {"name": "x"}}
    steps = [
        {"id": "a", "type": "update_record", "input": fields},
        {"id": "b", "type": "delete_record", "input": {}},
        {"id": "c", "type": "create_record", "input": {"object": "vault", **fields}},
        {"id": "d", "type": "find_records", "input": {"object": "vault"}},
    ]
    trigger = {"type": "record_created", "object": "deal"}
    with Client(str(api.http.base_url), key["secret"]) as maker:
        maker.post("/v1/workflows", {"name": "w", "trigger": trigger, "steps": steps})
        refused = maker.request("POST", "/v1/workflows/w:publish")
        assert refused.status_code == 422
        lacking = {
            one["pointer"]
            for one in refused.json()["errors"]
            if one["code"] == "PERMISSION_MISSING"
        }
        assert lacking == {"/steps/1", "/steps/2", "/steps/3"}
        action = {"type": "create_record", "input": {"object": "vault", **fields}}
        rule = {"name": "r", "trigger": trigger, "actions": [action]}
        refused = maker.request("POST", "/v1/rules", rule)
        assert refused.status_code == 422
        assert [one["pointer"] for one in refused.json()["errors"]] == ["/actions/0"]
    api.post("/v1/workflows/w:publish")  # an admin may
