"""Every answer says the metadata version, whether its plane does or not."""

from armature.metadata.v1 import workspace_service_pb2

from kit.errors import NotFound, Unauthenticated, Unavailable
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.double import Double

VERSION = "x-metadata-version"


async def test_answers_without_a_version_get_the_workspaces(client: Client, double: Double) -> None:
    client.headers["authorization"] = "Bearer arm_7_versions"
    double.answers["GetWorkspace"] = workspace_service_pb2.GetWorkspaceResponse(
        workspace={"metadata_version": 12}
    )
    assert (await client.get("/v1/roles")).headers[VERSION] == "12"
    double.answers["GetNote"] = NotFound("NOTE_NOT_FOUND", "x")
    missing = await client.get("/v1/notes/0199c0de-0000-7000-8000-000000000001")
    assert (missing.status_code, missing.headers[VERSION]) == (404, "12")
    assert [c.name for c in double.calls].count("GetWorkspace") == 1


async def test_nobody_is_asked_for_the_version_in_vain(client: Client, double: Double) -> None:
    client.headers["authorization"] = "Bearer arm_8_versions"
    double.answers["ListRoles"] = Unauthenticated("CREDENTIALS_INVALID", "x")
    assert VERSION not in (await client.get("/v1/roles")).headers
    assert [c.name for c in double.calls] == ["ListRoles"]
    del double.answers["ListRoles"]
    double.answers["GetWorkspace"] = Unavailable("DATABASE_BUSY", "x")
    answer = await client.get("/v1/roles")
    assert answer.status_code == 200
    assert VERSION not in answer.headers
