"""Check that requests state their rules in the contract, and that servers hold to them."""

from collections.abc import Iterator
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from kit.errors import InvalidArgument
from tests.contract.rpcs import call, every_rpc, request_of

BOUNDED = {
    "page_size": ("int32", "gte"),
    "page_token": ("string", "max_len"),
    "request_id": ("string", "max_len"),
    "etag": ("string", "max_len"),
    "at_version": ("int64", "gte"),
}
BROKEN = {"page_size": -1, "at_version": -1}


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    stated: Any = field.GetOptions().Extensions  # the stub of a stub package has no type for ours
    rules: validate_pb2.FieldRules = stated[validate_pb2.field]
    return rules


def _fields(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None:
            yield from _fields(field.message_type, seen)


def test_requests_bound_what_every_request_bounds() -> None:
    lacking = []
    for rpc in every_rpc():
        for field in rpc.input_type.fields:
            if bound := BOUNDED.get(field.name):
                kind, rule = bound
                if not getattr(_rules(field), kind).HasField(rule):
                    lacking.append(field.full_name)
            if field.enum_type is not None and not _rules(field).enum.defined_only:
                lacking.append(field.full_name)
    assert lacking == []


def test_rules_are_of_their_fields_own_type() -> None:
    kinds = {
        FieldDescriptor.TYPE_INT32: "int32",
        FieldDescriptor.TYPE_INT64: "int64",
        FieldDescriptor.TYPE_STRING: "string",
        FieldDescriptor.TYPE_BYTES: "bytes",
        FieldDescriptor.TYPE_ENUM: "enum",
    }
    seen: set[str] = set()
    for rpc in every_rpc():
        for field in _fields(rpc.input_type, seen):
            stated = _rules(field).WhichOneof("type")
            expected = "repeated" if field.is_repeated else kinds.get(field.type)
            assert stated in {None, expected}, field.full_name


@pytest.mark.parametrize("name", BROKEN)
def test_every_rpc_refuses_what_its_contract_refuses(name: str, stack: dict[str, Any]) -> None:
    for rpc in every_rpc():
        if name not in rpc.input_type.fields_by_name or rpc.server_streaming:
            continue
        request = request_of(rpc)
        setattr(request, name, BROKEN[name])
        error = call(stack, rpc, request, stack["api_key"])
        assert isinstance(error, InvalidArgument), rpc.full_name
        assert [(v.path, v.code) for v in error.violations] == [(name, "OUT_OF_RANGE")]
