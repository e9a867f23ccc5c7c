"""How a running stack is: every process that dev.json lists, asked now."""

from collections.abc import Callable
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from cli.stack import nats, postgres, s3
from cli.stack.description import Stack
from cli.stack.health import grpc_trouble, http_trouble
from cli.stack.ports import Ports
from cli.stack.processes import Identity, is_alive
from cli.stack.s3 import Store

Probe = Callable[[], str | None]


class Health(TypedDict):
    """One part of the stack; `pid` is None where it is not ours to run."""

    name: str
    pid: int | None
    healthy: bool
    trouble: str | None
    address: str


def examine(stack: Stack) -> list[Health]:
    """Probe every part, whether we run it or it is elsewhere."""
    return [_examine(stack, name, at, probe) for name, (at, probe) in _parts(stack).items()]


def show(stack: Stack, found: list[Health], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("process", "pid", "address", "health"):
        table.add_column(heading)
    for part in found:
        health = "[green]healthy[/]" if part["healthy"] else f"[red]{part['trouble']}[/]"
        pid = "elsewhere" if part["pid"] is None else str(part["pid"])
        table.add_row(part["name"], pid, part["address"], health)
    console.print(table)
    console.print(f"\nworkspace  {stack['workspace_id']}\nAPI key    {stack['api_key']}")
    console.print(f"since      {stack['started_at']}\nfiles      {stack['directory']}")


def _examine(stack: Stack, name: str, at: str, probe: Probe) -> Health:
    process = stack["processes"].get(name)
    gone = process is not None and not is_alive(Identity(process["pid"], process["started"]))
    trouble = "not running" if gone else probe()
    return {
        "name": name,
        "pid": process["pid"] if process else None,
        "healthy": trouble is None,
        "trouble": trouble,
        "address": at,
    }


def _parts(stack: Stack) -> dict[str, tuple[str, Probe]]:
    ports = Ports(stack["port_base"])
    database, store = stack["postgres"], stack["s3"]
    monitor = nats.monitor_url(ports.nats_monitor) if "nats" in stack["processes"] else None
    bucket = Store(store["endpoint"], store["access_key"], store["secret_key"], store["region"])
    parts: dict[str, tuple[str, Probe]] = {
        "postgres": (
            f"{database['host']}:{database['port']}/{database['database']}",
            lambda: postgres.trouble(database["url"]),
        ),
        "nats": (
            stack["nats"]["url"].rpartition("@")[2],
            lambda: nats.trouble(stack["nats"]["url"], monitor),
        ),
        "s3": (store["endpoint"], s3.trouble_of(bucket)),
    }
    if (sink := stack["trace_sink"]) is not None:
        traces = sink["url"]
        parts["sink"] = (traces, lambda: http_trouble(f"{traces}/healthz"))
    for plane, listening in stack["grpc"].items():
        parts[plane] = (listening, _grpc_probe(listening))
    if (gateway := stack["gateway_url"]) is not None:
        parts["gateway"] = (gateway, lambda: http_trouble(f"{gateway}/readyz"))
    return parts


def _grpc_probe(listening: str) -> Probe:
    return lambda: grpc_trouble(listening)
