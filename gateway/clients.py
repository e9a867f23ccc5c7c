"""Call the planes behind the gateway, and ask them whether they are well."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.errors import Unimplemented
from gateway.planes import PLANES, Rpc
from gateway.settings import GatewaySettings
from kit import clients, status, telemetry
from kit.errors import DeadlineExceeded, ServiceError, Unavailable

_HEALTH_SECONDS = 1.0


class Planes:
    """One channel to each plane, and its calls by name."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._channels = {
            plane: clients.channel(getattr(settings, f"{plane}_address")) for plane in PLANES
        }
        self._calls: dict[Rpc, Callable[..., Any]] = {}

    async def close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    async def call(
        self,
        rpc: Rpc,
        request: Message,
        headers: Sequence[tuple[str, str]],
        *,
        timeout: float,  # noqa: ASYNC109 -- gRPC's own deadline, which the server sees
        on_trailers: Callable[[dict[str, str]], None] | None = None,
    ) -> Any:
        """The response; or the plane's error, UNREACHABLE where there is no connection to it."""
        try:
            return await clients.call(
                self._unary(rpc),
                request,
                headers,
                timeout=timeout,
                name=rpc.name,
                on_trailers=on_trailers,
            )
        except DeadlineExceeded as exc:
            if self._channels[rpc.plane].get_state() is grpc.ChannelConnectivity.READY:
                raise
            raise _unreachable(rpc.plane) from exc
        except ServiceError as exc:
            raise _explained(exc) from exc

    async def stream(
        self, rpc: Rpc, request: Message, headers: Sequence[tuple[str, str]]
    ) -> AsyncIterator[Any]:
        """The responses, until the plane ends the stream or the reader leaves."""
        sent = list(headers)
        if trace := telemetry.traceparent():
            sent.append(("traceparent", trace))
        call = self._channels[rpc.plane].unary_stream(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )(request, metadata=sent)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as exc:
            raise _explained(status.from_rpc_error(exc), exc) from exc
        finally:
            call.cancel()

    async def health(self) -> Mapping[str, str]:
        """For each plane: serving, not_serving, or unreachable."""
        found = await asyncio.gather(*(self._check(plane) for plane in PLANES))
        return dict(zip(PLANES, found, strict=True))

    async def _check(self, plane: str) -> str:
        stub: Any = health_pb2_grpc.HealthStub(self._channels[plane])
        pending: Any = stub.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_SECONDS)
        try:
            answer = await pending
        except grpc.aio.AioRpcError:
            return "unreachable"
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return "serving"
        return "not_serving"

    def _unary(self, rpc: Rpc) -> Callable[..., Any]:
        found = self._calls.get(rpc)
        if found is None:
            found = self._calls[rpc] = self._channels[rpc.plane].unary_unary(
                rpc.path,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
        return found


def _unreachable(plane: str) -> Unavailable:
    return Unavailable(
        "UNREACHABLE", f"the service {plane} of the platform does not answer; try again"
    )


def _explained(error: ServiceError, cause: BaseException | None = None) -> ServiceError:
    """The error, or NOT_IMPLEMENTED, which is the one code that planes never raise themselves."""
    seen = cause or error.__cause__
    if isinstance(seen, grpc.aio.AioRpcError) and seen.code() is grpc.StatusCode.UNIMPLEMENTED:
        return Unimplemented("NOT_IMPLEMENTED", "the platform does not offer this yet")
    return error
