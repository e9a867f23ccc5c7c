"""Requests to users' addresses: pinned, bounded, never redirected."""

import socket
from typing import Any

import pytest

from kit.egress import KEPT, ConnectFailed, Egress, Refused, TimedOut
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
