"""What a filter needs to know of the request that evaluates it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from schema.problems import Invalid, Problem, nearest

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@cache
def time_zones() -> frozenset[str]:
    """IANA's names. What a system has beside them, such as localtime, Postgres does not know."""
    return frozenset(available_timezones()) - {"localtime"}


@dataclass(frozen=True, slots=True)
class EvalContext:
    """The instant, place and person of a request. Refuses a time zone or week start that does
    not exist, rather than falling back to UTC or Monday."""

    now: datetime  # with an offset
    time_zone: str = "UTC"
    week_start: str = "monday"
    me: str | None = None  # the principal's id

    def __post_init__(self) -> None:
        problems = []
        if self.now.utcoffset() is None:
            problems.append(Problem("now", "NO_OFFSET", "the current instant needs an offset"))
        if self.time_zone not in time_zones():
            problems.append(
                Problem(
                    "time_zone",
                    "UNKNOWN_TIME_ZONE",
                    f"{self.time_zone!r} is no IANA time zone such as 'Europe/Berlin'",
                )
            )
        if self.week_start not in WEEKDAYS:
            allowed = ", ".join(WEEKDAYS)
            hint = nearest(self.week_start, WEEKDAYS)
            problems.append(
                Problem(
                    "week_start",
                    "UNKNOWN_WEEKDAY",
                    f"{self.week_start!r} is no day of the week{hint}; allowed: {allowed}",
                )
            )
        if problems:
            raise Invalid(problems)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def utc_now(self) -> datetime:
        return self.now.astimezone(UTC)

    @property
    def first_weekday(self) -> int:
        """0 is Monday, as in `date.weekday`."""
        return WEEKDAYS.index(self.week_start)
