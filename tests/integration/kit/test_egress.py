"""Requests to users' addresses: pinned, bounded, never redirected."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kit.egress import KEPT, ConnectFailed, Egress, Refused, TimedOut
from kit.errors import InvalidArgument
from tests.integration.events.platform import Receiver


async def test_an_answer_is_kept_in_part_and_redirects_are_not_followed() -> None:
    egress = Egress(allow_loopback=True, timeout=5)
    async with Receiver(lambda _: (302, {"location": "http://127.0.0.1:1/"})).running() as one:
        answer = await egress.post(one.url, b"{}", {"x-a": "b"})
        assert (answer.status, answer.body_start) == (302, "seen")
        assert answer.headers["location"] == "http://127.0.0.1:1/"
        assert len(one.got) == 1
        assert len(answer.body_start) <= KEPT
    await egress.close()


async def test_silence_and_closed_ports_have_short_reasons() -> None:
    egress = Egress(allow_loopback=True, timeout=0.3)
    async with Receiver(lambda _: None).running() as one:
        with pytest.raises(TimedOut, match=r"0\.3 s"):
            await egress.post(one.url, b"", {})
    with pytest.raises(ConnectFailed):
        await egress.post(f"http://127.0.0.1:{one.port}/", b"", {})
    await egress.close()


async def test_a_header_cannot_smuggle_another() -> None:
    egress = Egress(allow_loopback=True)
    with pytest.raises(Refused):
        await egress.post("http://127.0.0.1:1/", b"", {"x-a": "b\r\nx-c: d"})
    await egress.close()


@pytest.fixture
def rebinding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names under .test resolve to what the list says, one answer after the other."""
    answers: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if str(host).endswith(".test"):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


async def test_a_name_is_resolved_once_and_checked_at_the_connection(
    rebinding: list[str],
) -> None:
    egress = Egress(allow_loopback=False, timeout=1)
    rebinding += ["93.184.216.34", "10.0.0.1"]  # public when checked, private when used
    await egress.check_destination("https://rebind.test/")
    with pytest.raises(Refused):
        await egress.post("https://rebind.test/", b"", {})
    assert rebinding == []
    await egress.close()


async def test_a_public_name_does_not_reach_odd_ports_of_this_machine(
    rebinding: list[str],
) -> None:
    strict = Egress(allow_loopback=False, timeout=1)
    rebinding += ["127.0.0.1"]
    with pytest.raises(Refused):
        await strict.post("https://rebind.test/", b"", {})
    await strict.close()


@pytest.mark.parametrize(
    "addresses",
    [
        ["93.184.216.34", "10.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a00:1"],
        ["2002:7f00:1::"],
        ["fe80::1%eth0"],
        ["::1"],
    ],
)
async def test_one_bad_address_spoils_a_name(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    egress = Egress(allow_loopback=False, timeout=1)
    with pytest.raises(InvalidArgument):
        await egress.check_destination("https://many.test/")
    with pytest.raises(Refused):
        await egress.post("https://many.test/", b"", {})
    await egress.close()


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "file:///etc/passwd"]
)
async def test_a_redirect_leads_nowhere(location: str) -> None:
    egress = Egress(allow_loopback=True, timeout=2)
    async with Receiver(lambda _: (308, {"location": location})).running() as one:
        assert (await egress.post(one.url, b"", {})).status == 308
        assert len(one.got) == 1
    await egress.close()


async def serving(write: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await write(writer)
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def test_an_endless_answer_is_cut_and_a_dripping_one_is_timed_out() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    egress = Egress(allow_loopback=True, timeout=0.5)
    for write, times_out in ((flood, False), (drip, True)):
        server = await serving(write)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        if times_out:
            with pytest.raises(TimedOut):
                await egress.post(url, b"", {})
        else:
            assert len((await egress.post(url, b"", {})).body_start) == KEPT
        server.close()
    await egress.close()
