"""Decide what follows an attempt: when the next is, and what the endpoint's state becomes."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

BREAKER_FAILURES = 5  # in a row, before an endpoint gets a pause
_BREAKER_GROWTH = 20
_LONGEST_WAIT = 86_400.0
_JITTER = 0.1


def next_delay(
    schedule: Sequence[float], attempts: int, headers: Mapping[str, str], now: datetime
) -> float | None:
    """Seconds until the attempt after `attempts`; None when that was the last."""
    if attempts >= len(schedule):
        return None
    delay = schedule[attempts] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
    return max(delay, retry_after(headers, now))


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """What the endpoint asks for, in seconds or as a date; at most a day."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return 0.0
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT)


def pause(failures: int, first: float) -> float:
    """How long an endpoint is left alone after that many failures in a row; then one probe."""
    if failures < BREAKER_FAILURES:
        return 0.0
    return float(min(first * 2 ** min(10, failures - BREAKER_FAILURES), first * _BREAKER_GROWTH))


def is_down(status: int) -> bool:
    """Whether it is the endpoint that fails, rather than this one message that it refuses."""
    return status == 0 or status >= 500 or status in (408, 429)


def notices_due(failing_since: datetime, now: datetime) -> int:
    """One notice for each whole day of failure."""
    return max(0, (now - failing_since) // timedelta(days=1))
