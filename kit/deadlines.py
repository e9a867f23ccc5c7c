"""Know how much time a call has left, and give each hop a little less."""

import time
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
SHAVE = 0.02  # seconds kept back at each hop, for the answer's way home


def set_remaining(seconds: float | None) -> None:
    _deadline.set(None if seconds is None else time.monotonic() + seconds)


def remaining() -> float | None:
    """Seconds left, or None where the caller set no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


def shorter_of(limit: float) -> float:
    """`limit`, or what is left less the shave; never under a millisecond."""
    left = remaining()
    return limit if left is None else max(0.001, min(limit, left - SHAVE))
