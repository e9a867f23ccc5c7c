"""Credentials stand for somebody, and stop doing so at once."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf.timestamp_pb2 import Timestamp

from cli.stack.servers import Started
from kit import credentials
from kit.credentials import Internal
from kit.errors import Unauthenticated
from services.metadata.__main__ import SERVICE
from services.metadata.logic.keys import new_key
from services.metadata.operations.workspaces import bootstrap
from tests.integration.metadata.conftest import Client
from tests.services import Running, reason, running

INVALID = "UNAUTHENTICATED/CREDENTIALS_INVALID"


@pytest.fixture
def plane(metadata: Running, servers: Started) -> Client:
    """The records plane itself, in no workspace."""
    return Client(metadata, credentials.issue(servers["internal_secret"], Internal("records")))


def acting(client: Client, servers: Started, principal_id: str = "") -> Client:
    subject = Internal("records", client.workspace_id, principal_id)
    return client.with_credential(credentials.issue(servers["internal_secret"], subject))


async def test_a_key_stands_for_its_role_until_revoked(acme: Client, plane: Client) -> None:
    made = await acme("CreateApiKey", display_name="Robot", role="member")
    answer = await plane("Authenticate", credential=made.secret)
    assert answer.principal.id == made.api_key.id
    assert answer.principal.workspace_id == acme.workspace_id
    assert set(answer.permissions) == {"read", "write", "rules"}
    assert not answer.internal

    robot = acme.with_credential(made.secret)
    assert (await robot("GetCaller")).principal.display_name == "Robot"
    assert (await robot("CheckAccess", permission="write")).allowed
    assert not (await robot("CheckAccess", permission="schema")).allowed
    refused = robot("CreateObject", object={"name": "x"})
    assert await reason(refused) == "PERMISSION_DENIED/PERMISSION_REQUIRED"

    revoked = await acme("RevokeApiKey", id=made.api_key.id)
    assert revoked.api_key.HasField("revoke_time")
    assert await reason(robot("GetCaller")) == INVALID
    assert await reason(plane("Authenticate", credential=made.secret)) == INVALID
    assert await acme("RevokeApiKey", id=made.api_key.id) == revoked
    listed = (await acme("ListApiKeys")).api_keys
    assert [k.display_name for k in listed] == ["First key", "Robot"]


async def test_no_table_holds_a_secret(acme: Client, servers: Started) -> None:
    made = await acme("CreateApiKey", display_name="Robot", role="admin", request_id="once")
    again = await acme("CreateApiKey", display_name="Robot", role="admin", request_id="once")
    assert again == made
    secret = made.secret.rpartition("_")[2]
    assert len(bytes.fromhex(secret)) == 32
    with psycopg.connect(servers["postgres"]["url"]) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'metadata'"
        ).fetchall()
        for (name,) in names:
            row = connection.execute(
                f"SELECT count(*) FROM metadata.{name} t WHERE t::text LIKE %s", [f"%{secret}%"]
            ).fetchone()
            assert row == (0,), name
            raw = secret.encode().hex()
            row = connection.execute(
                f"SELECT count(*) FROM metadata.{name} t WHERE t::text LIKE %s", [f"%{raw}%"]
            ).fetchone()
            assert row == (0,), name


async def test_keys_expire(acme: Client) -> None:
    past = Timestamp(seconds=int(time.time()) - 10)
    answer = acme("CreateApiKey", display_name="x", role="member", expire_time=past)
    assert await reason(answer) == "INVALID_ARGUMENT/API_KEY_INVALID"
    soon = Timestamp()
    soon.FromMilliseconds(int(time.time() * 1000) + 400)
    made = await acme("CreateApiKey", display_name="x", role="member", expire_time=soon)
    client = acme.with_credential(made.secret)
    deadline = time.monotonic() + 5
    while True:
        try:
            await client("GetCaller")
        except Unauthenticated:
            break
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "credential",
    ["", "x", "arm_", "arm_1_2", f"arm_{'1' * 32}_{'2' * 64}", "a.b.c", "arm_1f1f_" + "ü" * 40],
)
async def test_what_is_no_credential_gets_one_answer(plane: Client, credential: str) -> None:
    assert await reason(plane("Authenticate", credential=credential)) == INVALID


async def test_a_key_with_another_secret_is_not_the_key(acme: Client, plane: Client) -> None:
    forged = acme.credential[:-1] + ("0" if acme.credential[-1] != "0" else "1")
    assert await reason(plane("Authenticate", credential=forged)) == INVALID


async def test_only_a_plane_asks_whom_a_credential_stands_for(
    acme: Client, servers: Started
) -> None:
    for client in (acme, acting(acme, servers)):
        answer = client("Authenticate", credential=acme.credential)
        assert await reason(answer) == "PERMISSION_DENIED/PLANE_REQUIRED"


async def test_a_plane_itself_may_do_nothing_else(plane: Client) -> None:
    for method in ("GetWorkspace", "GetSnapshot", "ListObjects", "ListRoles", "GetCaller"):
        assert await reason(plane(method)) == "PERMISSION_DENIED/PERMISSION_REQUIRED"


async def test_the_platform_acts_in_a_workspace(
    acme: Client, plane: Client, servers: Started
) -> None:
    system = acting(acme, servers)
    caller = await system("GetCaller")
    assert caller.principal.kind == "system"
    assert set(caller.permissions) == {"read", "write", "schema", "rules", "admin"}
    answer = await plane("Authenticate", credential=system.credential)
    assert answer.internal
    forged = credentials.issue(
        "another secret, of some other platform", Internal("records", acme.workspace_id)
    )
    assert await reason(plane("Authenticate", credential=forged)) == INVALID


async def test_a_plane_acts_as_a_principal_with_its_present_rights(
    acme: Client, servers: Started
) -> None:
    made = await acme("CreateApiKey", display_name="Robot", role="read_only")
    robot = acting(acme, servers, made.api_key.id)
    caller = await robot("GetCaller")
    assert (caller.principal.kind, list(caller.permissions)) == ("api_key", ["read"])
    await acme("RevokeApiKey", id=made.api_key.id)
    assert await reason(robot("GetCaller")) == INVALID

    await acme("SetMember", member={"principal_id": "auth0|7", "role": "member"})
    user = acting(acme, servers, "auth0|7")
    assert "write" in (await user("GetCaller")).permissions
    await acme("SetMember", member={"principal_id": "auth0|7", "role": "read_only"})
    assert list((await user("GetCaller")).permissions) == ["read"]
    await acme("RemoveMember", principal_id="auth0|7")
    assert await reason(user("GetCaller")) == INVALID
    assert await reason(acting(acme, servers, "nobody")("GetCaller")) == INVALID


async def test_members_and_roles(acme: Client) -> None:
    assert [r.name for r in (await acme("ListRoles")).roles] == ["admin", "member", "read_only"]
    for number in range(3):
        member = {"principal_id": f"u{number}", "display_name": "U", "role": "member"}
        await acme("SetMember", member=member)
    first = await acme("ListMembers", page_size=2)
    second = await acme("ListMembers", page_size=2, page_token=first.next_page_token)
    assert [m.principal_id for m in [*first.members, *second.members]] == ["u0", "u1", "u2"]
    bad_role = acme("SetMember", member={"principal_id": "u", "role": "boss"})
    assert await reason(bad_role) == "INVALID_ARGUMENT/ROLE_UNKNOWN"
    nobody = acme("SetMember", member={"role": "member"})
    assert await reason(nobody) == "INVALID_ARGUMENT/MEMBER_INVALID"
    assert await reason(acme("RemoveMember", principal_id="x")) == "NOT_FOUND/MEMBER_NOT_FOUND"
    await acme("RemoveMember", principal_id="u1")
    await acme("SetMember", member={"principal_id": "u1", "role": "admin"})
    assert (await acme("ListMembers")).members[1].role == "admin"


async def test_only_operators_make_workspaces(acme: Client, operator: Client) -> None:
    request: dict[str, Any] = {"workspace": {"display_name": "B"}, "request_id": "same"}
    assert await reason(acme("CreateWorkspace", **request)) == "PERMISSION_DENIED/OPERATOR_REQUIRED"
    one = await operator("CreateWorkspace", **request)
    assert await operator("CreateWorkspace", **request) == one
    bad = operator("CreateWorkspace", workspace={"time_zone": "Mars/Base"})
    assert await reason(bad) == "INVALID_ARGUMENT/WORKSPACE_INVALID"
    taken = operator("CreateWorkspace", workspace={"display_name": "x", "id": one.workspace.id})
    assert await reason(taken) == "ALREADY_EXISTS/ID_TAKEN"


async def test_two_processes_may_make_the_first_workspace_at_once(metadata: Running) -> None:
    workspace_id, key = uuid4(), new_key(uuid4())
    await asyncio.gather(*(bootstrap(metadata.app.db, workspace_id, key) for _ in range(3)))
    first = Client(metadata, str(key), str(workspace_id))
    assert (await first("GetCaller")).principal.operator
    assert len((await first("ListApiKeys")).api_keys) == 1
    assert (await first("GetSnapshot")).metadata_version == 1


async def test_a_workspace_can_be_changed(acme: Client) -> None:
    changed = await acme(
        "UpdateWorkspace", workspace={"time_zone": "Europe/Madrid", "week_start": "sunday"}
    )
    assert changed.metadata_version == 2
    workspace = await acme.compiled()
    assert (workspace.time_zone, workspace.week_start) == ("Europe/Madrid", "sunday")
    member = await acme.with_role("member")
    refused = member("UpdateWorkspace", workspace={"display_name": "x"})
    assert await reason(refused) == "PERMISSION_DENIED/PERMISSION_REQUIRED"


async def test_users_come_with_their_issuers_tokens(
    new_workspace: Callable[[], Awaitable[Client]], servers: Started, tmp_path: Path
) -> None:
    acme, other = await new_workspace(), await new_workspace()
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key()))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [public | {"kid": "k1", "alg": "RS256", "use": "sig"}]}))

    def token(**changed: Any) -> str:
        claims = {
            "iss": "https://id.example", "aud": "armature", "sub": "ann",
            "exp": time.time() + 60, "armature_workspace": acme.workspace_id,
        } | changed  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, private, algorithm="RS256", headers={"kid": "k1"})

    await acme("SetMember", member={"principal_id": "ann", "role": "member"})
    async with running(
        SERVICE,
        servers,
        roles=frozenset({"serve"}),
        oidc_issuer="https://id.example",
        oidc_audience="armature",
        oidc_jwks_file=str(keys),
    ) as service:
        ann = Client(service, token())
        caller = await ann("GetCaller")
        assert (caller.principal.id, caller.principal.kind) == ("ann", "user")
        for changed in (
            {"iss": "https://evil.example"},
            {"aud": "other"},
            {"exp": time.time() - 3600},
            {"sub": "bob"},
            {"armature_workspace": other.workspace_id},
            {"armature_workspace": None},
            {"exp": None},
        ):
            assert await reason(Client(service, token(**changed))("GetCaller")) == INVALID
        unsigned = jwt.encode({"sub": "ann", "iss": "https://id.example"}, "", algorithm="none")
        assert await reason(Client(service, unsigned)("GetCaller")) == INVALID
