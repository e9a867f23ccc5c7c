"""Send HTTP to addresses that users chose: the one door out, and what it refuses.

A name is resolved once, every address it leads to must be public, and the connection goes to the
very address that was checked, with the name in Host and in TLS. Nothing follows redirects, no proxy
is asked, the answer is read up to a cap, and the whole exchange has one time limit.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from kit.connections import Connections
from kit.errors import InvalidArgument, Violation

if find_spec("sniffio") is None:
    # httpcore looks for it with every lock that it takes, and so several times a request. What is
    # known to be missing is not searched for on the disk again.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MAX_URL = 2048
MAX_ANSWER = 64 * 1024  # read at most
KEPT = 4 * 1024  # handed on
_CONNECT_SECONDS = 5.0
_KEPT_SECONDS = 3.0  # that an idle connection is kept
_MOST_IDLE = 100  # connections, to all servers together
_MOST_IDLE_TO_ONE = 20
_TEXT = re.compile(r"[\x21-\x7e]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,4096}")
_RESERVED = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}
_RESERVED_PREFIXES = ("webhook-", "proxy-", "sec-", "x-armature-", "x-forwarded-")
# Ranges that Python calls global, or that carry an IPv4 address inside.
_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class EgressError(Exception):
    """No answer came; `reason` is short enough to be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(EgressError):
    """We do not send there."""


class TimedOut(EgressError):
    """The exchange took too long; the request may have been received."""


class ConnectFailed(EgressError):
    """No connection, or it broke before an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body_start: str  # the first 4 kB
    latency_ms: int


class Egress:
    """Sends requests to public addresses; to this machine only where a setting allows it."""

    def __init__(self, allow_loopback: bool, timeout: float = 15.0) -> None:
        self._allow_loopback = allow_loopback
        self._timeout = timeout
        self._ssl = ssl.create_default_context()
        self._backend = _Checked(allow_loopback)
        self._connections = Connections(self._pool, _KEPT_SECONDS, _MOST_IDLE)

    def _pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._ssl,
            max_connections=1000,
            max_keepalive_connections=_MOST_IDLE_TO_ONE,
            keepalive_expiry=_KEPT_SECONDS,
            http1=True,
            http2=False,
            retries=0,
            network_backend=self._backend,
        )

    async def close(self) -> None:
        await self._connections.aclose()

    def check_url(self, url: str, path: str = "url") -> None:
        """INVALID_ARGUMENT with a violation at `path` for what we would never send to."""
        try:
            _check_url(url, self._allow_loopback)
        except Refused as exc:
            raise _invalid(path, exc) from exc

    async def check_destination(self, url: str, path: str = "url") -> None:
        """As check_url, and resolves the name: one that leads to a private address is refused, one
        that leads nowhere yet is not."""
        self.check_url(url, path)
        parts = urlsplit(url)
        try:
            await _resolve(str(parts.hostname), _port(parts), self._allow_loopback)
        except Refused as exc:
            raise _invalid(path, exc) from exc
        except ConnectFailed:
            return

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await self.request("POST", url, body, headers)

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """One request and the beginning of its answer; EgressError when none came."""
        _check_url(url, self._allow_loopback)
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise Refused(f"the header {name[:40]!r} is malformed")
        started = time.monotonic()
        timeouts = {"connect": _CONNECT_SECONDS, "read": self._timeout, "write": self._timeout}
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._connections.of(_server(url)) as pool,
                pool.stream(
                    method,
                    url,
                    headers=[(k, v) for k, v in headers.items()],
                    content=body,
                    extensions={"timeout": timeouts},
                ) as response,
            ):
                status = response.status
                found = {
                    k.decode("latin-1").lower(): v.decode("latin-1")[:1000]
                    for k, v in response.headers
                }
                start = await _beginning(response)
        except (TimeoutError, httpcore.TimeoutException) as exc:
            raise TimedOut(f"no answer within {self._timeout:g} s") from exc
        except httpcore.ConnectError as exc:
            raise ConnectFailed(_short(exc)) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            raise ConnectFailed(f"the connection broke: {_short(exc)}") from exc
        latency = round((time.monotonic() - started) * 1000)
        return Answer(status, found, start.decode("utf-8", "replace").replace("\0", ""), latency)


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def _beginning(response: httpcore.Response) -> bytes:
    start, size = b"", 0
    async for chunk in response.aiter_stream():
        start += chunk[: KEPT - len(start)]
        size += len(chunk)
        if size >= MAX_ANSWER:
            break
    return start


def _short(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__)[:200]


def _invalid(path: str, refused: Refused) -> InvalidArgument:
    violation = Violation(path, "URL_REFUSED", refused.reason)
    return InvalidArgument("URL_REFUSED", refused.reason, violations=[violation])


def header_problem(name: str, value: str) -> str:
    """Why a user's own header is refused; empty when it is not."""
    if not _HEADER_NAME.fullmatch(name):
        return "a header's name has letters, digits and hyphens"
    lower = name.lower()
    if lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES):
        return "this header is set by the platform"
    if not _HEADER_VALUE.fullmatch(value) or value != value.strip():
        return "a header's value is one line of printable ASCII, at most 4,096 characters"
    return ""


def _check_url(url: str, allow_loopback: bool) -> None:
    if len(url) > MAX_URL:
        raise Refused(f"a URL has at most {MAX_URL} characters")
    if not _TEXT.fullmatch(url) or "\\" in url:
        raise Refused("a URL has no spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise Refused("this is no URL") from exc
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise Refused("a URL begins with https:// and a host")
    if "@" in parts.netloc:
        raise Refused("a URL holds no user name or password")
    if parts.fragment:
        raise Refused("a URL to send to has no fragment")
    local = allow_loopback and _is_named_loopback(host)
    if parts.scheme == "http" and not allow_loopback:
        raise Refused("only https is allowed")
    if port is not None and port not in (80, 443) and not local:
        raise Refused("only the ports 80 and 443 are allowed")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if (host == "localhost" or host.endswith(".localhost")) and not allow_loopback:
            raise Refused("this host is not on the internet") from None
        return
    if not _is_allowed(address, allow_loopback):
        raise Refused("this address is not on the internet")


def _is_named_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_allowed(address: _Address, allow_loopback: bool) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            return _is_allowed(address.ipv4_mapped, allow_loopback)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return is_public(address) or (allow_loopback and address.is_loopback)


def is_public(address: _Address) -> bool:
    """Whether it is out on the internet, by its own range and by what it carries inside."""
    if any(address.version == net.version and address in net for net in _NEVER):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _resolve(host: str, port: int, allow_loopback: bool) -> list[str]:
    """Addresses that were checked, all of them: one bad one spoils the name."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise ConnectFailed("the name does not resolve") from exc
    texts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in texts:
        if not _is_allowed(ipaddress.ip_address(text), allow_loopback):
            raise Refused("this host leads to an address that is not on the internet")
    return texts


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to nothing but an address that it has just checked."""

    def __init__(self, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- httpcore's signature
        local_address: str | None = None,
        socket_options: "Iterable[Any] | None" = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _resolve(host, port, self._allow_loopback)
        if port not in (80, 443) and not all(
            ipaddress.ip_address(one).is_loopback for one in addresses
        ):
            raise Refused("only the ports 80 and 443 are allowed")
        failure: Exception = ConnectFailed("the name does not resolve")
        for address in addresses[:4]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: "Iterable[Any] | None" = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Refused("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
