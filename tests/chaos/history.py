"""Judge the recorded history of a campaign: what was lost, doubled or out of order.

It knows nothing of the platform: clients say what they sent and what was acknowledged, readers say
what stood in the log, the runs, the effects and the records afterwards, and the receiver says what
arrived. Every write carries a token of its own, so that each event can be traced to the one write
that made it. A write whose answer never came is *unknown*: it may have happened once, or not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"
CREATED, UPDATED, DELETED = "record.created", "record.updated", "record.deleted"


@dataclass(slots=True)
class Operation:
    """One write of one client. `token` is what it wrote; a deletion's is made of the record."""

    token: str
    record_id: str
    type: str  # of the event that it should make
    outcome: str = UNKNOWN
    version: int = 0  # as acknowledged


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log, in the order of `position`."""

    position: int
    id: str
    type: str
    record_id: str
    version: int
    token: str


@dataclass(frozen=True, slots=True)
class Flow:
    """What a rule or workflow should make of each event of a type: the names of its effects."""

    name: str
    type: str
    effects: tuple[str, ...] = ()
    calls: bool = False  # it calls the receiver, under its own name as the channel


@dataclass(frozen=True, slots=True)
class Run:
    """One run as listed."""

    id: str
    flow: str
    event_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Effect:
    """One record that a flow made: for which event, under which name."""

    event_id: str
    name: str


@dataclass(slots=True)
class Arrival:
    """One request as the receiver saw it; `answered` when a 2xx went back whole."""

    channel: str  # a flow's name, or SUBSCRIPTION
    event_id: str
    record_id: str = ""
    version: int = 0
    answered: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A record as read at the end; without a token when it is deleted."""

    record_id: str
    version: int
    token: str


@dataclass(slots=True)
class History:
    """All that was seen of one round."""

    operations: list[Operation] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    states: list[State] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    kind: str
    subject: str
    detail: str = ""


SUBSCRIPTION = "subscription"


def deletion(record_id: str) -> str:
    """The token of the deletion of a record, which carries no fields of its own."""
    return f"delete:{record_id}"


def check(history: History) -> list[Violation]:
    """Every violation there is; an empty list is the verdict *exact*."""
    return [
        *_writes(history),
        *_order(history),
        *_states(history),
        *_runs(history),
        *_effects(history),
        *_arrivals(history),
    ]


def duplicates(history: History) -> int:
    """Requests that came again although they had been answered: honest, and allowed."""
    seen: set[tuple[str, str]] = set()
    again = 0
    for arrival in history.arrivals:
        key = (arrival.channel, arrival.event_id)
        again += key in seen
        if arrival.answered:
            seen.add(key)
    return again


def _writes(history: History) -> Iterator[Violation]:
    """Acknowledged: in the log exactly once, as acknowledged. Unknown: at most once. Else never."""
    logged: dict[str, list[Event]] = defaultdict(list)
    for event in history.events:
        logged[event.token].append(event)
    sent = {operation.token: operation for operation in history.operations}
    for token, operation in sent.items():
        found = {event.id: event for event in logged.get(token, ())}
        if not found:
            if operation.outcome == ACKNOWLEDGED:
                yield Violation("write_lost", token, f"{operation.type} v{operation.version}")
            continue
        if operation.outcome == REFUSED:
            yield Violation("write_refused_but_done", token)
        if len(found) > 1:
            yield Violation("write_doubled", token, f"{len(found)} events")
        event = next(iter(found.values()))
        told = (operation.record_id, operation.type)
        if (event.record_id, event.type) != told:
            yield Violation("write_changed", token, f"{told} became {event}")
        if operation.outcome == ACKNOWLEDGED and event.version != operation.version:
            yield Violation(
                "write_changed", token, f"v{operation.version} acknowledged, v{event.version} done"
            )
    for token in logged:
        if token not in sent:
            yield Violation("write_invented", token)


def _order(history: History) -> Iterator[Violation]:
    """In the log each event stands once, and a record's versions are 1, 2, 3 in that order."""
    for event_id, count in Counter(event.id for event in history.events).items():
        if count > 1:
            yield Violation("event_doubled", event_id, f"{count} times in the log")
    by_record: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(history.events, key=lambda event: event.position):
        by_record[event.record_id].append(event)
    for record_id, events in by_record.items():
        versions = [event.version for event in events]
        if versions != sorted(versions):
            yield Violation("event_out_of_order", record_id, str(versions))
        once = set(versions)
        ids = {event.version: event.id for event in events}
        if any(ids[event.version] != event.id for event in events):
            yield Violation("event_doubled", record_id, f"two events of one version: {versions}")
        if missing := set(range(1, max(once) + 1)) - once:
            yield Violation("event_lost", record_id, f"no event of version {sorted(missing)}")


def _states(history: History) -> Iterator[Violation]:
    """A record is what its last event made of it: the last acknowledged write, or a later one."""
    last: dict[str, Event] = {}
    for event in history.events:
        if event.record_id not in last or event.version > last[event.record_id].version:
            last[event.record_id] = event
    states = {state.record_id: state for state in history.states}
    for record_id, event in last.items():
        state = states.pop(record_id, None)
        if event.type == DELETED:
            if state is not None:
                yield Violation("state_wrong", record_id, "it is deleted, and can be read")
        elif state is None:
            yield Violation("state_wrong", record_id, "it can't be read")
        elif (state.version, state.token) != (event.version, event.token):
            yield Violation("state_wrong", record_id, f"{state}, but the last event is {event}")
    for record_id in states:
        yield Violation("state_wrong", record_id, "it exists without an event")


def _wanted(history: History) -> Iterator[tuple[Flow, Event]]:
    events = {event.id: event for event in history.events}
    for flow in history.flows:
        for event in events.values():
            if event.type == flow.type:
                yield flow, event


def _runs(history: History) -> Iterator[Violation]:
    """One run for each flow and event, and it succeeded."""
    wanted = {(flow.name, event.id) for flow, event in _wanted(history)}
    found: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in history.runs:
        found[run.flow, run.event_id].append(run)
    for key in wanted - set(found):
        yield Violation("run_lost", key[1], key[0])
    for key, runs in found.items():
        if key not in wanted:
            yield Violation("run_invented", key[1], key[0])
        if len(runs) > 1:
            yield Violation("run_doubled", key[1], f"{key[0]}: {[run.id for run in runs]}")
        for run in runs:
            if run.state != "succeeded":
                yield Violation("run_not_succeeded", run.id, f"{run.flow}: {run.state}")


def _effects(history: History) -> Iterator[Violation]:
    """Each effect of each run once, and no other."""
    wanted = {(e.id, name) for flow, e in _wanted(history) for name in flow.effects}
    found = Counter((effect.event_id, effect.name) for effect in history.effects)
    yield from _counted("effect", wanted, found)


def _counted(
    what: str, wanted: Iterable[tuple[str, str]], found: Counter[tuple[str, str]]
) -> Iterator[Violation]:
    wanted = set(wanted)
    for subject, name in wanted - set(found):
        yield Violation(f"{what}_lost", subject, name)
    for (subject, name), count in found.items():
        if (subject, name) not in wanted:
            yield Violation(f"{what}_invented", subject, name)
        elif count > 1:
            yield Violation(f"{what}_doubled", subject, f"{name}: {count}")


def _arrivals(history: History) -> Iterator[Violation]:
    """Each call and delivery was answered at least once, and a record's first came in order."""
    wanted = {(flow.name, event.id) for flow, event in _wanted(history) if flow.calls}
    wanted |= {(SUBSCRIPTION, event.id) for event in history.events}
    answered = {(a.channel, a.event_id) for a in history.arrivals if a.answered}
    for channel, event_id in wanted - answered:
        yield Violation("delivery_lost", event_id, channel)
    for channel, event_id in {(a.channel, a.event_id) for a in history.arrivals} - wanted:
        yield Violation("delivery_invented", event_id, channel)
    first: set[str] = set()
    reached: dict[str, int] = {}
    for arrival in history.arrivals:
        if arrival.channel != SUBSCRIPTION or arrival.event_id in first:
            continue
        first.add(arrival.event_id)
        if arrival.version <= reached.get(arrival.record_id, 0):
            yield Violation(
                "delivery_out_of_order",
                arrival.event_id,
                f"v{arrival.version} after v{reached[arrival.record_id]} of {arrival.record_id}",
            )
        reached[arrival.record_id] = max(arrival.version, reached.get(arrival.record_id, 0))
