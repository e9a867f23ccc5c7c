"""Check whom a lane takes next, and how long it waits for company."""

from typing import Any

import pytest

from kit.lanes import Lane, Options


def _lane(first: Any) -> Any:  # of anything: it looks into nothing
    return Lane(first)


def _drawn(lane: Any, number: int) -> list[Any]:
    return [lane.next().popleft() for _ in range(number)]


def test_a_lane_without_early_ones_keeps_its_order() -> None:
    lane = _lane("first")
    lane.fresh.append("second")
    assert _drawn(lane, 2) == ["first", "second"]
    assert not lane


def test_what_comes_is_taken_next_however_many_wait() -> None:
    lane = _lane("came")
    lane.early.extend(range(200))
    assert _drawn(lane, 1) == ["came"]
    assert _drawn(lane, 2) == [0, 1]
    lane.fresh.extend(["more", "still more"])
    drawn = _drawn(lane, 4)
    assert drawn.index("more") <= 1
    assert drawn.index("still more") <= 3
    assert [one for one in drawn if isinstance(one, int)] == [2, 3]  # and these are not starved


@pytest.mark.parametrize(
    ("took", "rest"), [(0.0, 0.02), (0.002, 0.02), (0.01, 0.03), (0.03, 0.09), (5.0, 0.12)]
)
def test_a_lane_waits_the_longer_for_company_the_longer_work_takes(
    took: float, rest: float
) -> None:
    assert Options("one", linger=0.02).rest(took) == pytest.approx(rest)
