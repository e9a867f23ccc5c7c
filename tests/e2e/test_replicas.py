"""A field created one call ago is usable on every replica of the records service."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1 import record_service_pb2_grpc as rpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cli.stack.ports import find_free_base
from cli.stack.settings import of_plane
from tests.e2e.client import Client, wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def second(stack: dict[str, Any]) -> Iterator[str]:
    """The address of a second records process on the same stores."""
    address = f"127.0.0.1:{find_free_base()}"
    environment = dict(of_plane(stack, "records", os.environ))  # type: ignore[arg-type]
    environment |= {"ARMATURE_ADDRESS": address, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}
    environment |= {"ARMATURE_METRICS_ADDRESS": ""}  # the first one's
    environment.pop("ARMATURE_TEST_STACK", None)  # which is ours alone
    command = [sys.executable, "-m", "services.records", "serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        try:
            with grpc.insecure_channel(address) as channel:
                health: Any = health_pb2_grpc.HealthStub(channel)

                def serving() -> bool:
                    try:
                        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=1)
                    except grpc.RpcError:
                        return False
                    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

                wait_for("the second replica", serving)
            yield address
        finally:
            process.terminate()


def test_a_new_field_works_on_both_replicas_at_once(
    api: Client, stack: dict[str, Any], second: str
) -> None:
    api.post("/v1/objects", {"name": "probe", "plural_name": "probes"})
    api.post("/v1/objects/probe/fields", {"name": "f0", "type": "number"})
    headers = [("authorization", f"Bearer {api.api_key}")]
    with (
        grpc.insecure_channel(stack["grpc"]["records"]) as one,
        grpc.insecure_channel(second) as two,
    ):
        stubs: list[Any] = [rpc.RecordServiceStub(one), rpc.RecordServiceStub(two)]
        for stub in stubs:  # both hold the definitions from here on
            stub.QueryRecords(pb.QueryRecordsRequest(object="probe"), metadata=headers)
        for n in range(1, 11):
            api.post("/v1/objects/probe/fields", {"name": f"f{n}", "type": "number"})
            for stub in stubs:
                fields = json.dumps({f"f{n}": n}).encode()
                made = stub.CreateRecord(
                    pb.CreateRecordRequest(object="probe", fields_json=fields), metadata=headers
                )
                assert json.loads(made.record.fields_json)[f"f{n}"] == n
                query = pb.QueryRecordsRequest(object="probe", sort=f"-f{n}")
                query.selection.filter_json = json.dumps({f"f{n}": {"gte": n}}).encode()
                found = stub.QueryRecords(query, metadata=headers)
                assert made.record.id in {r.id for r in found.records}
