"""Whose days they are: the request's first, then the reader's, then the workspace's."""

import json
from typing import Any

from armature.metadata.v1 import access_service_pb2 as access
from armature.metadata.v1 import access_service_pb2_grpc, workspace_service_pb2
from armature.metadata.v1 import workspace_service_pb2_grpc as workspace_rpc

from kit import clients
from tests.integration.field_jobs.client import Client
from tests.services import reason, until


async def call(acme: Client, method: str, request: Any, key: str = "") -> Any:
    stub: Any = access_service_pb2_grpc.AccessServiceStub(acme.metadata.channel)
    return await clients.call(
        getattr(stub, method), request, clients.metadata(key or acme.key), timeout=10
    )


async def prefer(acme: Client, key: str = "", **preferences: str) -> Any:
    request = access.SetPreferencesRequest(preferences=preferences)
    return (await call(acme, "SetPreferences", request, key)).preferences


async def buckets(acme: Client, bucket: str, **selection: str) -> list[str]:
    answer = await acme(
        "AggregateRecords", object="ship", selection=selection, measures=[{"fn": "count"}],
        group_by=[{"field": "sails", "bucket": bucket}],
    )  # fmt: skip
    return [json.loads(g.keys_json)[0] for g in answer.groups]


async def test_ranges_and_buckets_are_the_reader_s(acme: Client) -> None:
    await acme.an_object(name="text", sails="date_time")
    await acme.create(name="a", sails="2026-03-01T23:30:00Z")  # a Sunday in UTC
    assert await buckets(acme, "day") == ["2026-03-01"]
    assert await buckets(acme, "week") == ["2026-02-23"]

    stored = await prefer(acme, time_zone="Asia/Tokyo", week_start="sunday")
    assert (stored.time_zone, stored.week_start) == ("Asia/Tokyo", "sunday")

    async def in_tokyo() -> bool:
        return await buckets(acme, "day") == ["2026-03-02"]

    await until(in_tokyo)
    assert await buckets(acme, "week") == ["2026-03-01"]
    assert await buckets(acme, "day", time_zone="America/Lima") == ["2026-03-01"]
    assert await buckets(acme, "week", time_zone="UTC", week_start="monday") == ["2026-02-23"]
    who = await call(acme, "GetCaller", access.GetCallerRequest())
    assert (who.principal.time_zone, who.principal.week_start) == ("Asia/Tokyo", "sunday")

    stub = workspace_rpc.WorkspaceServiceStub(acme.metadata.channel)
    moved = workspace_service_pb2.UpdateWorkspaceRequest(workspace={"time_zone": "Asia/Dubai"})
    await clients.call(stub.UpdateWorkspace, moved, clients.metadata(acme.key))
    await prefer(acme, week_start="sunday")

    async def in_dubai() -> bool:
        return await buckets(acme, "day") == ["2026-03-02"]

    await until(in_dubai)
    assert await buckets(acme, "day", time_zone="UTC") == ["2026-03-01"]


async def test_everybody_sets_their_own_and_admins_those_of_others(acme: Client) -> None:
    request = access.CreateApiKeyRequest(display_name="k", role="read_only")
    made = await call(acme, "CreateApiKey", request)
    assert (await prefer(acme, made.secret, week_start="sunday")).principal_id == made.api_key.id
    await call(
        acme,
        "SetMember",
        access.SetMemberRequest(member={"principal_id": "ada", "role": "member"}),
    )
    theirs = prefer(acme, made.secret, principal_id="ada", week_start="sunday")
    assert await reason(theirs) == "PERMISSION_DENIED/PERMISSION_REQUIRED"
    await prefer(acme, principal_id="ada", time_zone="Europe/Berlin")
    [ada] = (await call(acme, "ListMembers", access.ListMembersRequest())).members
    assert (ada.time_zone, ada.week_start, ada.role) == ("Europe/Berlin", "", "member")

    wrong = prefer(acme, time_zone="Europe/Berlim", week_start="friday")
    assert await reason(wrong) == "INVALID_ARGUMENT/PREFERENCES_INVALID"
    unknown = prefer(acme, principal_id="bob", week_start="sunday")
    assert await reason(unknown) == "NOT_FOUND/MEMBER_NOT_FOUND"
