"""Die at a named point, when a test asks for it: kill -9 exactly where it hurts most.

A test puts a file named after the point into the directory that the setting `crash_dir` names; the
next process to pass the point takes the file away and kills itself, or, where the file says `stop`,
stands still until somebody sends it SIGCONT. Without the setting a point costs one comparison.
"""

import os
import signal
from pathlib import Path

_directory: Path | None = None


def configure(directory: str) -> None:
    global _directory  # noqa: PLW0603 -- one switch for the process, set once at its start
    _directory = Path(directory) if directory else None


def point(name: str) -> None:
    """Die here if somebody asked for it."""
    if _directory is None:
        return
    asked = _directory / name
    try:
        stop = asked.read_bytes() == b"stop"
        asked.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGSTOP if stop else signal.SIGKILL)
