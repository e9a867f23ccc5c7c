"""Give every call a trace, a deadline and a caller, and every error one way out.

Methods are wrapped once, when a servicer is registered, rather than intercepted at each call: the
same promises at a third of the cost.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import grpc
import structlog
from opentelemetry.trace import Span, SpanKind, StatusCode

from kit import deadlines, metrics, origin, status, telemetry, trailers, validation
from kit.caller import NOBODY, Caller, Cause, caller_if_known, set_caller
from kit.errors import Internal, ServiceError, Unauthenticated
from kit.journal import Journal
from kit.logs import RateLimit
from kit.precedence import requests

log = structlog.get_logger()

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Authenticate: TypeAlias = Callable[[str], Awaitable[Caller]]

CAUSE_HEADER = "x-armature-cause"
ACTOR_HEADER = "x-armature-actor"
_EXPECTED = {"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "ABORTED"}
_EXPECTED |= {"UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"}
_SLOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How calls of a server are treated."""

    authenticate: Authenticate
    default_timeout: float = 30.0
    log_limit: RateLimit = field(default_factory=lambda: RateLimit(20.0))
    journal: Journal | None = None  # of refusals and uses of keys, for the audit log


class WrappedServer:
    """Stands where generated code expects a server, and registers each method wrapped."""

    def __init__(self, server: grpc.aio.Server, policy: CallPolicy) -> None:
        self._server = server
        self._policy = policy

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Nothing: generated code registers the same methods once more, below."""

    def add_registered_method_handlers(
        self, service: str, methods: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        wrapped = {
            name: _wrap(f"/{service}/{name}", handler, self._policy)
            for name, handler in methods.items()
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, wrapped),)
        )


def _wrap(method: str, handler: Any, policy: CallPolicy) -> "grpc.RpcMethodHandler[Any, Any]":
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(
            _unary(method, handler.unary_unary, policy),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(
            _stream(method, handler.unary_stream, policy),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
    raise NotImplementedError(f"{method} streams its requests, which no contract of ours does")


def _unary(method: str, inner: Any, policy: CallPolicy) -> Any:
    async def call(request: Any, context: Context) -> Any:
        started = time.perf_counter()
        headers = _headers(context)
        collected = trailers.begin()
        deadlines.set_remaining(_time_left(context, policy))
        origin.begin(method, headers, context, request)
        with _server_span(method, headers) as span, requests.one():
            try:
                await _identify(headers, policy)
                validation.check(request)
                response = await inner(request, context)
            except Exception as exc:  # noqa: BLE001 -- the one door out: nothing else leaks
                failure = _failure(method, exc, span)
                _note(policy, exc)
            else:
                if collected:
                    context.set_trailing_metadata(tuple(collected))
                _log(method, "OK", started, policy)
                return response
        _log(method, failure.code, started, policy, reason=failure.reason)
        return await context.abort_with_status(status.to_grpc(failure, _room(headers)))

    return call


def _stream(method: str, inner: Any, policy: CallPolicy) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        started = time.perf_counter()
        headers = _headers(context)
        deadlines.set_remaining(None)
        origin.begin(method, headers, context, request)
        try:
            await _identify(headers, policy)
            validation.check(request)
            async for response in inner(request, context):
                yield response
        except Exception as exc:  # noqa: BLE001 -- the one door out: nothing else leaks
            failure = _failure(method, exc, None)
            _note(policy, exc)
        else:
            _log(method, "OK", started, policy)
            return
        _log(method, failure.code, started, policy, reason=failure.reason)
        await context.abort_with_status(status.to_grpc(failure, _room(headers)))

    return call


def _room(headers: Mapping[str, str]) -> int:
    """How much of what is wrong the client takes."""
    return status.error_bytes(headers.get(status.ERROR_BYTES_HEADER))


def _headers(context: Context) -> dict[str, str]:
    return {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}


def _time_left(context: Context, policy: CallPolicy) -> float:
    left = context.time_remaining()
    return policy.default_timeout if left is None else min(left, 600.0)


async def _identify(headers: Mapping[str, str], policy: CallPolicy) -> None:
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated(
            "CREDENTIALS_INVALID", "send authorization: Bearer with an API key or a token"
        )
    caller = await policy.authenticate(credential.strip())
    if caller.internal:
        caller = _with_cause(caller, headers)
    set_caller(caller)
    if policy.journal is not None:
        policy.journal.used(caller)


def _with_cause(caller: Caller, headers: Mapping[str, str]) -> Caller:
    """What led to the call, and in whose name it shows: told by planes alone."""
    if cause := headers.get(CAUSE_HEADER):
        found = json.loads(cause)
        chain = tuple(found.get("chain", ()))
        caller = replace(
            caller,
            cause=Cause(found["root_id"], found["causation_id"], int(found["depth"]), chain),
        )
    if actor := headers.get(ACTOR_HEADER):
        shown = json.loads(actor)
        caller = replace(caller, kind=shown["kind"], principal_id=shown["id"], name=shown["name"])
    return caller


def _server_span(method: str, headers: Mapping[str, str]) -> telemetry.AbstractSpan:
    return telemetry.span(
        method.lstrip("/"),
        kind=SpanKind.SERVER,
        parent=telemetry.remote(headers.get("traceparent")),
        rpc__system="grpc",
        rpc__method=method.lstrip("/"),
    )


def _failure(method: str, exc: Exception, span: Span | None) -> ServiceError:
    if isinstance(exc, ServiceError):
        failure = exc
    else:
        log.error("unexpected", method=method, exc_info=exc)
        failure = Internal("INTERNAL", "an error on our side, which we have logged")
    trace = telemetry.trace_id()
    if trace:
        failure.metadata.setdefault("trace_id", trace)
    if span is not None:
        span.set_attribute("rpc.grpc.status_code", failure.code)
        if failure.code not in _EXPECTED:
            span.set_status(StatusCode.ERROR, failure.reason)
    return failure


def _note(policy: CallPolicy, exc: Exception) -> None:
    if policy.journal is not None:
        policy.journal.refused(caller_if_known(), exc)


def _log(method: str, code: str, started: float, policy: CallPolicy, **more: str) -> None:
    seconds = time.perf_counter() - started
    metrics.RPC_SECONDS.labels(method, code).observe(seconds)
    if code == "OK" and seconds < _SLOW_SECONDS and not policy.log_limit.allow():
        return
    log.info("rpc", method=method, code=code, ms=round(seconds * 1000, 2), **more)


def nobody() -> Caller:
    """The caller of calls that need none."""
    return Caller(NOBODY, "", "system", "Armature")
