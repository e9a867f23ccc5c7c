"""When a delivery is tried again, and when an endpoint gets a pause."""

from datetime import UTC, datetime, timedelta

import pytest

from services.events.logic import retries
from services.events.settings import EventsSettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCHEDULE = tuple(map(float, EventsSettings().webhook_schedule))


def test_the_schedule_is_ten_attempts_over_three_days() -> None:
    assert len(SCHEDULE) == 10
    assert timedelta(hours=75) < timedelta(seconds=sum(SCHEDULE)) < timedelta(hours=77)
    for attempts in range(1, 10):
        delay = retries.next_delay(SCHEDULE, attempts, {}, NOW)
        assert delay is not None
        assert 0.9 * SCHEDULE[attempts] <= delay <= 1.1 * SCHEDULE[attempts]
    assert retries.next_delay(SCHEDULE, 10, {}, NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2015 00:01:00 GMT", 0.0),
        ("999999999999", 86_400.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after(value: str, seconds: float) -> None:
    assert retries.retry_after({"retry-after": value}, NOW) == seconds


def test_retry_after_only_ever_delays() -> None:
    assert retries.next_delay(SCHEDULE, 1, {"retry-after": "60"}, NOW) == 60.0
    later = retries.next_delay(SCHEDULE, 2, {"retry-after": "1"}, NOW)
    assert later is not None
    assert later > 200


def test_the_breaker_doubles_up_to_a_bound() -> None:
    pauses = [retries.pause(n, 30.0) for n in range(12)]
    assert pauses[:5] == [0.0] * 5
    assert pauses[5:8] == [30.0, 60.0, 120.0]
    assert max(pauses) == 600.0


def test_only_the_endpoints_own_failures_count_for_the_breaker() -> None:
    assert [s for s in (0, 200, 302, 400, 404, 408, 410, 429, 500, 503) if retries.is_down(s)] == [
        0, 408, 429, 500, 503,
    ]  # fmt: skip


def test_one_notice_a_day() -> None:
    assert retries.notices_due(NOW - timedelta(hours=23), NOW) == 0
    assert retries.notices_due(NOW - timedelta(hours=49), NOW) == 2
