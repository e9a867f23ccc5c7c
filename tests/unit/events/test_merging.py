"""Several updates in one body, and events under those that caused them."""

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import envelope, ids, upcasting
from kit.envelope import Envelope
from services.events.logic import causality, merging
from services.events.model import Joinable, LoggedEvent, NewDelivery

EVENT = ids.new_id()
VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


def body(data: dict[str, Any]) -> str:
    return msgspec.json.encode({"type": "record.updated", "timestamp": "t", "data": data}).decode()


def update(version: int, data: dict[str, Any]) -> NewDelivery:
    one = ids.new_id()
    return NewDelivery(one, one, one, "record.updated", one, version, body(data), "", "")


@settings(max_examples=50)
@given(st.lists(VALUES, min_size=2, max_size=6))
def test_a_merged_diff_is_the_difference_of_first_and_last(states: list[dict[str, int]]) -> None:
    waiting = None
    for version, (was, now) in enumerate(itertools.pairwise(states), start=1):
        changed = [k for k in was | now if was.get(k) != now.get(k)]
        data = {
            "before": {k: was.get(k) for k in changed},
            "after": {k: now.get(k) for k in changed},
            "changed_fields": changed,
            "fields": now,
        }
        if waiting is None:
            waiting = Joinable(EVENT, EVENT, "record.updated", version, body(data))
        else:
            merged = merging.merged(waiting, update(version, data))
            assert merged is not None
            waiting = Joinable(EVENT, EVENT, "record.updated", 1, merged)
    assert waiting is not None
    found = msgspec.json.decode(waiting.body)["data"]
    first, last = states[0], states[-1]
    differs = {k for k in first | last if first.get(k) != last.get(k)}
    assert set(found["changed_fields"]) == differs or len(states) == 2
    assert all(found["before"][k] == first.get(k) for k in differs)
    assert all(found["after"][k] == last.get(k) for k in differs)
    assert found["fields"] == last
    if len(states) > 2:
        assert found["versions"] == list(range(1, len(states)))
        assert found["event_ids"][0] == str(EVENT)


def test_a_delivery_takes_no_more_than_its_most() -> None:
    waiting = Joinable(EVENT, EVENT, "record.updated", 1, body({}))
    for version in range(2, merging.MAX_MERGED + 1):
        merged = merging.merged(waiting, update(version, {}))
        assert merged is not None
        waiting = Joinable(EVENT, EVENT, "record.updated", 1, merged)
    assert merging.merged(waiting, update(9999, {})) is None


def logged(number: int, causation: int | None) -> LoggedEvent:
    cause = str(UUID(int=causation)) if causation is not None else ""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    one = UUID(int=number)
    return LoggedEvent(
        number, one, "a.b", "", "a", one, 1, "", 1, "{}", "{}", "", "", cause, 0, moment
    )


@settings(max_examples=50)
@given(st.lists(st.one_of(st.none(), st.integers(1, 12)), min_size=1, max_size=12))
def test_every_event_stands_once_behind_its_cause(causes: list[int | None]) -> None:
    """Whatever the causes are: missing ones, and circles too."""
    events = [logged(n, cause) for n, cause in enumerate(causes, start=1)]
    nodes = causality.forest(events)
    assert sorted(n.event.position for n in nodes) == [e.position for e in events]
    places = {node.event.event_id: at for at, node in enumerate(nodes)}
    for at, node in enumerate(nodes):
        if node.parent_id is not None:
            assert places[node.parent_id] < at
            assert nodes[places[node.parent_id]].level == node.level - 1


def test_old_data_is_raised_step_by_step_in_one_place() -> None:
    upcasting.STEPS["old.thing", 1] = lambda data: {"name": data["title"]}
    upcasting.STEPS["old.thing", 2] = lambda data: data | {"length": len(data["name"])}
    try:
        for version, raw, wanted in (
            (1, b'{"title":"abc"}', {"name": "abc", "length": 3}),
            (2, b'{"name":"abc"}', {"name": "abc", "length": 3}),
            (3, b'{"name":"x","length":1}', {"name": "x", "length": 1}),
            (4, b'{"newer":true}', {"newer": True}),
        ):
            found = envelope.current(an_event("old.thing", version, raw))
            assert found.schema_version == max(3, version)
            assert found.document() == wanted
    finally:
        upcasting.STEPS.clear()


def an_event(kind: str, version: int, data: bytes) -> Envelope:
    one, moment = ids.new_id(), datetime(2026, 1, 1, tzinfo=UTC)
    return Envelope(
        one, kind, "test", one, "thing", one, 1, "", version, {}, moment, "", "", "", 0, (),
        msgspec.Raw(data),
    )  # fmt: skip
