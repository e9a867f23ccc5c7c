"""Tell when a schedule is due: cron in a time zone, by Debian's rules across DST, or an interval.

A time that DST skips comes at the moment after the gap where the hour is fixed, and one that comes
twice comes once; what runs every so often simply goes on.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim

from services.automation.model import WorkflowTrigger

GRACE = timedelta(seconds=60)  # later than this, a fire was missed


def next_after(trigger: WorkflowTrigger, moment: datetime, time_zone: str) -> datetime:
    """The first time after `moment`, in UTC."""
    if trigger.cron:
        zone = ZoneInfo(trigger.time_zone or time_zone or "UTC")
        return next(CronSim(trigger.cron, moment.astimezone(zone))).astimezone(UTC)
    return moment + timedelta(seconds=trigger.interval_seconds)


def due(
    trigger: WorkflowTrigger, first: datetime, now: datetime, time_zone: str, most: int
) -> tuple[list[datetime], datetime]:
    """The times from `first` until now, the last `most` of them, and the first that is to come."""
    found: list[datetime] = []
    moment = first
    if trigger.interval_seconds and not trigger.cron:
        step = timedelta(seconds=trigger.interval_seconds)
        count = (now - first) // step
        skipped = max(0, count + 1 - most)
        moment = first + skipped * step
    while moment <= now:
        found.append(moment)
        moment = next_after(trigger, moment, time_zone)
    return found[-most:], moment


def to_start(
    trigger: WorkflowTrigger, times: list[datetime], now: datetime
) -> tuple[list[datetime], list[datetime]]:
    """Which of the times that have come start a run, and which were missed."""
    fresh = [one for one in times if now - one <= GRACE]
    late = [one for one in times if now - one > GRACE]
    match trigger.misfire:
        case "all":
            kept = late[-trigger.misfire_cap :]
            return [*kept, *fresh], late[: len(late) - len(kept)]
        case "once" if late and not fresh:
            return late[-1:], late[:-1]
        case "once":
            return fresh, late
    return fresh, late


def jitter(trigger: WorkflowTrigger, workflow_id: UUID, moment: datetime) -> float:
    """By how much a fire is put off: the same for whoever computes it."""
    if not trigger.jitter_seconds:
        return 0.0
    digest = hashlib.sha256(f"{workflow_id}/{moment.isoformat()}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 * trigger.jitter_seconds
