"""The programs of our own that a stack runs: trace sink, planes, gateway."""

import sys
from collections.abc import Mapping
from pathlib import Path

from cli.stack import settings
from cli.stack.children import Program
from cli.stack.description import Stack
from cli.stack.health import grpc_trouble, http_trouble
from cli.stack.planes import ROLES
from cli.stack.ports import Ports, address

# Where this package is, which need not be the checkout whose services run.
_OUR_ROOT = Path(__file__).resolve().parents[2]
# Servers are tier 0: what depends on another stops before it.
_SERVICES_TIER = 1
_GATEWAY_TIER = 2


def sink(ports: Ports, inherited: Mapping[str, str]) -> Program:
    argv = (sys.executable, "-m", "cli.sink")
    health = f"http://{address(ports.traces)}/healthz"
    return Program(
        name="sink",
        argv=(*argv, "--otlp-port", str(ports.otlp), "--http-port", str(ports.traces)),
        env={**inherited, "PYTHONPATH": str(_OUR_ROOT), "PYTHONUNBUFFERED": "1"},
        cwd=_OUR_ROOT,
        trouble=lambda: http_trouble(health),
    )


def plane(stack: Stack, name: str, inherited: Mapping[str, str]) -> Program:
    """One process in all the roles of the plane."""
    listening = stack["grpc"][name]
    return Program(
        name=name,
        argv=(sys.executable, "-m", f"services.{name}", *ROLES),
        env=settings.of_plane(stack, name, inherited),
        cwd=Path(stack["root"]),
        trouble=lambda: grpc_trouble(listening),
        tier=_SERVICES_TIER,
    )


def gateway(stack: Stack, inherited: Mapping[str, str]) -> Program:
    ready = f"{stack['gateway_url']}/readyz"
    return Program(
        name="gateway",
        argv=(sys.executable, "-m", "gateway", "serve"),
        env=settings.of_gateway(stack, inherited),
        cwd=Path(stack["root"]),
        trouble=lambda: http_trouble(ready),
        tier=_GATEWAY_TIER,
    )
