"""Run a fault campaign on a platform of its own, and say what was lost, doubled or out of order.

Each round several clients write while processes die at named points and at random, stand still,
lose their connections or their servers; afterwards the history is judged. The verdict of all rounds
goes to chaos/results/latest.json. The exit status is 1 unless every round was exact.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from cli.stack.ports import find_free_base
from tests.chaos.campaign import Campaign, Round, Shape
from tests.chaos.platform import started

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "chaos" / "results" / "latest.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="the number of the first round")
    parser.add_argument("--faults", type=int, default=Shape().faults, help="of a round")
    parser.add_argument("--seconds", type=float, default=Shape().seconds, help="of a round's load")
    parser.add_argument("--minutes", type=float, default=0, help="begin no round after so many")
    parser.add_argument("--port-base", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    base = asked.port_base or find_free_base()
    began = time.monotonic()
    with started(ROOT, base, ROOT / ".armature" / f"chaos-{base}") as platform:
        campaign = Campaign(platform, asked.seed, Shape(asked.faults, asked.seconds))
        with campaign.receiver:
            for number in range(asked.first, asked.first + asked.rounds):
                if asked.minutes and time.monotonic() - began > 60 * asked.minutes:
                    break
                _show(campaign.round(number))
                _write(campaign, asked.results, began)
            campaign.judge_again()
            exact = _write(campaign, asked.results, began)
            campaign.close()
    sys.exit(0 if exact else 1)


def _show(done: Round) -> None:
    figures = done.figures()
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def _write(campaign: Campaign, path: Path, began: float) -> bool:
    verdict = campaign.verdict()
    verdict["minutes"] = round((time.monotonic() - began) / 60, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(verdict, indent=2) + "\n")
    shown = {name: value for name, value in verdict.items() if name != "rounds"}
    sys.stdout.write(json.dumps(shown) + "\n")
    sys.stdout.flush()
    return bool(verdict["exact"])


if __name__ == "__main__":
    main()
