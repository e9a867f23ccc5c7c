"""Kill the relay, the automation worker and NATS while 500 changes are made; nothing is lost and
nothing happens twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.burst import collect, kill, prepare, write
from tests.e2e.client import Client

CHANGES = 500
# Where each process dies, at which change. A point takes whichever process passes it first.
POINTS = {
    40: "relay.before_publish",
    90: "relay.after_publish",
    140: "automation-trigger.before_commit",
    180: "automation-trigger.before_ack",
    220: "automation.after_claim",
    260: "automation.before_action",
    300: "automation.after_action",
    340: "automation.before_commit",
    380: "records.before_commit",
    420: "events-log.before_commit",
}


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_500_changes_are_500_events_runs_and_effects(
    new_workspace: Callable[[], Client], stack: dict[str, Any], crash_dir: Path
) -> None:
    api = new_workspace()
    prepare(api)

    def strike(done: int) -> None:
        if point := POINTS.get(done):
            (crash_dir / point).touch()
        if done in (120, 320):
            kill(stack, "nats")

    ids = write(api, CHANGES, strike)
    assert len(set(ids)) == CHANGES
    verdict = collect(api, ids)
    assert [p.name for p in crash_dir.iterdir()] == [], "these points were never passed"
    assert verdict.exact, (
        len(verdict.events),
        len(verdict.runs),
        len(verdict.effects),
        verdict.events.most_common(3),
        verdict.runs.most_common(3),
        verdict.effects.most_common(3),
    )


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_killing_everything_loses_nothing_that_was_acknowledged(
    new_workspace: Callable[[], Client], stack: dict[str, Any]
) -> None:
    api = new_workspace()
    prepare(api)

    def strike(done: int) -> None:
        if done == 50:
            for name in stack["processes"]:
                if name != "sink":
                    kill(stack, name)

    ids = write(api, 100, strike)
    verdict = collect(api, ids)
    assert verdict.exact, verdict
