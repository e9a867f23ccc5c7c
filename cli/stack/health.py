"""Ask a process of ours, as its clients would, whether it can be used."""

import urllib.error
import urllib.request

import grpc
from grpc_health.v1 import health_pb2

_TIMEOUT_SECONDS = 2.0
# Straight to loopback, whatever proxies the user's environment names.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    # A connection of its own: a shared one would sit out the pause after the last refusal.
    ("grpc.use_local_subchannel_pool", 1),
)


def http_trouble(url: str) -> str | None:
    """Why a GET does not succeed; None when it does."""
    try:
        with _direct.open(url, timeout=_TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as exc:
        with exc:
            return f"HTTP {exc.code}: {exc.read(300).decode(errors='replace').strip()}"
    except OSError as exc:
        return str(exc)


def grpc_trouble(address: str) -> str | None:
    """Why a gRPC server does not call itself healthy as a whole; None when it does."""
    request = health_pb2.HealthCheckRequest(service="")
    try:
        with grpc.insecure_channel(address, options=_CHANNEL_OPTIONS) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            answer = check(request, timeout=_TIMEOUT_SECONDS)
    except grpc.RpcError as exc:
        return str(exc.details()) if isinstance(exc, grpc.Call) else str(exc)
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return None
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
