"""Serve the platform over HTTP: `python -m gateway serve`."""

import argparse
import asyncio
import signal
import sys

import structlog
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from gateway.app import Gateway
from gateway.settings import GatewaySettings
from kit import logs, settings, telemetry

log = structlog.get_logger()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("role", nargs="?", choices=["serve"], default="serve")
    parser.add_argument("--print-config", action="store_true", help="show settings and leave")
    asked = parser.parse_args()
    try:
        config = settings.load(GatewaySettings)
    except settings.SettingsError as exc:
        sys.exit(f"settings: {exc}")
    if asked.print_config:
        settings.print_config(config)
        return
    logs.configure("armature-gateway", config.log_level)
    telemetry.configure("armature-gateway", config.otlp_endpoint, config.trace_rate)
    uvloop.run(serve(config))
    telemetry.shutdown()


async def serve(config: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT; then take no more, finish what is under way, and leave."""
    host, _, port = config.address.rpartition(":")
    gateway = Gateway(config)
    server = Server(
        gateway,
        address=host or "127.0.0.1",
        port=int(port),
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        websockets=False,
        log_enabled=False,
        backlog=1024,
        backpressure=config.max_connections,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    log.info("started", address=config.address)
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    log.info("draining")
    gateway.hub.drain()  # streams end first: the server waits for its connections
    server.stop()  # type: ignore[no-untyped-call] # granian does not type it
    await asyncio.wait([serving], timeout=config.grace_seconds)
    await gateway.drain(1.0)
    if serving.done():
        serving.result()


if __name__ == "__main__":
    main()
