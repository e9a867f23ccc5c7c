"""Every error of a plane, of the gateway and of the network, as the problem document it becomes."""

from collections.abc import AsyncIterator

import grpc
import pytest

from kit import errors as kinds
from kit.errors import ServiceError, Violation
from tests.integration.gateway.conftest import Client, opened
from tests.integration.gateway.double import Double
from tests.integration.gateway.messages import ID, RECORDS

MEMBERS = {"type", "title", "status", "detail", "code", "errors", "trace_id", "retryable"}
ONE = f"{RECORDS}/{ID}"


@pytest.mark.parametrize(
    ("error", "status", "retryable"),
    [
        (kinds.InvalidArgument("FIELDS_INVALID", "x"), 422, False),
        (kinds.InvalidArgument("FILTER_INVALID", "x"), 422, False),
        (kinds.InvalidArgument("PAGE_TOKEN_INVALID", "x"), 400, False),
        (kinds.InvalidArgument("PAGE_SIZE_INVALID", "x"), 400, False),
        (kinds.InvalidArgument.at("FIELDS_INVALID", "fields", "MALFORMED_JSON", "x"), 400, False),
        (kinds.InvalidArgument.at("ID_INVALID", "id", "INVALID_UUID", "x"), 400, False),
        (kinds.InvalidArgument.at("ID_INVALID", "other.x", "INVALID_UUID", "x"), 422, False),
        (kinds.Unauthenticated("CREDENTIALS_INVALID", "x"), 401, False),
        (kinds.PermissionDenied("PERMISSION_REQUIRED", "x"), 403, False),
        (kinds.NotFound("RECORD_NOT_FOUND", "x"), 404, False),
        (kinds.AlreadyExists("VALUE_NOT_UNIQUE", "x"), 409, False),
        (kinds.Aborted("CONFLICT", "x"), 409, True),
        (kinds.Aborted("ETAG_MISMATCH", "x"), 412, False),
        (kinds.FailedPrecondition("DELETE_RESTRICTED", "x"), 409, False),
        (kinds.ResourceExhausted("LIMIT_REACHED", "x"), 429, False),
        (kinds.ResourceExhausted("BATCH_TOO_LARGE", "x"), 413, False),
        (kinds.Unavailable("DATABASE_BUSY", "x"), 503, True),
        (kinds.DeadlineExceeded("DEADLINE_EXCEEDED", "x"), 504, True),
        (kinds.Internal("INTERNAL", "select * from secret"), 500, False),
    ],
    ids=lambda value: value.reason if isinstance(value, ServiceError) else "",
)
async def test_codes(
    client: Client, double: Double, error: ServiceError, status: int, retryable: bool
) -> None:
    double.answers["GetRecord"] = error
    reply = await client.get(ONE)
    problem = reply.json()
    assert reply.status_code == problem["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert set(problem) == MEMBERS
    assert problem["code"] == error.reason
    slug = error.reason.lower().replace("_", "-")
    assert problem["type"] == f"https://armature.dev/errors/{slug}"
    assert problem["retryable"] is retryable
    assert problem["trace_id"] == reply.headers["x-trace-id"]
    assert "secret" not in reply.text
    assert ("retry-after" in reply.headers) == (status == 503)


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("fields.amount.currency_code", "/fields/amount/currency_code"),
        ("items[3].fields.a/b", "/items/3/fields/a~1b"),
        ("id", "{id}"),
        ("object", "{object}"),
        ("etag", "If-Match"),
        ("request_id", "Idempotency-Key"),
        ("fields_json", "/fields"),
        ("", ""),
    ],
)
async def test_pointers(client: Client, double: Double, path: str, pointer: str) -> None:
    double.answers["UpdateRecord"] = kinds.InvalidArgument.at("FIELDS_INVALID", path, "X", "why")
    reply = await client.patch(ONE, json={"fields": {}})
    assert reply.json()["errors"] == [{"pointer": pointer, "code": "X", "message": "why"}]


async def test_pointers_into_wrapped_bodies_and_queries(client: Client, double: Double) -> None:
    refuse = kinds.InvalidArgument
    double.answers["CreateField"] = refuse.at("FIELD_INVALID", "field.settings_json.max", "X", "w")
    reply = await client.post(
        "/v1/objects/o/fields", json={"name": "x", "type": "text", "settings": {}}
    )
    assert reply.json()["errors"][0]["pointer"] == "/settings/max"
    double.answers["QueryRecords"] = refuse.at("FILTER_INVALID", "filter.stage.in", "X", "why")
    assert (await client.get(f"{RECORDS}?filter=x")).json()["errors"][0]["pointer"] == "?filter"
    reply = await client.post(f"{RECORDS}:query", json={"filter": {"stage": 1}})
    assert reply.json()["errors"][0]["pointer"] == "/filter/stage/in"
    double.answers["ListEvents"] = refuse.at("EVENT_FILTER_INVALID", "filter.types[0]", "X", "why")
    assert (await client.get("/v1/events?type=x")).json()["errors"][0]["pointer"] == "?type"


async def test_many_violations_come_together(client: Client, double: Double) -> None:
    violations = [Violation(f"fields.f{i}", "REQUIRED", "must be given") for i in range(30)]
    double.answers["CreateRecord"] = kinds.InvalidArgument(
        "FIELDS_INVALID", "30", violations=violations
    )
    reply = await client.post(RECORDS, json={"fields": {}})
    assert [e["pointer"] for e in reply.json()["errors"]] == [f"/fields/f{i}" for i in range(30)]


async def test_a_pause_is_passed_on(client: Client, double: Double) -> None:
    double.answers["CreateObject"] = kinds.ResourceExhausted("BUSY", "later", retry_after=2.5)
    reply = await client.post("/v1/objects", json={"name": "x"})
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "3")
    assert reply.json()["retryable"]


async def test_a_call_that_a_plane_lacks(client: Client, double: Double) -> None:
    double.answers["GetRecord"] = grpc.StatusCode.UNIMPLEMENTED
    reply = await client.get(ONE)
    assert (reply.status_code, reply.json()["code"]) == (501, "NOT_IMPLEMENTED")


async def test_a_plane_that_is_away(planes: Double) -> None:
    async with opened(
        planes.address, records_address="127.0.0.1:9", read_timeout_seconds=0.3
    ) as client:
        reply = await client.get(ONE)
        assert (reply.status_code, reply.json()["code"]) == (503, "UNREACHABLE")
        assert reply.headers["retry-after"] == "1"
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["not_ready"] == ["records"]
        assert ready.json()["planes"]["metadata"] == "serving"


async def test_a_plane_that_is_slow(planes: Double) -> None:
    import asyncio

    planes.reset()
    planes.answers["GetRecord"] = lambda _request: asyncio.Event().wait()
    async with opened(planes.address, read_timeout_seconds=0.3) as client:
        reply = await client.get(ONE)
        assert (reply.status_code, reply.json()["code"]) == (504, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "BODY_MALFORMED"),
        (b"{", 400, "BODY_MALFORMED"),
        (b'{"fields": {"a": 01}}', 400, "BODY_MALFORMED"),
        (b'{"fields": {"a": NaN}}', 400, "BODY_MALFORMED"),
        (b'{"fields": "\xff"}', 400, "BODY_MALFORMED"),
        (b'{"fields": {}} x', 400, "BODY_MALFORMED"),
        (b'{"a":' * 100_000, 400, "BODY_MALFORMED"),
        (b'{"fields":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "BODY_MALFORMED"),
        (b'{"fields": {}, "id": "\\ud800"}', 400, "BODY_MALFORMED"),
        (b"[]", 422, "BODY_INVALID"),
        (b"null", 422, "BODY_INVALID"),
        (b'{"fields": []}', 422, "BODY_INVALID"),
        (b'{"fields": null}', 422, "BODY_INVALID"),
        (b'{"feilds": {}}', 422, "BODY_INVALID"),
        (b'{"id": 5, "fields": {}}', 422, "BODY_INVALID"),
        (b'{"id": "a\\u0000b", "fields": {}}', 422, "BODY_INVALID"),
    ],
)
async def test_bodies(client: Client, double: Double, body: bytes, status: int, code: str) -> None:
    reply = await client.post(RECORDS, content=body)
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert not double.calls


async def test_the_nearest_name_is_told(client: Client) -> None:
    reply = await client.post(RECORDS, json={"feilds": {}})
    assert "did you mean 'fields'" in reply.json()["detail"]
    reply = await client.get(f"{RECORDS}?page_siez=1")
    assert "did you mean 'page_size'" in reply.json()["detail"]
    assert reply.json()["code"] == "QUERY_INVALID"


@pytest.mark.parametrize(
    "query",
    ["page_size=x", "page_size=1&page_size=2", "page_size=99999999999", "page_size=",
     "show_deleted=yes", "fields=%ff", "view=%00", "&".join(["a=1"] * 200)],
)  # fmt: skip
async def test_bad_queries(client: Client, double: Double, query: str) -> None:
    reply = await client.get(f"{RECORDS}?{query}")
    assert (reply.status_code, reply.json()["code"]) == (400, "QUERY_INVALID")
    assert not double.calls


async def test_content_types(client: Client, double: Double) -> None:
    good = ("application/json; charset=utf-8", "application/merge-patch+json", "application/x+json")
    for kind in good:
        reply = await client.patch(ONE, content=b'{"fields":{}}', headers={"content-type": kind})
        assert reply.status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        reply = await client.patch(ONE, content=b'{"fields":{}}', headers={"content-type": kind})
        assert (reply.status_code, reply.json()["code"]) == (415, "CONTENT_TYPE_UNSUPPORTED")
    reply = await client.patch(ONE, content=b"{}", headers={"content-encoding": "gzip"})
    assert reply.status_code == 415


async def test_bodies_over_the_limit(planes: Double) -> None:
    planes.reset()
    async with opened(planes.address, max_body_bytes=1000) as client:

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 100

        for body in (b" " * 1001, pieces()):
            reply = await client.post(RECORDS, content=body)
            assert (reply.status_code, reply.json()["code"]) == (413, "BODY_TOO_LARGE")
        assert not planes.calls


async def test_unknown_addresses(client: Client) -> None:
    for path in ("/", "/v1", "/v1/nothing", f"{ONE}:explode", f"{RECORDS}//{ID}", "/v1/notes/%"):
        reply = await client.get(path)
        assert reply.status_code in {404, 200}, path
    assert (await client.get("/v1/nothing")).json()["code"] == "ROUTE_NOT_FOUND"
    for path in ("/v1/notes/%ff", "/v1/notes/a%00b"):
        reply = await client.get(path)
        assert (reply.status_code, reply.json()["code"]) == (400, "PATH_INVALID")


async def test_names_may_hold_anything_when_encoded(client: Client, double: Double) -> None:
    await client.get("/v1/objects/o/views/By%20stage%2Fowner%3Aall")
    assert double.last.request.view == "By stage/owner:all"


async def test_what_has_no_etag_refuses_if_match(client: Client, double: Double) -> None:
    reply = await client.delete(f"/v1/links/{ID}", headers={"if-match": '"3"'})
    assert (reply.status_code, reply.json()["code"]) == (400, "HEADER_INVALID")
    assert not double.calls


async def test_the_rate_limit(planes: Double) -> None:
    planes.reset()
    async with opened(planes.address, rate_limit_per_second=2.0) as client:
        replies = [await client.get(ONE) for _ in range(3)]
        assert [r.status_code for r in replies] == [200, 200, 429]
        assert replies[0].headers["ratelimit-policy"] == '"default";q=2;w=1'
        assert replies[0].headers["ratelimit"].startswith('"default";r=1')
        assert replies[2].headers["retry-after"] == "1"
        assert replies[2].json()["retryable"]
        other = await client.get(ONE, headers={"authorization": "Bearer another"})
        assert other.status_code == 200


async def test_origins(planes: Double) -> None:
    planes.reset()
    asked = {"origin": "https://app.example", "access-control-request-method": "PATCH"}
    async with opened(planes.address) as client:
        assert (
            "access-control-allow-origin" not in (await client.options(ONE, headers=asked)).headers
        )
    async with opened(planes.address, allowed_origins=("https://app.example",)) as client:
        reply = await client.options(ONE, headers=asked)
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        assert "if-match" in reply.headers["access-control-allow-headers"]
        reply = await client.get(ONE, headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in reply.headers
        assert reply.headers["vary"] == "origin"
