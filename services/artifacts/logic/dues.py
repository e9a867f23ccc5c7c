"""Read when a todo is due: a date, or a date and time with its offset."""

import re
from datetime import UTC, date, datetime, time

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def moment(text: str) -> datetime | None:
    """When it is due, in UTC; a date at its last microsecond. None for what is neither."""
    start = _start(text)
    if start is None or not _DATE.fullmatch(text):
        return start
    return datetime.combine(start.date(), time.max, tzinfo=UTC)


def bound(text: str) -> datetime | None:
    """The moment before which something is due: of a date, its beginning."""
    return _start(text)


def _start(text: str) -> datetime | None:
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))
        if _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None
