"""Rounds of load under faults on one platform, each judged, and all once more at the end."""

import random
import threading
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any
from uuid import uuid4

from tests.chaos import observe
from tests.chaos.faults import Injector, Planned, one_of_each, plan
from tests.chaos.history import ACKNOWLEDGED, UNKNOWN, History, Violation, duplicates
from tests.chaos.load import Acknowledged, Load, patient, prepare
from tests.chaos.platform import Platform
from tests.chaos.receiver import Receiver
from tests.e2e.client import Client

CLIENTS = 5
DRAIN_SECONDS = 150.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a round is."""

    faults: int = 30  # 0: one of each kind, and one at each crash point
    seconds: float = 24.0
    patience: float = 0.0  # for crash points that nobody has passed in that time


@dataclass(slots=True)
class Round:
    """What was done to the platform in one round, and what it made of it."""

    number: int
    faults: list[Planned]
    load: Load
    api: Client
    name: str
    history: History
    violations: list[Violation]
    began: float
    last: list[Violation]  # that was still to come when nearly all had
    drained: float = 0.0

    def struck(self) -> list[Planned]:
        return [fault for fault in self.faults if fault.struck]

    def figures(self) -> dict[str, Any]:
        outcomes = Counter(operation.outcome for operation in self.history.operations)
        return {
            "round": self.number,
            "faults": [
                {
                    "fault": str(fault),
                    "at": round(fault.struck - self.began, 1),
                    "seconds_to_first_write": round(fault.recovered or 0, 2),
                }
                for fault in sorted(self.struck(), key=lambda fault: fault.struck)
            ],
            "attempts": self.load.attempts,
            "acknowledged": outcomes[ACKNOWLEDGED],
            "unknown": outcomes[UNKNOWN],
            "events": len(self.history.events),
            "runs": len(self.history.runs),
            "effects": len(self.history.effects),
            "deliveries": len(self.history.arrivals),
            "transport_duplicates": duplicates(self.history),
            "seconds_to_drain": round(self.drained, 2),
            "last_to_come": [asdict(one) for one in self.last[:5]],
            "violations": [asdict(violation) for violation in self.violations],
            "oddities": self.load.oddities,
        }


class Campaign:
    """The rounds of one seed on one platform."""

    def __init__(self, platform: Platform, seed: int, shape: Shape) -> None:
        self.rounds: list[Round] = []
        self.receiver = Receiver(seed)
        self._platform = platform
        self._seed = seed
        self._shape = shape

    def round(self, number: int) -> Round:
        """One round in a workspace of its own; the same seed and number plan the same faults."""
        rng = random.Random(f"{self._seed}/{number}")
        name = f"r{number}-{uuid4().hex[:6]}"
        platform = self._platform
        with Client(platform.gateway_url, platform.api_key) as operator:
            body = {"display_name": f"chaos {name}"}
            made = patient("a workspace", lambda: operator.post("/v1/workspaces", body))
        api = Client(platform.gateway_url, made["api_key"])
        prepare(api, self.receiver, name)
        load = Load(platform.gateway_url, made["api_key"], CLIENTS, self._seed * 1000 + number)
        shape = self._shape
        planned = (
            plan(rng, shape.faults, shape.seconds)
            if shape.faults
            else one_of_each(rng, shape.seconds)
        )
        injector = Injector(platform, planned, shape.seconds, shape.patience)
        began = time.monotonic()
        load.start()
        injector.run()
        _wait_for_write(load.acknowledged, time.monotonic())
        load.finish()
        ended = time.monotonic()
        history, violations, last = observe.drained(
            api, self.receiver, name, load.operations, DRAIN_SECONDS
        )
        done = Round(number, planned, load, api, name, history, violations, began, last)
        _recover(load.acknowledged, done.struck())
        done.drained = time.monotonic() - ended
        self.rounds.append(done)
        return done

    def judge_again(self) -> list[Violation]:
        """Read every round once more, long after: what came late, or was lost later, shows."""
        found: list[Violation] = []
        for done in self.rounds:
            done.history, done.violations, _ = observe.drained(
                done.api, self.receiver, done.name, done.load.operations, 20
            )
            found += done.violations
        return found

    def close(self) -> None:
        for done in self.rounds:
            done.api.http.close()

    def verdict(self) -> dict[str, Any]:
        """All rounds together, as chaos/results/latest.json says it."""
        rounds = [done.figures() for done in self.rounds]
        struck = [fault for done in self.rounds for fault in done.struck()]
        recoveries = [fault.recovered for fault in struck if fault.recovered is not None]
        drains = [done.drained for done in self.rounds]
        violations = Counter(v.kind for done in self.rounds for v in done.violations)
        summed = (
            "attempts",
            "acknowledged",
            "unknown",
            "events",
            "runs",
            "effects",
            "deliveries",
            "transport_duplicates",
        )
        return {
            "exact": not violations,
            "seed": self._seed,
            "faults": len(struck),
            "faults_by_kind": dict(Counter(fault.kind for fault in struck).most_common()),
            "crash_points": dict(Counter(f.point for f in struck if f.point).most_common()),
            "receiver_misdeeds": dict(self.receiver.misdeeds),
            **{name: sum(one[name] for one in rounds) for name in summed},
            "violations": dict(violations),
            "seconds_to_first_write": _percentiles(recoveries),
            "seconds_to_drain": _percentiles(drains),
            "rounds": rounds,
        }


def _wait_for_write(acknowledged: Acknowledged, since: float) -> None:
    """Until a write that was sent after the last fault is acknowledged."""
    deadline = threading.Event()
    for _ in range(1200):
        if acknowledged.sent and max(acknowledged.sent[-20:]) > since:
            return
        deadline.wait(0.05)


def _recover(acknowledged: Acknowledged, faults: list[Planned]) -> None:
    """Note, from each fault, the first acknowledgement of a write that was sent after it."""
    pairs = sorted(zip(acknowledged.sent, acknowledged.answered, strict=True))
    sent = [pair[0] for pair in pairs]
    for fault in faults:
        later = pairs[bisect_right(sent, fault.struck) :]
        if later:
            fault.recovered = min(answered for _, answered in later) - fault.struck


def _percentiles(values: list[float]) -> dict[str, float]:
    if len(values) < 2:
        return {"p50": round(sum(values), 3), "p99": round(sum(values), 3)}
    cuts = quantiles(values, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 3),
        "p99": round(cuts[98], 3),
        "max": round(max(values), 3),
    }
