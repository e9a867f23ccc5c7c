"""Every RPC of the platform, from the committed descriptors, and how to call one by name."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from kit import status
from kit.errors import ServiceError

PROTOS = Path(__file__).parents[2] / "protos"


def every_rpc() -> Iterator[MethodDescriptor]:
    for path in sorted(PROTOS.glob("armature/*/v*/*_service.proto")):
        name = ".".join(path.relative_to(PROTOS).with_suffix("").parts)
        module = importlib.import_module(f"{name}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from service.methods


def plane_of(rpc: MethodDescriptor) -> str:
    return str(rpc.containing_service.file.package.split(".")[1])


def request_of(rpc: MethodDescriptor) -> Message:
    return GetMessageClass(rpc.input_type)()


def call(
    stack: dict[str, Any], rpc: MethodDescriptor, request: Message, key: str | None
) -> Message | ServiceError:
    """The response, or the error that was raised; of a stream, its first message."""
    answer = GetMessageClass(rpc.output_type)
    headers = [("authorization", f"Bearer {key}")] if key else []
    path = f"/{rpc.containing_service.full_name}/{rpc.name}"
    with grpc.insecure_channel(stack["grpc"][plane_of(rpc)]) as channel:
        make: Any = channel.unary_stream if rpc.server_streaming else channel.unary_unary
        method = make(
            path,
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            found = method(request, metadata=headers, timeout=10, wait_for_ready=True)
            return next(found) if rpc.server_streaming else found  # type: ignore[no-any-return]
        except grpc.RpcError as exc:
            return _error(exc)


def _error(exc: Any) -> ServiceError:
    for key, value in exc.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return status.from_proto(status_pb2.Status.FromString(value))
    found = ServiceError("", exc.details() or "")
    found.metadata = {"code": exc.code().name}
    return found
