"""Check what a client reads when its request breaks the contract's rules."""

import pytest
from armature.records.v1 import record_service_pb2 as pb

from kit import validation
from kit.errors import InvalidArgument, Violation


def test_a_request_within_its_rules_passes() -> None:
    validation.check(pb.QueryRecordsRequest(object="deal", page_size=5))


def test_every_broken_rule_is_named_at_once() -> None:
    request = pb.QueryRecordsRequest(page_size=-1, at_version=-2)
    with pytest.raises(InvalidArgument) as refused:
        validation.check(request)
    assert refused.value.reason == "PAGE_SIZE_INVALID"
    assert [(v.path, v.code) for v in refused.value.violations] == [
        ("page_size", "OUT_OF_RANGE"),
        ("at_version", "OUT_OF_RANGE"),
    ]


def test_an_enum_value_that_the_contract_lacks_is_refused() -> None:
    request = pb.BatchCreateRecordsRequest(object="deal", mode=7)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument) as refused:
        validation.check(request)
    assert refused.value.reason == "REQUEST_INVALID"
    assert refused.value.violations == (
        Violation("mode", "UNKNOWN", "mode must be one of the defined enum values"),
    )


def test_an_idempotency_key_has_a_bound() -> None:
    with pytest.raises(InvalidArgument) as refused:
        validation.check(pb.CreateRecordRequest(request_id="k" * 256))
    assert refused.value.reason == "REQUEST_ID_INVALID"
