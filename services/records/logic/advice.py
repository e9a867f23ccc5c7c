"""Decide which views' entries are worth keeping: as their owners say, or by what queries cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Bar:
    """From when on a view is kept, and when not any more; of views whose setting is auto."""

    window: timedelta = timedelta(minutes=10)
    queries: int = 20  # within the window
    mean_ms: float = 15.0
    total_ms: float = 1500.0
    idle: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Used:
    """What a view's queries cost without its entries, and when the last one came."""

    queries: int
    cost_ms: float
    last_time: datetime


def verdict(setting: str, used: Used | None, now: datetime, bar: Bar, *, kept: bool) -> str | None:
    """Why the view is to be kept, in a few words; None where it is not."""
    if setting == "off":
        return None
    if setting == "on":
        return "the view says so"
    if used is None:
        return None
    if kept:
        return "in use" if now - used.last_time < bar.idle else None
    if used.queries < bar.queries or used.cost_ms < bar.total_ms:
        return None
    mean = used.cost_ms / used.queries
    if mean < bar.mean_ms or now - used.last_time > bar.window:
        return None
    return f"{used.queries} queries took {mean:.0f} ms each"
