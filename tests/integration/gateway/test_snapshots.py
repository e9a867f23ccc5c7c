"""The document of a principal's objects follows its role, also without a new metadata version."""

from typing import Any

import orjson
from armature.metadata.v1 import schema_service_pb2 as pb

from tests.integration.gateway.conftest import Client
from tests.integration.gateway.double import Double
from tests.integration.gateway.messages import ID


def snapshot(*names: str, by_role: bool = False) -> pb.GetSnapshotResponse:
    objects = [
        {"id": f"{ID[:-1]}{n}", "name": name, "plural_name": f"{name}s", "fields": []}
        for n, name in enumerate(names)
    ]
    document = {"workspace_id": ID, "version": 7, "objects": objects}
    return pb.GetSnapshotResponse(
        metadata_version=7, snapshot_json=orjson.dumps(document), by_role=by_role
    )


async def test_a_role_that_hides_no_more_hides_nothing_in_the_document(
    client: Client, double: Double
) -> None:
    narrow, whole = snapshot("ship", by_role=True), snapshot("ship", "vault")

    def metadata(request: Any) -> pb.GetSnapshotResponse:
        return (
            narrow
            if role == "custom"
            else (
                pb.GetSnapshotResponse(metadata_version=7) if request.if_newer_than == 7 else whole
            )
        )

    double.answers["GetSnapshot"] = metadata
    role = "custom"
    headers = {"authorization": "Bearer arm_7_somebody"}
    first = await client.get("/v1/openapi.json", headers=headers)
    assert "/v1/objects/ship/records" in first.json()["paths"]
    assert "/v1/objects/vault/records" not in first.json()["paths"]

    role = "member"
    headers["if-none-match"] = first.headers["etag"]
    second = await client.get("/v1/openapi.json", headers=headers)
    assert second.status_code == 200
    assert "/v1/objects/vault/records" in second.json()["paths"]

    third = await client.get(
        "/v1/openapi.json", headers={"authorization": headers["authorization"]}
    )
    assert double.last.request.if_newer_than == 7
    assert third.content == second.content
