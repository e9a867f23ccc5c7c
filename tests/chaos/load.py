"""Several clients that create, change and delete records, and write down all that they are told.

A client tries each write again under the same idempotency key until it is answered; some give up
at the first silence instead, and what they wrote is then unknown.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from kit.ids import new_id
from tests.chaos.history import (
    ACKNOWLEDGED,
    CREATED,
    DELETED,
    REFUSED,
    SUBSCRIPTION,
    UPDATED,
    Flow,
    Operation,
    deletion,
)
from tests.chaos.receiver import Receiver
from tests.e2e.client import Client, wait_for

OBJECT, EFFECT = "item", "effect"
FLOWS = (
    Flow("answer", CREATED, ("answer",), calls=True),
    Flow("journey", CREATED, ("branch", "round 0", "round 1", "round 2")),
    Flow("follow", UPDATED, ("follow",)),
)
_TIMEOUT_SECONDS = 4.0
_PATIENCE_SECONDS = 60.0
_IMPATIENT = 0.08
_PAUSE_SECONDS = 0.15
_MAX_OWN = 30


def prepare(api: Client, receiver: Receiver, round_: str) -> None:
    """Two objects, two rules, a workflow that decides, waits and loops, and a subscription.

    Each effect is a record that names the event it is of, so that a second one would be seen.
    """
    api.define(OBJECT, {"name": "n", "type": "number"}, {"name": "mark", "type": "text"})
    api.define(EFFECT, {"name": "of", "type": "text"}, {"name": "name", "type": "text"})

    def effect(name: str, action: str = "make") -> dict[str, Any]:
        fields = {"of": "{{ trigger.event.id }}", "name": name}
        return {
            "type": "create_record",
            "input": {"object": EFFECT, "fields": fields},
            **({"name": action} if action else {}),
        }

    def step(id_: str, name: str) -> dict[str, Any]:
        return {**effect(name, ""), "id": id_}

    api.post(
        "/v1/rules",
        {
            "name": "answer",
            "trigger": {"type": "record_created", "object": OBJECT},
            "actions": [
                effect("answer"),
                {
                    "type": "send_webhook",
                    "input": {
                        "url": receiver.url(round_, "answer"),
                        "body": {"event": "{{ trigger.event.id }}"},
                    },
                },
            ],
        },
    )
    api.post(
        "/v1/rules",
        {
            "name": "follow",
            "trigger": {"type": "record_updated", "object": OBJECT},
            "actions": [effect("follow")],
        },
    )
    api.post(
        "/v1/workflows",
        {
            "name": "journey",
            "trigger": {"type": "record_created", "object": OBJECT},
            "steps": [
                {
                    "id": "choose",
                    "type": "if",
                    "when": "trigger.after.n > 4.0",
                    "then": [step("high", "branch")],
                    "else": [step("low", "branch")],
                },
                {"id": "rest", "type": "delay", "input": {"for": "1s"}},
                {
                    "id": "each",
                    "type": "for_each",
                    "items": {"$cel": "[0, 1, 2]"},
                    "concurrency": 2,
                    "body": [step("make", "round {{ index }}")],
                },
            ],
        },
    )
    api.post("/v1/workflows/journey:publish")
    api.post(
        "/v1/webhooks",
        {
            "name": "all",
            "url": receiver.url(round_, SUBSCRIPTION),
            "event_types": ["record.*"],
            "object": OBJECT,
            "ordered": True,
        },
    )


@dataclass(slots=True)
class Acknowledged:
    """When writes were sent that were acknowledged, and when the answer came; by one clock."""

    sent: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)


class Load:
    """The clients of one round, each a thread with records of its own."""

    def __init__(self, gateway_url: str, api_key: str, clients: int, seed: int) -> None:
        self.operations: list[Operation] = []
        self.acknowledged = Acknowledged()
        self.attempts = 0
        self.oddities: list[str] = []  # answers that are neither a success nor to be tried again
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(
                target=self._client, args=(gateway_url, api_key, seed * 100 + n), daemon=True
            )
            for n in range(clients)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let each client end the write it is at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS + 30)
            if thread.is_alive():
                raise AssertionError("a client does not end")
        if self._errors:
            raise self._errors[0]

    def _client(self, gateway_url: str, api_key: str, seed: int) -> None:
        rng = random.Random(seed)
        own: list[str] = []
        try:
            with Client(gateway_url, api_key) as api:
                api.http.timeout = httpx.Timeout(_TIMEOUT_SECONDS)
                while not self._stop.is_set():
                    self._one(api, rng, own)
                    self._stop.wait(rng.random() * 2 * _PAUSE_SECONDS)
        except BaseException as exc:  # noqa: BLE001 -- raised again by finish()
            self._errors.append(exc)

    def _one(self, api: Client, rng: random.Random, own: list[str]) -> None:
        chance = rng.random()
        token = str(uuid4())
        fields: dict[str, Any] = {"n": rng.randrange(10), "mark": token}
        path = f"/v1/objects/{OBJECT}/records"
        patience = 0.0 if rng.random() < _IMPATIENT else _PATIENCE_SECONDS
        if not own or (chance < 0.35 and len(own) < _MAX_OWN):
            record_id = str(new_id())
            operation = Operation(token, record_id, CREATED)
            body = {"id": record_id, "fields": fields}
            version = self._send(api, operation, "POST", path, body, patience)
            if version is not None:
                own.append(record_id)
            return
        record_id = rng.choice(own)
        if chance > 0.92:
            operation = Operation(deletion(record_id), record_id, DELETED)
            own.remove(record_id)
            self._send(api, operation, "DELETE", f"{path}/{record_id}", None, patience)
            return
        operation = Operation(token, record_id, UPDATED)
        self._send(api, operation, "PATCH", f"{path}/{record_id}", {"fields": fields}, patience)

    def _send(
        self,
        api: Client,
        operation: Operation,
        method: str,
        path: str,
        body: Any,
        patience: float,
    ) -> int | None:
        """The version acknowledged, if it was; recorded before it is sent for the first time."""
        with self._lock:
            self.operations.append(operation)
        key = str(UUID(int=random.getrandbits(128)))
        deadline = time.monotonic() + patience
        while True:
            sent = time.monotonic()
            with self._lock:
                self.attempts += 1
            try:
                answer = api.request(method, path, body, idempotency_key=key)
            except httpx.TransportError:
                answer = None
            now = time.monotonic()
            if answer is not None and answer.is_success:
                with self._lock:
                    self.acknowledged.sent.append(sent)
                    self.acknowledged.answered.append(now)
                operation.outcome = ACKNOWLEDGED
                found = answer.json() if answer.content else {}
                operation.version = int(found.get("version") or 0)
                return operation.version
            if answer is not None and not _is_passing(answer):
                operation.outcome = REFUSED
                with self._lock:
                    self.oddities.append(f"{method} {answer.status_code} {answer.text[:300]}")
                return None
            if now > deadline:
                return None
            self._stop.wait(0.05) if not self._stop.is_set() else time.sleep(0.05)


def _is_passing(answer: httpx.Response) -> bool:
    """Whether it says, by its status or in so many words, that another try may succeed."""
    if answer.status_code in {429, 502, 503, 504}:
        return True
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        return bool(answer.json().get("retryable"))
    return False


def patient(what: str, call: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What a call answers once the platform can answer: for what is not itself under test."""

    def attempt() -> Any:
        try:
            return call() or {"done": True}
        except (AssertionError, httpx.TransportError) as exc:
            if isinstance(exc, AssertionError) and not any(
                code in str(exc) for code in (": 429 ", ": 502 ", ": 503 ", ": 504 ", ": 409 ")
            ):
                raise
            return None

    return wait_for(what, attempt, seconds)
