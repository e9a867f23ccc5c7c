"""Run the children of one stack: write down who they are, wait for their health, stop them."""

import signal
import threading
import time
from collections.abc import Callable, Iterable

from cli.stack import processes, state
from cli.stack.children import Child, Program
from cli.stack.errors import StackError
from cli.stack.logs import last_lines
from cli.stack.state import StackDirectory

# A program that died this often before it ever worked will not work by being started again.
HOPELESS_DEATHS = 8
_POLL_SECONDS = 0.05

Progress = Callable[[str, str | None], None]


def no_progress(_name: str, _trouble: str | None) -> None:
    """For callers that show nothing."""


class Supervisor:
    """The children of one stack directory, whose lock the caller holds."""

    def __init__(self, directory: StackDirectory) -> None:
        self.directory = directory
        # Called after any child started or ended; set by whoever describes the stack.
        self.on_change: Callable[[], None] = lambda: None
        self._children: dict[str, Child] = {}
        self._lock = threading.Lock()

    def start(self, *programs: Program) -> None:
        for program in programs:
            child = Child(program, self.directory.path, self._changed)
            self._children[program.name] = child
            child.start()

    def running(self) -> dict[str, processes.Identity]:
        """The processes alive now, by name."""
        children = list(self._children.items())
        return {name: child.identity for name, child in children if child.identity}

    def wait_healthy(
        self, names: Iterable[str], seconds: float, progress: Progress = no_progress
    ) -> None:
        """Return when all of them work; StackError with a log's end if one will not."""
        deadline = time.monotonic() + seconds
        left = {name: self._children[name] for name in names}
        while left:
            for name, child in list(left.items()):
                trouble = child.program.trouble() if child.identity else child.last_exit
                if child.identity and trouble is None:
                    del left[name]
                progress(name, trouble if child.identity else trouble or "starting")
                if name in left and child.deaths >= HOPELESS_DEATHS:
                    raise _failed(child, f"{child.last_exit}, {child.deaths} times")
            if left and time.monotonic() > deadline:
                name, child = next(iter(left.items()))
                trouble = child.program.trouble() if child.identity else child.last_exit
                raise _failed(child, f"not healthy after {seconds:.0f} s: {trouble}")
            if left:
                time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop all, tier by tier from the top, so that nothing misses what it depends on."""
        children = list(self._children.values())
        for tier in sorted({child.program.tier for child in children}, reverse=True):
            stopping = [child for child in children if child.program.tier == tier]
            for child in stopping:
                child.ask_to_stop()
            for child in stopping:
                child.stop()
        self._children.clear()
        self.directory.ledger.unlink(missing_ok=True)

    def _changed(self) -> None:
        with self._lock:
            state.write_ledger(self.directory, self.running())
            self.on_change()


def clean_up(directory: StackDirectory) -> int:
    """End whatever a supervisor that died left running; how many processes that was.

    The caller holds the directory's lock. Known by recorded pid and start time, or by the mark in
    their environment: never by pid alone.
    """
    left = {p for p in state.read_ledger(directory).values() if processes.is_alive(p)}
    left |= set(processes.marked(directory.path))
    processes.stop(sorted(left, key=lambda p: p.pid), signal.SIGINT, 5)
    directory.description.unlink(missing_ok=True)
    directory.ledger.unlink(missing_ok=True)
    return len(left)


def _failed(child: Child, why: str) -> StackError:
    tail = "\n".join(f"    {line}" for line in last_lines(child.log))
    return StackError(f"{child.program.name}: {why}\n  the end of {child.log}:\n{tail}")
