"""A short campaign: every kind of fault and every crash point once, and a history without flaw."""

from pathlib import Path

import pytest

from cli.stack.ports import find_free_base
from tests.chaos.campaign import Campaign, Shape
from tests.chaos.faults import POINTS
from tests.chaos.platform import started

ROOT = Path(__file__).parents[2]
SEED = 7


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_under_every_kind_of_fault_nothing_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    base = find_free_base()
    shape = Shape(faults=0, seconds=20, patience=30)
    with started(ROOT, base, ROOT / ".armature" / f"chaos-{base}") as platform:
        campaign = Campaign(platform, SEED, shape)
        with campaign.receiver:
            done = campaign.round(1)
            campaign.close()
    assert done.violations == []
    assert done.load.oddities == []
    assert [str(fault) for fault in done.faults if not fault.struck] == []
    assert {fault.point for fault in done.faults if fault.kind == "point"} == set(POINTS)
    figures = done.figures()
    assert figures["acknowledged"] > 50
    assert figures["effects"] > 100
