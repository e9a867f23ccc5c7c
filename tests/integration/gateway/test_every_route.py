"""Each route calls its RPC with the caller's credential, and shows every field of the answer."""

import re
from typing import Any

import orjson
import pytest

from gateway.app import Gateway
from gateway.routing import Route
from gateway.settings import GatewaySettings
from tests.integration.gateway.conftest import KEY, Client
from tests.integration.gateway.double import Double, every_rpc
from tests.integration.gateway.messages import ID, filled

RPCS = {rpc.name: rpc for rpc in every_rpc()}
# Answered to planes alone, or by streams that have tests of their own.
NOT_OVER_HTTP = {"Authenticate", "WatchVersions", "CheckNodes", "ExportRecords", "UploadImport"}
NOT_OVER_HTTP |= {"RecordActivity", "RunWorkflowForEvents"}


async def all_routes() -> list[Route]:
    gateway = Gateway(GatewaySettings())
    routes = [route for route in gateway.routes.all if route.rpc and route.timeout != "none"]
    await gateway.drain(0)
    return routes


def address(route: Route) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: ID if m[1].endswith("id") else f"some-{m[1]}", route.path)


async def test_every_rpc_has_a_route(planes: Double) -> None:
    routed = {route.rpc for route in await all_routes()} | {
        "armature.events.v1.EventService/WatchEvents",
        "armature.automation.v1.RunService/WatchRun",
        "armature.records.v1.RecordWatchService/WatchView",
        "armature.automation.v1.WorkflowService/ReceiveHook",  # by a URL that is its credential
    }
    missing = {name for name in RPCS if name.rpartition("/")[2] not in NOT_OVER_HTTP} - routed
    assert not missing


async def test_every_route_reaches_its_rpc(client: Client, double: Double) -> None:
    for route in await all_routes():
        rpc = RPCS[route.rpc]
        double.reset()
        response = filled(rpc.response())
        double.answers[rpc.descriptor.name] = response
        headers = {"if-match": '"3"'} if route.operation == "replaceRecord" else {}
        if route.operation == "replaceRecord":
            continue  # it has tests of its own
        body = None if route.body is None else orjson.dumps(route.example)
        reply = await client.request(route.method, address(route), content=body, headers=headers)
        where = f"{route.method} {route.path}: {reply.text[:300]}"
        assert reply.status_code in {route.status, 201 if route.method == "PUT" else 200}, where
        call = double.last
        assert call.name == rpc.descriptor.name, where
        assert call.metadata["authorization"] == f"Bearer {KEY}"
        if rpc.mutates:
            assert call.request.request_id, where
        for name in route.parameters:
            assert (ID if name.endswith("id") else f"some-{name}") in str(call.request), where
        if "metadata_version" in rpc.output.fields_by_name:
            assert reply.headers["x-metadata-version"] == "7", where
        assert re.fullmatch("[0-9a-f]{32}", reply.headers["x-trace-id"])


async def test_every_member_of_an_example_arrives(client: Client, double: Double) -> None:
    for route in await all_routes():
        if not isinstance(route.example, dict) or route.operation == "replaceRecord":
            continue
        double.reset()
        rpc = RPCS[route.rpc]
        double.answers[rpc.descriptor.name] = filled(rpc.response())
        await client.request(route.method, address(route), content=orjson.dumps(route.example))
        sent = str(double.last.request)
        for name in route.example:
            assert name in sent, f"{route.method} {route.path}: {name} is not in {sent}"


@pytest.mark.parametrize("noun", ["note", "todo"])
async def test_resources_show_every_field(client: Client, double: Double, noun: str) -> None:
    rpc = next(r for r in RPCS.values() if r.descriptor.name == f"Get{noun.capitalize()}")
    double.answers[rpc.descriptor.name] = filled(rpc.response())
    shown: dict[str, Any] = (await client.get(f"/v1/{noun}s/{ID}")).json()
    fields = getattr(rpc.response(), noun).DESCRIPTOR.fields
    assert set(shown) == {field.name for field in fields}
    assert shown["create_time"] == "2026-11-20T09:30:00.12Z"
    assert shown["targets"] == [{"kind": "kind", "id": "id"}]


async def test_unknown_members_and_parameters_are_refused_everywhere(
    client: Client, double: Double
) -> None:
    for route in await all_routes():
        where = f"{route.method} {route.path}"
        double.reset()
        headers = {"if-match": '"3"'}
        if route.method in {"POST", "PUT", "PATCH"} and route.path not in {
            "/v1/schema:apply",
            "/v1/schema:plan",
        }:
            reply = await client.request(
                route.method, address(route), content=b'{"no_such": 1}', headers=headers
            )
            assert reply.status_code == 422, where + reply.text
            assert reply.json()["errors"][0]["pointer"] == "/no_such", where
        reply = await client.request(
            route.method, address(route) + "?no_such=1", content=b"{}" if route.body else None
        )
        assert reply.status_code == 400, where + reply.text
        assert reply.json()["errors"][0]["pointer"] == "?no_such", where
        assert not double.calls, where


async def test_nothing_is_called_without_credentials(client: Client, double: Double) -> None:
    for route in await all_routes():
        reply = await client.request(route.method, address(route), headers={"authorization": ""})
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Bearer")
        assert reply.json()["code"] == "CREDENTIALS_INVALID"
    assert not double.calls
