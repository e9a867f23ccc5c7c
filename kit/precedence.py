"""Let requests go before background work in one process: who works off a backlog gives way.

A process answers requests, publishes and consumes on one loop and one set of connections. Behind a
large import there is a backlog for minutes, and each of its transactions stands in the way of
requests. So whoever has more to do than it can take at once rests before the next piece while
requests are under way: a few times as long as the last piece took, so that it keeps a fair part of
the time whatever comes, and not at all where nobody asks. Who has caught up never rests here: what
follows a single write is as prompt as ever.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kit import metrics

SHARE = 3.0  # rests as long as that many pieces: a quarter of the time stays for the backlog
LONGEST = 0.25  # seconds, whatever a piece took: a slow one must not bring about a long rest
_QUIET = 0.02  # seconds without a request after which nobody asks
_LOOK = 0.005


def most(took: float) -> float:
    """Seconds for which a piece that follows one of that length waits for requests, at most."""
    return min(LONGEST, SHARE * took)


class Requests:
    """The calls of this process that somebody waits for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way = 0
        self._last = float("-inf")

    @contextmanager
    def one(self) -> Iterator[None]:
        """A request is under way while the block runs."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._last = self._clock()

    def are_coming(self) -> bool:
        """Whether one is under way, or was a moment ago: who asks again and again has gaps."""
        return self._under_way > 0 or self._clock() - self._last < _QUIET

    async def before(self, took: float, who: str) -> None:
        """Give way before the next piece of a backlog, of which the last one took so many
        seconds."""
        if not self.are_coming():
            return
        began = self._clock()
        until = began + most(took)
        # Not an asyncio.Event: that nobody asks any more is a matter of time.
        while self.are_coming() and (left := until - self._clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(_LOOK, left))
        metrics.GAVE_WAY.labels(who).inc(self._clock() - began)


requests = Requests()  # of this process
