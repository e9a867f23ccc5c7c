"""Start, recognise and stop processes, never mistaking a recycled pid for one of ours."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cli.stack import leash

# In the environment of all that a stack starts, its value the stack's directory: how strays are
# found whose pid was never written down. Not ARMATURE_*: services refuse those they don't know.
MARK = "STACK_DIRECTORY"
_LEASH = str(Path(leash.__file__).resolve())
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, and no other that later has its pid: `started` is in clock ticks since boot."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group a process runs as when ours would be refused."""

    uid: int
    gid: int


def identify(pid: int) -> Identity | None:
    """The living process of that pid; None when there is none, or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name, in brackets, may hold anything
    return None if fields[0] in {"Z", "X"} else Identity(pid, int(fields[19]))


def is_alive(process: Identity) -> bool:
    return identify(process.pid) == process


def send(process: Identity, number: signal.Signals) -> None:
    """Signal it, and its process group where it leads one; nothing if it is gone."""
    if not is_alive(process):
        return
    try:
        if number is signal.SIGKILL and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        return


def kill_group(leader: int) -> None:
    """Kill what a child of ours left in its process group; call right after waiting for it.

    While a member lives the kernel gives the number to nobody else; without one there is no group.
    """
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def wait_gone(processes: Iterable[Identity], seconds: float) -> list[Identity]:
    """Wait until they have ended; those that have not by then."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        left = [process for process in left if is_alive(process)]
    return left


def stop(processes: Sequence[Identity], number: signal.Signals, grace: float) -> None:
    """Ask them all to end with `number`; kill those that have not within `grace` seconds."""
    for process in processes:
        send(process, number)
    for process in wait_gone(processes, grace):
        send(process, signal.SIGKILL)
    wait_gone(processes, 5)


def marked(directory: Path) -> list[Identity]:
    """Every living process that the stack of `directory` started, recorded or not."""
    wanted = f"{MARK}={directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended, or is not ours to read, hence not ours
            continue
        if wanted in environment and (process := identify(int(entry.name))):
            found.append(process)
    return found


def working_in(directory: Path, program: str) -> list[Identity]:
    """Living processes of that program whose working directory it is."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
            same = name == program and (entry / "cwd").readlink() == directory
        except OSError:
            continue
        if same and (process := identify(int(entry.name))):
            found.append(process)
    return found


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: IO[bytes],
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, to get `death_signal` when our thread ends.

    The kernel ties it to the calling thread: call from one that lives as long as the child may.
    """
    identity = (leash.KEEP, leash.KEEP) if account is None else (account.uid, account.gid)
    leashed = (sys.executable, "-I", "-S", _LEASH, os.getpid(), death_signal.value, *identity)
    return subprocess.Popen(
        [*map(str, leashed), *argv],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
