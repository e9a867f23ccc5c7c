"""The advisor keeps what its owner wants, and of the rest what costs too much and is in use."""

from datetime import UTC, datetime, timedelta

import pytest

from services.records.logic.advice import Bar, Used, verdict

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BAR = Bar()


def used(queries: int, ms_each: float, ago: timedelta = timedelta(0)) -> Used:
    return Used(queries, queries * ms_each, NOW - ago)


@pytest.mark.parametrize(
    ("setting", "by", "kept", "expected"),
    [
        ("off", used(10_000, 900), True, False),
        ("on", None, False, True),
        ("auto", None, False, False),
        ("auto", used(BAR.queries, 200), False, True),
        ("auto", used(BAR.queries - 1, 2000), False, False),
        ("auto", used(100_000, 5), False, False),
        ("auto", used(200, 100, BAR.window * 2), False, False),
        ("auto", used(0, 0), True, True),
        ("auto", used(200, 100, BAR.idle), True, False),
    ],
)
def test_what_is_kept(setting: str, by: Used | None, kept: bool, expected: bool) -> None:
    assert (verdict(setting, by, NOW, BAR, kept=kept) is not None) is expected
