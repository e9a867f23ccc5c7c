"""Bodies into messages: strict kinds, numbers untouched, every problem with its pointer."""

from typing import Any

import pytest
from armature.artifacts.v1 import file_service_pb2
from armature.automation.v1 import rule_pb2
from armature.metadata.v1 import access_service_pb2, field_pb2
from armature.records.v1 import record_service_pb2
from hypothesis import given
from hypothesis import strategies as st

from gateway import json_in
from gateway.errors import Refused


def fill(message: Any, body: bytes) -> Any:
    json_in.fill(message, body, json_in.members(message.DESCRIPTOR))
    return message


def problems(message: Any, body: bytes) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        fill(message, body)
    assert caught.value.status == 422
    return {v.path: v.code for v in caught.value.violations}


def test_documents_pass_as_they_stand() -> None:
    body = b'{"settings": {"max": 1.10, "a": [1e3]}, "default": 12345678901234567890}'
    field = fill(field_pb2.Field(), body)
    assert field.settings_json == b'{"max": 1.10, "a": [1e3]}'
    assert field.default_json == b"12345678901234567890"
    assert fill(field_pb2.Field(), b'{"indexed": false}').HasField("indexed")
    assert not fill(field_pb2.Field(), b'{"default": null, "indexed": null}').HasField("indexed")


def test_nested_messages() -> None:
    body = b'{"trigger": {"fields": ["a"]}, "actions": [{"type": "x", "input": {"n": 1.0}}]}'
    rule = fill(rule_pb2.Rule(), body)
    assert list(rule.trigger.fields) == ["a"]
    assert rule.actions[0].input_json == b'{"n": 1.0}'


def test_every_problem_comes_with_its_pointer() -> None:
    body = (
        b'{"name": 5, "required": "true", "position": 1.5, "options": [{"valeu": "x"}, 7], '
        b'"nmae": 1, "unlocks": "table"}'
    )
    assert problems(field_pb2.Field(), body) == {
        "/name": "WRONG_TYPE", "/required": "WRONG_TYPE", "/position": "WRONG_TYPE",
        "/options/0/valeu": "UNKNOWN_MEMBER", "/options/1": "WRONG_TYPE",
        "/nmae": "UNKNOWN_MEMBER", "/unlocks": "WRONG_TYPE",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["2147483648", "-2147483649", "1.0", "1e3", '"1"', "true", "[]"])
def test_integers(value: str) -> None:
    assert problems(field_pb2.Field(), f'{{"position": {value}}}'.encode()) == {
        "/position": "WRONG_TYPE"
    }


def test_times_enums_maps_and_bytes() -> None:
    key = fill(
        access_service_pb2.CreateApiKeyRequest(), b'{"expire_time": "2027-01-01T00:00:00+01:00"}'
    )
    assert key.expire_time.ToJsonString() == "2026-12-31T23:00:00Z"
    for bad in ('"2027-01-01"', '"2027-13-01T00:00:00Z"', "5", '"2027-01-01T00:00:00"', '"x"'):
        body = f'{{"expire_time": {bad}}}'.encode()
        assert problems(access_service_pb2.CreateApiKeyRequest(), body)
    batch = fill(record_service_pb2.BatchDeleteRecordsRequest(), b'{"mode": "partial"}')
    assert batch.mode == 2
    for bad in ('"PARTIAL"', '"unspecified"', "2"):
        assert problems(
            record_service_pb2.BatchDeleteRecordsRequest(), f'{{"mode": {bad}}}'.encode()
        )
    upload = fill(file_service_pb2.CreateUploadRequest(), b'{"content": "aGVsbG8="}')
    assert upload.content == b"hello"
    assert problems(file_service_pb2.CreateUploadRequest(), b'{"content": "a b"}')
    answer = fill(file_service_pb2.CreateUploadResponse(), b'{"upload_headers": {"a": "b"}}')
    assert dict(answer.upload_headers) == {"a": "b"}
    assert problems(file_service_pb2.CreateUploadResponse(), b'{"upload_headers": {"a": 1}}')


_NAMES = {"id": "id", "name": "name", "abc": "abc", "a\\u0062c": "abc", "fields": "fields"}
_VALUES = ("1", "12", "-1.50", '"x"', '"\\"{"', "null", "[1, {}]", '{"id": 1, "id": 2}', "{}")
_GAPS = ("", " ", "\n  ", "\t")


@given(
    st.lists(st.tuples(st.sampled_from([*_NAMES]), st.sampled_from(_VALUES)), max_size=5),
    st.lists(st.sampled_from(_GAPS), min_size=30, max_size=30),
)
def test_a_member_that_is_given_twice_is_found_however_it_is_written(
    pairs: list[tuple[str, str]], gaps: list[str]
) -> None:
    gap = iter(gaps)
    shown = (f'{next(gap)}"{k}"{next(gap)}:{next(gap)}{v}{next(gap)}' for k, v in pairs)
    body = f"{next(gap)}{{{','.join(shown)}{next(gap)}}}{next(gap)}".encode()
    names = [_NAMES[name] for name, _ in pairs]
    found = json_in.given_twice(body, json_in.read_object(body))
    assert bool(found) == (len(set(names)) < len(names))


def test_a_member_given_twice_is_malformed_at_any_depth() -> None:
    message = record_service_pb2.BatchUpdateRecordsRequest()
    for body, pointer in (
        (b'{"mode": "partial", "mode": "atomic"}', "/mode"),
        (b'{"items": [{"id": "a"}, {"id": "b", "id": "c"}]}', "/items/1/id"),
    ):
        with pytest.raises(Refused) as caught:
            fill(message, body)
        assert (caught.value.status, caught.value.reason) == (400, "BODY_MALFORMED")
        assert [(v.path, v.code) for v in caught.value.violations] == [(pointer, "DUPLICATE_KEY")]
