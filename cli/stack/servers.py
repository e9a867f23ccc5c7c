"""Postgres, NATS and S3 together, ready for the platform: `started()` is what tests use."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import urlsplit

from cli.stack import credentials, nats, postgres, roles, s3, state
from cli.stack.children import Program
from cli.stack.credentials import SUPERUSER, Credentials
from cli.stack.elsewhere import Elsewhere
from cli.stack.errors import StackError
from cli.stack.ports import LOOPBACK, Ports, find_free_base, require_free
from cli.stack.state import StackDirectory
from cli.stack.supervisor import Progress, Supervisor, clean_up, no_progress

HEALTHY_WITHIN_SECONDS = 60.0


class PostgresEndpoint(TypedDict):
    """The database: `url` is the superuser's, `roles` holds the URL of each other role."""

    url: str
    host: str
    port: int
    database: str
    roles: dict[str, str]


class NatsEndpoint(TypedDict):
    """NATS: `url` holds the login."""

    url: str


class S3Endpoint(TypedDict):
    """The object store, and the bucket in it that exists."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    region: str


class Endpoints(TypedDict):
    """The three servers, as dev.json describes them."""

    postgres: PostgresEndpoint
    nats: NatsEndpoint
    s3: S3Endpoint


class Started(Endpoints):
    """What `started` yields: the endpoints, and what a test needs of the stack behind them."""

    processes: dict[str, Any]
    internal_secret: str
    port_base: int
    directory: str


@contextmanager
def started(
    data_dir: Path | None = None, port_base: int | None = None, *, keep: bool = True
) -> Iterator[Started]:
    """Run the three servers while the block runs, and yield where they are.

    Without `data_dir` their data goes to a new directory that is removed afterwards; so it is with
    `keep=False`. Without `port_base` free ports are found. The database, its roles and the bucket
    exist when the block begins. `processes` maps each name to its pid and start time, and is kept
    up to date while servers are killed and restarted.
    """
    keep = keep and data_dir is not None
    directory = StackDirectory((data_dir or Path(tempfile.mkdtemp(prefix="armature-"))).resolve())
    ports = Ports(find_free_base() if port_base is None else port_base)
    try:
        with state.locked(directory):
            clean_up(directory)
            supervisor = Supervisor(directory)
            secrets = credentials.load(directory)
            processes: dict[str, Any] = {}
            supervisor.on_change = lambda: processes.update(described(supervisor))
            try:
                yield Started(
                    **start(supervisor, ports, secrets, Elsewhere()),
                    processes=processes,
                    internal_secret=secrets.internal_secret,
                    port_base=ports.base,
                    directory=str(directory.path),
                )
            finally:
                supervisor.stop()
    finally:
        if not keep:
            postgres.forget(directory)
            shutil.rmtree(directory.path, ignore_errors=True)


def start(
    supervisor: Supervisor,
    ports: Ports,
    secrets: Credentials,
    elsewhere: Elsewhere,
    progress: Progress = no_progress,
) -> Endpoints:
    """Start the servers that are not elsewhere, wait for them, and make what services expect."""
    directory = supervisor.directory
    require_free(wanted_ports(ports, elsewhere))
    programs: list[Program] = []
    if elsewhere.database_url is None:
        programs.append(postgres.prepare(directory, ports.postgres, secrets))
    if elsewhere.nats_url is None:
        programs.append(nats.prepare(directory, ports, secrets))
    if elsewhere.store is None:
        programs.append(s3.prepare(directory, ports.s3, secrets))
    supervisor.start(*programs)
    names = [program.name for program in programs]
    supervisor.wait_healthy(names, HEALTHY_WITHIN_SECONDS, progress)
    return Endpoints(
        postgres=_postgres(ports, secrets, elsewhere),
        nats={"url": elsewhere.nats_url or nats.url(ports.nats, secrets.nats_password)},
        s3=_s3(ports, secrets, elsewhere),
    )


def described(supervisor: Supervisor) -> dict[str, Any]:
    """The running processes as dev.json lists them."""
    running = supervisor.running().items()
    return {name: {"pid": p.pid, "started": p.started} for name, p in running}


def wanted_ports(ports: Ports, elsewhere: Elsewhere) -> dict[str, int]:
    wanted: dict[str, int] = {}
    if elsewhere.database_url is None:
        wanted["postgres"] = ports.postgres
    if elsewhere.nats_url is None:
        wanted |= {"nats": ports.nats, "the monitor of nats": ports.nats_monitor}
    if elsewhere.store is None:
        wanted["s3"] = ports.s3
    return wanted


def _postgres(ports: Ports, secrets: Credentials, elsewhere: Elsewhere) -> PostgresEndpoint:
    passwords = secrets.database_passwords
    url = elsewhere.database_url
    if url is None:
        admin = f"postgresql://{SUPERUSER}:{passwords[SUPERUSER]}@{LOOPBACK}:{ports.postgres}"
        url = roles.make_database(f"{admin}/postgres", postgres.DATABASE)
    roles.provision(url, passwords)
    parts = urlsplit(url)
    if not parts.hostname:
        raise StackError("ARMATURE_DATABASE_URL must name a host: postgresql://user:pw@host/db")
    return {
        "url": url,
        "host": parts.hostname,
        "port": parts.port or 5432,
        "database": parts.path.lstrip("/"),
        "roles": {r: roles.login(url, r, p) for r, p in passwords.items() if r != SUPERUSER},
    }


def _s3(ports: Ports, secrets: Credentials, elsewhere: Elsewhere) -> S3Endpoint:
    store = elsewhere.store or s3.embedded(ports.s3, secrets)
    s3.make_bucket(store, elsewhere.bucket)
    return {
        "endpoint": store.endpoint,
        "access_key": store.access_key,
        "secret_key": store.secret_key,
        "bucket": elsewhere.bucket,
        "region": store.region,
    }
