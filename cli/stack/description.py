"""What a stack says of itself in dev.json, for scripts, tests and `armature status`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, cast

from cli.stack import state
from cli.stack.credentials import Credentials
from cli.stack.elsewhere import Elsewhere
from cli.stack.errors import StackError
from cli.stack.planes import gateway_present
from cli.stack.ports import Ports, address
from cli.stack.processes import Identity
from cli.stack.servers import Endpoints
from cli.stack.state import StackDirectory


class Process(TypedDict):
    """One process: `started`, in clock ticks since boot, tells it from a later one of its pid."""

    pid: int
    started: int


class TraceSink(TypedDict):
    """Where the spans of this stack can be read."""

    url: str


class Stack(Endpoints):
    """All that a client, a script or a service needs to know of a running stack."""

    gateway_url: str | None  # None in a checkout without the gateway
    grpc: dict[str, str]  # by plane: host:port
    metrics: dict[str, str]  # by process: where Prometheus finds them
    api_key: str
    workspace_id: str
    internal_secret: str
    otlp_endpoint: str
    trace_sink: TraceSink | None  # None when spans go elsewhere
    processes: dict[str, Process]
    supervisor: Process
    port_base: int
    started_at: str
    root: str
    directory: str


def describe(
    *,
    root: Path,
    directory: StackDirectory,
    ports: Ports,
    planes: tuple[str, ...],
    secrets: Credentials,
    endpoints: Endpoints,
    elsewhere: Elsewhere,
    supervisor: Identity,
) -> Stack:
    """The description of a stack whose servers run and whose services are about to."""
    sink: TraceSink = {"url": f"http://{address(ports.traces)}"}
    return Stack(
        **endpoints,
        gateway_url=f"http://{address(ports.gateway)}" if gateway_present(root) else None,
        grpc={plane: address(ports.plane(plane)) for plane in planes},
        metrics=_metrics(root, ports, planes),
        api_key=secrets.api_key,
        workspace_id=secrets.workspace_id,
        internal_secret=secrets.internal_secret,
        otlp_endpoint=elsewhere.otlp_endpoint or f"http://{address(ports.otlp)}",
        trace_sink=None if elsewhere.otlp_endpoint else sink,
        processes={},
        supervisor={"pid": supervisor.pid, "started": supervisor.started},
        port_base=ports.base,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        root=str(root),
        directory=str(directory.path),
    )


def _metrics(root: Path, ports: Ports, planes: tuple[str, ...]) -> dict[str, str]:
    found = {plane: f"http://{address(ports.metrics(plane))}/metrics" for plane in planes}
    if gateway_present(root):
        found["gateway"] = f"http://{address(ports.gateway)}/metrics"
    return found


def write(directory: StackDirectory, stack: Stack) -> None:
    state.write_private_json(directory.description, stack)


def read(directory: StackDirectory) -> Stack:
    """The running stack of that directory; StackError when none runs there."""
    content = state.read_json(directory.description)
    if content is None or state.supervisor(directory) is None:
        raise StackError(f"no stack runs in {directory.path}: `armature dev` starts one")
    return cast(Stack, content)
