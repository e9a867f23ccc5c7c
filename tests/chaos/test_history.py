"""The checker finds each kind of violation where it was put, and none in a clean history."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest

from tests.chaos.history import (
    ACKNOWLEDGED,
    CREATED,
    DELETED,
    REFUSED,
    SUBSCRIPTION,
    UNKNOWN,
    UPDATED,
    Arrival,
    Effect,
    Event,
    Flow,
    History,
    Operation,
    Run,
    State,
    check,
    deletion,
    duplicates,
)


def clean() -> History:
    """Two clients: record a is made and changed twice, b is made and deleted, of c nobody knows."""
    history = History(
        operations=[
            Operation("a1", "a", CREATED, ACKNOWLEDGED, 1),
            Operation("a2", "a", UPDATED, UNKNOWN),
            Operation("a3", "a", UPDATED, ACKNOWLEDGED, 3),
            Operation("b1", "b", CREATED, ACKNOWLEDGED, 1),
            Operation(deletion("b"), "b", DELETED, ACKNOWLEDGED, 2),
            Operation("c1", "c", CREATED, UNKNOWN),
            Operation("a4", "a", UPDATED, REFUSED),
        ],
        events=[
            Event(1, "e1", CREATED, "a", 1, "a1"),
            Event(2, "e2", CREATED, "b", 1, "b1"),
            Event(3, "e3", UPDATED, "a", 2, "a2"),
            Event(4, "e4", DELETED, "b", 2, deletion("b")),
            Event(6, "e5", UPDATED, "a", 3, "a3"),
        ],
        flows=[Flow("answer", CREATED, ("one", "two"), calls=True), Flow("note", UPDATED, ("up",))],
        states=[State("a", 3, "a3")],
    )
    for event in history.events:
        history.arrivals.append(
            Arrival(SUBSCRIPTION, event.id, event.record_id, event.version, answered=True)
        )
        for flow in history.flows:
            if flow.type == event.type:
                history.runs.append(Run(f"r{event.id}", flow.name, event.id, "succeeded"))
                history.effects += [Effect(event.id, name) for name in flow.effects]
                if flow.calls:
                    history.arrivals.append(Arrival(flow.name, event.id, answered=True))
    return history


def test_a_clean_history_has_no_violation() -> None:
    assert check(clean()) == []
    assert duplicates(clean()) == 0


def test_what_nobody_knows_may_have_happened_or_not() -> None:
    history = clean()
    history.events = [e for e in history.events if e.token != "a1"] + [history.events[0]]
    history.operations[0].outcome = UNKNOWN
    assert check(history) == []  # the order of a list is not the order of the log
    assert check(History(operations=[Operation("x", "x", CREATED)])) == []


def test_repeats_in_transport_are_counted_and_allowed() -> None:
    history = clean()
    history.arrivals.append(Arrival(SUBSCRIPTION, "e1", "a", 1, answered=True))
    history.arrivals.append(Arrival("answer", "e1", answered=False))
    assert check(history) == []
    assert duplicates(history) == 2


def test_a_try_that_was_not_answered_is_no_duplicate() -> None:
    history = clean()
    history.arrivals.insert(0, Arrival(SUBSCRIPTION, "e1", "a", 1, answered=False))
    assert check(history) == []
    assert duplicates(history) == 0


def _set_event(history: History, index: int, **changed: object) -> None:
    history.events[index] = replace(history.events[index], **changed)  # type: ignore[arg-type]


def _refuse(history: History) -> None:
    history.operations[2].outcome = REFUSED


def _forget_version(history: History) -> None:
    history.operations[2].version = 7


def _swap_positions(history: History) -> None:
    _set_event(history, 2, position=6)
    _set_event(history, 4, position=3)


def _swap_arrivals(history: History) -> None:
    found = [a for a in history.arrivals if a.channel == SUBSCRIPTION and a.record_id == "a"]
    found[0].event_id, found[1].event_id = found[1].event_id, found[0].event_id
    found[0].version, found[1].version = found[1].version, found[0].version


def _leave_unanswered(history: History) -> None:
    history.arrivals[0].answered = False


def _drop_record(history: History) -> None:
    """The write of a version is known to nobody: its event is gone, and so is what it caused."""
    del history.events[2]


SEEDED: dict[str, tuple[str, Callable[[History], None]]] = {
    "an acknowledged write without event": ("write_lost", lambda h: h.events.pop(4)),  # type: ignore[dict-item]
    "a write done twice": (
        "write_doubled",
        lambda h: h.events.append(Event(9, "e9", UPDATED, "a", 4, "a3")),
    ),
    "a refused write that was done": ("write_refused_but_done", _refuse),
    "another version than acknowledged": ("write_changed", _forget_version),
    "a write on another record": ("write_changed", lambda h: _set_event(h, 1, record_id="z")),
    "a write that nobody sent": ("write_invented", lambda h: _set_event(h, 2, token="?")),
    "an event twice in the log": (
        "event_doubled",
        lambda h: h.events.append(replace(h.events[0], position=8)),
    ),
    "two events of one version": (
        "event_doubled",
        lambda h: h.events.append(Event(9, "e9", UPDATED, "a", 3, "?")),
    ),
    "a version without event": ("event_lost", _drop_record),
    "events of a record in the wrong order": ("event_out_of_order", _swap_positions),
    "an older state": ("state_wrong", lambda h: h.states.__setitem__(0, State("a", 2, "a2"))),
    "a deleted record that is there": (
        "state_wrong",
        lambda h: h.states.append(State("b", 1, "b1")),
    ),
    "a record that is gone": ("state_wrong", lambda h: h.states.clear()),
    "a record without event": ("state_wrong", lambda h: h.states.append(State("x", 1, "x1"))),
    "no run": ("run_lost", lambda h: h.runs.pop(0)),  # type: ignore[dict-item]
    "two runs of an event": (
        "run_doubled",
        lambda h: h.runs.append(replace(h.runs[0], id="other")),
    ),
    "a run of another's event": (
        "run_invented",
        lambda h: h.runs.append(Run("r", "answer", "e3", "succeeded")),
    ),
    "a run that failed": (
        "run_not_succeeded",
        lambda h: h.runs.__setitem__(0, replace(h.runs[0], state="failed")),
    ),
    "a run that stands still": (
        "run_not_succeeded",
        lambda h: h.runs.__setitem__(0, replace(h.runs[0], state="running")),
    ),
    "no effect": ("effect_lost", lambda h: h.effects.pop(1)),  # type: ignore[dict-item]
    "an effect twice": ("effect_doubled", lambda h: h.effects.append(h.effects[0])),
    "an effect of nothing": ("effect_invented", lambda h: h.effects.append(Effect("e4", "one"))),
    "a delivery that never came": (
        "delivery_lost",
        lambda h: h.arrivals.remove(
            next(a for a in h.arrivals if (a.channel, a.event_id) == (SUBSCRIPTION, "e5"))
        ),
    ),
    "a delivery that was never answered": ("delivery_lost", _leave_unanswered),
    "a call that never came": (
        "delivery_lost",
        lambda h: h.arrivals.remove(next(a for a in h.arrivals if a.channel == "answer")),
    ),
    "a delivery of nothing": (
        "delivery_invented",
        lambda h: h.arrivals.append(Arrival("answer", "e3", answered=True)),
    ),
    "deliveries of a record in the wrong order": ("delivery_out_of_order", _swap_arrivals),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_violation_is_found(name: str) -> None:
    kind, seed = SEEDED[name]
    history = deepcopy(clean())
    seed(history)
    assert kind in {violation.kind for violation in check(history)}
