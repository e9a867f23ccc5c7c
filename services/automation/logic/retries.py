"""Decide what a failed attempt means: try again and when, or give up."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ATTEMPTS = 5
FIRST_DELAY = 0.5  # seconds; doubled with each failure
LONGEST_DELAY = 600.0
LONGEST_RETRY_AFTER = 3600.0  # whatever an endpoint asks for
PLANE_PATIENCE = timedelta(hours=1)
LONGEST_PLANE_DELAY = 30.0


class Failure(StrEnum):
    PERMANENT = "permanent"  # repeating it would fail again
    TRANSIENT = "transient"  # counts against the limit of attempts
    LIMIT = "limit"  # the run does more than any run may: what it is of is paused
    ABSENT = "absent"  # a plane of ours does not answer: does not count, for an hour


@dataclass(frozen=True, slots=True)
class Failed:
    """How an action failed. `definite`: certainly without effect."""

    kind: Failure
    reason: str
    definite: bool
    retry_after: float | None = None  # seconds


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows: another attempt after `delay`, or none."""

    retry: bool
    delay: float = 0.0
    counts: bool = True


def verdict(
    failed: Failed,
    failures: int,
    attempts: int,
    waiting_since: datetime | None,
    now: datetime,
    most: int = ATTEMPTS,
) -> Verdict:
    """`failures` and `attempts` include this one; `waiting_since` is when a plane began to be
    absent, if it is; `most` is how often a step is tried."""
    if failed.kind in (Failure.PERMANENT, Failure.LIMIT):
        return Verdict(retry=False)
    if failed.kind is Failure.ABSENT:
        if waiting_since is not None and now - waiting_since > PLANE_PATIENCE:
            return Verdict(retry=False, counts=False)
        delay = _jittered(min(LONGEST_PLANE_DELAY, FIRST_DELAY * 2.0 ** min(attempts - 1, 10)))
        return Verdict(retry=True, delay=delay, counts=False)
    if failures >= most:
        return Verdict(retry=False)
    delay = _jittered(min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (failures - 1)))
    if failed.retry_after is not None:
        delay = max(delay, min(failed.retry_after, LONGEST_RETRY_AFTER))
    return Verdict(retry=True, delay=delay)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311
