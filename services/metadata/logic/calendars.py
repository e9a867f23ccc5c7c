"""Judge what somebody says of days and weeks."""

from schema.field_types.refusals import Problems, did_you_mean, shown
from schema.filters.context import time_zones

WEEK_STARTS = ("monday", "sunday")


def check(zone: str | None, week: str | None, problems: Problems) -> None:
    """A time zone and the first day of the week; None: nothing is said of it."""
    if zone is not None and zone not in time_zones():
        hint = did_you_mean(zone, time_zones())
        message = f"there is no time zone {shown(zone)}; an IANA name is wanted{hint}"
        problems.add("time_zone", "UNKNOWN_TIME_ZONE", message)
    if week is not None and week not in WEEK_STARTS:
        problems.add("week_start", "UNKNOWN_CHOICE", "must be monday or sunday")
