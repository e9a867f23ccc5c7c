"""Run a stack in the foreground: show it starting, say how to use it, stop when asked."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

from rich.console import Console

from cli.stack import run
from cli.stack.description import Stack

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What to do once the stack is ready; False when it did not succeed.
Job = Callable[[Stack, Console], bool]


class Asked(BaseException):
    """We were told to stop. No Exception, so that nothing on the way takes it for a failure."""


def run_stack(
    root: Path,
    port_base: int,
    data_dir: Path | None,
    console: Console,
    *,
    quiet: bool,
    job: Job | None = None,
    stay: bool = True,
) -> bool:
    """Start the stack, do the job, stay until asked to stop; whether the job succeeded."""
    began = time.monotonic()
    succeeded = True
    with stop_signals():
        try:
            with (
                _Display(console) as display,
                run.started(
                    root,
                    port_base,
                    quiet=quiet,
                    data_dir=data_dir,
                    progress=display.progress,
                    console=console,
                ) as stack,
            ):
                display.finish()
                ready_in = time.monotonic() - began
                console.print(
                    _banner(stack, ready_in), markup=False, highlight=False, soft_wrap=True
                )
                if job is not None:
                    succeeded = job(stack, console)
                if stay:
                    console.print("[dim]running; Ctrl-C stops it[/]")
                    threading.Event().wait()
        except Asked:
            console.print("[dim]stopped[/]")
    return succeeded


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turn the first signal that asks us to stop into `Asked`; ignore more while we do.

    Stopping is bounded by grace periods, so that nobody needs a second Ctrl-C. A hang-up that
    `nohup` has us ignore stays ignored.
    """

    def ask(_number: int, _frame: FrameType | None) -> None:
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Asked

    heeded = [
        number
        for number in _STOP_SIGNALS
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Display:
    """Says what has become healthy, and what is being waited for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: dict[str, str] = {}
        self._status = console.status("starting")
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        self._status.stop()

    def progress(self, name: str, trouble: str | None) -> None:
        if trouble is None:
            self._waiting.pop(name, None)
            seconds = time.monotonic() - self._began
            self._console.print(f"[green]✓[/] {name} [dim]{seconds:.1f} s[/]", highlight=False)
        else:
            self._waiting[name] = trouble
        self._status.update("waiting for " + ", ".join(self._waiting) if self._waiting else "")


def _banner(stack: Stack, seconds: float) -> str:
    """How to use the stack; lines that survive being copied from a narrow terminal."""
    lines = ["", f"Armature is ready, after {seconds:.1f} s.", ""]
    if (gateway := stack["gateway_url"]) is not None:
        lines.append(f"  HTTP        {gateway}")
    lines += [f"  gRPC        {address}  {plane}" for plane, address in stack["grpc"].items()]
    if (sink := stack["trace_sink"]) is not None:
        lines.append(f"  traces      {sink['url']}/traces")
    lines += [
        f"  workspace   {stack['workspace_id']}",
        f"  API key     {stack['api_key']}",
        f"  described   {stack['directory']}/dev.json",
    ]
    if gateway is not None:
        authorization = f"Authorization: Bearer {stack['api_key']}"
        lines += ["", f"  curl -H '{authorization}' {gateway}/v1/objects"]
    return "\n".join([*lines, ""])
