"""Know the metadata version of a credential's workspace, for answers that do not tell it."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from gateway.auth import digest
from kit.errors import ServiceError

_FRESH_SECONDS = 0.8
_MAX_ENTRIES = 20_000


class KnownVersions:
    """By credential, asked for once in less than a second at most."""

    def __init__(self, limit: int = _MAX_ENTRIES) -> None:
        self._limit = limit
        self._known: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    async def of(self, credential: str, ask: Callable[[], Awaitable[int]]) -> int:
        """The version, 0 where the credential may not know it, or metadata does not answer."""
        key, now = digest(credential), time.monotonic()
        found = self._known.get(key)
        if found is not None and now - found[1] < _FRESH_SECONDS:
            return found[0]
        try:
            version = await ask()
        except ServiceError:
            version = found[0] if found is not None else 0
        self._known[key] = version, now
        self._known.move_to_end(key)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        return version
