"""A record is rolled back change by change, and never further than the changes are known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.records.logic.past import Change, Past, TooFar, TooSoon

_START = datetime(2026, 11, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return _START + timedelta(hours=hours)


def change(version: int, kind: str, before: dict[str, Any], after: dict[str, Any]) -> Change:
    return Change(kind, version, at(version), tuple({**before, **after}), before, after, "{}")


CHANGES = [
    change(1, "created", {}, {"a": 1, "b": None}),
    change(2, "updated", {"a": 1}, {"a": 2}),
    change(3, "deleted", {"a": 2}, {}),
    change(4, "undeleted", {}, {"a": 2}),
    change(5, "updated", {"a": 2, "b": None}, {"a": None, "b": 7}),
]


def rolled(moment: float, changes: list[Change] = CHANGES) -> Past:
    past = Past({"a": None, "b": 7}, 5, at(moment), None)
    for one in reversed(changes):
        past.undo(one)
    past.end()
    return past


@pytest.mark.parametrize(
    ("moment", "fields", "version", "deleted"),
    [
        (9, {"a": None, "b": 7}, 5, None),
        (5, {"a": None, "b": 7}, 5, None),
        (4.5, {"a": 2, "b": None}, 4, None),
        (3.5, {"a": 2, "b": None}, 3, at(3)),
        (2.5, {"a": 2, "b": None}, 2, None),
        (1, {"a": 1, "b": None}, 1, None),
    ],
)
def test_each_moment(
    moment: float, fields: dict[str, Any], version: int, deleted: datetime | None
) -> None:
    past = rolled(moment)
    assert (past.fields, past.version, past.delete_time) == (fields, version, deleted)
    assert past.exists
    assert past.update_time == at(version)


def test_before_the_creation_there_is_nothing() -> None:
    assert not rolled(0.5).exists


def test_a_log_that_ends_early_or_begins_late_says_so() -> None:
    with pytest.raises(TooFar) as far:
        rolled(1.5, CHANGES[3:])
    assert far.value.since == at(4)
    with pytest.raises(TooFar):
        rolled(1.5, [CHANGES[0], *CHANGES[3:]])
    with pytest.raises(TooSoon):
        rolled(1.5, CHANGES[:4])
    with pytest.raises(TooSoon):
        rolled(1.5, [])


def test_changes_newer_than_what_was_read_do_not_count() -> None:
    assert rolled(9, [*CHANGES, change(6, "updated", {"a": None}, {"a": 9})]).fields["a"] is None


def test_a_name_that_was_another_fields_then_keeps_its_hands_off() -> None:
    newest = {5: {"a", "b"}, 2: {"b"}}
    past = Past({"a": None, "b": 7}, 5, at(1), None, lambda moment: newest.get(moment.hour, set()))
    for one in reversed(CHANGES):
        past.undo(one)
    past.end()
    assert past.fields == {"a": 2, "b": None}
