"""A cache that is bounded by what it holds."""

from kit.bounded import Bounded


def test_what_was_used_least_recently_goes_first() -> None:
    held: Bounded[str, int] = Bounded(10)
    held.put("a", 1, 4)
    held.put("b", 2, 4)
    assert held.get("a") == 1
    held.put("c", 3, 4)
    assert [held.get(key) for key in "abc"] == [1, None, 3]
    assert (len(held), held.size) == (2, 8)


def test_another_value_takes_the_place_of_the_first_and_the_last_one_stays() -> None:
    held: Bounded[str, int] = Bounded(10)
    held.put("a", 1, 4)
    held.put("a", 2, 6)
    assert (held.get("a"), held.size) == (2, 6)
    held.put("b", 3, 99)
    assert (held.get("a"), held.get("b"), held.size) == (None, 3, 99)
    held.drop("b")
    assert (len(held), held.size) == (0, 0)
