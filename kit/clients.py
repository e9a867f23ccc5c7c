"""Call other services: a deadline always set, errors as the classes they were raised as.

A call is tried again on UNAVAILABLE, and only where repeating it is safe: a read, or a mutation
that carries a request id.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from opentelemetry.trace import SpanKind

from kit import deadlines, origin, status, telemetry
from kit.caller import Caller, Cause
from kit.calls import ACTOR_HEADER, CAUSE_HEADER
from kit.errors import Unavailable

R = TypeVar("R", bound=Message)
_ATTEMPTS = 4

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.enable_retries", 0),
    ("grpc.max_metadata_size", status.METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", 2 * status.METADATA_BYTES),
]
_ERROR_BYTES = (status.ERROR_BYTES_HEADER, str(status.ERROR_BYTES))


def channel(address: str) -> grpc.aio.Channel:
    """A channel to all replicas behind an address."""
    target = f"ipv4:{address}" if "," in address else address
    return grpc.aio.insecure_channel(target, options=_OPTIONS)


def metadata(
    credential: str, *, cause: Cause | None = None, actor: Caller | None = None
) -> list[tuple[str, str]]:
    """Headers that say who calls; cause and actor are believed with internal credentials only."""
    headers = [("authorization", f"Bearer {credential}")]
    if cause is not None and cause.root_id:
        headers.append((CAUSE_HEADER, json.dumps(asdict(cause))))
    if actor is not None:
        headers.append((ACTOR_HEADER, json.dumps(dict(actor.actor()))))
    return headers


async def call(
    rpc: Callable[..., Awaitable[R]],
    request: Message,
    headers: Sequence[tuple[str, str]],
    *,
    timeout: float = 10.0,  # noqa: ASYNC109 -- gRPC's own deadline, which the server sees
    name: str = "",
    on_trailers: Callable[[dict[str, str]], None] | None = None,
) -> R:
    """The response, or the ServiceError that the other side raised."""
    repeatable = "request_id" not in request.DESCRIPTOR.fields_by_name or bool(
        getattr(request, "request_id", "")
    )
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _call_once(rpc, request, headers, timeout, name, on_trailers)
        except Unavailable:
            left = deadlines.remaining()
            if not repeatable or attempt >= _ATTEMPTS or (left is not None and left < 0.1):
                raise
            await asyncio.sleep(0.05 * 3**attempt * random.uniform(0.5, 1.0))  # noqa: S311


async def _call_once(
    rpc: Callable[..., Awaitable[R]],
    request: Message,
    headers: Sequence[tuple[str, str]],
    timeout: float,  # noqa: ASYNC109
    name: str,
    on_trailers: Callable[[dict[str, str]], None] | None,
) -> R:
    with telemetry.span(
        name or type(request).__name__.removesuffix("Request"),
        kind=SpanKind.CLIENT,
        rpc__system="grpc",
    ):
        sent = [*headers, _ERROR_BYTES]
        if trace := telemetry.traceparent():
            sent.append(("traceparent", trace))
        if came := origin.current():
            sent += came.forwarded()
        try:
            pending: Any = rpc(
                request,
                metadata=sent,
                timeout=deadlines.shorter_of(timeout),
                wait_for_ready=True,
            )
            response: R = await pending
            if on_trailers is not None:
                trailing = await pending.trailing_metadata()
                on_trailers({k: v for k, v in trailing or () if isinstance(v, str)})
            return response
        except grpc.aio.AioRpcError as exc:
            raise status.from_rpc_error(exc) from exc
