"""No input makes the gateway fail: whatever comes in, what goes out is a complete answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from armature.metadata.v1 import schema_service_pb2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.app import Gateway
from gateway.routing import Route
from tests.integration.gateway.conftest import KEY, settings_for
from tests.integration.gateway.double import Double

PROBLEM = {"type", "title", "status", "detail", "code", "errors", "trace_id", "retryable"}
RELAXED = settings(
    max_examples=400,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # what fails is short enough as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
raw_bodies = st.binary(max_size=200) | json_values.map(
    lambda value: repr(value).encode("utf-8", "surrogatepass")
)
header_names = st.sampled_from(
    [b"if-match", b"if-none-match", b"idempotency-key", b"x-at-version", b"traceparent",
     b"content-type", b"accept-encoding", b"origin", b"content-length", b"last-event-id",
     b"transfer-encoding", b"content-encoding", b"authorization"]
)  # fmt: skip
headers = st.lists(st.tuples(header_names, st.binary(max_size=40)), max_size=5)
path_bytes = st.binary(max_size=30).map(lambda raw: raw.replace(b"?", b""))


SNAPSHOT = schema_service_pb2.GetSnapshotResponse(
    metadata_version=1, snapshot_json=b'{"workspace_id": "w", "version": 1}'
)


@pytest.fixture(scope="module")
async def gateway(planes: Double) -> AsyncIterator[Gateway]:
    found = Gateway(settings_for(planes.address))
    yield found
    await found.drain(0)


async def ask(
    gateway: Gateway, method: str, path: bytes, query: bytes, body: bytes, sent: Any
) -> tuple[int, bytes, dict[bytes, bytes]]:
    """One request through the ASGI door, with bytes that no HTTP client would let through."""
    messages: list[Any] = []
    received = False

    async def receive() -> Any:
        nonlocal received
        if received:
            await asyncio.Event().wait()
        received = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    given_headers = [(b"authorization", b"Bearer " + KEY.encode()), *sent]
    scope = {
        "type": "http", "method": method, "path": path.decode("latin-1"), "raw_path": path,
        "query_string": query, "headers": given_headers,
    }  # fmt: skip
    await asyncio.wait_for(gateway(scope, receive, send), 20)
    start, *rest = messages
    content = b"".join(m.get("body", b"") for m in rest)
    return start["status"], content, dict(start["headers"])


def check(status: int, content: bytes, sent: dict[bytes, bytes], where: str) -> None:
    assert status != 500, where
    if status >= 400 and sent.get(b"content-type") == b"application/problem+json":
        problem = orjson.loads(content)
        assert set(problem) == PROBLEM, where
        assert problem["status"] == status
        assert problem["code"]
    else:
        assert status < 400, (where, status, content)


def concrete(route: Route, values: list[str]) -> bytes:
    path = route.path
    for name, value in zip(route.parameters, values, strict=False):
        path = path.replace(f"{{{name}}}", value)
    return path.encode()


@RELAXED
@given(data=st.data())
async def test_any_body_header_and_query_on_any_route(
    planes: Double, gateway: Gateway, data: st.DataObject
) -> None:
    planes.reset()
    planes.answers["GetSnapshot"] = SNAPSHOT
    routes = [r for r in gateway.routes.all if r.timeout != "none" and r.path != "/docs"]
    route = data.draw(st.sampled_from(routes))
    names = list((route.body or {}).get("properties", {})) or ["x"]
    shaped = st.dictionaries(st.sampled_from(names) | st.text(max_size=3), json_values, max_size=5)
    body = data.draw(raw_bodies | shaped.map(_dumps))
    known = [p.name.encode() for p in route.query] or [b"x"]
    pairs = st.lists(st.tuples(st.sampled_from(known), st.binary(max_size=12)), max_size=3)
    query = data.draw(
        pairs.map(lambda found: b"&".join(n + b"=" + v for n, v in found)) | st.binary(max_size=20)
    )
    sent = data.draw(headers)
    path = concrete(route, ["a", "b", "c"])
    answer = await ask(gateway, route.method, path, query, body, sent)
    check(*answer, where=f"{route.method} {path!r} {query!r} {body!r} {sent!r}")


def _dumps(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@RELAXED
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "QUERY", "HEAD", "OPTIONS"])
    | st.text("ABCXYZ", min_size=1, max_size=5),
    path=path_bytes.map(lambda raw: b"/" + raw) | path_bytes.map(lambda raw: b"/v1/notes/" + raw),
    query=st.binary(max_size=30),
)
async def test_any_address(
    planes: Double, gateway: Gateway, method: str, path: bytes, query: bytes
) -> None:
    planes.reset()
    answer = await ask(gateway, method, path, query, b"", [])
    if method != "HEAD":
        check(*answer, where=f"{method} {path!r} {query!r}")
    assert answer[0] != 500
