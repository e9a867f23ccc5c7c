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
    api.post("/v1/link-types", {"name": "near"})
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
