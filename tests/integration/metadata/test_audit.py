"""Who did what, and who was refused what, stays written; keys' uses are counted."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from armature.metadata.v1 import access_service_pb2, access_service_pb2_grpc, audit_pb2

from cli.stack.servers import Started
from kit import clients, credentials, origin
from kit.journal import Journal
from tests.integration.metadata.conftest import Client
from tests.services import Running, reason


def journal_of(metadata: Running) -> Journal:
    assert metadata.wiring.journal is not None
    return metadata.wiring.journal


async def entries(client: Client, **wanted: Any) -> list[audit_pb2.AuditEntry]:
    return list((await client("ListAuditEntries", **wanted)).entries)


async def test_every_change_of_access_is_written_with_before_and_after(acme: Client) -> None:
    await acme("SetMember", member={"principal_id": "ada", "role": "member"}, request_id="first")
    await acme("SetMember", member={"principal_id": "ada", "role": "read_only"})
    await acme("RemoveMember", principal_id="ada")

    gone, changed, made = await entries(acme, target_id="ada")

    assert [e.action for e in (made, changed, gone)] == [
        "member.created",
        "member.updated",
        "member.removed",
    ]
    assert b'"member"' in changed.before_json
    assert b'"read_only"' in changed.after_json
    assert not made.before_json
    assert not gone.after_json
    assert made.request_id == "first"
    assert made.method == "armature.metadata.v1.AccessService/SetMember"
    assert made.actor.kind == "api_key"
    assert made.ip == "127.0.0.1"
    assert made.peer.startswith("ipv4:127.0.0.1:")
    assert made.user_agent.startswith("grpc-python")
    assert made.count == 1


async def test_changes_of_definitions_lead_to_their_history(acme: Client) -> None:
    made = await acme("CreateObject", object={"name": "ship"}, request_id="x")
    (entry,) = await entries(acme, action="object.created")
    assert entry.target_id == made.object.id
    assert entry.metadata_version == made.metadata_version
    assert not entry.after_json
    history = (await acme("ListChanges")).changes
    assert entry.metadata_version in {change.metadata_version for change in history}


async def test_what_is_refused_and_repeated_writes_nothing(acme: Client) -> None:
    await acme("CreateRole", role={"name": "sales"}, request_id="one")
    await acme("CreateRole", role={"name": "sales"}, request_id="one")
    assert await reason(acme("CreateRole", role={"name": "sales"}, request_id="two")) == (
        "ALREADY_EXISTS/ROLE_NAME_TAKEN"
    )
    assert len(await entries(acme, action="role.created")) == 1


async def test_refusals_are_written_at_first_sight_and_then_counted(
    metadata: Running, acme: Client
) -> None:
    reader = await acme.with_role("read_only")
    journal = journal_of(metadata)
    for _ in range(3):
        await reason(reader("CreateObject", object={"name": "ship"}, request_id="mine"))
    await journal.flush()
    for _ in range(5):
        await reason(reader("CreateObject", object={"name": "ship"}))
    await journal.flush()  # within the minute: nothing more

    (entry,) = await entries(acme, action="access.denied")
    assert entry.count == 3
    assert (entry.reason, entry.permission) == ("PERMISSION_REQUIRED", "schema")
    assert entry.method == "armature.metadata.v1.ObjectService/CreateObject"
    assert (entry.actor.kind, entry.actor.name) == ("api_key", "read_only")
    assert entry.request_id == "mine"

    await journal.flush(everything=True)
    assert [e.count for e in await entries(acme, action="access.denied")] == [5, 3]


async def test_a_known_key_that_does_not_open_is_written(metadata: Running, acme: Client) -> None:
    made = await acme("CreateApiKey", display_name="Old", role="admin")
    head, _, secret = made.secret.rpartition("_")
    wrong = acme.with_credential(f"{head}_{secret[::-1]}")
    assert await reason(wrong("GetCaller")) == "UNAUTHENTICATED/CREDENTIALS_INVALID"
    await acme("RevokeApiKey", id=made.api_key.id)
    revoked = acme.with_credential(made.secret)
    assert await reason(revoked("GetCaller")) == "UNAUTHENTICATED/CREDENTIALS_INVALID"
    await journal_of(metadata).flush()

    found = await entries(acme, actor_id=made.api_key.id)
    assert {(e.action, e.reason) for e in found} == {
        ("authentication.failed", "SECRET_WRONG"),
        ("authentication.failed", "KEY_REVOKED"),
    }
    assert all(e.actor.name == "Old" for e in found)


async def test_pages_are_newest_first_and_complete(acme: Client) -> None:
    for number in range(7):
        await acme("CreateRole", role={"name": f"role_{number}"})
    await acme("InstallBlueprint", blueprint="crm")  # a hundred entries of one moment
    whole = await entries(acme, page_size=1000)
    paged: list[audit_pb2.AuditEntry] = []
    token = ""
    while True:
        page = await acme("ListAuditEntries", page_size=17, page_token=token)
        paged += page.entries
        token = page.next_page_token
        if not token:
            break
    assert [e.id for e in paged] == [e.id for e in whole]
    assert whole == sorted(whole, key=lambda e: (e.create_time.ToNanoseconds(), e.id), reverse=True)
    first = await acme("ListAuditEntries", page_size=17)
    other = acme("ListAuditEntries", action="role.created", page_token=first.next_page_token)
    assert await reason(other) == "INVALID_ARGUMENT/PAGE_TOKEN_INVALID"
    some = await entries(acme, from_time=whole[-3].create_time, to_time=whole[0].create_time)
    assert {e.action for e in some} >= {"role.created"}
    assert len(some) < len(whole)


async def test_only_admins_read_it_and_only_planes_write_it(acme: Client) -> None:
    member = await acme.with_role("member")
    needs = "PERMISSION_DENIED/PERMISSION_REQUIRED"
    assert await reason(member("ListAuditEntries")) == needs
    assert await reason(member("ListKeyUses", id="x")) == needs
    assert await reason(acme("RecordActivity")) == "PERMISSION_DENIED/PLANE_REQUIRED"


async def test_nobody_changes_or_deletes_an_entry(
    servers: Started, metadata: Running, acme: Client
) -> None:
    await acme("CreateRole", role={"name": "sales"})
    before = await entries(acme)
    statements = ["UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}"]
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with metadata.app.db.transaction(UUID(acme.workspace_id)) as tx:
                await tx.run(statement.format("audit_log"))
    owner = servers["postgres"]["roles"]["armature_owner"]
    with psycopg.connect(owner) as connection:
        connection.execute("SET search_path TO metadata")
        connection.execute("SELECT set_config('app.workspace_id', %s, false)", [acme.workspace_id])
        connection.commit()
        for statement in statements[:2]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                connection.execute(statement.format("audit_log"))
            connection.rollback()
        parts = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'audit_log'::regclass"
        ).fetchall()
        assert len(parts) >= 3  # this month's, the next one's, and the default
        for (part,) in parts:
            assert connection.execute(f"DELETE FROM {part}").rowcount == 0
    assert await entries(acme) == before


async def test_uses_of_a_key_are_counted_by_day_and_plane(metadata: Running, acme: Client) -> None:
    made = await acme("CreateApiKey", display_name="Job", role="admin")
    job = acme.with_credential(made.secret)
    for _ in range(4):
        await job("GetCaller")
    await journal_of(metadata).flush(everything=True)

    (use,) = (await acme("ListKeyUses", id=made.api_key.id)).uses
    assert (use.plane, use.calls) == ("metadata", 4)
    listed = {key.id: key for key in (await acme("ListApiKeys")).api_keys}
    assert listed[made.api_key.id].last_used_time == use.last_used_time


async def test_what_a_plane_tells_twice_counts_once(
    servers: Started, metadata: Running, acme: Client
) -> None:
    made = await acme("CreateApiKey", display_name="Job", role="admin")
    own = credentials.Internal("records", acme.workspace_id)
    plane = acme.with_credential(credentials.issue(servers["internal_secret"], own))
    told = {
        "plane": "records",
        "key_calls": [{"api_key_id": made.api_key.id, "calls": 20}],
        "denials": [
            {"actor": {"kind": "user", "id": "eve"}, "action": "access.denied", "count": 9}
        ],
        "request_id": "batch",
    }
    await plane("RecordActivity", **told)
    await plane("RecordActivity", **told)
    (use,) = (await acme("ListKeyUses", id=made.api_key.id)).uses
    assert (use.plane, use.calls) == ("records", 20)
    (entry,) = await entries(acme, actor_id="eve")
    assert entry.count == 9
    told |= {"request_id": "next", "answered_request_id": "batch"}
    await plane("RecordActivity", **told)
    async with metadata.app.db.transaction(UUID(acme.workspace_id)) as tx:
        kept = await tx.all(
            "SELECT request_id FROM idempotency_keys WHERE method = 'RecordActivityRequest'"
        )
    assert [row["request_id"] for row in kept] == ["next"]
    (use,) = (await acme("ListKeyUses", id=made.api_key.id)).uses
    assert use.calls == 40


async def test_the_gateways_client_is_written(
    metadata: Running, new_workspace: Callable[[], Awaitable[Client]]
) -> None:
    acme = await new_workspace()
    stub = access_service_pb2_grpc.AccessServiceStub(metadata.channel)
    headers = clients.metadata(acme.credential)
    headers += origin.headers("203.0.113.9", "curl/9\u00e9")
    await clients.call(
        stub.CreateRole,
        access_service_pb2.CreateRoleRequest(role={"name": "sales"}),
        headers,
    )
    (entry,) = await entries(acme, action="role.created")
    assert (entry.ip, entry.user_agent) == ("203.0.113.9", "curl/9")
    assert entry.peer.startswith("ipv4:127.0.0.1:")
