"""Bad input of every kind gets a complete problem answer, and never a 500."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.client import Client


@pytest.fixture(scope="module")
def api(new_workspace: Callable[[], Client]) -> Client:
    """A workspace with one object of several types."""
    client = new_workspace()
    client.define(
        "thing",
        {"name": "title", "type": "text", "required": True, "settings": {"max_length": 10}},
        {"name": "size", "type": "number", "settings": {"integer": True}},
        {"name": "price", "type": "decimal", "settings": {"precision": 6, "scale": 2}},
        {"name": "day", "type": "date"},
        {"name": "at", "type": "date_time"},
        {"name": "stage", "type": "select", "options": ["a", "b"]},
        {"name": "tags", "type": "multi_select", "options": ["x", "y"]},
        {"name": "money", "type": "currency"},
        {"name": "mail", "type": "emails", "unique": True},
        {"name": "phone", "type": "phones"},
        {"name": "site", "type": "links"},
        {"name": "home", "type": "address"},
        {"name": "raw", "type": "json"},
        {"name": "token", "type": "uuid"},
        {"name": "yes", "type": "boolean"},
        {"name": "friend", "type": "relation", "settings": {"targets": ["thing"]}},
    )
    return client


def problem(answer: httpx.Response, status: int, code: str = "") -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert {"type", "title", "detail", "code", "errors", "trace_id", "retryable"} <= set(found)
    if code:
        assert found["code"] == code
    return found


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": 5}, "/fields/title"),
        ({"title": "x" * 11}, "/fields/title"),
        ({"title": "a\u0000b"}, ""),
        ({"title": None}, "/fields/title"),
        ({"size": 1.5}, "/fields/size"),
        ({"size": "1"}, "/fields/size"),
        ({"size": True}, "/fields/size"),
        ({"price": 1.234}, "/fields/price"),
        ({"day": "2026-02-30"}, "/fields/day"),
        ({"at": "2026-01-01T00:00:00"}, "/fields/at"),
        ({"stage": "c"}, "/fields/stage"),
        ({"tags": "x"}, "/fields/tags"),
        ({"money": {"amount_micros": 1}}, "/fields/money"),
        ({"money": {"amount": "1", "currency_code": "EUR", "x": 1}}, "/fields/money"),
        ({"mail": "nobody"}, "/fields/mail"),
        ({"phone": "12"}, "/fields/phone"),
        ({"site": "javascript:alert(1)"}, "/fields/site"),
        ({"home": {"country": "ZZ"}}, "/fields/home"),
        ({"token": "x"}, "/fields/token"),
        ({"yes": "true"}, "/fields/yes"),
        ({"friend": str(uuid4())}, "/fields/friend"),
        ({"nope": 1}, "/fields/nope"),
        ({"create_time": "2026-01-01T00:00:00Z"}, "/fields/create_time"),
    ],
)
def test_a_wrong_value_is_named(api: Client, fields: dict[str, Any], pointer: str) -> None:
    sent = {"title": "ok"} | fields
    found = problem(api.request("POST", "/v1/objects/thing/records", {"fields": sent}), 422)
    pointers = [e["pointer"] for e in found["errors"]]
    assert any(p.startswith(pointer) for p in pointers), found
    assert all(e["message"] and e["code"] for e in found["errors"])


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"nope": 1}},
        {"filter": {"size": {"contains": "1"}}},
        {"filter": {"stage": "c"}},
        {"filter": {"size": {"in": []}}},
        {"filter": {"title": ""}},
        {"filter": {"and": []}},
        {"filter": {"day": {"within": "last_0_days"}}},
        {"filter": {"not": {}}},
        {"filter": {"size": {"in": list(range(201))}}},
        {"filter": 5},
        {"sort": "nope"},
        {"sort": "raw"},
        {"sort": "a,b,c,d,e,f"},
        {"fields": "nope"},
        {"fields": "title.x"},
        {"fields": "friend.friend.friend.title"},
        {"count": "maybe"},
        {"time_zone": "Mars/Base"},
        {"bogus": True},
    ],
    ids=str,
)
def test_a_wrong_query_is_named(api: Client, body: dict[str, Any]) -> None:
    found = problem(api.request("POST", "/v1/objects/thing/records:query", body), 422)
    assert found["errors"]


def test_what_is_malformed_is_400(api: Client) -> None:
    path = "/v1/objects/thing/records"
    for content in (b"{", b"", b"\xff", b'{"fields": {"title": NaN}}', b"[]", b'{"a": 1, "a": 2}'):
        answer = api.http.post(path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), (content, answer.text)
        problem(answer, answer.status_code)
    query = f"{path}:query"
    problem(api.request("POST", query, {"page_token": "x"}), 400, "PAGE_TOKEN_INVALID")
    problem(api.request("POST", query, {"page_size": -1}), 400, "PAGE_SIZE_INVALID")
    problem(api.http.post(path, content=b"a=1", headers={"content-type": "text/plain"}), 415)
    big = b'{"fields": {"title": "' + b"x" * 11_000_000 + b'"}}'
    headers = {"content-type": "application/json"}
    problem(api.http.post(path, content=big, headers=headers), 413)


def test_page_tokens_belong_to_their_query_and_workspace(
    api: Client, new_workspace: Callable[[], Client]
) -> None:
    items = [{"fields": {"title": f"t{n}"}} for n in range(5)]
    api.post("/v1/objects/thing/records:batchCreate", {"items": items})
    token = api.query("thing", page_size=2)["next_page_token"]
    assert api.query("thing", page_size=2, page_token=token)["data"]
    for body in ({"sort": "title"}, {"filter": {"title": "t1"}}):
        answer = api.request(
            "POST", "/v1/objects/thing/records:query", body | {"page_token": token}
        )
        problem(answer, 400, "PAGE_TOKEN_INVALID")
    other = new_workspace()
    other.define("thing", {"name": "title", "type": "text"})
    answer = other.request("POST", "/v1/objects/thing/records:query", {"page_token": token})
    problem(answer, 400, "PAGE_TOKEN_INVALID")


def test_stale_etags_and_taken_values(api: Client) -> None:
    record = api.create("thing", title="e", mail="a@b.example")
    path = f"/v1/objects/thing/records/{record['id']}"
    api.patch(path, {"fields": {"title": "f"}}, if_match='"1"')
    stale = api.request("PATCH", path, {"fields": {"title": "g"}}, if_match='"1"')
    problem(stale, 412, "ETAG_MISMATCH")
    taken = api.request(
        "POST", "/v1/objects/thing/records", {"fields": {"title": "x", "mail": "A@B.example"}}
    )
    assert problem(taken, 409, "VALUE_NOT_UNIQUE")["errors"][0]["pointer"] == "/fields/mail"


def test_a_member_that_is_given_twice_is_400(api: Client) -> None:
    for path, content, pointer in (
        ("", b'{"fields": {"title": "a"}, "fields": {"title": "b"}}', "/fields"),
        ("", b'{"fields": {"title": "a", "title": "b"}}', "/fields/title"),
        (":batchCreate", b'{"items": [{"fields": {}, "fields": {}}]}', "/items/0/fields"),
        (":query", b'{\n  "page_size": 1,\n  "page_size": 2\n}', "/page_size"),
    ):
        answer = api.http.post(
            f"/v1/objects/thing/records{path}",
            content=content,
            headers={"content-type": "application/json"},
        )
        found = problem(answer, 400)
        assert [(e["pointer"], e["code"]) for e in found["errors"]] == [(pointer, "DUPLICATE_KEY")]


def test_an_item_that_fails_has_a_complete_problem_of_its_own(api: Client) -> None:
    body = {"mode": "partial", "items": [{"fields": {"title": "a"}}, {"fields": {"tilte": "b"}}]}
    answer = api.request("POST", "/v1/objects/thing/records:batchCreate", body)
    good, bad = answer.json()["results"]
    assert good["outcome"] == "created"
    found = bad["error"]
    assert found["trace_id"] == answer.headers["x-trace-id"]
    assert {"type", "title", "status", "detail", "code", "errors", "retryable"} <= set(found)
    assert "/items/1/fields/tilte" in [e["pointer"] for e in found["errors"]]


def test_a_boards_page_token_goes_with_its_column(api: Client) -> None:
    api.post("/v1/objects/thing/records:batchCreate", {"items": [{"fields": {"title": "t"}}] * 3})
    path, body = "/v1/objects/thing/records:board", {"group_by": "stage", "page_size": 1}
    token = api.post(path, body)["columns"][-1]["next_page_token"]
    assert api.post(path, body | {"column": None, "page_token": token})["columns"][0]["data"]
    for wrong in ({}, {"column": "a"}):
        answer = api.request("POST", path, body | wrong | {"page_token": token})
        problem(answer, 400, "PAGE_TOKEN_INVALID")


def test_a_hooks_address_that_is_none_is_not_found(api: Client) -> None:
    answers = [api.request("POST", f"/v1/hooks/{t}", {}) for t in ("x", "%F0%9F%98%80", "%C3%A9")]
    codes = {(a.status_code, a.json()["code"]) for a in answers}
    assert len(codes) == 1, codes
    assert answers[0].status_code in {401, 404}


def test_who_and_where(api: Client) -> None:
    base = str(api.http.base_url)
    for headers in ({}, {"authorization": "Bearer no"}, {"authorization": "Basic x"}):
        answer = httpx.get(f"{base}/v1/objects", headers=headers, trust_env=False)
        problem(answer, 401, "CREDENTIALS_INVALID")
    problem(api.request("GET", "/v1/nowhere"), 404)
    problem(api.request("GET", "/v1/objects/thong/records"), 404, "OBJECT_NOT_FOUND")
    problem(api.request("GET", f"/v1/objects/thing/records/{uuid4()}"), 404, "RECORD_NOT_FOUND")
    problem(api.request("GET", "/v1/objects/thing/records/x"), 404, "RECORD_NOT_FOUND")
    assert api.request("PATCH", "/v1/objects", {}).status_code == 405


def test_a_revoked_key_ends_within_a_second(api: Client) -> None:
    from tests.e2e.client import wait_for

    made = api.post("/v1/api-keys", {"display_name": "short", "role": "member"})
    with Client(str(api.http.base_url), made["secret"]) as other:
        assert other.request("GET", "/v1/objects/thing/records").status_code == 200
        api.post(f"/v1/api-keys/{made['id']}:revoke")
        wait_for(
            "the refusal",
            lambda: other.request("GET", "/v1/objects/thing/records").status_code == 401,
            seconds=1.5,
        )
