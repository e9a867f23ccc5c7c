"""The gateway as a process: streams, large bodies, the metrics, and the way out on SIGTERM."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from armature.events.v1 import event_service_pb2 as events
from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1 import record_watch_service_pb2 as watches

from gateway.planes import PLANES
from kit import errors as kinds
from tests.integration.gateway.conftest import KEY
from tests.integration.gateway.double import Double
from tests.integration.gateway.messages import ID, RECORDS, record

ROOT = Path(__file__).resolve().parents[3]
AUTH = {"authorization": f"Bearer {KEY}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def started(address: str, **settings: str) -> AsyncIterator[tuple[str, Any]]:
    """The process, ready, and its URL; killed if it is still there afterwards."""
    port = free_port()
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("ARMATURE_")},
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
        "ARMATURE_ADDRESS": f"127.0.0.1:{port}",
        **{f"ARMATURE_{plane.upper()}_ADDRESS": address for plane in PLANES},
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", cwd=ROOT, env=env
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as client:
            await until(lambda: _is_ready(client, url))
        yield url, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).is_success
    except httpx.TransportError:
        return False


async def until(condition: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


@pytest.fixture
async def url(double: Double) -> AsyncIterator[str]:
    async with started(double.address) as (found, _process):
        yield found


def change(number: int) -> events.WatchEventsResponse:
    found = events.WatchEventsResponse(cursor=f"c{number}")
    found.event.id, found.event.type = ID, "record.created"
    found.event.data_json = b'{"version": 1.10}'
    return found


async def read(lines: AsyncIterator[str], wanted: int) -> list[dict[str, str]]:
    """The next events of a stream of Server-Sent Events."""
    found: list[dict[str, str]] = []
    one: dict[str, str] = {}
    async for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            one[name] = value
        elif one.get("data"):
            found.append(one)
            one = {}
            if len(found) == wanted:
                return found
    return found


async def test_events_stream_on_through_a_lost_connection(double: Double, url: str) -> None:
    ended = grpc.StatusCode.UNAVAILABLE
    hold: Any = lambda _request: asyncio.Event().wait()  # noqa: E731 -- it never answers
    double.answers["WatchEvents"] = [[change(1), change(2), ended], [change(3), hold]]
    async with (
        httpx.AsyncClient(headers=AUTH, timeout=10) as client,
        client.stream("GET", f"{url}/v1/events:watch?type=record.*&object=deal") as stream,
    ):
        assert stream.headers["content-type"] == "text/event-stream"
        assert "content-length" not in stream.headers
        found = await read(stream.aiter_lines(), 3)
    assert [one["id"] for one in found] == ["c1", "c2", "c3"]
    assert {one["event"] for one in found} == {"record.created"}
    assert '"data":{"version": 1.10}' in found[0]["data"]
    first, second = [call.request for call in double.calls]
    assert (list(first.filter.types), first.filter.object, first.after) == (
        ["record.*"],
        "deal",
        "",
    )
    assert second.after == "c2"


async def test_records_stream_on_with_what_was_missed(double: Double, url: str) -> None:
    first = watches.WatchViewResponse(position="p1")
    first.snapshot.records.add(id=ID, object="deal", version=3, fields_json=b'{"n":1.10}')
    first.snapshot.groups.add(key_json=b'"won"', label="Won", count=1, values_json=b'{"sum":2.50}')
    second = watches.WatchViewResponse(position="p2")
    second.diff.changes.add(type=watches.WATCH_CHANGE_TYPE_REMOVED, id=ID, index=4)
    third = watches.WatchViewResponse(reset=watches.WatchReset(reason="access"))
    fourth = watches.WatchViewResponse(position="p4", resumed=watches.WatchResumed(ids=[ID]))
    ended = grpc.StatusCode.UNAVAILABLE
    hold: Any = lambda _request: asyncio.Event().wait()  # noqa: E731 -- it never answers
    double.answers["WatchView"] = [[first, second, ended], [third, fourth, hold]]
    headers = AUTH | {"last-event-id": "p0"}
    path = "/v1/objects/deal/records:watch?view=Open&filter=n%20%3D%201&page_size=7"
    async with (
        httpx.AsyncClient(headers=headers, timeout=10) as client,
        client.stream("GET", url + path) as stream,
    ):
        found = await read(stream.aiter_lines(), 4)
    assert [one["event"] for one in found] == ["snapshot", "diff", "reset", "resumed"]
    assert [one.get("id") for one in found] == ["p1", "p2", None, "p4"]
    assert '"fields":{"n":1.10}' in found[0]["data"]
    assert '"key":"won"' in found[0]["data"]
    assert '"values":{"sum":2.50}' in found[0]["data"]
    assert found[1]["data"] == (
        f'{{"changes":[{{"type":"removed","id":"{ID}","index":4}}],"more":false}}'
    )
    asked, again = [call.request for call in double.calls]
    assert (asked.object, asked.view, asked.page_size) == ("deal", "Open", 7)
    assert (asked.selection.filter_text, asked.position, again.position) == ("n = 1", "p0", "p2")


async def test_a_watch_goes_on_behind_the_last_event(double: Double, url: str) -> None:
    double.answers["WatchEvents"] = [[change(8)]]
    headers = AUTH | {"last-event-id": "c7"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=10) as client,
        client.stream("GET", f"{url}/v1/events:watch?from_start=true") as stream,
    ):
        await read(stream.aiter_lines(), 1)
    assert (double.calls[0].request.after, double.calls[0].request.from_start) == ("c7", False)


async def test_a_watch_begins_behind_a_position_of_the_log(double: Double, url: str) -> None:
    double.answers["WatchEvents"] = [[change(8)]]
    async with (
        httpx.AsyncClient(headers=AUTH, timeout=10) as client,
        client.stream("GET", f"{url}/v1/events:watch?after_position=7") as stream,
    ):
        await read(stream.aiter_lines(), 1)
    assert double.calls[0].request.after_position == 7


async def test_a_refused_watch_names_the_parameter(double: Double, url: str) -> None:
    refused = kinds.InvalidArgument.at("EVENT_FILTER_INVALID", "filter.types.0", "TYPE_INVALID", "")
    double.answers["WatchEvents"] = refused
    async with httpx.AsyncClient(headers=AUTH) as client:
        reply = await client.get(f"{url}/v1/events:watch?type=x")
    assert [e["pointer"] for e in reply.json()["errors"]] == ["?type"]


async def test_a_refused_watch_is_a_problem(double: Double, url: str) -> None:
    double.answers["WatchEvents"] = kinds.PermissionDenied("PERMISSION_REQUIRED", "no")
    async with httpx.AsyncClient(headers=AUTH) as client:
        reply = await client.get(f"{url}/v1/events:watch")
    assert (reply.status_code, reply.json()["code"]) == (403, "PERMISSION_REQUIRED")


async def test_a_client_that_leaves_ends_the_call_behind(double: Double, url: str) -> None:
    left = asyncio.Event()

    async def wait(_request: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    double.answers["WatchEvents"] = [[change(1), wait]]
    async with (
        httpx.AsyncClient(headers=AUTH, timeout=10) as client,
        client.stream("GET", f"{url}/v1/events:watch") as stream,
    ):
        await read(stream.aiter_lines(), 1)
    await asyncio.wait_for(left.wait(), 10)


async def test_sigterm_lets_requests_finish_and_ends_streams(double: Double) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_request: Any) -> Any:
        asked.set()
        await go_on.wait()
        return pb.GetRecordResponse(record=record())

    hold: Any = lambda _request: asyncio.Event().wait()  # noqa: E731 -- it never answers
    double.answers["GetRecord"] = slowly
    double.answers["WatchEvents"] = [[change(1), hold]]
    async with (
        started(double.address) as (url, process),
        httpx.AsyncClient(headers=AUTH, timeout=10) as client,
        client.stream("GET", f"{url}/v1/events:watch") as stream,
    ):
        lines = stream.aiter_lines()
        await read(lines, 1)
        pending = asyncio.create_task(client.get(f"{url}{RECORDS}/{ID}"))
        await asyncio.wait_for(asked.wait(), 10)
        process.terminate()
        assert await asyncio.wait_for(read(lines, 1), 5) == []  # the stream ended by itself
        go_on.set()
        assert (await pending).status_code == 200
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_metrics_and_pages(double: Double, url: str) -> None:
    double.answers["GetRecord"] = pb.GetRecordResponse(record=record())
    async with httpx.AsyncClient() as client:
        for _ in range(3):
            await client.get(f"{url}{RECORDS}/{ID}", headers=AUTH)
        await client.get(f"{url}/nowhere/{ID}")
        text = (await client.get(f"{url}/metrics")).text
        route = 'method="GET",route="/v1/objects/{object}/records/{id}"'
        assert f'http_requests_total{{{route},status="200"}} 3.0' in text
        assert f"http_request_seconds_count{{{route}}} 3.0" in text
        assert 'route="unmatched",status="404"} 1.0' in text
        assert "nowhere" not in text
        docs = await client.get(f"{url}/docs")
        assert docs.headers["content-type"].startswith("text/html")
        assert "http://" not in docs.text.replace("http://127", "")
        assert "https://example.com" in docs.text  # of an example, nothing that is loaded
        assert "<script src" not in docs.text
        assert (await client.get(f"{url}/healthz")).json() == {"status": "ok"}
        assert (await client.request("QUERY", f"{url}{RECORDS}:query", headers=AUTH)).is_success


async def test_bytes_on_the_wire_that_no_client_sends(double: Double, url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    requests = [
        b"GET /v1/notes/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/notes/%FF HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"k" * 20_000 + b"\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\n" + b"X-Y: z\r\n" * 300 + b"\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Y: " + b"z" * 600_000 + b"\r\n\r\n",
        b"POST /v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/todos HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: 9999999999\r\n\r\n",
        b"\x16\x03\x01\x00garbage\r\n\r\n",
    ]
    for request in requests:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        try:
            await writer.drain()
            line = await asyncio.wait_for(reader.readline(), 10)
        except ConnectionError:
            line = b""
        writer.close()
        assert b" 500 " not in line, (request[:80], line)
        assert line == b"" or b" 4" in line, (request[:80], line)
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/healthz")).is_success
