"""The `armature` command: `python -m cli` is the same."""

import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from cli import status as status_of
from cli import traces
from cli.down import down as end_stack
from cli.events import KEPT_HOURS
from cli.events import rebuild as rebuild_stream
from cli.foreground import Job, run_stack
from cli.stack import description, state
from cli.stack.errors import StackError
from cli.stack.ports import DEFAULT_BASE

ROOT = Path(__file__).resolve().parents[1]

app = typer.Typer(
    help="Run the Armature platform on this machine, and look at it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

events = typer.Typer(help="Look after the stream of events.", no_args_is_help=True)
app.add_typer(events, name="events")

PortBase = Annotated[
    int, typer.Option("--port-base", help="First of the 32 ports of the stack.", metavar="N")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where its data lies; by default .armature, or .armature/stack-N."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Keep the logs in their files.")]


@app.command()
def dev(port_base: PortBase = DEFAULT_BASE, data_dir: DataDir = None, quiet: Quiet = False) -> None:
    """Start the whole platform here, and stop it on Ctrl-C."""
    run_stack(ROOT, port_base, data_dir, Console(), quiet=quiet)


@app.command()
def demo(
    port_base: PortBase = DEFAULT_BASE,
    data_dir: DataDir = None,
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop after the main job, with its status.")
    ] = False,
) -> None:
    """Start the platform and walk through the main job; then leave it running."""
    job = _demo_job()
    if not run_stack(ROOT, port_base, data_dir, Console(), quiet=True, job=job, stay=not leave):
        raise typer.Exit(1)


@app.command()
def down(port_base: PortBase = DEFAULT_BASE, data_dir: DataDir = None) -> None:
    """Stop the stack, or clean up after one that was killed."""
    print(end_stack(state.directory_of(ROOT, port_base, data_dir)))


@app.command()
def status(
    port_base: PortBase = DEFAULT_BASE,
    data_dir: DataDir = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print dev.json, with a `health` list added.")
    ] = False,
) -> None:
    """Describe the running stack; the exit status is 1 unless all of it is healthy."""
    stack = description.read(state.directory_of(ROOT, port_base, data_dir))
    found = status_of.examine(stack)
    if as_json:
        print(json.dumps({**stack, "health": found}, indent=2))
    else:
        status_of.show(stack, found, Console())
    if not all(part["healthy"] for part in found):
        raise typer.Exit(1)


@app.command()
def trace(trace_id: str, port_base: PortBase = DEFAULT_BASE, data_dir: DataDir = None) -> None:
    """Print a trace, and those linked to it, as a waterfall with timings."""
    stack = description.read(state.directory_of(ROOT, port_base, data_dir))
    if stack["trace_sink"] is None:
        raise StackError(f"this stack sends its spans elsewhere, to {stack['otlp_endpoint']}")
    traces.show(traces.fetch(stack["trace_sink"]["url"], trace_id), Console())


@events.command()
def rebuild(
    hours: Annotated[
        int, typer.Option("--hours", help="Publish again what happened within so many hours.")
    ] = KEPT_HOURS,
    port_base: PortBase = DEFAULT_BASE,
    data_dir: DataDir = None,
) -> None:
    """Fill the stream of events again from the outboxes; every effect still happens once."""
    stack = description.read(state.directory_of(ROOT, port_base, data_dir))
    answers = rebuild_stream(stack, hours)
    for answer in answers:
        print(f"{answer['plane']:<12} {answer.get('error') or answer['rows']}")
    if any("error" in answer for answer in answers):
        raise typer.Exit(1)


def _demo_job() -> Job:
    """The main job of the demo, which not every checkout has."""
    try:
        module = importlib.import_module("cli.demo.main")
    except ModuleNotFoundError as exc:
        if exc.name not in {"cli.demo", "cli.demo.main"}:
            raise
        raise StackError(
            "this checkout has no demo (cli/demo/main.py); try `armature dev`"
        ) from exc
    return cast(Job, module.run)


def main() -> None:
    try:
        app()
    except StackError as exc:
        Console(stderr=True).print("error:", str(exc), style="red", markup=False, highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
