"""The log files of a stack's processes, and showing them as they grow."""

import os
import threading
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.text import Text

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")
_POLL_SECONDS = 0.1
_CHUNK = 1 << 16


def open_fresh(path: Path) -> IO[bytes]:
    """Open a log for appending, keeping the previous one beside it as `.1`.

    Processes write to the file themselves, so none ever waits for, or dies with, its reader.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab", buffering=0)


def last_lines(path: Path, count: int = 15) -> list[str]:
    """The end of a log, for an error message; empty when there is no log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _CHUNK))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]


class LogTail:
    """Prints what is added to the logs of a directory, each line under its process's name."""

    def __init__(self, directory: Path, console: Console) -> None:
        self._directory = directory
        self._console = console
        # By inode, which a rotation leaves behind: how far each file was read, and a line's start.
        self._read: dict[int, int] = {}
        self._rest: dict[int, bytes] = {}
        for path in directory.glob("*.log"):  # of an earlier run: not news
            status = path.stat()
            self._read[status.st_ino] = status.st_size
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-tail", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Print what is there by now, and no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            self._print_new()
        while self._print_new():
            pass

    def _print_new(self) -> bool:
        """Print a piece of each log; whether there was any."""
        found = False
        for path in sorted(self._directory.glob("*.log")):
            try:
                file = path.open("rb")
            except FileNotFoundError:  # being rotated
                continue
            with file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self._read.get(inode, 0))
                added = file.read(_CHUNK)
            if not added:
                continue
            found = True
            self._read[inode] = self._read.get(inode, 0) + len(added)
            *lines, self._rest[inode] = (self._rest.get(inode, b"") + added).split(b"\n")
            for line in lines:
                self._print(path.stem, line.decode(errors="replace").rstrip())
        return found

    def _print(self, name: str, line: str) -> None:
        colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        self._console.print(Text.assemble((f"{name:>10} │ ", colour), line), soft_wrap=True)
