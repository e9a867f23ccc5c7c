"""Check that what came too early does not hold up what it waits for."""

from typing import Any

from kit.consumer import _Lane


def _lane(first: Any) -> Any:  # of anything: it looks into nothing
    return _Lane(first)


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
