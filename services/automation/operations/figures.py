"""Count what the engine does, for Prometheus; docs/telemetry.md has the table."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from kit import metrics
from kit.db import Tx
from services.automation.model import Kind, NewRun, RunState

_LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

RUNS = Counter("automation_runs", "Runs that ended.", ("kind", "state"), registry=metrics.REGISTRY)
ACTIVE = Gauge("automation_runs_active", "Runs under way here.", registry=metrics.REGISTRY)
WAITED = Histogram(
    "automation_run_wait_seconds",
    "Time from a run's making to its beginning.",
    ("kind",),
    buckets=_LONG,
    registry=metrics.REGISTRY,
)
ATTEMPT_SECONDS = Histogram(
    "automation_attempt_duration_seconds",
    "Time of one attempt at a step that acts elsewhere.",
    ("type", "outcome"),
    buckets=metrics.SECONDS,
    registry=metrics.REGISTRY,
)
DUE = Gauge(
    "automation_queue_due",
    "Runs that nobody has taken up, 10,000 at most.",
    registry=metrics.REGISTRY,
)
TIMER_LAG = Histogram(
    "automation_timer_lag_seconds",
    "How late a timer was when it fired.",
    buckets=_LONG,
    registry=metrics.REGISTRY,
)
LOOPS = Counter(
    "automation_loop_blocked", "Runs that the loop guard blocked.", registry=metrics.REGISTRY
)


def count_end(tx: Tx, kind: Kind, state: RunState) -> None:
    """A run ends in this transaction."""
    tx.after_commit(RUNS.labels(kind.value, state.value).inc)


def count_unbegun(tx: Tx, made: Iterable[NewRun]) -> None:
    """Those that ended as they were made: blocked, failed or skipped."""
    for run in made:
        if run.state is RunState.QUEUED:
            continue
        count_end(tx, run.rule.kind, run.state)
        if run.error.startswith("loop:"):
            tx.after_commit(LOOPS.inc)
