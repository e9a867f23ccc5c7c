"""Know where the call under way came from: its method, its client, its idempotency key.

The gateway tells planes the address and the name of its client in two headers, and planes pass
them on. They are told, not proven: whoever reaches a plane directly may send what it likes, so the
other end of the connection is known as well.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

IP_HEADER = "x-armature-client-ip"
AGENT_HEADER = "x-armature-client-agent"
_MAX_IP = 64
_MAX_AGENT = 200


class Origin:
    """Of one call; read only where somebody wants to know, so that a call costs two references."""

    __slots__ = ("_context", "_headers", "_request", "method")

    def __init__(self, method: str, headers: Mapping[str, str], context: Any, request: Any) -> None:
        self.method = method.lstrip("/")
        self._headers = headers
        self._context = context
        self._request = request

    @property
    def request_id(self) -> str:
        return str(getattr(self._request, "request_id", ""))[:255]

    @property
    def peer(self) -> str:
        """The other end of the connection, such as ipv4:10.0.0.7:51234."""
        return str(self._context.peer() or "")[:128]

    @property
    def ip(self) -> str:
        """The client's address as the gateway told it, or the peer's."""
        told = self._headers.get(IP_HEADER, "")
        return told[:_MAX_IP] if told else _address(self.peer)

    @property
    def user_agent(self) -> str:
        told = self._headers.get(AGENT_HEADER) or self._headers.get("user-agent", "")
        return told[:_MAX_AGENT]

    def forwarded(self) -> list[tuple[str, str]]:
        """The headers that pass the client on to the next plane."""
        return [(n, self._headers[n]) for n in (IP_HEADER, AGENT_HEADER) if n in self._headers]


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def begin(method: str, headers: Mapping[str, str], context: Any, request: Any) -> None:
    _origin.set(Origin(method, headers, context, request))


def current() -> Origin | None:
    """None outside a call."""
    return _origin.get()


def headers(ip: str, user_agent: str) -> list[tuple[str, str]]:
    """What the gateway tells planes of its client; what no header may hold is left out."""
    found = []
    if ip:
        found.append((IP_HEADER, _printable(ip, _MAX_IP)))
    if user_agent:
        found.append((AGENT_HEADER, _printable(user_agent, _MAX_AGENT)))
    return found


def _printable(text: str, limit: int) -> str:
    text = text[:limit]
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if " " <= c <= "~")


def _address(peer: str) -> str:
    """The address without scheme and port."""
    bare = peer.partition(":")[2]
    return bare.rpartition(":")[0].strip("[]").replace("%5B", "").replace("%5D", "")[:_MAX_IP]
