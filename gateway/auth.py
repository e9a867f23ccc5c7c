"""Take the caller's credential from the request; count its requests; know what it has changed.

Whether a credential is valid is each plane's business, so that nothing is decided twice.
"""

import hashlib
import math
import time
from collections import OrderedDict
from dataclasses import dataclass

from gateway.errors import Refused
from gateway.exchange import Exchange
from kit.errors import Unauthenticated

_MAX_CREDENTIAL = 6000  # gRPC carries no more than 8 kB of headers
_MAX_ENTRIES = 20_000


def bearer(exchange: Exchange) -> str:
    """The credential; 401 at once without one."""
    scheme, _, credential = exchange.headers.get(b"authorization", b"").partition(b" ")
    credential = credential.strip()
    text = credential.decode("latin-1")
    if (
        scheme.lower() != b"bearer"
        or not 0 < len(text) <= _MAX_CREDENTIAL
        or not (text.isascii() and text.isprintable() and " " not in text)
    ):
        raise Unauthenticated(
            "CREDENTIALS_INVALID", "send Authorization: Bearer with an API key or a token"
        )
    return text


def digest(credential: str) -> bytes:
    """What stands for a credential in our maps, which outlive its request."""
    return hashlib.blake2b(credential.encode(), digest_size=16).digest()


class SeenVersions:
    """The newest metadata version that each credential has made through this gateway.

    It is sent along with the credential's record calls, so that a client always reads its own
    schema change, whichever replica of records answers.
    """

    def __init__(self, limit: int = _MAX_ENTRIES) -> None:
        self._limit = limit
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def remember(self, credential: str, version: int) -> None:
        key = digest(credential)
        self._seen[key] = max(version, self._seen.get(key, 0))
        self._seen.move_to_end(key)
        while len(self._seen) > self._limit:
            self._seen.popitem(last=False)

    def of(self, credential: str) -> int:
        return self._seen.get(digest(credential), 0) if self._seen else 0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """A token bucket for each credential; one second's worth may come at once."""

    def __init__(self, rate: float, limit: int = _MAX_ENTRIES) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._limit = limit
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def take(self, exchange: Exchange) -> None:
        """Count the request; 429 / RATE_LIMITED when there were too many."""
        if self._rate <= 0:
            return
        now = time.monotonic()
        bucket = self._bucket(digest(exchange.credential), now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        granted = bucket.tokens >= 1
        if granted:
            bucket.tokens -= 1
        wait = max(0.0, (1 - bucket.tokens) / self._rate)
        left = int(bucket.tokens)
        exchange.reply_headers += [
            (b"ratelimit-policy", f'"default";q={int(self._burst)};w=1'.encode()),
            (b"ratelimit", f'"default";r={left};t={math.ceil(wait)}'.encode()),
        ]
        if not granted:
            raise Refused(
                429,
                "RATE_LIMITED",
                f"more than {self._rate:g} requests a second (rate_limit_per_second)",
                retry_after=wait,
            )

    def _bucket(self, key: bytes, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > self._limit:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket
