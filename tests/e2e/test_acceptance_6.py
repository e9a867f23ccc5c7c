"""Promise 6: runs are traceable, with status, attempts and retries."""

from cli.demo.receiver import Receiver
from tests.e2e.client import Client, wait_for


def test_a_rule_runs_once_and_shows_every_step(api: Client, hooks: Receiver) -> None:
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "stage", "type": "select", "options": ["new", "won"]},
        {"name": "amount", "type": "currency"},
    )
    rule = api.post(
        "/v1/rules",
        {
            "name": "won",
            "trigger": {"type": "record_updated", "object": "deal", "fields": ["stage"]},
            "condition": {"stage": "won", "amount.amount_micros": {"gte": 10_000_000_000}},
            "actions": [
                {
                    "type": "create_todo",
                    "name": "thank",
                    "input": {"title": "Thank {{ trigger.after.name }}"},
                },
                {"type": "send_webhook", "input": {"url": hooks.url}},
            ],
        },
    )
    small = api.create("deal", name="s", amount={"amount": 5, "currency_code": "EUR"})
    big = api.create("deal", name="b", amount={"amount": 10_000, "currency_code": "EUR"})
    api.update("deal", small["id"], stage="won")
    api.update("deal", big["id"], name="big")
    api.update("deal", big["id"], stage="won")

    def finished() -> dict[str, object] | None:
        runs = api.get(f"/v1/runs?rule={rule['id']}")["data"]
        done = [r for r in runs if r["state"] in ("succeeded", "failed")]
        return done[0] if done else None

    run = wait_for("the run", finished)
    detail = api.get(f"/v1/runs/{run['id']}")
    assert detail["state"] == "succeeded", detail
    assert detail["record_id"] == big["id"]
    assert [(s["type"], s["state"]) for s in detail["steps"]] == [
        ("create_todo", "succeeded"),
        ("send_webhook", "succeeded"),
    ]
    assert all(len(s["attempts"]) == 1 for s in detail["steps"])
    todos = api.get(f"/v1/todos?kind=deal&id={big['id']}")["data"]
    assert [t["title"] for t in todos] == ["Thank big"]
    assert len(api.get(f"/v1/runs?rule={rule['id']}")["data"]) == 1
    assert len(hooks.received) == 1
    assert hooks.received[0].verified(rule["webhook_secret"])


def test_a_failing_step_is_retried_and_then_told(api: Client) -> None:
    api.define("thing", {"name": "n", "type": "number"})
    rule = api.post(
        "/v1/rules",
        {
            "name": "doomed",
            "trigger": {"type": "record_created", "object": "thing"},
            "actions": [
                {"type": "update_record", "input": {"fields": {"n": "{{ trigger.after.n }}"}}},
                {
                    "type": "update_record",
                    "name": "gone",
                    "input": {
                        "object": "thing",
                        "id": "019aa000-0000-7000-8000-000000000000",
                        "fields": {"n": 1},
                    },
                },
            ],
        },
    )
    api.create("thing", n=3)

    def failed() -> dict[str, object] | None:
        runs = api.get(f"/v1/runs?rule={rule['id']}&state=failed")["data"]
        return runs[0] if runs else None

    run = wait_for("the failed run", failed)
    detail = api.get(f"/v1/runs/{run['id']}")
    assert [s["state"] for s in detail["steps"]] == ["succeeded", "failed"]
    assert detail["steps"][1]["error"]
    letters = wait_for(
        "the dead letter",
        lambda: [
            letter
            for letter in api.get("/v1/dead-letters")["data"]
            if letter["subject_id"] == run["id"]
        ],
    )
    assert letters[0]["state"] == "open"
    api.post(f"/v1/dead-letters/{letters[0]['id']}:replay")
    assert api.get(f"/v1/dead-letters/{letters[0]['id']}")["state"] == "replayed"
    again = wait_for(
        "a second attempt",
        lambda: len(api.get(f"/v1/runs/{run['id']}")["steps"][1]["attempts"]) > 1,
    )
    assert again
