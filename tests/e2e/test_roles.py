"""A key of a role that hides an object, a field and half of the records, through the gateway."""

import time
from typing import Any

import httpx
import pytest

from tests.e2e.client import Client, wait_for

HIDDEN = ("sesame", "margin", "vault", "theirs")
ROLE = {
    "name": "sales",
    "objects": [
        {
            "object": "lead",
            "actions": ["read", "create", "update"],
            "fields": [{"field": "margin", "read": False}, {"field": "score", "update": False}],
            "rule": {"team": "ours"},
        }
    ],
}


@pytest.fixture
def leads(api: Client) -> list[Any]:
    """Two records that the role shows, and two that it does not."""
    api.define("vault", {"name": "word", "type": "text"})
    api.define(
        "lead",
        {"name": "title", "type": "text", "unique": True},
        {"name": "team", "type": "text"},
        {"name": "margin", "type": "text"},
        {"name": "score", "type": "number"},
        {"name": "keeper", "type": "relation", "settings": {"targets": ["vault"]}},
    )
    secret = api.create("vault", word="sesame")
    return [
        api.create("lead", title=f"t{n}", team=team, margin="sesame", keeper=secret["id"])
        for n, team in enumerate(("ours", "ours", "theirs", "theirs"))
    ]


def as_role(api: Client, role: Any = None) -> Client:
    api.post("/v1/roles", ROLE if role is None else role)
    made = api.post("/v1/api-keys", {"display_name": "Robot", "role": "sales"})
    return Client(str(api.http.base_url), made["secret"])


def silent(answer: httpx.Response, *said: str) -> httpx.Response:
    """The answer, which tells nothing of what is hidden but what the request itself said."""
    text = answer.text
    for word in said:
        text = text.replace(word, "")
    for word in HIDDEN:
        assert word not in text, (word, text)
    return answer


def test_no_answer_tells_of_what_the_role_hides(api: Client, leads: list[Any]) -> None:
    with as_role(api) as robot:
        ours, theirs = leads[0]["id"], leads[2]["id"]
        base = "/v1/objects/lead/records"
        for method, path, body, status in (
            ("GET", f"{base}/{ours}", None, 200),
            ("GET", f"{base}/{theirs}", None, 404),
            ("GET", base, None, 200),
            ("POST", f"{base}:query", {"filter": {"title": {"starts_with": "t"}}}, 200),
            ("POST", f"{base}:query", {"filter": {"margi": "x"}}, 422),
            ("POST", f"{base}:query", {"sort": "margi"}, 422),
            ("POST", f"{base}:query", {"fields": "title,margi"}, 422),
            ("POST", f"{base}:query", {"filter": {"keeper.word": "x"}}, 422),
            ("POST", f"{base}:board", {"group_by": "margi"}, 422),
            ("PATCH", f"{base}/{ours}", {"fields": {"margi": "x"}}, 422),
            ("PATCH", f"{base}/{ours}", {"fields": {"score": 3}}, 422),
            ("PATCH", f"{base}/{ours}", {"fields": {"team": "others"}}, 403),
            ("PATCH", f"{base}/{theirs}", {"fields": {"title": "x"}}, 404),
            ("PATCH", f"{base}/{ours}", {"fields": {"title": "t2"}}, 409),
            ("POST", base, {"fields": {"title": "t3", "team": "ours"}}, 409),
            ("POST", base, {"fields": {"title": "new", "team": "others"}}, 403),
            ("DELETE", f"{base}/{ours}", None, 403),
            ("GET", "/v1/objects/vault/records", None, 404),
            ("GET", "/v1/objects/vault", None, 404),
            ("GET", "/v1/objects", None, 200),
            ("GET", "/v1/objects/lead/fields", None, 200),
            ("GET", "/v1/objects/lead/views", None, 200),
            ("GET", "/v1/roles", None, 200),
            ("GET", "/v1/openapi.json", None, 200),
            ("GET", f"/v1/timeline?kind=lead&id={ours}", None, 200),
            ("GET", "/v1/events", None, 403),
            ("GET", "/v1/runs", None, 403),
        ):
            answer = silent(robot.request(method, path, body), "vault" if status == 404 else "~")
            assert answer.status_code == status, (method, path, answer.text)
        shown = robot.query("lead", count="exact")
        assert {r["id"] for r in shown["data"]} == {r["id"] for r in leads[:2]}
        assert shown["count"] == 2


def test_a_change_of_the_role_is_effective_within_a_second(api: Client, leads: list[Any]) -> None:
    with as_role(api) as robot:
        assert robot.query("lead", count="exact")["count"] == 2
        wider = [{"object": "lead", "actions": ["read"]}, {"object": "vault", "actions": ["read"]}]
        api.patch("/v1/roles/sales", {"objects": wider})
        began = time.monotonic()
        wait_for("all leads", lambda: robot.query("lead", count="exact")["count"] == 4, 5)
        assert time.monotonic() - began < 1.5
        assert robot.query("lead")["data"][0]["fields"]["margin"] == "sesame"
        check = robot.get("/v1/me:checkAccess?permission=update&object=lead")
        assert check == {
            "allowed": False,
            "reason": "The role sales grants read on lead, and not update.",
        }
        api.patch("/v1/roles/sales", {"objects": []})
        began = time.monotonic()
        lead = "/v1/objects/lead/records"
        wait_for("nothing", lambda: robot.request("GET", lead).status_code == 404, 5)
        assert time.monotonic() - began < 1.5
