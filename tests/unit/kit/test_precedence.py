"""Check who gives way to requests, for how long, and that nobody starves."""

import pytest

from kit.precedence import Requests, most


class Clock:
    """Time that passes only where something sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.rests: list[float] = []
        monkeypatch.setattr("kit.precedence.asyncio.sleep", self.sleep)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize(("took", "rest"), [(0.0, 0.0), (0.01, 0.03), (0.05, 0.15), (9.0, 0.25)])
def test_a_backlog_keeps_a_quarter_of_the_time_and_rests_no_longer_than_a_moment(
    took: float, rest: float
) -> None:
    assert most(took) == pytest.approx(rest)


async def test_nobody_rests_where_nobody_asks(clock: Clock) -> None:
    await Requests(clock).before(0.1, "one")
    assert clock.rests == []


async def test_a_backlog_goes_on_in_time_however_long_a_request_takes(clock: Clock) -> None:
    requests = Requests(clock)
    with requests.one():
        await requests.before(0.02, "one")
        assert clock.now == pytest.approx(100.06)
        await requests.before(60.0, "one")
        assert clock.now == pytest.approx(100.31)


async def test_a_request_that_ends_ends_the_rest_unless_the_next_one_follows(clock: Clock) -> None:
    requests = Requests(clock)
    with requests.one():
        pass
    await requests.before(1.0, "one")
    assert 100.02 <= clock.now < 100.03
    again = requests.one()
    with again:
        assert requests.are_coming()
    assert requests.are_coming()
    clock.now += 0.03
    assert not requests.are_coming()


def test_a_request_that_fails_is_under_way_no_more(clock: Clock) -> None:
    requests = Requests(clock)
    with pytest.raises(ValueError, match="no"), requests.one():
        raise ValueError("no")
    clock.now += 0.03
    assert not requests.are_coming()
