"""Windows over lists, and what leads from one list to the next."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.records.logic.windows import (
    Change,
    ChangeType,
    Entry,
    Group,
    Window,
    changed_groups,
    changes,
)
from services.records.model import Stored

_THEN = datetime(2026, 11, 1, tzinfo=UTC)
LISTS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 2)), unique_by=lambda e: e[0])


def entries(rows: list[tuple[int, int]]) -> list[Entry]:
    return [Entry(n, UUID(int=id_), stamp, None, None) for n, (id_, stamp) in enumerate(rows)]


def applied(old: list[Entry], found: list[Change]) -> list[Entry]:
    """As the contract has a client do it."""
    taken = {c.entry.id for c in found if c.type in {ChangeType.REMOVED, ChangeType.MOVED}}
    held = [e for e in old if e.id not in taken]
    for change in found:
        if change.type in {ChangeType.ADDED, ChangeType.MOVED}:
            held.insert(change.index, change.entry)
    for change in found:
        if change.type is ChangeType.UPDATED:
            assert held[change.index].id == change.entry.id
            held[change.index] = change.entry
    return held


@settings(max_examples=200, deadline=None)
@given(LISTS, LISTS)
def test_changes_lead_from_one_list_to_the_other(
    before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    old, new = entries(before), entries(after)
    made = applied(old, changes(old, new))
    assert [(e.id, e.stamp) for e in made] == [(e.id, e.stamp) for e in new]


def test_one_that_goes_to_the_end_is_all_that_moves() -> None:
    old = entries([(n, 1) for n in range(1, 10)])
    new = entries([*[(n, 1) for n in range(2, 10)], (1, 1)])
    assert [(c.type, c.index) for c in changes(old, new)] == [(ChangeType.MOVED, 8)]
    assert changes(old, old) == []


def a_record(id_: int, n: int, version: int) -> Stored:
    blank: dict[str, Any] = {}
    return Stored(
        UUID(int=id_), UUID(int=0), {"n": n}, version, 0, _THEN, _THEN, None, blank, blank
    )


def holds(record: Any) -> bool:
    return bool(record["n"] >= 0)


def key(record: Any) -> Any:
    return (-record["n"], record["id"])


def seen(record: Stored) -> dict[str, Any]:
    return {"id": record.id, "n": record.doc["n"]}


STEPS = st.lists(st.tuples(st.integers(1, 40), st.integers(-9, 20)), max_size=120)


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS, st.integers(1, 6))
def test_a_window_is_the_beginning_of_the_whole(
    start: list[tuple[int, int]], steps: list[tuple[int, int]], limit: int
) -> None:
    known = {id_: a_record(id_, n, 1) for id_, n in start}
    window = Window(limit, holds, key)

    def all_of_it() -> list[Stored]:
        return sorted((r for r in known.values() if holds(seen(r))), key=lambda r: key(seen(r)))

    def fill() -> None:
        first = all_of_it()[: window.capacity]
        window.fill([(r, seen(r)) for r in first], complete=len(all_of_it()) <= window.capacity)

    fill()
    for id_, n in steps:
        old = known.pop(id_, None)
        if old is not None and n == 20:  # purged
            window.put([(str(old.id), None, None)])
        else:
            version = old.version + 1 if old else 1
            fresh = known[id_] = a_record(id_, n, version)
            window.put([(str(fresh.id), fresh, seen(fresh))])
            again = replace(fresh, doc={"n": 99})
            assert n < 0 or not window.put([(str(fresh.id), again, seen(fresh))])
        if window.starved:
            fill()
        shown, more = window.shown()
        assert [e.id for e in shown] == [r.id for r in all_of_it()[:limit]]
        assert more or len(all_of_it()) <= limit


def test_groups_are_told_where_they_differ() -> None:
    one, two, other = (
        Group("a", "A", "", 1, {}),
        Group("b", "B", "", 2, {}),
        Group(None, "", "", 0, {}),
    )
    changed = replace(two, count=3)
    assert changed_groups([one, two], [one, changed]) == [changed]
    assert changed_groups([one, two], [one, two]) == []
    assert changed_groups([one], [one, other]) == [one, other]
