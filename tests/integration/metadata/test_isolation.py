"""Another workspace's definitions answer exactly like those that never were."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from cli.stack.servers import Started
from kit import clients, status
from kit.db import Database
from kit.errors import ServiceError
from services.metadata.tables import metadata as tables
from tests.integration.metadata.conftest import MESSAGES, Client
from tests.services import Running

# What names something, by the request's field.
NAMING = ("object", "field", "view", "link_type", "id", "principal_id")
METHODS: dict[str, MethodDescriptor] = {
    method.name: method
    for module in MESSAGES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def naming(method: MethodDescriptor) -> list[str]:
    """The string fields of a request that name something that must exist."""
    fields = method.input_type.fields_by_name
    return [n for n in NAMING if n in fields and fields[n].type == fields[n].TYPE_STRING]


def request_of(method: MethodDescriptor, names: dict[str, str]) -> Message:
    kind = next(
        getattr(m, method.input_type.name) for m in MESSAGES if hasattr(m, method.input_type.name)
    )
    request: Message = kind(**{name: names[name] for name in naming(method)})
    if "type" in method.input_type.fields_by_name:
        request.type = "table"  # type: ignore[attr-defined]
    return request


async def answer_of(client: Client, request: Message, method: str) -> tuple[str, str, Any]:
    try:
        await client.send(method, request)
    except ServiceError as exc:
        return exc.code, exc.reason, exc.metadata.keys() - {"trace_id"}
    return "OK", "", set()


# A flag stands for whoever asks, member or not.
NAMED = [n for n, m in METHODS.items() if naming(m) and n != "EvaluateFlags"]


@pytest.mark.parametrize("name", NAMED)
async def test_foreign_ids_answer_like_unknown_ones(
    new_workspace: Callable[[], Awaitable[Client]], name: str
) -> None:
    ours, theirs = await new_workspace(), await new_workspace()
    await theirs("InstallBlueprint", blueprint="crm")
    await theirs("SetMember", member={"principal_id": "them", "role": "member"})
    workspace = await theirs.compiled()
    company = workspace.objects["company"]
    view = next(v for v in workspace.views.values() if v.object_id == company.id)
    foreign = {
        "object": company.id,
        "field": company.fields["name"].id,
        "view": view.id,
        "link_type": workspace.link_types["participates_in"].id,
        "id": (await theirs("ListApiKeys")).api_keys[0].id,
        "principal_id": "them",
    }
    unknown = dict.fromkeys(foreign, str(uuid4())) | {"principal_id": "nobody"}
    method = METHODS[name]
    got = await answer_of(ours, request_of(method, foreign), name)
    assert got == await answer_of(ours, request_of(method, unknown), name)
    assert got[0] == "NOT_FOUND"

    # The same within an object that exists here.
    if "object" in naming(method) and len(naming(method)) > 1:
        await ours("CreateObject", object={"name": "company"})
        got = await answer_of(ours, request_of(method, foreign | {"object": "company"}), name)
        other = await answer_of(ours, request_of(method, unknown | {"object": "company"}), name)
        assert got == other
        assert got[0] == "NOT_FOUND"


@pytest.mark.parametrize("name", list(METHODS))
async def test_every_call_needs_credentials(metadata: Running, name: str) -> None:
    method = METHODS[name]
    path = f"/{method.containing_service.full_name}/{name}"
    request = request_of(method, dict.fromkeys(NAMING, "x"))
    codes = []
    for headers in ([], clients.metadata("arm_1_" + "0" * 64)):
        serialize = type(request).SerializeToString
        if method.server_streaming:
            call: Any = metadata.channel.unary_stream(path, request_serializer=serialize)
            pending = call(request, metadata=headers).read()
        else:
            call = metadata.channel.unary_unary(path, request_serializer=serialize)
            pending = call(request, metadata=headers)
        try:
            await pending
        except grpc.aio.AioRpcError as exc:
            found = status.from_rpc_error(exc)
            codes.append(f"{found.code}/{found.reason}")
    assert codes == ["UNAUTHENTICATED/CREDENTIALS_INVALID"] * 2


WRITES = [
    n
    for n in METHODS
    if n.startswith(("Create", "Update", "Delete", "Set", "Remove", "Revoke", "Apply", "Install"))
    and n != "SetPreferences"  # whose own are everybody's to set
]


@pytest.mark.parametrize("name", WRITES)
async def test_readers_change_nothing(acme: Client, name: str) -> None:
    reader = await acme.with_role("read_only")
    request = request_of(METHODS[name], dict.fromkeys(NAMING, "x"))
    code, reason, _ = await answer_of(reader, request, name)
    assert (code, reason) in {
        ("PERMISSION_DENIED", "PERMISSION_REQUIRED"),
        ("PERMISSION_DENIED", "OPERATOR_REQUIRED"),
    }


def own_tables() -> list[str]:
    return [t.name for t in tables.sorted_tables if "workspace_id" in t.columns]


@pytest.mark.parametrize("table", own_tables())
async def test_a_transaction_sees_its_workspace_alone(
    metadata: Running, new_workspace: Callable[[], Awaitable[Client]], table: str
) -> None:
    ours, theirs = await new_workspace(), await new_workspace()
    await theirs("InstallBlueprint", blueprint="crm", request_id="x")
    await theirs("SetMember", member={"principal_id": "them", "role": "member"})
    await theirs("CreateRole", role={"name": "sales"})
    await theirs("UpdateField", object="company", field="name", changes={"unique": True})
    await theirs("SetFlag", key="board", value_json=b"true", reason="why not")
    assert metadata.wiring.journal is not None
    await metadata.wiring.journal.flush(everything=True)
    db: Database = metadata.app.db
    everything = f"SELECT count(*) AS n FROM {table} WHERE workspace_id <> %s"
    async with db.transaction(UUID(ours.workspace_id)) as tx:
        assert await tx.value(everything, [ours.workspace_id]) == 0
        if table != "audit_log":  # which nobody may change at all
            statement = f"UPDATE {table} SET workspace_id = workspace_id WHERE workspace_id = %s"
            assert await tx.run(statement, [theirs.workspace_id]) == 0
    async with db.across_workspaces() as tx:  # a transaction that names none sees nothing
        assert await tx.value(f"SELECT count(*) AS n FROM {table}") == 0
    if table != "inbox":  # nothing is consumed here
        async with db.transaction(UUID(theirs.workspace_id)) as tx:
            assert await tx.value(f"SELECT count(*) AS n FROM {table}") > 0


async def test_the_workers_role_sees_queues_and_keys_alone(metadata: Running, acme: Client) -> None:
    await acme("CreateObject", object={"name": "ship"}, request_id="x")
    visible = set()
    async with metadata.app.worker_db.across_workspaces() as tx:
        for table in own_tables():
            if await tx.value(f"SELECT count(*) AS n FROM {table}"):
                visible.add(table)
    assert visible - {"inbox"} == {"outbox", "idempotency_keys", "api_keys"}


def test_row_security_is_forced_and_the_services_own_nothing(
    metadata: Running, servers: Started
) -> None:
    with psycopg.connect(servers["postgres"]["url"]) as connection:
        rows = connection.execute(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, r.rolname"
            " FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
            " WHERE c.relnamespace = 'metadata'::regnamespace AND c.relkind IN ('r', 'p')"
        ).fetchall()
    found = {name: (forced, owner) for name, forced, owner in rows}
    assert set(own_tables()) <= found.keys()
    for name, (forced, owner) in found.items():
        assert owner == "armature_owner", name
        assert forced or name in {"alembic_version", "outbox_leases"}, name
