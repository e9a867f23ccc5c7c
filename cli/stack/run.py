"""The whole platform as one context: servers, trace sink, migrations, services, gateway."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.stack import credentials, description, elsewhere, migrations, planes, programs, servers
from cli.stack.description import Stack
from cli.stack.elsewhere import Elsewhere
from cli.stack.logs import LogTail
from cli.stack.planes import PLANES
from cli.stack.ports import DEFAULT_BASE, Ports, require_free
from cli.stack.processes import identify
from cli.stack.state import directory_of, locked
from cli.stack.supervisor import Progress, Supervisor, clean_up, no_progress

ALL = PLANES
HEALTHY_WITHIN_SECONDS = 60.0


@contextmanager
def started(
    root: Path,
    port_base: int = DEFAULT_BASE,
    planes: Sequence[str] = ALL,
    quiet: bool = True,
    *,
    data_dir: Path | None = None,
    environment: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
    console: Console | None = None,
) -> Iterator[Stack]:
    """Run the platform of the checkout `root` while the block runs; yields its dev.json.

    Of `planes` those run that the checkout has. `environment` is what services inherit and what
    says which pieces are elsewhere; by default ours. Unless `quiet`, logs go to the console. The
    yielded description follows restarts. StackError when anything will not start, with the end of
    its log; nothing is then left running.
    """
    root = root.resolve()
    inherited = dict(os.environ if environment is None else environment)
    plan = _Plan(
        root=root,
        ports=Ports(port_base),
        planes=tuple(planes),
        elsewhere=elsewhere.from_environment(inherited),
        inherited=inherited,
        progress=progress,
    )
    directory = directory_of(root, port_base, data_dir)
    with locked(directory):
        clean_up(directory)
        supervisor = Supervisor(directory)
        publisher = _Publisher(supervisor)
        tail = None if quiet else LogTail(directory.logs, console or Console())
        try:
            if tail is not None:
                tail.start()
            stack = _start(supervisor, plan)
            publisher.publish(stack)
            yield stack
        finally:
            publisher.withdraw()
            supervisor.stop()
            directory.description.unlink(missing_ok=True)
            if tail is not None:
                tail.stop()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to start, and who wants to hear of it."""

    root: Path
    ports: Ports
    planes: tuple[str, ...]
    elsewhere: Elsewhere
    inherited: Mapping[str, str]
    progress: Progress


class _Publisher:
    """Keeps dev.json true from the moment the stack is ready until it stops."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._stack: Stack | None = None
        self._lock = threading.Lock()
        supervisor.on_change = self._refresh

    def publish(self, stack: Stack) -> None:
        with self._lock:
            self._stack = stack
        self._refresh()

    def withdraw(self) -> None:
        with self._lock:
            self._stack = None

    def _refresh(self) -> None:
        with self._lock:
            if self._stack is not None:
                self._stack["processes"].update(servers.described(self._supervisor))
                description.write(self._supervisor.directory, self._stack)


def _start(supervisor: Supervisor, plan: _Plan) -> Stack:
    """Start everything in the order of what needs what; returns when all of it is healthy."""
    chosen = planes.present(plan.root, plan.planes)
    require_free(_wanted_ports(plan, chosen))
    secrets = credentials.load(supervisor.directory)
    endpoints = servers.start(supervisor, plan.ports, secrets, plan.elsewhere, plan.progress)
    me = identify(os.getpid())
    assert me is not None
    stack = description.describe(
        root=plan.root,
        directory=supervisor.directory,
        ports=plan.ports,
        planes=chosen,
        secrets=secrets,
        endpoints=endpoints,
        elsewhere=plan.elsewhere,
        supervisor=me,
    )
    services = [programs.plane(stack, plane, plan.inherited) for plane in chosen]
    if stack["gateway_url"] is not None:
        services.append(programs.gateway(stack, plan.inherited))
    names = [program.name for program in services]
    if stack["trace_sink"] is not None:
        # Slow to import, and nobody's health depends on it: let it start beside the migrations.
        supervisor.start(programs.sink(plan.ports, plan.inherited))
        names.insert(0, "sink")
    migrations.run(stack, plan.inherited, plan.progress)
    supervisor.start(*services)
    supervisor.wait_healthy(names, HEALTHY_WITHIN_SECONDS, plan.progress)
    return stack


def _wanted_ports(plan: _Plan, chosen: Sequence[str]) -> dict[str, int]:
    wanted = servers.wanted_ports(plan.ports, plan.elsewhere)
    wanted |= {plane: plan.ports.plane(plane) for plane in chosen}
    wanted |= {f"metrics of {plane}": plan.ports.metrics(plane) for plane in chosen}
    if planes.gateway_present(plan.root):
        wanted["the gateway"] = plan.ports.gateway
    if plan.elsewhere.otlp_endpoint is None:
        wanted |= {"spans": plan.ports.otlp, "traces": plan.ports.traces}
    return wanted
