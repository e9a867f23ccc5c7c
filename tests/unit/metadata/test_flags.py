"""Whom the rollout of a feature flag takes in."""

from services.metadata.logic.flags import takes_in

PEOPLE = [f"person-{n}" for n in range(2000)]


def taken(percentage: int, key: str = "board") -> set[str]:
    return {who for who in PEOPLE if takes_in(key, percentage, who)}


def test_a_rollout_takes_in_its_share_and_more_as_it_grows() -> None:
    assert taken(0) == set()
    assert taken(10) < taken(30) < taken(70) < taken(100) == set(PEOPLE)
    assert 0.27 < len(taken(30)) / len(PEOPLE) < 0.33


def test_flags_choose_independently_of_each_other() -> None:
    both = taken(50) & taken(50, "calendar")
    assert 0.2 < len(both) / len(PEOPLE) < 0.3
