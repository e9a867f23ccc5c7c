"""Call the gateway as any client would: JSON over HTTP with an API key."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import uuid4

import httpx

T = TypeVar("T")


class DemoError(Exception):
    """A step did not do what it promises; the message says which and how."""


class Api:
    """The REST API of a running stack."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._client = httpx.Client(
            base_url=base_url,
            headers={"authorization": f"Bearer {api_key}"},
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[dict[str, Any], httpx.Headers]:
        """The answer's JSON and headers; DemoError with the problem document otherwise."""
        if method in {"POST", "PATCH", "PUT", "DELETE"}:
            headers.setdefault("idempotency-key", str(uuid4()))
        response = self._client.request(method, path, json=body, headers=headers)
        if response.is_error:
            raise DemoError(f"{method} {path}: {response.status_code} {response.text[:2000]}")
        found: dict[str, Any] = response.json() if response.content else {}
        return found, response.headers

    def get(self, path: str) -> dict[str, Any]:
        return self.call("GET", path)[0]

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        return self.call("POST", path, body if body is not None else {})[0]

    def create_all(
        self, objects: str, records: Iterator[dict[str, Any]], done: Callable[[int], None]
    ) -> list[str]:
        """Create records in batches of 500; their ids, in order."""
        ids: list[str] = []
        batch: list[dict[str, Any]] = []

        def flush() -> None:
            answer = self.post(f"/v1/objects/{objects}/records:batchCreate", {"items": batch})
            ids.extend(result["record"]["id"] for result in answer["results"])
            done(len(batch))
            batch.clear()

        for record in records:
            batch.append({"fields": record})
            if len(batch) == 500:
                flush()
        if batch:
            flush()
        return ids


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 30.0) -> T:
    """Look until there is something; DemoError when there is nothing in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise DemoError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.1)
