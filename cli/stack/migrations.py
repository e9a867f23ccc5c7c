"""Bring the schemas of the planes up to date before their services start."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from cli.stack import processes, settings
from cli.stack.description import Stack
from cli.stack.errors import StackError
from cli.stack.logs import last_lines, open_fresh
from cli.stack.processes import MARK
from cli.stack.supervisor import Progress

DONE_WITHIN_SECONDS = 120.0


def run(stack: Stack, inherited: Mapping[str, str], progress: Progress) -> None:
    """Migrate every plane of the stack, all at once: each has a schema of its own.

    StackError with the end of the log of one that fails; the others are then ended too.
    """
    running: dict[str, subprocess.Popen[bytes]] = {}
    logs = {plane: _log(stack, plane) for plane in stack["grpc"]}
    deadline = time.monotonic() + DONE_WITHIN_SECONDS
    try:
        for plane in stack["grpc"]:
            progress(f"{plane} schema", "migrating")
            with open_fresh(logs[plane]) as output:
                running[plane] = processes.spawn(
                    (sys.executable, "-m", f"services.{plane}", "migrate"),
                    env=settings.of_migration(stack, plane, inherited) | {MARK: stack["directory"]},
                    cwd=Path(stack["root"]),
                    output=output,
                )
        for plane, process in running.items():
            code = _wait(process, deadline)
            if code != 0:
                why = "did not end in time" if code is None else f"exited with status {code}"
                tail = "\n".join(f"    {line}" for line in last_lines(logs[plane]))
                raise StackError(f"the migration of {plane} {why}; {logs[plane]}:\n{tail}")
            progress(f"{plane} schema", None)
    finally:
        for process in running.values():
            if process.poll() is None:
                processes.kill_group(process.pid)
                process.wait()


def _log(stack: Stack, plane: str) -> Path:
    return Path(stack["directory"]) / "logs" / f"{plane}-migrate.log"


def _wait(process: "subprocess.Popen[bytes]", deadline: float) -> int | None:
    try:
        return process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
