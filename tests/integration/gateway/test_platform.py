"""The gateway in front of the real planes: one walk through what a client does, and its trace."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.stack import run
from cli.stack.description import Stack
from cli.stack.ports import find_free_base

ROOT = Path(__file__).resolve().parents[3]
PROJECTS = "/v1/objects/project/records"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("platform")
    for parent in (directory, directory.parent):  # Postgres runs as an account of its own
        parent.chmod(0o755)
    with run.started(ROOT, find_free_base(), data_dir=directory / "data") as found:
        yield found


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {stack['api_key']}"}
    assert stack["gateway_url"]
    with httpx.Client(base_url=stack["gateway_url"], headers=headers, timeout=30) as client:
        yield client


def done(reply: httpx.Response, status: int = 200) -> Any:
    assert reply.status_code == status, reply.text
    return reply.json() if reply.content else None


def test_define_and_use_at_once(api: httpx.Client) -> None:
    done(api.post("/v1/objects", json={"name": "project", "plural_name": "projects"}), 201)
    for field in (
        {"name": "name", "type": "text"},
        {"name": "code", "type": "text", "unique": True},
        {"name": "stage", "type": "select", "options": [{"value": "open"}, {"value": "won"}]},
        {"name": "due", "type": "date"},
        {"name": "price", "type": "decimal", "settings": {"precision": 30, "scale": 2}},
        {"name": "budget", "type": "currency"},
    ):
        done(api.post("/v1/objects/project/fields", json=field), 201)
    body = b'{"fields": {"name": "A", "stage": "open", "price": 12345678901234567890.10}}'
    made = done(api.post(PROJECTS, content=body), 201)
    assert made["fields"]["price"] == "12345678901234567890.10"
    board = done(api.post(f"{PROJECTS}:board", json={"group_by": "stage"}))
    assert [(c["key"], c["count"]) for c in board["columns"]] == [
        ("open", 1), ("won", 0), (None, 0),
    ]  # fmt: skip
    described = done(api.get("/v1/openapi.json"))
    assert "budget" in described["components"]["schemas"]["ProjectObjectFields"]["properties"]


def test_versions(api: httpx.Client) -> None:
    one = f"{PROJECTS}/{done(api.post(PROJECTS, json={'fields': {'name': 'B'}}), 201)['id']}"
    assert api.get(one, headers={"if-none-match": '"1"'}).status_code == 304
    done(api.patch(one, json={"fields": {"stage": "won"}}, headers={"if-match": '"1"'}))
    problem = done(api.patch(one, json={"fields": {}}, headers={"if-match": '"1"'}), 412)
    assert problem["code"] == "ETAG_MISMATCH"
    new = {"fields": {"name": "C", "budget": {"amount": "5", "currency_code": "EUR"}}}
    shown = done(api.put(one, json=new, headers={"if-match": '"2"'}))["fields"]
    assert (shown["name"], shown["stage"]) == ("C", None)
    newer = {"fields": {"budget": {"amount": "6", "currency_code": "USD"}}}
    shown = done(api.put(one, json=newer, headers={"if-match": '"3"'}))["fields"]
    assert shown["name"] is None
    assert shown["budget"] == {"amount_micros": 6_000_000, "currency_code": "USD"}


def test_a_repeated_key(api: httpx.Client) -> None:
    headers = {"idempotency-key": "once"}
    first = api.post(PROJECTS, json={"fields": {"name": "D"}}, headers=headers)
    again = api.post(PROJECTS, json={"fields": {"name": "D"}}, headers=headers)
    assert done(first, 201) == done(again, 201)
    assert again.headers["idempotency-replayed"] == "true"
    other = api.post(PROJECTS, json={"fields": {"name": "E"}}, headers=headers)
    assert done(other, 422)["errors"][0]["pointer"] == "Idempotency-Key"


def test_problems_point_into_the_request(api: httpx.Client) -> None:
    bad = {"stage": "x", "budget": {"currency_code": "QQQ"}, "nmae": "y"}
    problem = done(api.post(PROJECTS, json={"fields": bad}), 422)
    pointers = {error["pointer"] for error in problem["errors"]}
    assert {"/fields/stage", "/fields/budget/currency_code", "/fields/nmae"} <= pointers
    field = {"name": "9x", "type": "select", "options": [{"value": "a b"}]}
    problem = done(api.post("/v1/objects/project/fields", json=field), 422)
    assert "/name" in {error["pointer"] for error in problem["errors"]}
    problem = done(api.get(f"{PROJECTS}?filter=stag = 5"), 422)
    assert problem["errors"][0]["pointer"] == "?filter"
    problem = done(api.get(f"{PROJECTS}?page_token=x"), 400)
    assert problem["errors"][0]["pointer"] == "?page_token"
    problem = done(api.post(PROJECTS, content=b'{"fields": {"name": "a", "name": "b"}}'), 400)
    assert problem["errors"][0]["pointer"] == "/fields/name"


def test_paging_by_link(api: httpx.Client) -> None:
    items = [{"fields": {"code": f"p{n}", "name": "paged"}} for n in range(5)]
    done(api.post(f"{PROJECTS}:batchCreate", json={"items": items}))
    url, seen = f'{PROJECTS}?filter=name = "paged"&sort=-code&page_size=2&fields=code', []
    while url:
        reply = api.get(url)
        seen += [one["fields"]["code"] for one in done(reply)["data"]]
        url = reply.links.get("next", {}).get("url", "")
    assert seen == ["p4", "p3", "p2", "p1", "p0"]


def test_the_trace_of_a_request(api: httpx.Client, stack: Stack) -> None:
    trace = os.urandom(16).hex()
    headers = {"traceparent": f"00-{trace}-{os.urandom(8).hex()}-01"}
    reply = api.post(PROJECTS, json={"fields": {"name": "traced"}}, headers=headers)
    assert reply.headers["x-trace-id"] == trace
    assert stack["trace_sink"]
    spans: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    while not {"armature-gateway", "armature-records"} <= {s["service"] for s in spans}:
        assert time.monotonic() < deadline, spans
        found = httpx.get(f"{stack['trace_sink']['url']}/traces/{trace}")
        spans = found.json()["spans"] if found.is_success else []
    server = next(s for s in spans if s["name"] == "POST /v1/objects/{object}/records")
    assert server["attributes"]["http.response.status_code"] == 201
    assert server["attributes"]["http.request.method"] == "POST"
    client = next(s for s in spans if s["parent_span_id"] == server["span_id"])
    assert client["name"] == "armature.records.v1.RecordService/CreateRecord"
    called = next(s for s in spans if s["parent_span_id"] == client["span_id"])
    assert called["service"] == "armature-records"
