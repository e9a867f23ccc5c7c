"""The proxy does to a connection what it says, and to no other."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.proxy import (
    DELAY,
    HALF_OPEN,
    REFUSE,
    RESET,
    STALL,
    SWALLOW,
    TRICKLE,
    Fault,
    Proxy,
)

Dial = Callable[[bytes], socket.socket]


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(0, echo) as running:
        yield running


@pytest.fixture
def dial(proxy: Proxy) -> Iterator[Dial]:
    """Connect through the proxy, say who we are, and hear it back."""
    opened: list[socket.socket] = []

    def connect(hello: bytes) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
        opened.append(made)
        assert said(made, hello) == hello
        return made

    yield connect
    for connection in opened:
        connection.close()


def said(connection: socket.socket, data: bytes) -> bytes:
    """What comes back for it."""
    connection.sendall(data)
    found = b""
    while len(found) < len(data):
        found += connection.recv(65536)
    return found


def is_reset(connection: socket.socket) -> bool:
    connection.settimeout(5)
    try:
        return connection.recv(10) == b""
    except ConnectionResetError:
        return True


def test_it_passes_on_what_it_gets_and_knows_who_sent_it(proxy: Proxy, dial: Dial) -> None:
    one = dial(b"user\0armature_records_worker\0")
    dial(b'CONNECT {"name":"armature-events"}')
    assert said(one, b"x" * 300_000) == b"x" * 300_000
    assert proxy.clients() == ["events", "records"]


def is_refused(port: int) -> bool:
    """Whether a new connection is reset, which may be before the caller has it."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as refused:
            return is_reset(refused)
    except ConnectionResetError:
        return True


def test_a_fault_meets_only_the_client_it_names(proxy: Proxy, dial: Dial) -> None:
    records, events = dial(b"armature-records"), dial(b"armature-events")
    assert proxy.inject(Fault(RESET, client="records")) == 1
    assert is_reset(records)
    assert said(events, b"still here") == b"still here"


def test_a_stall_delays_everything_and_loses_nothing(proxy: Proxy, dial: Dial) -> None:
    connection = dial(b"armature-records")
    began = time.monotonic()
    proxy.inject(Fault(STALL, 0.4))
    assert said(connection, b"late") == b"late"
    assert time.monotonic() - began > 0.35


@pytest.mark.parametrize("kind", [DELAY, TRICKLE])
def test_slow_connections_are_slow(proxy: Proxy, dial: Dial, kind: str) -> None:
    connection = dial(b"armature-records")
    proxy.inject(Fault(kind, 10, pause=0.05))
    began = time.monotonic()
    assert said(connection, b"y" * 600) == b"y" * 600
    assert time.monotonic() - began > 0.09
    proxy.heal()
    began = time.monotonic()
    said(connection, b"y" * 600)
    assert time.monotonic() - began < 0.09


def test_what_is_swallowed_never_comes_and_the_connection_ends(proxy: Proxy, dial: Dial) -> None:
    connection = dial(b"armature-records")
    proxy.inject(Fault(SWALLOW, 0.2))
    connection.sendall(b"gone")
    assert is_reset(connection)
    assert dial(b"armature-records")


def test_a_half_open_connection_is_never_answered_again(proxy: Proxy, dial: Dial) -> None:
    connection = dial(b"armature-records")
    assert proxy.inject(Fault(HALF_OPEN)) == 1
    connection.sendall(b"gone")
    connection.settimeout(0.6)
    with pytest.raises(TimeoutError):
        connection.recv(10)
    assert dial(b"armature-records"), "whoever connects anew is served"


def test_new_connections_are_refused_and_old_ones_go_on(proxy: Proxy, dial: Dial) -> None:
    connection = dial(b"armature-records")
    proxy.inject(Fault(REFUSE, 10))
    assert said(connection, b"here") == b"here"
    assert is_refused(proxy.port)
