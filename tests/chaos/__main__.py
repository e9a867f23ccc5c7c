"""Run bursts under random faults on a stack of our own, and say what was lost or doubled.

Each round makes changes from several clients while processes die at named points and by kill -9;
the verdict of all rounds goes to chaos/results/latest.json. The exit status is 1 unless every round
was exact.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from cli.stack.ports import find_free_base
from cli.stack.run import started
from tests.chaos.burst import Verdict, collect, kill, prepare, write
from tests.e2e.client import Client

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "chaos" / "results" / "latest.json"
POINTS = (
    "relay.before_publish",
    "relay.after_publish",
    "automation-trigger.before_commit",
    "automation-trigger.before_ack",
    "automation.after_claim",
    "automation.before_action",
    "automation.after_action",
    "automation.before_commit",
    "records.before_commit",
    "events-log.before_commit",
    "events-log.before_ack",
)
VICTIMS = ("nats", "postgres", "records", "automation", "events", "metadata", "gateway")


def _round(
    stack: dict[str, Any], crash_dir: Path, rng: random.Random, changes: int, faults: int
) -> tuple[Verdict, list[str], float]:
    """One burst in a workspace of its own: its verdict, the faults, and the time to settle."""
    with Client(stack["gateway_url"], stack["api_key"]) as operator:
        made = operator.post("/v1/workspaces", {"display_name": f"chaos {uuid4().hex[:6]}"})
    plan: dict[int, list[str]] = {}
    for _ in range(faults):
        fault = rng.choice(POINTS) if rng.random() < 0.7 else f"kill {rng.choice(VICTIMS)}"
        plan.setdefault(rng.randrange(1, changes), []).append(fault)

    def strike(done: int) -> None:
        for fault in plan.get(done, ()):
            if fault.startswith("kill "):
                kill(stack, fault.removeprefix("kill "))
            else:
                (crash_dir / fault).touch()

    with Client(stack["gateway_url"], made["api_key"]) as api:
        prepare(api)
        ids = write(api, changes, strike)
        written = time.monotonic()
        verdict = collect(api, ids, 180)
    for left in crash_dir.iterdir():
        left.unlink()
    return verdict, sorted(f for some in plan.values() for f in some), time.monotonic() - written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--faults", type=int, default=10)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    rounds: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ) | {"ARMATURE_CRASH_DIR": folder}
        base = find_free_base()
        data = ROOT / ".armature" / f"chaos-{base}"
        with started(ROOT, base, data_dir=data, environment=environment) as stack:
            for number in range(1, asked.rounds + 1):
                verdict, faults, settled = _round(
                    stack,  # type: ignore[arg-type]
                    Path(folder),
                    rng,
                    asked.changes,
                    asked.faults,
                )
                found = {
                    "round": number,
                    "faults": faults,
                    "changes": verdict.changes,
                    "events": len(verdict.events),
                    "runs": len(verdict.runs),
                    "effects": len(verdict.effects),
                    "doubled": sum(
                        count - 1
                        for counts in (verdict.events, verdict.runs, verdict.effects)
                        for count in counts.values()
                    ),
                    "exact": verdict.exact,
                    "seconds_to_settle": round(settled, 1),
                }
                rounds.append(found)
                print(json.dumps(found), flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"seed": asked.seed, "rounds": rounds}, indent=2) + "\n")
    sys.exit(0 if all(r["exact"] for r in rounds) else 1)


if __name__ == "__main__":
    main()
