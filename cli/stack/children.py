"""One supervised program: started, restarted with growing pauses when it dies, then stopped."""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cli.stack import processes
from cli.stack.logs import open_fresh
from cli.stack.processes import MARK, Account, Identity

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
# A run this long was a good one: the next death is a new trouble, not the old one going on.
SETTLED_SECONDS = 10.0


def no_preparation() -> None:
    """For programs that need nothing done before each start."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, how to tell that it works, and how to stop it."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    # Why it cannot be used yet; None when it can. Connects for real, and does not raise.
    trouble: Callable[[], str | None]
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL  # what it gets when its supervisor dies
    grace_seconds: float = 10.0
    prepare: Callable[[], None] = no_preparation
    tier: int = 0  # a higher tier stops first: servers 0, services 1, the gateway 2


class Child:
    """Keeps one program running, from `start` to `stop`, in a thread of its own.

    The thread lives as long as the process: the kernel ties the process to it (see `leash`).
    """

    def __init__(self, program: Program, directory: Path, changed: Callable[[], None]) -> None:
        self.program = program
        self.log = directory / "logs" / f"{program.name}.log"
        self.deaths = 0
        self.last_exit: str | None = None
        self.identity: Identity | None = None
        self._directory = directory
        self._changed = changed
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=program.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Send the stop signal, and start it no more; returns at once.

        Sent only once: many programs take a second signal as an order to drop everything.
        """
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
            if self.identity is not None:
                processes.send(self.identity, self.program.stop_signal)

    def stop(self) -> None:
        """Ask, wait for the program's grace period, then kill."""
        self.ask_to_stop()
        self._thread.join(self.program.grace_seconds)
        with self._lock:
            if self.identity is not None:
                processes.send(self.identity, signal.SIGKILL)
                with self.log.open("ab") as log:
                    log.write(f"-- {self.program.name} did not stop in time; killed\n".encode())
        self._thread.join()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        with open_fresh(self.log) as output:
            while not self._stopping.is_set():
                began = time.monotonic()
                self.last_exit = self._run_once(output)
                if self._stopping.is_set():
                    return
                self.deaths += 1
                if time.monotonic() - began > SETTLED_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                note = f"-- {self.program.name} {self.last_exit}; restarting in {pause:.1f} s\n"
                output.write(note.encode())
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _run_once(self, output: IO[bytes]) -> str:
        """Run it to its end; how it ended."""
        program = self.program
        try:
            program.prepare()
            process = processes.spawn(
                program.argv,
                env={**program.env, MARK: str(self._directory)},
                cwd=program.cwd,
                output=output,
                account=program.account,
                death_signal=program.death_signal,
            )
        except OSError as exc:
            return f"could not be started: {exc}"
        with self._lock:
            self.identity = processes.identify(process.pid)
            if self._stopping.is_set() and self.identity is not None:
                processes.send(self.identity, program.stop_signal)
        self._changed()
        code = process.wait()
        with self._lock:
            self.identity = None
        processes.kill_group(process.pid)
        self._changed()
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
