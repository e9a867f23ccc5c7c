"""The whole platform as real processes, made to be hurt: proxies before Postgres and NATS, a second
worker of each plane that does work, crash points for each process alone, and short leases.
"""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cli.stack import (
    credentials,
    description,
    migrations,
    nats,
    planes,
    postgres,
    processes,
    programs,
    roles,
    s3,
    state,
)
from cli.stack.children import Program
from cli.stack.credentials import OWNER, SUPERUSER, Credentials
from cli.stack.elsewhere import Elsewhere
from cli.stack.planes import PLANES
from cli.stack.ports import LOOPBACK, Ports, address, require_free
from cli.stack.processes import Identity, identify
from cli.stack.servers import Endpoints
from cli.stack.state import StackDirectory
from cli.stack.supervisor import Supervisor, clean_up, no_progress
from tests.chaos.proxy import Proxy

HEALTHY_WITHIN_SECONDS = 90.0
# What two processes of one plane share by leases; the second of each serves nobody.
TWINS = ("records", "automation", "events")
RUN_LEASE_SECONDS = 6.0
_ALL_PLANES = {"ARMATURE_ACK_WAIT_SECONDS": "4", "ARMATURE_OTLP_ENDPOINT": ""}
_OF_PLANE: Mapping[str, Mapping[str, str]] = {
    "automation": {
        "ARMATURE_RUN_LEASE_SECONDS": str(RUN_LEASE_SECONDS),
        "ARMATURE_RUN_HEARTBEAT_SECONDS": "2",
        "ARMATURE_RULE_TRIGGERS_PER_MINUTE": "1000000",
        "ARMATURE_WEBHOOK_TIMEOUT_SECONDS": "3",
        "ARMATURE_ACTION_TIMEOUT_SECONDS": "5",
    },
    "events": {
        "ARMATURE_WEBHOOK_SCHEDULE": ",".join(["0", *["1"] * 5, *["3"] * 20]),
        "ARMATURE_WEBHOOK_TIMEOUT_SECONDS": "3",
        "ARMATURE_WEBHOOK_BREAKER_SECONDS": "1",
        "ARMATURE_WEBHOOK_CONCURRENCY": "16",
    },
}


@dataclass(frozen=True, slots=True)
class Platform:
    """What runs, and the handles to hurt it by."""

    gateway_url: str
    api_key: str
    directory: Path
    supervisor: Supervisor
    proxies: Mapping[str, Proxy]  # postgres, nats
    crash_root: Path
    wipe: threading.Event  # set: NATS finds an empty volume when it starts next

    def process(self, name: str) -> Identity | None:
        """The process of that name while it is alive."""
        return self.supervisor.running().get(name)

    def send(self, name: str, number: signal.Signals) -> Identity | None:
        """Signal it; which process that was."""
        found = self.process(name)
        if found is not None:
            processes.send(found, number)
        return found

    def crash_dir(self, name: str) -> Path:
        """Where that process alone looks for the crash points to die at."""
        return self.crash_root / name

    def services(self) -> list[str]:
        """Every process of our own code."""
        return [*PLANES, *(f"{plane}-2" for plane in TWINS), "gateway"]


@contextmanager
def started(root: Path, port_base: int, directory: Path) -> Iterator[Platform]:
    """Run it while the block runs; its data is removed afterwards, its logs are kept."""
    found = StackDirectory(directory.resolve())
    ports = Ports(port_base)
    with ExitStack() as exits:
        exits.enter_context(state.locked(found))
        clean_up(found)
        supervisor = Supervisor(found)
        exits.callback(_forget, found)
        secrets = credentials.load(found)
        wipe = threading.Event()
        proxies = {
            name: exits.enter_context(Proxy(port, target))
            for name, port, target in (
                ("postgres", ports.base + 24, ports.postgres),
                ("nats", ports.base + 25, ports.nats),
            )
        }
        exits.callback(supervisor.stop)
        direct = _servers(supervisor, ports, secrets, wipe)
        me = identify(os.getpid())
        assert me is not None
        stack = description.describe(
            root=root,
            directory=found,
            ports=ports,
            planes=PLANES,
            secrets=secrets,
            endpoints=direct,
            elsewhere=Elsewhere(),
            supervisor=me,
        )
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ARMATURE_")}
        migrations.run(stack, inherited, no_progress)
        stack["postgres"]["roles"] = {
            role: url.replace(f":{ports.postgres}/", f":{proxies['postgres'].port}/")
            for role, url in stack["postgres"]["roles"].items()
        }
        stack["nats"] = {"url": nats.url(proxies["nats"].port, secrets.nats_password)}
        crash_root = found.path / "crash"
        chosen = [_service(stack, plane, inherited, crash_root) for plane in PLANES]
        chosen += [_twin(ports, program) for program in chosen if program.name in TWINS]
        gateway = programs.gateway(stack, inherited)
        chosen.append(replace(gateway, env={**gateway.env, "ARMATURE_OTLP_ENDPOINT": ""}))
        supervisor.start(*chosen)
        supervisor.wait_healthy([program.name for program in chosen], HEALTHY_WITHIN_SECONDS)
        assert stack["gateway_url"] is not None
        yield Platform(
            stack["gateway_url"],
            secrets.api_key,
            found.path,
            supervisor,
            proxies,
            crash_root,
            wipe,
        )


def _servers(
    supervisor: Supervisor, ports: Ports, secrets: Credentials, wipe: threading.Event
) -> Endpoints:
    """Postgres, NATS and S3 as the embedded stack has them; NATS loses its volume when asked."""
    require_free({"the gateway": ports.gateway, "postgres": ports.postgres, "nats": ports.nats})
    directory = supervisor.directory

    def empty_volume() -> None:
        if wipe.is_set():
            shutil.rmtree(directory.path / "nats", ignore_errors=True)
            wipe.clear()

    started = (
        postgres.prepare(directory, ports.postgres, secrets),
        replace(nats.prepare(directory, ports, secrets), prepare=empty_volume),
        s3.prepare(directory, ports.s3, secrets),
    )
    supervisor.start(*started)
    supervisor.wait_healthy([program.name for program in started], HEALTHY_WITHIN_SECONDS)
    passwords = secrets.database_passwords
    admin = f"postgresql://{SUPERUSER}:{passwords[SUPERUSER]}@{LOOPBACK}:{ports.postgres}"
    url = roles.make_database(f"{admin}/postgres", postgres.DATABASE)
    roles.provision(url, passwords)
    store = s3.embedded(ports.s3, secrets)
    s3.make_bucket(store, s3.BUCKET)
    logins = {r: roles.login(url, r, p) for r, p in passwords.items() if r != SUPERUSER}
    assert OWNER in logins
    return {
        "postgres": {
            "url": url,
            "host": LOOPBACK,
            "port": ports.postgres,
            "database": postgres.DATABASE,
            "roles": logins,
        },
        "nats": {"url": nats.url(ports.nats, secrets.nats_password)},
        "s3": {
            "endpoint": store.endpoint,
            "access_key": store.access_key,
            "secret_key": store.secret_key,
            "bucket": s3.BUCKET,
            "region": store.region,
        },
    }


def _service(
    stack: description.Stack, plane: str, inherited: Mapping[str, str], crash_root: Path
) -> Program:
    assert plane in planes.PLANES
    program = programs.plane(stack, plane, inherited)
    return _with_crash_dir(
        replace(program, env={**program.env, **_ALL_PLANES, **_OF_PLANE.get(plane, {})}),
        crash_root / plane,
    )


def _twin(ports: Ports, program: Program) -> Program:
    """A second process of the plane that relays and works, and answers nobody."""
    name = f"{program.name}-2"
    metrics = address(ports.base + 26 + TWINS.index(program.name))
    twin = replace(
        program,
        name=name,
        argv=(sys.executable, "-m", f"services.{program.name}", "relay", "work"),
        env={**program.env, "ARMATURE_METRICS_ADDRESS": metrics},
        trouble=lambda: None,
    )
    return _with_crash_dir(twin, Path(program.env["ARMATURE_CRASH_DIR"]).parent / name)


def _with_crash_dir(program: Program, directory: Path) -> Program:
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.iterdir():
        left.unlink()
    return replace(program, env={**program.env, "ARMATURE_CRASH_DIR": str(directory)})


def _forget(directory: StackDirectory) -> None:
    """Remove the data; logs stay for the curious."""
    postgres.forget(directory)
    for name in ("postgres", "nats", "s3"):
        shutil.rmtree(directory.path / name, ignore_errors=True)
