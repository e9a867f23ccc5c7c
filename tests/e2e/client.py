"""Call the running platform as one workspace's client, and wait for what comes later."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 30.0) -> T:
    """Look until there is something; fail when there is nothing in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.05)


class Client:
    """The REST API with one API key."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.api_key = api_key
        self.http = httpx.Client(
            base_url=base_url,
            headers={"authorization": f"Bearer {api_key}"},
            timeout=30,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """The answer, whatever it is. Header names with underscores for dashes."""
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        if method != "GET":
            sent.setdefault("idempotency-key", str(uuid4()))
        return self.http.request(method, path, json=body, headers=sent)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of a 2xx answer."""
        answer = self.request(method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.call("PATCH", path, body, **headers)

    def define(self, name: str, *fields: dict[str, Any]) -> str:
        """An object with these fields; its name."""
        self.post("/v1/objects", {"name": name, "plural_name": f"{name}_all"})
        for field in fields:
            self.post(f"/v1/objects/{name}/fields", field)
        return name

    def create(self, name: str, /, **fields: Any) -> Any:
        return self.post(f"/v1/objects/{name}/records", {"fields": fields})

    def update(self, name: str, record_id: str, /, **fields: Any) -> Any:
        return self.patch(f"/v1/objects/{name}/records/{record_id}", {"fields": fields})

    def query(self, name: str, /, **body: Any) -> Any:
        return self.post(f"/v1/objects/{name}/records:query", body)

    def pages(self, name: str, /, **body: Any) -> Iterator[Any]:
        """Every record of a query, page by page."""
        token = ""
        while True:
            page = self.query(name, **body, **({"page_token": token} if token else {}))
            yield from page["data"]
            token = page.get("next_page_token") or ""
            if not token:
                return
