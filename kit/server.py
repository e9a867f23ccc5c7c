"""Serve gRPC until asked to stop, then drain.

Health answers by service name: SERVING while Postgres and NATS answer and we are not draining; the
name "liveness" is SERVING as long as the process can answer at all.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from kit.calls import CallPolicy, WrappedServer

log = structlog.get_logger()

# What registers each service, by the full name that health and reflection answer for.
Servicers: TypeAlias = Mapping[str, Callable[[Any], None]]
Ready: TypeAlias = Callable[[], Awaitable[bool]]

_CHECK_SECONDS = 1.0
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@asynccontextmanager
async def running(
    address: str,
    servicers: Servicers,
    policy: CallPolicy,
    ready: Ready,
    *,
    grace: float = 10.0,
    max_connection_age: float = 300.0,
    max_message_bytes: int = 16 * 1024 * 1024,
) -> AsyncIterator[int]:
    """Serve while the block runs, on the port it is given; then let open calls finish."""
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", 64 * 1024 * 1024),
            ("grpc.max_connection_age_ms", int(max_connection_age * 1000)),
            ("grpc.max_connection_age_grace_ms", 30_000),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ]
    )
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    wrapped = WrappedServer(server, policy)
    for register in servicers.values():
        register(wrapped)
    names = [*servicers, ""]
    await checks.set("liveness", _SERVING)
    for name in names:
        await checks.set(name, _NOT_SERVING)
    reflection.enable_server_reflection(
        [*servicers, health.SERVICE_NAME, reflection.SERVICE_NAME], server
    )
    port = server.add_insecure_port(address)
    await server.start()
    watching = asyncio.create_task(_watch(checks, names, ready))
    try:
        yield port
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await checks.enter_graceful_shutdown()  # NOT_SERVING: no new calls are sent to us
        await server.stop(grace)


async def _watch(checks: health.aio.HealthServicer, names: list[str], ready: Ready) -> None:
    """Say SERVING only while what we need answers."""
    state = None
    while True:
        now = _SERVING if await ready() else _NOT_SERVING
        if now != state:
            log.info("health", serving=now == _SERVING)
            for name in names:
                await checks.set(name, now)
            state = now
        await asyncio.sleep(_CHECK_SECONDS)
