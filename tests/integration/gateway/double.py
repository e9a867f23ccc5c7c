"""A gRPC server that offers every call of every plane, answers what a test says, and remembers."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gateway import planes
from gateway.planes import Rpc, Service
from kit import status
from kit.errors import ServiceError

Answer = Message | ServiceError | Callable[[Any], Any] | grpc.StatusCode


def every_rpc() -> Iterator[Rpc]:
    """All calls that the gateway knows of."""
    for found in vars(planes).values():
        if isinstance(found, Service):
            yield from found.rpcs.values()


@dataclass
class Call:
    """One call as it came in."""

    name: str
    request: Any
    metadata: dict[str, str]


_LISTED = {"WatchEventsResponse", "WatchViewResponse"}  # a list for each call, in their order


@dataclass
class Double:
    """What to answer, by the name of the call, and what was asked. Without an answer, an empty
    response; streams answer a list, and then stay open while `hold` is set."""

    address: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    trailers: tuple[tuple[str, str], ...] = ()
    calls: list[Call] = field(default_factory=list)
    checks: health.aio.HealthServicer = field(default_factory=health.aio.HealthServicer)

    def reset(self) -> None:
        self.answers.clear()
        self.calls.clear()
        self.trailers = ()

    @property
    def last(self) -> Call:
        """The last call; what the gateway asks for its own sake, once a second, counts for none."""
        asked = [call for call in self.calls if call.name != "GetWorkspace"]
        return (asked or self.calls)[-1]

    def note(self, rpc: Rpc, request: Any, context: Any) -> Any:
        sent = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
        self.calls.append(Call(rpc.descriptor.name, request, sent))
        answer = self.answers.get(rpc.descriptor.name)
        if isinstance(answer, list) and rpc.response.DESCRIPTOR.name not in _LISTED:
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer


async def _settle(answer: Any, request: Any, context: Any) -> Any:
    if callable(answer) and not isinstance(answer, Message):
        answer = answer(request)
        if hasattr(answer, "__await__"):
            answer = await answer
    if isinstance(answer, ServiceError):
        await context.abort_with_status(status.to_grpc(answer))
    if isinstance(answer, grpc.StatusCode):
        await context.abort(answer, "as the test says")
    return answer


def _unary(double: Double, rpc: Rpc) -> Any:
    async def call(request: Any, context: Any) -> Any:
        answer = await _settle(double.note(rpc, request, context), request, context)
        if double.trailers:
            context.set_trailing_metadata(double.trailers)
        return rpc.response() if answer is None else answer

    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=rpc.request.FromString,
        response_serializer=rpc.response.SerializeToString,
    )


def _stream(double: Double, rpc: Rpc) -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        answer = double.note(rpc, request, context)
        if not isinstance(answer, list):
            await _settle(answer, request, context)
            return
        for one in answer.pop(0) if answer else []:
            found = await _settle(one, request, context)
            if found is not None:
                yield found

    return grpc.unary_stream_rpc_method_handler(
        call,
        request_deserializer=rpc.request.FromString,
        response_serializer=rpc.response.SerializeToString,
    )


@asynccontextmanager
async def running(address: str = "127.0.0.1:0") -> AsyncIterator[Double]:
    """The double, listening."""
    double = Double()
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(double.checks, server)
    await double.checks.set("", health_pb2.HealthCheckResponse.SERVING)
    by_service: dict[str, dict[str, Any]] = {}
    for rpc in every_rpc():
        make = _stream if rpc.descriptor.server_streaming else _unary
        service = rpc.descriptor.containing_service.full_name
        by_service.setdefault(service, {})[rpc.descriptor.name] = make(double, rpc)
    for service, handlers in by_service.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port(address)
    double.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield double
    finally:
        await server.stop(0.2)
