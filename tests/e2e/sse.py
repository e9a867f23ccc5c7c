"""Follow a list of records by Server-Sent Events as a browser would: apply, and come back."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import httpx
import orjson

from tests.e2e.client import Client, wait_for

_AGAIN_SECONDS = 0.1
_QUIET_SECONDS = 2.0  # of silence before it connects anew, and so finds out that it may leave


class Watcher:
    """One client of `:watch`, in a thread of its own, which goes on by Last-Event-ID whenever its
    connection ends."""

    def __init__(self, api: Client, path: str, **parameters: Any) -> None:
        self.records: list[Any] = []
        self.groups: dict[Any, Any] = {}
        self.kinds: list[str] = []
        self.problem: Any = None
        self.last_event_id = ""
        self._api = api
        self._path = path
        self._parameters = parameters
        self._lock = threading.Lock()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Apply no more; the thread finds out when it next hears something, or nothing."""
        with self._lock:
            self._left.set()

    def ids(self) -> list[str]:
        with self._lock:
            return [record["id"] for record in self.records]

    def wait(self, kind: str) -> None:
        wait_for(kind, lambda: kind in self.kinds or self.problem)
        assert kind in self.kinds, self.problem

    def _follow(self) -> None:
        while not self._left.is_set():
            with suppress(httpx.TransportError):
                self._connect()
            self._left.wait(_AGAIN_SECONDS)

    def _connect(self) -> None:
        headers = {"authorization": f"Bearer {self._api.api_key}"}
        if self.last_event_id:
            headers["last-event-id"] = self.last_event_id
        address = f"{self._api.http.base_url}".rstrip("/") + self._path
        timeout = httpx.Timeout(5.0, read=_QUIET_SECONDS)
        with (
            httpx.Client(trust_env=False, headers=headers, timeout=timeout) as http,
            http.stream("GET", address, params=self._parameters) as stream,
        ):
            if stream.status_code >= 500:
                return
            assert stream.status_code == 200, stream.read()
            for name, last_id, data in _events(stream):
                with self._lock:
                    if self._left.is_set():
                        return
                    self._apply(name, orjson.loads(data))
                    self.last_event_id = last_id or self.last_event_id
                    self.kinds.append(name)

    def _apply(self, name: str, frame: Any) -> None:
        match name:
            case "snapshot":
                self.records = frame["data"]
            case "resumed":
                known = {r["id"]: r for r in [*self.records, *frame["data"]]}
                self.records = [known[i] for i in frame["ids"]]
            case "diff":
                self._diff(frame["changes"])
            case "error":
                self.problem = frame
                self._left.set()
        for group in frame.get("groups", ()):
            self.groups[group["key"]] = group

    def _diff(self, changes: list[Any]) -> None:
        taken = {c["id"] for c in changes if c["type"] in {"removed", "moved"}}
        assert taken <= {r["id"] for r in self.records}
        self.records = [r for r in self.records if r["id"] not in taken]
        for change in changes:
            if change["type"] in {"added", "moved"}:
                self.records.insert(change["index"], change["record"])
        for change in changes:
            if change["type"] == "updated":
                assert self.records[change["index"]]["id"] == change["id"]
                self.records[change["index"]] = change["record"]


def _events(stream: httpx.Response) -> Iterator[tuple[str, str, str]]:
    """(event, id, data) of each."""
    name = last_id = data = ""
    for line in stream.iter_lines():
        field, _, value = line.partition(": ")
        match field:
            case "event":
                name = value
            case "id":
                last_id = value
            case "data":
                data = value
            case "" if not line and data:
                yield name, last_id, data
                name = last_id = data = ""
