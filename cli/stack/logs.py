"""The log files of a stack's processes, and showing them as they grow."""

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
        self._read: dict[Path, int] = {}
        self._rest: dict[Path, bytes] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-tail", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            self._print_new()
        self._print_new()

    def _print_new(self) -> None:
        for path in sorted(self._directory.glob("*.log")):
            if path.stat().st_size < self._read.get(path, 0):
                self._read[path] = 0  # a new file of that name
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                added = file.read(_CHUNK)
            self._read[path] = self._read.get(path, 0) + len(added)
            *lines, rest = (self._rest.get(path, b"") + added).split(b"\n")
            self._rest[path] = rest
            for line in lines:
                self._print(path.stem, line.decode(errors="replace").rstrip())

    def _print(self, name: str, line: str) -> None:
        colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        self._console.print(Text.assemble((f"{name:>10} │ ", colour), line), soft_wrap=True)
