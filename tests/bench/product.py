"""The product's side: the same operations through the gateway."""

import itertools
import random
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson

from kit.ids import new_id
from tests.bench import data
from tests.bench.client import Connection

RECORDS = f"/v1/objects/{data.OBJECT}/records"


class Setup:
    """Define the object and load its records through the batch API."""

    def __init__(self, stack: dict[str, Any]) -> None:
        self._client = httpx.Client(
            base_url=stack["gateway_url"],
            headers={"authorization": f"Bearer {stack['api_key']}"},
            timeout=120,
            trust_env=False,
        )

    def post(self, path: str, body: Any) -> Any:
        answer = self._client.post(path, json=body, headers={"idempotency-key": str(uuid4())})
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:800]}")
        return answer.json()

    def exists(self) -> bool:
        return self._client.get(f"/v1/objects/{data.OBJECT}").status_code == httpx.codes.OK

    def define(self) -> list[str]:
        self.post("/v1/objects", {"name": "bench_firm", "plural_name": "bench_firms"})
        self.post("/v1/objects/bench_firm/fields", {"name": "name", "type": "text"})
        self.post("/v1/objects", {"name": data.OBJECT, "plural_name": f"{data.OBJECT}s"})
        for field in data.FIELDS:
            self.post(f"/v1/objects/{data.OBJECT}/fields", field)
        self.post(
            f"/v1/objects/{data.OBJECT}/views",
            {
                "name": "Board",
                "type": "kanban",
                "group_field": "stage",
                "sort": "-amount",
                "aggregates": [{"fn": "count"}, {"fn": "sum", "field": "amount"}],
            },
        )
        firms = [{"fields": {"name": f"firm {n}"}} for n in range(200)]
        made = self.post("/v1/objects/bench_firm/records:batchCreate", {"items": firms})
        return [r["record"]["id"] for r in made["results"]]

    def load(self, count: int, firms: list[str]) -> list[tuple[UUID, dict[str, Any]]]:
        """Load by the product's own import, and wait for its end."""
        rng = random.Random(1)
        loaded = [(new_id(), data.record(rng, n, firms)) for n in range(count)]
        lines = b"".join(
            orjson.dumps({"id": str(id_), "fields": record}) + b"\n" for id_, record in loaded
        )
        begun = self._client.post(
            f"{RECORDS}:import",
            content=lines,
            headers={"content-type": "application/x-ndjson", "idempotency-key": str(uuid4())},
        )
        if begun.is_error:
            raise RuntimeError(f"import: {begun.status_code} {begun.text[:800]}")
        while True:
            found = self._client.get(f"/v1/imports/{begun.json()['id']}").json()
            if found["state"] not in {"receiving", "running"}:
                break
            time.sleep(0.2)
        if found["state"] != "succeeded" or int(found["created"]) != count:
            raise RuntimeError(f"import: {found}")
        return loaded


# Each connection asks for other things than those beside it: equal reads would be answered once.
_seeds = itertools.count(11)
_deep: dict[str, str] = {}  # the token of page 200, by stage


class Product:
    """Operations on one connection of its own."""

    def __init__(self, connection: Connection, ids: list[UUID], firms: list[str]) -> None:
        self._c, self._ids, self._firms = connection, ids, firms
        self._rng = random.Random(next(_seeds))

    def close(self) -> None:
        self._c.close()

    async def get(self, _: int) -> None:
        await self._c.send("GET", f"{RECORDS}/{self._rng.choice(self._ids)}")

    async def create(self, number: int) -> None:
        record = data.record(self._rng, number, self._firms)
        await self._c.send("POST", RECORDS, orjson.dumps({"fields": record}), key=str(uuid4()))

    async def update(self, _: int) -> None:
        body = orjson.dumps({"fields": {"amount": self._rng.randrange(5_000_000)}})
        path = f"{RECORDS}/{self._rng.choice(self._ids)}"
        await self._c.send("PATCH", path, body, key=str(uuid4()))

    async def list(self, _: int) -> None:
        body = {"filter": {"stage": self._rng.choice(data.STAGES)}, "sort": "-amount"}
        await self._c.send("POST", f"{RECORDS}:query", orjson.dumps(body))

    async def batch(self, number: int) -> None:
        """A hundred at once."""
        records = [data.record(self._rng, number * 100 + n, self._firms) for n in range(100)]
        body = orjson.dumps({"items": [{"fields": record} for record in records]})
        await self._c.send("POST", f"{RECORDS}:batchCreate", body, key=str(uuid4()))

    async def page_200(self, _: int) -> None:
        stage = self._rng.choice(data.STAGES[:2])
        body: dict[str, Any] = {"filter": {"stage": stage}, "sort": "-amount"}
        if stage not in _deep:
            token, left = "", data.deep(len(self._ids))
            while left:
                step = {"page_size": min(left, 1000), "page_token": token}
                page = await self._c.send("POST", f"{RECORDS}:query", orjson.dumps(body | step))
                token = orjson.loads(page)["next_page_token"]
                left -= min(left, 1000)
            _deep[stage] = token
        body["page_token"] = _deep[stage]
        await self._c.send("POST", f"{RECORDS}:query", orjson.dumps(body))

    async def range(self, _: int) -> None:
        stage, least = self._rng.choice(data.STAGES), self._rng.randrange(4_000_000)
        wanted = {"stage": stage, "amount": {"between": [least, least + 500_000]}}
        body = orjson.dumps({"filter": wanted, "sort": "-amount"})
        await self._c.send("POST", f"{RECORDS}:query", body)

    async def expand(self, _: int) -> None:
        body = {"filter": {"stage": self._rng.choice(data.STAGES)}, "sort": "-amount"}
        body["fields"] = "name,stage,amount,close_date,company.name"
        await self._c.send("POST", f"{RECORDS}:query", orjson.dumps(body))

    async def count(self, _: int) -> None:
        body = {"filter": {"stage": self._rng.choice(data.STAGES)}, "sort": "-amount"}
        await self._c.send("POST", f"{RECORDS}:query", orjson.dumps(body | {"count": "exact"}))

    async def aggregate(self, _: int) -> None:
        body = {"group_by": [{"field": "stage"}], "measures": [{"fn": "count"}]}
        await self._c.send("POST", f"{RECORDS}:aggregate", orjson.dumps(body))

    async def contains(self, _: int) -> None:
        needle = data.needle(self._rng, len(self._ids))
        body = {"filter": {"name": {"icontains": needle}}, "sort": "name"}
        await self._c.send("POST", f"{RECORDS}:query", orjson.dumps(body))

    async def search(self, _: int) -> None:
        body = {"q": data.words(self._rng, len(self._ids))}
        await self._c.send("POST", f"{RECORDS}:search", orjson.dumps(body))

    async def board(self, _: int) -> None:
        await self._c.send("POST", f"{RECORDS}:board", orjson.dumps({"view": "Board"}))
