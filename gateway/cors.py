"""Let browsers of the origins that the settings name call the API; by default, of none."""

from collections.abc import Sequence

from gateway.exchange import Exchange
from gateway.replies import Headers

_ALLOWED_HEADERS = (
    b"authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, "
    b"traceparent, x-at-version"
)
_EXPOSED = (
    b"etag, idempotency-replayed, link, location, ratelimit, ratelimit-policy, retry-after, "
    b"x-metadata-version, x-trace-id"
)


class Origins:
    """The origins that may, or `*` for all of them: credentials are never cookies here."""

    def __init__(self, origins: Sequence[str]) -> None:
        self.any = bool(origins)
        self._all = "*" in origins
        self._named = {origin.encode() for origin in origins}

    def _of(self, exchange: Exchange) -> bytes | None:
        origin = exchange.headers.get(b"origin")
        if origin is None or not (self._all or origin in self._named):
            return None
        return b"*" if self._all else origin

    def headers(self, exchange: Exchange) -> Headers:
        found: Headers = [] if self._all else [(b"vary", b"origin")]
        if origin := self._of(exchange):
            found += [
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", _EXPOSED),
            ]
        return found

    def preflight(self, exchange: Exchange) -> Headers:
        """What a browser asks before it sends the request; empty for those that may not."""
        if self._of(exchange) is None or b"access-control-request-method" not in exchange.headers:
            return []
        return [
            (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, QUERY"),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        ]
