"""Make page tokens that say where a listing stopped, signed and bound to their query."""

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from kit.errors import InvalidArgument

_MAC_BYTES = 12
_secret = b"armature"


def configure(secret: str) -> None:
    """Sign with the platform's secret, so that any replica reads any replica's tokens."""
    global _secret  # noqa: PLW0603 -- one key for the process, set once at its start
    _secret = hashlib.sha256(b"page-token:" + secret.encode()).digest()


def encode(position: Any, *query: Any) -> str:
    """A token for `position` (JSON values), good only with the same `query` (JSON values)."""
    body = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_mac(body, query) + body).decode().rstrip("=")


def decode(token: str, *query: Any) -> Any:
    """Where to continue, or None for the empty token. INVALID_ARGUMENT / PAGE_TOKEN_INVALID for a
    token that is not ours, was altered, or belongs to another query."""
    if not token:
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raw = b""
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not body or not hmac.compare_digest(mac, _mac(body, query)):
        raise InvalidArgument.at(
            "PAGE_TOKEN_INVALID",
            "page_token",
            "INVALID",
            "page_token is not one we issued for this query; leave it empty to begin again",
        )
    return msgspec.json.decode(body)


def clamp(page_size: int, *, default: int = 50, largest: int = 1000) -> int:
    """0 is the default, above `largest` is clamped, negative is refused."""
    if page_size < 0:
        raise InvalidArgument.at(
            "PAGE_SIZE_INVALID", "page_size", "OUT_OF_RANGE", "page_size must not be negative"
        )
    return min(page_size or default, largest)


def _mac(body: bytes, query: tuple[Any, ...]) -> bytes:
    bound = msgspec.json.encode(query)
    return hmac.digest(_secret, len(bound).to_bytes(4) + bound + body, "sha256")[:_MAC_BYTES]
