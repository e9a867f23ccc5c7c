"""Relative ranges (`last_2_weeks`, `past`, `{"last": "PT36H"}`) and what they mean right now."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from schema.filters.context import EvalContext
from schema.problems import nearest, refuse

UNITS = ("day", "week", "month", "quarter", "year")
MAX_COUNT = 10_000
MAX_ROLLING = timedelta(days=36_525)

_NAMED = {"today": ("day", 0), "yesterday": ("day", -1), "tomorrow": ("day", 1)}
_CALENDAR = re.compile(r"(this|last|next)_(?:([0-9]{1,9})_)?([a-z]+?)(s?)")
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,8})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,10})S)?)?"
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """`count` whole units, the first of them `offset` units from the current one."""

    name: str
    unit: str
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Side:
    """`past` or `future`: strictly before or after now (for dates: today)."""

    name: str


@dataclass(frozen=True, slots=True)
class Rolling:
    """A length of time up to now (`last`) or from now on (`next`)."""

    direction: str
    text: str
    length: timedelta


Relative = Calendar | Side | Rolling
T = TypeVar("T", date, datetime)


@dataclass(frozen=True, slots=True)
class Bounds(Generic[T]):
    """The conditions a range comes to; a bound that is None does not exist."""

    gt: T | None = None
    gte: T | None = None
    lt: T | None = None
    lte: T | None = None


def parse_relative(raw: object, path: str, *, rolling: bool) -> Relative:
    """The range that `within` names; Invalid if there is none of that name."""
    if isinstance(raw, str):
        return _parse_name(raw, path)
    if isinstance(raw, dict) and len(raw) == 1 and (direction := next(iter(raw))) in _ROLLING:
        if not rolling:
            message = f"{direction!r} rolls from this instant, so it is for date_time only"
            raise refuse(path, "WRONG_RANGE", message)
        return _parse_rolling(direction, raw[direction], f"{path}.{direction}")
    message = 'within takes a range such as "last_7_days", or {"last": "PT36H"}'
    raise refuse(path, "WRONG_RANGE", message)


_ROLLING = ("last", "next")
_EXAMPLES = (
    *_NAMED,
    "past",
    "future",
    *(f"{shift}_{unit}" for unit in UNITS for shift in ("this", "last", "next")),
    *(f"{shift}_7_{unit}s" for unit in UNITS for shift in ("last", "next")),
)


def _parse_name(name: str, path: str) -> Relative:
    if name in _NAMED:
        unit, offset = _NAMED[name]
        return Calendar(name, unit, offset, 1)
    if name in ("past", "future"):
        return Side(name)
    match = _CALENDAR.fullmatch(name)
    if match is None or match[3] not in UNITS or (match[1] == "this" and (match[2] or match[4])):
        message = (
            f"there is no range {name!r}{nearest(name, _EXAMPLES)}; allowed: today, yesterday, "
            "tomorrow, past, future, this_<unit>, last_<n>_<units>, next_<n>_<units> with units "
            + ", ".join(UNITS)
        )
        raise refuse(path, "UNKNOWN_RANGE", message)
    shift, unit, count = match[1], match[3], int(match[2] or 1)
    if not 1 <= count <= MAX_COUNT:
        message = f"a range counts 1 to {MAX_COUNT} units, not {count}"
        raise refuse(path, "RANGE_LIMIT", message)
    offset = {"this": 0, "last": -count, "next": 1}[shift]
    return Calendar(name, unit, offset, count)


def _parse_rolling(direction: str, raw: object, path: str) -> Rolling:
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    parts = {k: int(v) for k, v in match.groupdict().items() if v} if match else {}
    if not isinstance(raw, str) or not parts:
        message = 'a length of weeks, days, hours, minutes and seconds is due, such as "PT36H"'
        raise refuse(path, "WRONG_DURATION", message)
    length = timedelta(**parts)
    if not timedelta(0) < length <= MAX_ROLLING:
        message = f"a rolling range is longer than nothing and at most {MAX_ROLLING.days} days"
        raise refuse(path, "RANGE_LIMIT", message)
    return Rolling(direction, raw, length)


def dates(relative: Relative, ctx: EvalContext) -> Bounds[date]:
    """The days a range covers where the caller is. Rolling ranges have no days."""
    today = ctx.now.astimezone(ctx.zone).date()
    match relative:
        case Side(name="past"):
            return Bounds(lt=today)
        case Side():
            return Bounds(gt=today)
        case Calendar(unit=unit, offset=offset, count=count):
            current = _start_of(unit, today, ctx)
            start = _moved(current, unit, offset)
            if start is None and offset > 0:
                return Bounds(lt=date.min)  # after the year 9999 there is nothing
            return Bounds(gte=start or date.min, lt=_moved(current, unit, offset + count))
        case Rolling():
            raise refuse("within", "WRONG_RANGE", "a rolling range is for date_time only")


def instants(relative: Relative, ctx: EvalContext) -> Bounds[datetime]:
    """The instants a range covers, in UTC, whatever the clocks did in between."""
    now = ctx.utc_now
    match relative:
        case Side(name="past"):
            return Bounds(lt=now)
        case Side():
            return Bounds(gt=now)
        case Rolling(direction="last", length=length):
            return Bounds(gt=_shifted(now, -length), lte=now)
        case Rolling(length=length):
            return Bounds(gte=now, lt=_shifted(now, length))
        case Calendar():
            days = dates(relative, ctx)
            return Bounds(
                gte=day_start(days.gte, ctx.zone) if days.gte else None,
                lt=day_start(days.lt, ctx.zone) if days.lt else None,
            )


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day, in UTC: midnight, or where the clocks skip midnight the
    instant they jump."""
    try:
        start = datetime.combine(day, time(), zone).astimezone(UTC)
        if start.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, time()):
            return start
        early = datetime.combine(day, time(fold=1), zone).astimezone(UTC)
    except OverflowError:  # the first or last day there is, east or west of Greenwich
        return datetime.combine(day, time(), UTC)
    while start - early > timedelta(microseconds=1):
        middle = early + (start - early) / 2
        if middle.astimezone(zone).date() >= day:
            start = middle
        else:
            early = middle
    return start


def _start_of(unit: str, day: date, ctx: EvalContext) -> date:
    match unit:
        case "week":
            back = (day.weekday() - ctx.first_weekday) % 7
            return day - timedelta(days=back) if day.toordinal() > back else date.min
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def _moved(start: date, unit: str, count: int) -> date | None:
    """`count` units later, or None outside the years 1 to 9999."""
    try:
        if unit in ("day", "week"):
            return start + timedelta(days=count * (7 if unit == "week" else 1))
        months = start.year * 12 + start.month - 1
        months += count * {"month": 1, "quarter": 3, "year": 12}[unit]
        year, month = divmod(months, 12)
        last = calendar.monthrange(year, month + 1)[1] if 1 <= year <= 9999 else 31
        return date(year, month + 1, min(start.day, last))
    except (OverflowError, ValueError):
        return None


def _shifted(now: datetime, by: timedelta) -> datetime | None:
    try:
        return now + by
    except OverflowError:
        return None
