"""The directory of a stack: what it writes down about itself, and the lock of its supervisor."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.stack import ports
from cli.stack.errors import StackError
from cli.stack.processes import Identity, identify


@dataclass(frozen=True, slots=True)
class StackDirectory:
    """Names of the files under a stack's directory; `path` is absolute."""

    path: Path

    @property
    def description(self) -> Path:
        """What a ready stack says of itself; absent while it is not."""
        return self.path / "dev.json"

    @property
    def ledger(self) -> Path:
        """The processes started so far, ready or not: what `down` cleans up by."""
        return self.path / "processes.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def lock(self) -> Path:
        return self.path / "lock"


def directory_of(root: Path, port_base: int, data_dir: Path | None = None) -> StackDirectory:
    """Where a stack keeps its files: each port base has a place of its own."""
    if data_dir is not None:
        return StackDirectory(data_dir.resolve())
    default = root.resolve() / ".armature"
    if port_base == ports.DEFAULT_BASE:
        return StackDirectory(default)
    return StackDirectory(default / f"stack-{port_base}")


def create(directory: StackDirectory) -> None:
    """Make it, closed to other users' listing but passable for the account Postgres runs as."""
    directory.path.mkdir(parents=True, exist_ok=True)
    directory.logs.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        directory.path.chmod(0o711)
    else:
        directory.path.chmod(0o700)


def write_private_json(path: Path, content: object) -> None:
    """Replace the file in one step, readable by us alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """What the file holds; None when there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        content = json.loads(text)
    except ValueError as exc:
        raise StackError(f"{path} is not JSON ({exc}); move it away and start again") from exc
    if not isinstance(content, dict):
        raise StackError(f"{path} holds no JSON object; move it away and start again")
    return content


def boot_id() -> str:
    """Changes with every boot: start times of processes mean nothing across one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def write_ledger(directory: StackDirectory, running: dict[str, Identity]) -> None:
    processes = {n: {"pid": p.pid, "started": p.started} for n, p in running.items()}
    write_private_json(directory.ledger, {"boot_id": boot_id(), "processes": processes})


def read_ledger(directory: StackDirectory) -> dict[str, Identity]:
    """The processes written down during this boot, by name."""
    ledger = read_json(directory.ledger)
    if ledger is None or ledger["boot_id"] != boot_id():
        return {}
    return {n: Identity(p["pid"], p["started"]) for n, p in ledger["processes"].items()}


@contextmanager
def locked(directory: StackDirectory) -> Iterator[None]:
    """Hold the directory as its one supervisor; StackError when another process does.

    The kernel lets go of the lock when the holder dies, however it dies.
    """
    create(directory)
    descriptor = os.open(directory.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _take(descriptor):
            raise StackError(
                f"a stack runs already in {directory.path}: `armature status` describes it, "
                "`armature down` ends it, --port-base N starts another beside it"
            )
        me = identify(os.getpid())
        assert me is not None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{me.pid} {me.started}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    """Try for a moment: whoever asks for the `supervisor` holds the lock for a moment too."""
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def supervisor(directory: StackDirectory) -> Identity | None:
    """The living process that holds the lock; None when nobody does."""
    try:
        descriptor = os.open(directory.lock, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        words = os.pread(descriptor, 100, 0).split()
        return Identity(int(words[0]), int(words[1])) if len(words) == 2 else None
    finally:
        os.close(descriptor)
    return None
