"""Make a call until it is answered, whatever dies meanwhile."""

from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.client import Client, wait_for


def settle(api: Client, method: str, path: str, body: Any) -> Any:
    """The answer; each attempt is the same request, so it is done once."""
    key = str(uuid4())

    def attempt() -> Any:
        try:
            answer = api.request(method, path, body, idempotency_key=key)
        except httpx.TransportError:
            return None
        if answer.status_code >= 500:
            return None
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {"done": True}

    return wait_for(f"{method} {path}", attempt, 60)
