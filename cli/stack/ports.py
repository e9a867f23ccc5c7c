"""Which port each process of a stack listens on, and whether they are free."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from cli.stack.errors import StackError
from cli.stack.planes import PLANES

DEFAULT_BASE = 7700
LOOPBACK = "127.0.0.1"
# A stack uses the ports from its base up to, not including, base + SPAN.
SPAN = 32


@dataclass(frozen=True, slots=True)
class Ports:
    """The port plan of the stack at `base`: every port is a fixed distance from it."""

    base: int

    def __post_init__(self) -> None:
        if not 1024 <= self.base <= 65535 - SPAN:
            raise StackError(f"--port-base must be between 1024 and {65535 - SPAN}: {self.base}")

    @property
    def gateway(self) -> int:
        return self.base

    def plane(self, name: str) -> int:
        return self.base + 1 + PLANES.index(name)

    def metrics(self, name: str) -> int:
        """Of a plane's process."""
        return self.base + 11 + PLANES.index(name)

    @property
    def postgres(self) -> int:
        return self.base + 20

    @property
    def nats(self) -> int:
        return self.base + 21

    @property
    def nats_monitor(self) -> int:
        return self.base + 22

    @property
    def s3(self) -> int:
        return self.base + 23

    @property
    def otlp(self) -> int:
        return self.base + 30

    @property
    def traces(self) -> int:
        return self.base + 31


def address(port: int) -> str:
    return f"{LOOPBACK}:{port}"


def is_free(port: int) -> bool:
    """Whether a server could listen there now; connections in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_free(wanted: Mapping[str, int]) -> None:
    """StackError naming the taken ports, for what they are wanted, and the way out."""
    taken = {name: port for name, port in wanted.items() if not is_free(port)}
    if not taken:
        return
    listed = ", ".join(f"{port} (for {name})" for name, port in taken.items())
    raise StackError(
        f"taken by another process: port {listed}. Stop that process, or choose other ports "
        f"with --port-base N (the stack uses N to N+{SPAN - 1}; the default is {DEFAULT_BASE})."
    )


def find_free_base(first: int = 17700, last: int = 32000) -> int:
    """A base whose whole span is free now, at a distance from other processes that ask."""
    bases = range(first, last, 100)
    offset = os.getpid() % len(bases)
    ordered: list[int] = [*bases[offset:], *bases[:offset]]
    for base in ordered:
        if all(is_free(port) for port in range(base, base + SPAN)):
            return base
    raise StackError(f"no {SPAN} free ports in a row between {first} and {last}")
