"""The port plan, and what is said about a taken port."""

import socket

import pytest

from cli.stack.errors import StackError
from cli.stack.planes import PLANES
from cli.stack.ports import SPAN, Ports, find_free_base, is_free, require_free


def test_no_two_processes_of_a_stack_share_a_port() -> None:
    ports = Ports(7700)
    servers = [ports.postgres, ports.nats, ports.nats_monitor, ports.s3, ports.otlp, ports.traces]
    all_ports = [ports.gateway, *(ports.plane(plane) for plane in PLANES), *servers]

    assert len(set(all_ports)) == len(all_ports)
    assert all(7700 <= port < 7700 + SPAN for port in all_ports)


def test_the_ports_are_the_documented_ones() -> None:
    ports = Ports(7700)

    assert ports.gateway == 7700
    assert [ports.plane(plane) for plane in PLANES] == [7701, 7702, 7703, 7704, 7705, 7706]
    assert (ports.postgres, ports.nats, ports.nats_monitor, ports.s3) == (7720, 7721, 7722, 7723)
    assert (ports.otlp, ports.traces) == (7730, 7731)


@pytest.mark.parametrize("base", [0, 80, 65520])
def test_a_base_without_room_for_the_span_is_refused(base: int) -> None:
    with pytest.raises(StackError, match="--port-base must be between"):
        Ports(base)


def test_a_taken_port_is_named_with_its_use_and_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert not is_free(port)

        with pytest.raises(StackError, match=rf"{port} \(for postgres\).*--port-base"):
            require_free({"postgres": port})


def test_a_found_base_is_free() -> None:
    base = find_free_base()

    assert all(is_free(port) for port in range(base, base + SPAN))
