"""Relative ranges mean what the caller's calendar says, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.filters.context import EvalContext
from schema.filters.parse_json import parse
from schema.filters.ranges import Bounds, dates, day_start, instants, parse_relative
from schema.filters.resolve import resolve_relative
from schema.filters.tree import And, Condition, Tree
from schema.problems import Invalid
from tests.unit.filters.cases import DEALS, WORLD

# Clocks that skip midnight, repeat hours, jump half an hour, or skipped a whole day (Apia, 2011).
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut"),
    *("Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "America/Havana", "Asia/Kathmandu"),
]


def ctx(now: str, zone: str = "UTC", week_start: str = "monday") -> EvalContext:
    return EvalContext(datetime.fromisoformat(now), zone, week_start)


def days(name: str, now: str, **more: str) -> tuple[str, str]:
    bounds = dates(parse_relative(name, "f", rolling=False), ctx(now, **more))
    assert bounds.gte is not None
    assert bounds.lt is not None
    return bounds.gte.isoformat(), bounds.lt.isoformat()


@pytest.mark.parametrize(
    ("name", "first", "end"),
    [
        ("today", "2026-03-11", "2026-03-12"),
        ("yesterday", "2026-03-10", "2026-03-11"),
        ("tomorrow", "2026-03-12", "2026-03-13"),
        ("this_week", "2026-03-09", "2026-03-16"),
        ("last_week", "2026-03-02", "2026-03-09"),
        ("last_1_weeks", "2026-03-02", "2026-03-09"),
        ("last_2_weeks", "2026-02-23", "2026-03-09"),
        ("next_2_weeks", "2026-03-16", "2026-03-30"),
        ("last_7_days", "2026-03-04", "2026-03-11"),
        ("next_30_days", "2026-03-12", "2026-04-11"),
        ("this_month", "2026-03-01", "2026-04-01"),
        ("last_14_months", "2025-01-01", "2026-03-01"),
        ("this_quarter", "2026-01-01", "2026-04-01"),
        ("next_quarter", "2026-04-01", "2026-07-01"),
        ("this_year", "2026-01-01", "2027-01-01"),
        ("last_2_years", "2024-01-01", "2026-01-01"),
    ],
)
def test_a_range_covers_whole_units(name: str, first: str, end: str) -> None:
    assert days(name, "2026-03-11T12:00:00Z") == (first, end)


def test_the_day_and_the_week_are_the_callers() -> None:
    late = "2026-03-08T23:30:00Z"
    assert days("today", late, zone="Europe/Berlin") == ("2026-03-09", "2026-03-10")
    assert days("this_week", late, week_start="sunday") == ("2026-03-08", "2026-03-15")
    assert days("this_week", late) == ("2026-03-02", "2026-03-09")


def test_a_day_has_23_hours_when_the_clocks_go_forward() -> None:
    today = instants(
        parse_relative("today", "f", rolling=True), ctx("2026-03-29T12:00:00Z", "Europe/Berlin")
    )
    assert today == Bounds(
        gte=datetime(2026, 3, 28, 23, tzinfo=UTC), lt=datetime(2026, 3, 29, 22, tzinfo=UTC)
    )


@given(
    st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 made UTC below
    st.sampled_from(ZONES),
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
    st.sampled_from(["monday", "sunday", "saturday"]),
    st.integers(1, 40),
)
def test_last_this_and_next_touch_without_gap_or_overlap(
    now: datetime, zone: str, unit: str, week_start: str, count: int
) -> None:
    context = EvalContext(now.replace(tzinfo=UTC), zone, week_start)

    def bounds(name: str) -> tuple[datetime, datetime]:
        found = instants(parse_relative(name, "f", rolling=True), context)
        assert found.gte is not None
        assert found.lt is not None
        return found.gte, found.lt

    last, this, following = (
        bounds(n) for n in (f"last_{count}_{unit}s", f"this_{unit}", f"next_{count}_{unit}s")
    )
    assert last[0] < last[1] == this[0] <= context.now < this[1] == following[0] < following[1]


@given(st.dates(date(1990, 1, 1), date(2036, 1, 1)), st.sampled_from(ZONES))
def test_a_day_starts_at_its_first_instant(day: date, zone: str) -> None:
    start = day_start(day, ZoneInfo(zone))
    before = start - timedelta(microseconds=1)

    assert start.astimezone(ZoneInfo(zone)).date() >= day  # later only where the day is skipped
    assert before.astimezone(ZoneInfo(zone)).date() < day


def test_a_skipped_day_is_empty() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert day_start(date(2011, 12, 30), apia) == day_start(date(2011, 12, 31), apia)


def test_midnight_that_the_clocks_skip_inside_a_jump() -> None:
    # 23:30 became 00:30: the new day starts at half past.
    toronto = ZoneInfo("America/Toronto")
    start = day_start(date(1919, 3, 31), toronto)
    assert start.astimezone(toronto).replace(tzinfo=None) == datetime(1919, 3, 31, 0, 30)  # noqa: DTZ001


def test_ranges_beyond_the_calendar_are_cut_not_failed() -> None:
    now = ctx("2026-03-11T12:00:00Z", "Asia/Kathmandu")
    early = instants(parse_relative("last_9999_years", "f", rolling=True), now)
    open_ended = instants(parse_relative("next_9999_years", "f", rolling=True), now)
    beyond = EvalContext(datetime(9999, 12, 31, 12, tzinfo=UTC))

    assert early.gte == datetime(1, 1, 1, tzinfo=UTC)
    assert open_ended.lt is None
    assert dates(parse_relative("tomorrow", "f", rolling=False), beyond) == Bounds(lt=date.min)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("last_0_days", "RANGE_LIMIT"),
        ("last_10001_days", "RANGE_LIMIT"),
        ("this_2_weeks", "UNKNOWN_RANGE"),
        ("this_weeks", "UNKNOWN_RANGE"),
        ("last_hour", "UNKNOWN_RANGE"),
        ("now", "UNKNOWN_RANGE"),
        (7, "WRONG_RANGE"),
        ({"last": "PT1H", "next": "PT1H"}, "WRONG_RANGE"),
        ({"last": "P1M"}, "WRONG_DURATION"),
        ({"last": "P"}, "WRONG_DURATION"),
        ({"last": "P1DT"}, "WRONG_DURATION"),
        ({"last": 36}, "WRONG_DURATION"),
        ({"next": "PT0S"}, "RANGE_LIMIT"),
        ({"next": "P36526D"}, "RANGE_LIMIT"),
    ],
)
def test_other_ranges_are_refused(raw: Any, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_relative(raw, "f", rolling=True)
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Berlim",
        "",
        "../etc/passwd",
        "/etc/passwd",
        "Europe",
        "localtime",
        "posixrules",
        "right/UTC",
    ],
)
def test_a_bad_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(Invalid, match="IANA"):
        ctx("2026-03-11T12:00:00Z", zone)


def test_a_bad_week_start_and_an_instant_without_offset_are_refused() -> None:
    with pytest.raises(Invalid, match="'monday'"):
        ctx("2026-03-11T12:00:00Z", week_start="mondag")
    with pytest.raises(Invalid, match="offset"):
        ctx("2026-03-11T12:00:00")


def resolved(document: dict[str, Any]) -> Tree:
    tree = parse(WORLD, DEALS, document)
    assert tree is not None
    return resolve_relative(tree, ctx("2026-03-11T12:00:00.5Z", "Europe/Berlin"))


def conditions_of(tree: Tree) -> list[tuple[str, Any]]:
    children = tree.children if isinstance(tree, And) else (tree,)
    return [(c.op, c.value) for c in children if isinstance(c, Condition)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"due": {"within": "today"}}, [("gte", "2026-03-11"), ("lt", "2026-03-12")]),
        ({"due": {"within": "future"}}, [("gt", "2026-03-11")]),
        (
            {"seen": {"within": "today"}},
            [("gte", "2026-03-10T23:00:00Z"), ("lt", "2026-03-11T23:00:00Z")],
        ),
        ({"seen": {"within": "past"}}, [("lt", "2026-03-11T12:00:00.5Z")]),
        (
            {"seen": {"within": {"last": "PT36H"}}},
            [("gt", "2026-03-10T00:00:00.5Z"), ("lte", "2026-03-11T12:00:00.5Z")],
        ),
        (
            {"seen": {"within": {"next": "P1D"}}},
            [("gte", "2026-03-11T12:00:00.5Z"), ("lt", "2026-03-12T12:00:00.5Z")],
        ),
    ],
)
def test_compilers_see_only_absolute_bounds(
    document: dict[str, Any], expected: list[tuple[str, Any]]
) -> None:
    assert conditions_of(resolved(document)) == expected
