"""A burst of changes with a rule on it, and the count of what came of it."""

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from cli.stack.processes import Identity, send
from tests.e2e.client import Client, wait_for


class Away(Exception):
    """A plane does not answer now."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of so many acknowledged changes: events in the log, runs and effects, by how often each."""

    changes: int
    events: Counter[str]
    runs: Counter[str]
    effects: Counter[str]

    @property
    def exact(self) -> bool:
        return all(
            len(found) == self.changes and set(found.values()) == {1}
            for found in (self.events, self.runs, self.effects)
        )


def prepare(api: Client) -> None:
    """An object, and a rule that answers each new record with one record of another object."""
    api.define("cause", {"name": "n", "type": "number"})
    api.define("effect", {"name": "of", "type": "text"})
    api.post(
        "/v1/rules",
        {
            "name": "answer",
            "trigger": {"type": "record_created", "object": "cause"},
            "actions": [
                {
                    "type": "create_record",
                    "input": {"object": "effect", "fields": {"of": "{{ trigger.record.id }}"}},
                }
            ],
        },
    )


def write(api: Client, count: int, each: Callable[[int], None], writers: int = 4) -> list[str]:
    """Create records from several clients, each retried until it is acknowledged; their ids."""
    done = 0
    lock = threading.Lock()

    def one(n: int) -> str:
        nonlocal done
        key = str(uuid4())

        def attempt() -> Any:
            try:
                answer = api.request(
                    "POST",
                    "/v1/objects/cause/records",
                    {"fields": {"n": n}},
                    idempotency_key=key,
                )
            except httpx.TransportError:
                return None
            if answer.status_code >= 500 or answer.status_code == 429:
                return None
            assert answer.status_code == 201, answer.text
            return answer.json()["id"]

        record_id: str = wait_for("an acknowledged write", attempt, 60)
        with lock:
            done += 1
            each(done)
        return record_id

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(one, range(count)))


def collect(api: Client, ids: list[str], seconds: float = 120) -> Verdict:
    """Wait until as many effects are there as changes, and nothing moves any more; then count."""

    def all_pages(method: str, path: str, body: Any = None) -> Iterator[Any]:
        token = ""
        while True:
            paging = f"&page_size=500&page_token={token}" if body is None else ""
            sent = None if body is None else body | ({"page_token": token} if token else {})
            answer = api.request(method, f"{path}{paging}", sent)
            if answer.status_code >= 500:
                raise Away
            assert answer.is_success, answer.text
            page = answer.json()
            yield from page["data"]
            token = page.get("next_page_token") or ""
            if not token:
                return

    def verdict() -> Verdict:
        events = Counter(
            e["aggregate_id"]
            for e in all_pages("GET", "/v1/events?type=record.created")
            if e["object"] == "cause"
        )
        runs = Counter(
            r["record_id"]
            for r in all_pages("GET", "/v1/runs?state=succeeded")
            if r["record_id"] in wanted
        )
        found = all_pages("POST", "/v1/objects/effect/records:query", {"page_size": 1000})
        effects = Counter(r["fields"]["of"] for r in found)
        return Verdict(len(ids), events, runs, effects)

    wanted = set(ids)
    settled: list[Verdict] = []

    def look() -> Verdict | None:
        try:
            found = verdict()
        except (Away, httpx.TransportError):
            return None  # a plane that was killed is on its way back
        complete = min(len(found.events), len(found.runs), len(found.effects)) >= len(ids)
        settled.append(found)
        return found if complete else None

    try:
        wait_for("every effect", look, seconds)
    except AssertionError:
        assert settled, "the platform did not come back"
        return settled[-1]
    return verdict()  # once more: a double that came late would show


def kill(stack: dict[str, Any], name: str) -> None:
    """kill -9 of one process of the stack, by its id and the time it began."""
    process = stack["processes"][name]
    send(Identity(process["pid"], process["started"]), signal.SIGKILL)
