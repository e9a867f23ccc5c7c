"""Read back through the API what a round has left: log, runs, effects, records, arrivals."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx

from tests.chaos.history import (
    DELETED,
    Arrival,
    Effect,
    Event,
    History,
    Operation,
    Run,
    State,
    Violation,
    check,
    deletion,
)
from tests.chaos.load import EFFECT, FLOWS, OBJECT
from tests.chaos.receiver import Receiver
from tests.e2e.client import Client

# What is still on its way looks like this; after the drain each of them is a violation.
PENDING = {"run_lost", "effect_lost", "delivery_lost", "run_not_succeeded"}
PENDING |= {"write_lost", "event_lost"}
_LOOK_SECONDS = 0.4


class Away(Exception):
    """A plane does not answer now."""


def collect(api: Client, operations: list[Operation], arrivals: list[Arrival]) -> History:
    """The history of a round as it stands; Away while a plane is on its way back."""
    history = History(operations=operations, flows=list(FLOWS), arrivals=arrivals)
    for event in _pages(api, "GET", f"/v1/events?type=record.*&object={OBJECT}"):
        data = event["data"]
        record_id = event["aggregate_id"]
        gone = event["type"] == DELETED
        token = deletion(record_id) if gone else data["after"]["mark"]
        history.events.append(
            Event(
                int(event["position"]),
                event["id"],
                event["type"],
                record_id,
                int(event["aggregate_version"]),
                token,
            )
        )
    for run in _pages(api, "GET", "/v1/runs?"):
        name = run.get("workflow_name") or run.get("rule_name") or ""
        history.runs.append(Run(run["id"], name, run["event_id"], run["state"]))
    for effect in _pages(api, "POST", f"/v1/objects/{EFFECT}/records:query", {}):
        fields = effect["fields"]
        history.effects.append(Effect(fields["of"], fields["name"]))
    for record in _pages(api, "POST", f"/v1/objects/{OBJECT}/records:query", {}):
        history.states.append(State(record["id"], int(record["version"]), record["fields"]["mark"]))
    return history


class Drained(NamedTuple):
    """What there is once nothing is on its way any more."""

    history: History
    violations: list[Violation]
    last: list[Violation]  # what was still missing when it was last not complete


def drained(
    api: Client, receiver: Receiver, round_: str, operations: list[Operation], seconds: float
) -> Drained:
    """The history once nothing is on its way any more, or when the time is over; and the verdict.

    It is read once more after it was found complete: what is doubled often comes late.
    """
    deadline = time.monotonic() + seconds
    found: tuple[History, list[Violation]] | None = None
    awaited: list[Violation] = []
    while True:
        try:
            history = collect(api, operations, receiver.arrivals(round_))
        except (Away, httpx.TransportError):
            if time.monotonic() > deadline + 30:
                raise
        else:
            last, found = found, (history, check(history))
            missing = [v for v in found[1] if v.kind in PENDING]
            complete, awaited = not missing, missing or awaited
            same = last is not None and _size(last[0]) == _size(history)
            if (complete and same) or time.monotonic() > deadline:
                return Drained(*found, awaited)
        time.sleep(_LOOK_SECONDS)


def _size(history: History) -> tuple[int, ...]:
    return len(history.events), len(history.runs), len(history.effects), len(history.arrivals)


def _pages(api: Client, method: str, path: str, body: Any = None) -> Iterator[Any]:
    token = ""
    while True:
        if body is None:
            answer = api.request(method, f"{path}&page_size=500&page_token={token}")
        else:
            paging = {"page_size": 500} | ({"page_token": token} if token else {})
            answer = api.request(method, path, body | paging)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Away(answer.text)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        page = answer.json()
        yield from page["data"]
        token = page.get("next_page_token") or ""
        if not token:
            return
