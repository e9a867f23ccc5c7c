"""A request with very many mistakes is told of them, by HTTP and to any gRPC client."""

from typing import Any

import grpc
from armature.records.v1 import record_service_pb2, record_service_pb2_grpc

from kit import status
from kit.errors import InvalidArgument
from tests.e2e.client import Client

MANY = 300


def test_every_mistake_of_a_large_request_comes_back(api: Client) -> None:
    api.define("thing", {"name": "size", "type": "number"})
    items = [{"fields": {"size": f"much too large, of the {n}th kind"}} for n in range(MANY)]
    refused = api.request("POST", "/v1/objects/thing/records:batchCreate", {"items": items})
    assert refused.status_code == 422, refused.text
    pointers = [e["pointer"] for e in refused.json()["errors"]]
    assert pointers == [f"/items/{n}/fields/size" for n in range(MANY)]

    fields = [{"name": f"Bad {n}", "type": "text"} for n in range(MANY)]
    document = {"objects": [{"name": "thing", "fields": fields}]}
    refused = api.request("POST", "/v1/schema:apply", document)
    assert (refused.status_code, refused.json()["code"]) == (422, "SCHEMA_INVALID")
    assert len(refused.json()["errors"]) == MANY


def test_a_client_that_takes_little_hears_how_many_more_there_are(
    api: Client, stack: dict[str, Any]
) -> None:
    api.define("thing", {"name": "size", "type": "number"})
    item = record_service_pb2.BatchItem(fields_json='{"size": "zu groß"}'.encode())
    request = record_service_pb2.BatchCreateRecordsRequest(object="thing", items=[item] * MANY)
    with grpc.insecure_channel(stack["grpc"]["records"]) as channel:
        stub = record_service_pb2_grpc.RecordServiceStub(channel)
        headers = (("authorization", f"Bearer {api.api_key}"),)
        try:
            stub.BatchCreateRecords(request, metadata=headers, timeout=20)
        except grpc.RpcError as exc:
            error = status.from_rpc_error(exc)  # type: ignore[arg-type]
        else:
            raise AssertionError("it was answered")
    assert isinstance(error, InvalidArgument)
    assert error.reason == "FIELDS_INVALID"
    *told, more = error.violations
    assert len(told) > 10
    assert (more.code, more.message) == (
        "MORE",
        f"and {MANY - len(told)} more problems of the same request",
    )
