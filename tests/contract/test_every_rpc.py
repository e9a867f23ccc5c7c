"""Check names, documentation and credentials of every RPC."""

from typing import Any

import pytest
from armature.common.v1 import error_reason_pb2
from google.protobuf.descriptor import MethodDescriptor

from kit.errors import ServiceError
from tests.contract.rpcs import call, every_rpc, request_of

RPCS = list(every_rpc())
for_every_rpc = pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.full_name)
_READS = (
    *("Get", "List", "Query", "BatchGet", "BatchList"),
    *("Check", "Count", "Watch", "Authenticate", "Export", "Find"),
    *("Aggregate", "Search", "Evaluate"),
)


@for_every_rpc
def test_lists_page_and_mutations_repeat_safely(rpc: MethodDescriptor) -> None:
    asks, answers = rpc.input_type.fields_by_name, rpc.output_type.fields_by_name
    assert rpc.input_type.name == f"{rpc.name}Request"
    assert rpc.output_type.name == f"{rpc.name}Response"
    if rpc.name.startswith("List"):
        assert {"page_size", "page_token"} <= set(asks)
        assert "next_page_token" in answers
    if not rpc.name.startswith(_READS):
        assert "request_id" in asks


@for_every_rpc
def test_nothing_is_answered_without_credentials(
    rpc: MethodDescriptor, stack: dict[str, Any]
) -> None:
    for key in (None, "arm_00_00", "x.y.z"):
        error = call(stack, rpc, request_of(rpc), key)
        assert isinstance(error, ServiceError)
        assert (error.code, error.reason) == ("UNAUTHENTICATED", "CREDENTIALS_INVALID")


def test_every_reason_has_a_comment_and_a_number_of_its_own() -> None:
    values = error_reason_pb2.ErrorReason.DESCRIPTOR.values
    assert len({v.number for v in values}) == len(values)
    assert all(v.name.startswith("ERROR_REASON_") for v in values)
