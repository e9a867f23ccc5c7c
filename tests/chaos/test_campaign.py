"""The short form of the fault campaign: one round of one platform, every kind of fault once."""

import pytest

from cli.stack.ports import find_free_base
from tests.chaos.campaign import Campaign, Shape
from tests.chaos.platform import started
from tests.conftest import ROOT

SEED = 7
SECONDS = 18.0
MET = 5  # of its 26 at the least, on a busy machine: what finds nothing to hurt does not count


@pytest.mark.chaos
@pytest.mark.timeout(290)
def test_a_round_with_every_fault_loses_doubles_and_reorders_nothing() -> None:
    base = find_free_base()
    with started(ROOT, base, ROOT / ".armature" / f"chaos-{base}") as platform:
        campaign = Campaign(platform, SEED, Shape(faults=0, seconds=SECONDS))
        with campaign.receiver:
            done = campaign.round(1)
            campaign.judge_again()
            campaign.close()
    verdict = campaign.verdict()
    assert verdict["exact"], done.violations[:20]
    assert verdict["faults"] >= MET, verdict["faults_by_kind"]
    assert verdict["acknowledged"] >= 10, "what was asked for under the faults was done"
    counts = verdict["events"], verdict["runs"], verdict["effects"], verdict["deliveries"]
    assert all(count >= verdict["acknowledged"] for count in counts), counts
